// Faces to marks on a picture and to cards beside it. Knows nothing of where they come
// from.

const SVG = "http://www.w3.org/2000/svg";
/** Colours that differ for most eyes, on light and dark. */
const MARKS = ["#e69f00", "#56b4e9", "#2fb58a", "#d779b5", "#e8662b", "#8f8ff0"];

export const colourOf = (id) => MARKS[id % MARKS.length];
const percent = (value) => `${Math.round(100 * value)} %`;
const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shape(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

/** Draws boxes, points and numbers over a picture of which `result` tells. */
export function drawMarks(canvas, result, chosen, mirrored) {
  const scale = canvas.width / result.width;
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  const line = Math.max(2, canvas.width / 400);
  pen.font = `600 ${Math.round(7 * line)}px system-ui, sans-serif`;
  for (const face of result.faces) {
    const { x, y, width, height } = face.box;
    pen.strokeStyle = pen.fillStyle = colourOf(face.id);
    pen.lineWidth = face.id === chosen ? 2 * line : line;
    pen.strokeRect(x * scale, y * scale, width * scale, height * scale);
    for (const [px, py] of face.points) {
      pen.beginPath();
      pen.arc(px * scale, py * scale, line, 0, 7);
      pen.fill();
    }
    drawName(pen, face, x * scale, y * scale, width * scale, line, mirrored);
  }
}

function drawName(pen, face, x, y, width, line, mirrored) {
  const text = `${face.id + 1} ${face.expression ?? ""}`.trim();
  const wide = pen.measureText(text).width + 4 * line;
  const high = 9 * line;
  const top = y > high ? y - high : y;
  pen.save();
  // The canvas is mirrored with the camera's picture; letters must not be.
  pen.translate(mirrored ? x + width : x, top);
  if (mirrored) pen.scale(-1, 1);
  pen.fillRect(0, 0, wide, high);
  pen.fillStyle = "#111";
  pen.textBaseline = "middle";
  pen.fillText(text, 2 * line, high / 2);
  pen.restore();
}

/** One card: made once for a face, filled for every picture in which it is seen. */
export class Card {
  constructor(id, names, choose) {
    this.id = id;
    this.title = element("h2", {}, `Face ${id + 1}`);
    this.best = element("p", { class: "quiet" });
    this.node = element("article", { class: "face", tabindex: "0" },
      element("header", {}, this.title, this.best));
    this.node.style.setProperty("--mark", colourOf(id));
    this.node.addEventListener("focus", () => choose(id));
    this.node.addEventListener("pointerenter", () => choose(id));
    const parts = element("div", { class: "parts" });
    this.expressions = new Bars(names.expressions, {});
    if (names.expressions.length) {
      parts.append(element("div", {}, element("h3", {}, "Expression"), this.expressions.node));
    }
    this.plane = names.valence_arousal ? new Plane() : null;
    if (this.plane) {
      parts.append(element("div", {}, element("h3", {}, "Valence and arousal"), this.plane.node));
    }
    this.units = new Bars(names.action_units, names.thresholds);
    this.node.append(parts);
    if (names.action_units.length) {
      const table = element("div", { class: "units" }, this.units.node);
      this.node.append(element("h3", {}, "Action units (bold: at or above the mark)"), table);
    }
    this.details = element("p", { class: "quiet" });
    this.node.append(this.details);
  }

  show(face) {
    if (face.expression) {
      this.best.textContent =
        `${face.expression} ${percent(face.expression_scores[face.expression])}`;
      this.expressions.show(face.expression_scores, new Set([face.expression]));
    }
    if (face.action_unit_scores) {
      this.units.show(face.action_unit_scores, new Set(face.action_units));
    }
    this.plane?.show(face);
    const turned = [["yaw", face.yaw], ["pitch", face.pitch], ["roll", face.roll]]
      .filter(([, value]) => value !== null)
      .map(([name, value]) => `${name} ${Math.round(value)}°`);
    const side = Math.round(Math.max(face.box.width, face.box.height));
    this.details.textContent =
      [`${side} pixels`, `detected ${percent(face.score)}`, ...turned].join(" · ");
  }
}

/** Named values from 0 to 1 as bars in a table, each with its number. */
class Bars {
  constructor(names, limits) {
    this.node = element("table");
    this.rows = new Map();
    for (const name of names) {
      const fill = element("div", { class: "fill" });
      const track = element("div", { class: "track" }, fill);
      if (name in limits) {
        const mark = element("div", { class: "limit" });
        mark.style.left = `${100 * limits[name]}%`;
        track.append(mark);
      }
      const value = element("td", { class: "value" });
      const row = element("tr", {},
        element("th", { scope: "row" }, name), element("td", {}, track), value);
      this.node.append(row);
      this.rows.set(name, { row, fill, value });
    }
  }

  show(scores, on) {
    for (const [name, { row, fill, value }] of this.rows) {
      fill.style.transform = `scaleX(${Math.max(0, Math.min(1, scores[name]))})`;
      value.textContent = percent(scores[name]);
      row.classList.toggle("on", on.has(name));
    }
  }
}

/** Valence to the right, arousal upwards, and where the face was before. */
class Plane {
  constructor() {
    this.trail = [];
    this.picture = shape("svg", { viewBox: "8 0 104 120", class: "plane", role: "img" });
    this.numbers = element("p", { class: "numbers quiet" });
    this.node = element("div", {}, this.picture, this.numbers);
    this.path = shape("polyline", { class: "path" });
    this.spread = shape("ellipse", { class: "spread", cx: 60, cy: 60, rx: 0, ry: 0 });
    this.dot = shape("circle", { class: "dot", r: 4 });
    this.picture.append(
      shape("rect", { class: "frame", x: 10, y: 10, width: 100, height: 100 }),
      shape("path", { class: "frame", d: "M10 60H110M60 10V110" }),
      shape("circle", { class: "frame", cx: 60, cy: 60, r: 50 }),
      shape("text", { x: 60, y: 7, "text-anchor": "middle" }, "active"),
      shape("text", { x: 60, y: 118, "text-anchor": "middle" }, "calm"),
      shape("text", { x: 12, y: 118 }, "negative"),
      shape("text", { x: 110, y: 118, "text-anchor": "end" }, "positive"),
      this.spread, this.path, this.dot);
  }

  show({ valence, arousal, valence_spread: wide = 0, arousal_spread: high = 0 }) {
    const [x, y] = [60 + 50 * valence, 60 - 50 * arousal];
    this.trail = [...this.trail.slice(-59), `${x.toFixed(1)},${y.toFixed(1)}`];
    this.path.setAttribute("points", this.trail.join(" "));
    for (const mark of [this.dot, this.spread]) {
      mark.setAttribute("cx", x);
      mark.setAttribute("cy", y);
    }
    this.spread.setAttribute("rx", 50 * wide);
    this.spread.setAttribute("ry", 50 * high);
    this.picture.setAttribute("aria-label",
      `valence ${signed(valence)}, arousal ${signed(arousal)}`);
    this.numbers.textContent = `${signed(valence)} / ${signed(arousal)}`;
  }
}
