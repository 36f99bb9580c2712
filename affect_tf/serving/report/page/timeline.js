// One person's curves over time: valence and arousal, expressions, action units.

const UNIT_HEIGHT = 15;
const gutterOf = (width) => (width < 520 ? 44 : 58);
const STRIP_MOST = 60;

// Where in the width a time lies; the same for everything that stands above each other.
function scaleOf(film, width) {
  const gutter = gutterOf(width);
  const end = film.seconds > 0 ? film.seconds : 1;
  const right = width - 8;
  return {
    gutter,
    right,
    x: (time) => gutter + ((right - gutter) * time) / end,
    time: (x) => ((x - gutter) / (right - gutter)) * end,
  };
}

// Where each point begins and ends, halfway to its neighbours; on whole pixels of the
// screen, so that no seam shines through between two of them.
function edgesOf(film, scale, pen) {
  const times = film.times;
  const edges = [0];
  for (let i = 1; i < times.length; i++) edges.push((times[i - 1] + times[i]) / 2);
  edges.push(film.seconds > 0 ? film.seconds : 1);
  const ratio = pen.getTransform().a;
  return edges.map((time) => Math.round(scale.x(time) * ratio) / ratio);
}

// Stretches of points at which a curve is known: [first, last].
function runs(values) {
  const found = [];
  let first = -1;
  for (let i = 0; i <= values.length; i++) {
    const here = i < values.length && !Number.isNaN(values[i]);
    if (here && first < 0) first = i;
    if (!here && first >= 0) {
      found.push([first, i - 1]);
      first = -1;
    }
  }
  return found;
}

function drawAffect(pen, person, film, scale, top, height, tint) {
  const y = (value) => top + ((1 - value) / 2) * height;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const [value, label] of [[1, "+1"], [0, "0"], [-1, "−1"]]) {
    pen.strokeStyle = tint.rule;
    pen.beginPath();
    pen.moveTo(scale.gutter, y(value));
    pen.lineTo(scale.right, y(value));
    pen.stroke();
    pen.fillStyle = tint.muted;
    pen.fillText(label, scale.gutter - 6, y(value));
  }
  for (const name of ["arousal", "valence"]) {
    const values = person.curves[name];
    if (!values) continue;
    const spread = person.curves[`${name}_spread`];
    for (const [first, last] of runs(values)) {
      const at = (i) => scale.x(film.times[i]);
      pen.fillStyle = pen.strokeStyle = tint[name];
      if (spread) {
        pen.globalAlpha = 0.2;
        pen.beginPath();
        for (let i = first; i <= last; i++) pen.lineTo(at(i), y(Math.min(1, values[i] + (spread[i] || 0))));
        for (let i = last; i >= first; i--) pen.lineTo(at(i), y(Math.max(-1, values[i] - (spread[i] || 0))));
        pen.fill();
        pen.globalAlpha = 1;
      }
      pen.lineWidth = 1.8;
      pen.setLineDash(name === "arousal" ? [6, 3] : []);
      pen.beginPath();
      if (first === last) pen.arc(at(first), y(values[first]), 3, 0, 2 * Math.PI);
      for (let i = first; i <= last && first < last; i++) pen.lineTo(at(i), y(values[i]));
      if (first === last) pen.fill();
      else pen.stroke();
      pen.setLineDash([]);
      pen.lineWidth = 1;
    }
  }
}

// The most probable class of each point, and under it how probable each class is.
function drawExpressions(pen, person, film, scale, top, height, tint) {
  const ribbon = 20;
  const area = height - ribbon - 3;
  const curves = report.expressions.map((name) => person.curves[name]);
  const edges = edgesOf(film, scale, pen);
  const best = film.times.map((_, i) => highest(curves.map((curve) => curve[i])));
  const labels = [];
  for (let i = 0, first = 0; i < best.length; i++) {
    if (i + 1 < best.length && best[i + 1] === best[first]) continue;
    if (best[first] >= 0) labels.push([best[first], edges[first], edges[i + 1]]);
    first = i + 1;
  }
  pen.fillStyle = tint.muted;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  pen.fillText("likeliest", scale.gutter - 6, top + ribbon / 2, scale.gutter - 6);
  pen.fillText("100 %", scale.gutter - 6, top + ribbon + 9);
  pen.fillText("0 %", scale.gutter - 6, top + height - 6);
  for (const [index, left, right] of labels) {
    pen.fillStyle = classColour(index);
    pen.fillRect(left, top, Math.max(1, right - left), ribbon);
    const name = report.expressions[index];
    if (pen.measureText(name).width + 8 > right - left) continue;
    pen.fillStyle = darkText(classColour(index)) ? "#111111" : "#ffffff";
    pen.textAlign = "center";
    pen.fillText(name, (left + right) / 2, top + ribbon / 2 + 0.5);
  }
  for (let i = 0; i < film.times.length; i++) {
    if (best[i] < 0) continue;
    const [left, right] = [edges[i], edges[i + 1]];
    let low = top + height;
    curves.forEach((curve, index) => {
      const high = Math.max(0, curve[i]) * area;
      pen.fillStyle = classColour(index);
      pen.fillRect(left, low - high, right - left, high);
      low -= high;
    });
  }
}

function drawUnits(pen, person, film, scale, top, tint) {
  const edges = edgesOf(film, scale, pen);
  report.units.forEach((unit, row) => {
    const curve = person.curves[unit];
    const present = person.curves[`${unit}_c`];
    if (!curve) return;
    const y = top + row * UNIT_HEIGHT;
    pen.fillStyle = tint.muted;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.fillText(unit, scale.gutter - 6, y + UNIT_HEIGHT / 2);
    for (let i = 0; i < film.times.length; i++) {
      if (Number.isNaN(curve[i])) continue;
      const [left, right] = [edges[i], edges[i + 1]];
      pen.fillStyle = mixed(tint.ground, tint.heat, curve[i]);
      pen.fillRect(left, y, right - left, UNIT_HEIGHT - 2);
    }
    pen.fillStyle = tint.mark;
    for (let i = 0; present && i < film.times.length; i++) {
      if (!(present[i] >= 0.5)) continue;
      const [left, right] = [edges[i], edges[i + 1]];
      pen.fillRect(left, y + UNIT_HEIGHT - 4, right - left, 2);
    }
  });
}

function drawTime(pen, film, scale, top, tint) {
  const wanted = Math.max(2, Math.floor((scale.right - scale.gutter) / 90));
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 18000];
  const step = steps.find((each) => film.seconds / each <= wanted) || 36000;
  pen.fillStyle = tint.muted;
  pen.strokeStyle = tint.rule;
  pen.textBaseline = "top";
  for (let time = 0; time <= film.seconds + 1e-6; time += step) {
    const x = scale.x(time);
    pen.textAlign = time === 0 ? "left" : x > scale.right - 20 ? "right" : "center";
    pen.beginPath();
    pen.moveTo(x, top);
    pen.lineTo(x, top + 4);
    pen.stroke();
    pen.fillText(clock(time, step), x, top + 6);
  }
}

function timelineHeights() {
  const affect = report.hasAffect ? 130 : 0;
  const classes = report.expressions.length ? 96 : 0;
  const units = report.units.length * UNIT_HEIGHT;
  const gap = 14;
  let top = 8;
  const place = (height) => {
    const at = top;
    top += height ? height + gap : 0;
    return at;
  };
  const tops = { affect: place(affect), classes: place(classes), units: place(units) };
  return { ...tops, affectHeight: affect, classesHeight: classes, time: top - gap + 4, all: top + 12 };
}

function drawTimeline(pen, width, person, film, tint) {
  const scale = scaleOf(film, width);
  const place = timelineHeights();
  if (place.affectHeight) drawAffect(pen, person, film, scale, place.affect, place.affectHeight, tint);
  pen.lineWidth = 1;
  if (place.classesHeight) drawExpressions(pen, person, film, scale, place.classes, place.classesHeight, tint);
  drawUnits(pen, person, film, scale, place.units, tint);
  drawTime(pen, film, scale, place.time, tint);
}

function placeStrip(strip, person, film, width) {
  const scale = scaleOf(film, width);
  const slot = (scale.right - scale.gutter) / film.slots;
  // On narrow screens every second or third still, so that a face stays a face.
  const every = Math.max(1, Math.ceil(34 / slot));
  const side = Math.min(STRIP_MOST, slot * every - 2);
  strip.style.height = `${person.stills.some((still) => still.picture) ? side : 0}px`;
  person.stills.forEach((still, index) => {
    const image = strip.children[index];
    image.hidden = still.slot % every !== 0;
    const middle = scale.gutter + slot * (still.slot + every / 2);
    Object.assign(image.style, { left: `${middle - side / 2}px`, width: `${side}px`, height: `${side}px` });
  });
}
