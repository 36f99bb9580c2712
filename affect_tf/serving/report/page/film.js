// A film: its people, and the moment that all of them show.

function legendOf(hasSpread) {
  const list = make("ul", { class: "legend" });
  if (report.hasAffect) {
    list.append(make("li", {}, make("span", { class: "line", style: { borderColor: "var(--valence)" } }), "valence"));
    list.append(make("li", {}, make("span", { class: "line dashed", style: { borderColor: "var(--arousal)" } }), "arousal"));
    if (hasSpread) list.append(make("li", { class: "muted" }, "band: spread of the ensemble"));
  }
  report.expressions.forEach((name, index) =>
    list.append(make("li", {}, make("span", { class: "swatch", style: { background: classColour(index) } }), name)));
  if (report.units.length) list.append(make("li", { class: "muted" }, "AU rows: the stronger the colour, the more probable; underlined: present"));
  return list;
}

function summaryTable(person) {
  const facts = person.summary;
  const rows = [];
  report.expressions.forEach((name, i) =>
    rows.push([name, percent(facts.expressions[i]), percent(facts.most[i] / facts.frames)]));
  const from = (i) => (known(report.thresholds[i]) ? ` (present from ${percent(report.thresholds[i])})` : "");
  report.units.forEach((unit, i) => rows.push([movement(unit) + from(i), percent(facts.units[i]), percent(facts.present[i])]));
  (report.hasAffect ? ["valence", "arousal"] : []).forEach((name, i) => rows.push([name, signed(facts.affect[i]), ""]));
  const head = ["", "mean", "frames where likeliest or present"].map((text, i) =>
    make("th", { scope: "col", class: i ? "number" : null }, text));
  const body = rows.map(([name, mean, share]) => make("tr", {}, make("th", { scope: "row" }, name),
    make("td", { class: "number" }, mean), make("td", { class: "number" }, share)));
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body));
  return make("details", {}, make("summary", {}, "Means as a table"), make("div", { class: "scroll" }, table));
}

function drawPath(pen, side, person, film, tint, at) {
  const place = planeGround(pen, side, tint);
  const { valence, arousal } = person.curves;
  if (!valence) return;
  pen.lineWidth = 1.2;
  for (const [first, last] of runs(valence)) {
    for (let i = first + 1; i <= last; i++) {
      pen.strokeStyle = tint.valence;
      // What is long ago, or still to come, is faint.
      pen.globalAlpha = Math.max(0.1, 0.9 - (4 * Math.abs(i - at)) / film.times.length);
      pen.beginPath();
      pen.moveTo(...place(valence[i - 1], arousal[i - 1]));
      pen.lineTo(...place(valence[i], arousal[i]));
      pen.stroke();
    }
  }
  pen.globalAlpha = 1;
  if (Number.isNaN(valence[at])) return;
  const [x, y] = place(valence[at], arousal[at]);
  const wide = (person.curves.valence_spread || [])[at];
  if (known(wide)) {
    const unit = place(1, 0)[0] - place(0, 0)[0];
    pen.fillStyle = tint.valence;
    pen.globalAlpha = 0.25;
    pen.beginPath();
    pen.ellipse(x, y, Math.max(1, unit * wide), Math.max(1, unit * (person.curves.arousal_spread[at] || 0)), 0, 0, 2 * Math.PI);
    pen.fill();
    pen.globalAlpha = 1;
  }
  pen.fillStyle = tint.ink;
  pen.beginPath();
  pen.arc(x, y, 5, 0, 2 * Math.PI);
  pen.fill();
}

// What a person looks like at a point in time, in words and numbers.
function momentOf(person, at) {
  const classes = report.expressions.map((name) => person.curves[name][at]);
  const value = (name) => (person.curves[name] ? person.curves[name][at] : NaN);
  return {
    classes,
    best: highest(classes),
    valence: value("valence"),
    arousal: value("arousal"),
    units: report.units.map(value),
    present: report.units.map((unit) => value(`${unit}_c`)),
    seen: [...classes, value("valence"), ...report.units.map(value)].some(known),
  };
}

function showMoment(box, person, film, at) {
  const moment = momentOf(person, at);
  const time = clock(film.times[at], film.seconds < 60 ? 0.01 : 1);
  const nearest = person.stills.reduce((best, still) =>
    (!best || Math.abs(still.time - film.times[at]) < Math.abs(best.time - film.times[at]) ? still : best), null);
  const facts = make("div", { class: "facts" }, make("strong", {}, time));
  if (!moment.seen) facts.append("not seen");
  else if (report.hasAffect) {
    facts.append(make("div", {}, `valence ${signed(moment.valence)}`), make("div", {}, `arousal ${signed(moment.arousal)}`));
  }
  if (nearest && nearest.picture) facts.append(make("div", { class: "muted" }, `picture: ${clock(nearest.time, film.seconds < 60 ? 0.1 : 1)}`));
  const order = moment.classes.map((share, i) => [share, i]).filter(([share]) => known(share)).sort((a, b) => b[0] - a[0]);
  const bars = make("ul", { class: "bars wide" }, ...order.slice(0, 4).map(([share, i]) =>
    bar(report.expressions[i], share, classColour(i), percent(share))));
  const units = report.units.length && moment.seen ? make("div", { class: "wide" }, chips(report.units, moment.present, moment.units)) : null;
  box.replaceChildren(picture(nearest && nearest.picture, `Person ${person.number}`), facts, bars, units || "");
}

function momentText(person, film, at) {
  const moment = momentOf(person, at);
  const parts = [clock(film.times[at], film.seconds < 60 ? 0.01 : 1)];
  if (!moment.seen) return `${parts[0]}: not seen`;
  if (moment.best >= 0) parts.push(`${report.expressions[moment.best]} ${percent(moment.classes[moment.best])}`);
  if (known(moment.valence)) parts.push(`valence ${signed(moment.valence)}`, `arousal ${signed(moment.arousal)}`);
  const present = report.units.filter((_, i) => moment.present[i] >= 0.5);
  if (report.units.length) parts.push(present.length ? `present ${present.join(" ")}` : "no action unit");
  return parts.join(", ");
}

function personView(person, film, state) {
  person.curves = Object.fromEntries(Object.entries(person.curves).map(([name, text]) => [name, unpacked(name, text)]));
  const facts = person.summary;
  const step = film.seconds < 60 ? 0.1 : 1;
  const most = highest(facts.most);
  const words = [`in ${many(facts.frames, "frame")}, from ${clock(facts.first, step)} to ${clock(facts.last, step)}`];
  if (most >= 0 && facts.most[most] > 0) words.push(`likeliest in most: ${report.expressions[most]} (${percent(facts.most[most] / facts.frames)})`);
  const strip = make("div", { class: "strip" }, ...person.stills.map((still) => (still.picture
    ? make("img", { src: still.picture, alt: `at ${clock(still.time, step)}`, draggable: "false" })
    : make("span", { class: "gap" }))));
  const canvas = make("canvas", { "aria-hidden": "true" });
  const cursor = make("div", { class: "cursor" });
  const timeline = make("div", {
    class: "timeline", tabindex: "0", role: "slider", "aria-valuemin": "0",
    "aria-valuemax": String(film.times.length - 1), "aria-label": `Time in ${film.file}, person ${person.number}`,
  }, strip, canvas, cursor);
  const now = make("div", { class: "now" });
  const plane = make("canvas", { class: "plane", role: "img", "aria-label": "Path in the plane of valence and arousal" });
  chart(canvas, () => timelineHeights().all, (pen, width, _, tint) => {
    placeStrip(strip, person, film, width);
    drawTimeline(pen, width, person, film, tint);
    show();
  });
  const path = chart(plane, (width) => width, (pen, width, _, tint) => drawPath(pen, width, person, film, tint, state.at));
  function show() {
    const scale = scaleOf(film, canvas.clientWidth);
    cursor.style.left = `${scale.x(film.times[state.at])}px`;
    timeline.setAttribute("aria-valuenow", String(state.at));
    timeline.setAttribute("aria-valuetext", momentText(person, film, state.at));
    showMoment(now, person, film, state.at);
  }
  state.listeners.push(() => { show(); path.redraw(); });
  followPointer(timeline, canvas, film, state);
  followKeys(timeline, film, state);
  const hasSpread = Boolean(person.curves.valence_spread);
  return make("section", { class: "person" },
    make("header", {}, make("h3", {}, `Person ${person.number}`), make("p", { class: "muted small" }, words.join("; "))),
    make("div", { class: "body" }, now, make("div", { class: "curves" }, legendOf(hasSpread), timeline, summaryTable(person)), report.hasAffect ? plane : null));
}

function followPointer(timeline, canvas, film, state) {
  const follow = (event) => {
    const left = canvas.getBoundingClientRect().left;
    const time = scaleOf(film, canvas.clientWidth).time(event.clientX - left);
    let low = 0;
    let high = film.times.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (film.times[middle] < time) low = middle + 1;
      else high = middle;
    }
    const before = low > 0 && time - film.times[low - 1] < film.times[low] - time;
    state.move(before ? low - 1 : low, true);
  };
  timeline.addEventListener("pointerdown", follow);
  timeline.addEventListener("pointermove", follow);
}

function followKeys(timeline, film, state) {
  timeline.addEventListener("keydown", (event) => {
    const last = film.times.length - 1;
    const step = event.shiftKey ? 10 : 1;
    const page = Math.max(1, Math.round(last / 10));
    const to = {
      ArrowRight: state.at + step, ArrowUp: state.at + step, ArrowLeft: state.at - step, ArrowDown: state.at - step,
      PageUp: state.at + page, PageDown: state.at - page, Home: 0, End: last,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    state.move(to);
  });
}

function filmView(film) {
  const state = { at: 0, listeners: [], waiting: false };
  const show = () => {
    state.waiting = false;
    state.listeners.forEach((listener) => listener());
  };
  // A pointer moves more often than the screen is drawn; a key is answered at once.
  state.move = (to, wait) => {
    const at = Math.max(0, Math.min(film.times.length - 1, to));
    if (at === state.at) return;
    state.at = at;
    if (!wait) show();
    else if (!state.waiting) {
      state.waiting = true;
      requestAnimationFrame(show);
    }
  };
  const words = [clock(film.seconds, film.seconds < 60 ? 0.1 : 1), many(film.frames, "frame")];
  if (film.frames > 1) words.push(`a face in ${percent(film.withFace / film.frames)} of them`);
  if (film.framesAPoint > 1) words.push(`each point of a curve is the mean of up to ${film.framesAPoint} frames`);
  if (film.leftOut) words.push(`${many(film.leftOut, "person who was", "people who were")} seen for a shorter time not shown`);
  const view = make("section", { class: "file" }, make("h2", {}, film.file), make("p", { class: "muted small" }, words.join(" · ")));
  if (!film.people.length) view.append(make("p", {}, "No face was found."));
  film.people.forEach((person) => view.append(personView(person, film, state)));
  // Begins where somebody is seen, in the middle of their time.
  const first = film.people[0];
  if (first) {
    const middle = (first.summary.first + first.summary.last) / 2;
    state.at = film.times.reduce((best, time, i) => (Math.abs(time - middle) < Math.abs(film.times[best] - middle) ? i : best), 0);
  }
  return view;
}
