// Photographs as a grid of faces, and the page as a whole.

function photographCard(card) {
  const best = highest(card.expressions);
  const item = make("li", {}, picture(card.picture, `Face in ${card.file}`), make("div", { class: "name", title: card.file }, card.file.split(/[\\/]/).pop()));
  const order = card.expressions.map((share, i) => [share, i]).filter(([share]) => known(share)).sort((a, b) => b[0] - a[0]);
  if (best >= 0) item.append(make("ul", { class: "bars" }, ...order.slice(0, 2).map(([share, i]) => bar(report.expressions[i], share, classColour(i), percent(share)))));
  if (report.hasAffect) item.append(make("div", {}, `valence ${signed(card.affect[0])}`), make("div", {}, `arousal ${signed(card.affect[1])}`));
  if (report.units.length) item.append(chips(report.units, card.present, card.units));
  return item;
}

function sortKeys() {
  const keys = [["as given", (card) => -card.order], ["file name", null]];
  if (report.hasAffect) {
    keys.push(["valence", (card) => card.affect[0]], ["arousal", (card) => card.affect[1]]);
  }
  report.expressions.forEach((name, i) => keys.push([name, (card) => card.expressions[i]]));
  report.units.forEach((unit, i) => keys.push([movement(unit), (card) => card.units[i]]));
  keys.push(["detector score", (card) => card.score]);
  return keys;
}

function choice(label, options) {
  const select = make("select", {}, ...options.map((text, i) => make("option", { value: String(i) }, text)));
  return [make("label", {}, label, select), select];
}

function affectScatter(cards) {
  const canvas = make("canvas", { class: "plane", role: "img", "aria-label": "Valence and arousal of the photographs" });
  chart(canvas, (width) => width, (pen, width, _, tint) => {
    const place = planeGround(pen, width, tint);
    pen.globalAlpha = cards.length > 150 ? 0.35 : 0.7;
    cards.forEach((card) => {
      if (!known(card.affect[0])) return;
      pen.fillStyle = report.expressions.length ? classColour(Math.max(0, highest(card.expressions))) : tint.valence;
      pen.beginPath();
      pen.arc(...place(card.affect[0], card.affect[1]), 4, 0, 2 * Math.PI);
      pen.fill();
    });
    pen.globalAlpha = 1;
  });
  return canvas;
}

function photographsView(photographs) {
  const { cards, counts, faces, files } = photographs;
  cards.forEach((card, order) => { card.order = order; });
  const words = [many(files, "file"), many(faces, "face")];
  if (cards.length < faces) words.push(`${count(cards.length)} of them, evenly spread, are shown; the bars count all`);
  const view = make("section", { class: "file" }, make("h2", {}, "Photographs"), make("p", { class: "muted small" }, words.join(" · ")));
  if (!cards.length) return view;
  const overview = make("div", { class: "overview-grid" });
  if (counts.length) {
    const bars = counts.map((number, i) => bar(report.expressions[i], number / faces, classColour(i), count(number)));
    overview.append(make("div", {}, make("h3", {}, "Likeliest expression"), make("ul", { class: "bars" }, ...bars)));
  }
  if (report.hasAffect) overview.append(make("div", {}, make("h3", {}, "Valence and arousal"), affectScatter(cards)));
  const keys = sortKeys();
  const [sortLabel, sort] = choice("Sort by", keys.map(([name]) => name));
  const [filterLabel, filter] = choice("Show", ["all faces", ...report.expressions.map((name) => `likeliest: ${name}`)]);
  const reverse = make("button", { type: "button", "aria-pressed": "false" }, "Reverse");
  const status = make("span", { class: "muted small", role: "status" });
  const list = make("ul", { class: "cards" });
  const items = cards.map(photographCard);
  const arrange = () => {
    const by = keys[Number(sort.value)][1];
    const wanted = Number(filter.value) - 1;
    const kept = cards.filter((card) => wanted < 0 || highest(card.expressions) === wanted);
    const value = (card) => { const found = by(card); return known(found) ? found : -Infinity; };
    kept.sort(by ? (a, b) => value(b) - value(a) : (a, b) => a.file.localeCompare(b.file, undefined, { numeric: true }));
    if (reverse.getAttribute("aria-pressed") === "true") kept.reverse();
    list.replaceChildren(...kept.map((card) => items[card.order]));
    status.textContent = many(kept.length, "face");
  };
  sort.addEventListener("change", arrange);
  filter.addEventListener("change", arrange);
  reverse.addEventListener("click", () => {
    reverse.setAttribute("aria-pressed", String(reverse.getAttribute("aria-pressed") !== "true"));
    arrange();
  });
  arrange();
  const filters = report.expressions.length ? filterLabel : null;
  view.append(overview, make("div", { class: "controls" }, sortLabel, reverse, filters || "", status), list);
  return view;
}

function problemsView() {
  const rows = report.problems.map(([file, problem]) => make("tr", {}, make("td", { class: "wrap" }, file), make("td", { class: "wrap" }, problem)));
  const head = make("tr", {}, make("th", { scope: "col" }, "File"), make("th", { scope: "col" }, "Problem"));
  const view = make("section", { class: "file" }, make("h2", {}, "Without a result"),
    make("div", { class: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows))));
  if (report.problemsLeftOut) view.append(make("p", { class: "muted" }, `and ${count(report.problemsLeftOut)} more`));
  return view;
}

function start() {
  const main = document.getElementById("main");
  main.replaceChildren();
  const films = report.films.length + report.filmsLeftOut;
  const words = [];
  if (films) words.push(many(films, "film"));
  if (report.photographs.files) words.push(many(report.photographs.files, "photograph"));
  document.getElementById("overview").textContent = words.join(" · ") || "No faces were found.";
  if (report.films.some((film) => film.people.length)) main.append(make("p", { class: "muted small hint" }, "Move over a time line, or choose it and press the arrow keys (with Shift by ten): everybody in the film shows the same moment."));
  report.films.forEach((film) => main.append(filmView(film)));
  if (report.filmsLeftOut) main.append(make("p", { class: "muted" }, `${many(report.filmsLeftOut, "more film")} in the table, not shown here.`));
  if (report.photographs.faces) main.append(photographsView(report.photographs));
  if (report.problems.length) main.append(problemsView());
  watchSize();
}

start();
