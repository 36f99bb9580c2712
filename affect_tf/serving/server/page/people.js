// Which faces of successive pictures are the same person's, by their places alone.

/** Somebody who was not seen for as long is forgotten, milliseconds. */
const FORGET_AFTER = 5000;

export class People {
  constructor() {
    this.known = [];
    this.met = 0;
  }

  /** Gives each face, as `id`, the number of whom was nearest in the pictures before. */
  number(faces, now) {
    const free = new Set(this.known);
    for (const face of faces) {
      const { box } = face;
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      let nearest = null;
      let least = Math.max(box.width, box.height) * 0.8;
      for (const person of free) {
        const far = Math.hypot(person.x - x, person.y - y);
        if (far < least) [least, nearest] = [far, person];
      }
      if (!nearest) {
        nearest = { id: this.met };
        this.met += 1;
        this.known.push(nearest);
      }
      free.delete(nearest);
      face.id = nearest.id;
      Object.assign(nearest, { x, y, seen: now });
    }
    // After all are matched: a clip may have been stopped for longer.
    this.known = this.known.filter((person) => now - person.seen < FORGET_AFTER);
  }

  knows(id) {
    return this.known.some((person) => person.id === id);
  }
}
