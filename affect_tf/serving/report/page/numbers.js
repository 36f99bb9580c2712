// What is in the page: the numbers, and how they are told to people.

const report = JSON.parse(document.getElementById("data").textContent);
const MISSING = 65535;
const SIGNED = new Set(["valence", "arousal"]);

// Of the Okabe-Ito palette, so that the colour blind tell them apart; each is named too.
const CLASS_COLOURS = {
  neutral: "#9aa3ad", anger: "#d55e00", disgust: "#009e73", fear: "#8a6bc1",
  happiness: "#eab308", sadness: "#2f7fc4", surprise: "#6fc5f0", other: "#b39b80",
  contempt: "#d884b5",
};
const MORE_COLOURS = ["#7fb069", "#c97b84", "#6b8ba4", "#caa472"];

const MOVEMENTS = {
  1: "inner brows raised", 2: "outer brows raised", 4: "brows lowered", 5: "upper lids raised",
  6: "cheeks raised", 7: "lids tightened", 9: "nose wrinkled", 10: "upper lip raised",
  11: "nasolabial fold deepened", 12: "lip corners pulled up", 13: "lip corners pulled up sharply",
  14: "dimples", 15: "lip corners pulled down", 16: "lower lip pulled down", 17: "chin raised",
  18: "lips puckered", 20: "lips stretched", 22: "lips funnelled", 23: "lips tightened",
  24: "lips pressed", 25: "lips parted", 26: "jaw dropped", 27: "mouth stretched",
  28: "lips sucked in", 43: "eyes closed", 45: "blink",
};

function classColour(index) {
  const known = CLASS_COLOURS[report.expressions[index]];
  return known || MORE_COLOURS[index % MORE_COLOURS.length];
}

function movement(unit) {
  const words = MOVEMENTS[Number(unit.slice(2))];
  return words ? `${unit}, ${words}` : unit;
}

// Text -> numbers, NaN for those that are missing.
function unpacked(name, text) {
  const raw = atob(text);
  const values = new Float32Array(raw.length / 2);
  for (let i = 0; i < values.length; i++) {
    const whole = raw.charCodeAt(2 * i) | (raw.charCodeAt(2 * i + 1) << 8);
    const share = whole === MISSING ? NaN : whole / (MISSING - 1);
    values[i] = SIGNED.has(name) ? 2 * share - 1 : share;
  }
  return values;
}

const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);
const percent = (value) => (known(value) ? `${Math.round(100 * value)} %` : "–");
const count = (value) => value.toLocaleString("en");

function signed(value) {
  if (!known(value)) return "–";
  return (value < -0.004 ? "−" : "+") + Math.abs(value).toFixed(2);
}

function clock(seconds, step = 1) {
  if (seconds < 60 && step < 1) return `${seconds.toFixed(step < 0.1 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((n) => String(n).padStart(2, "0"));
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${parts.join(":")}` : `${Math.floor(whole / 60)}:${parts[1]}`;
}

function many(number, one, more) {
  return `${count(number)} ${number === 1 ? one : more || one + "s"}`;
}

// An element with text or children; what comes out of a file is only ever text.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") Object.assign(element.style, value);
    else if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function highest(values) {
  let best = -1;
  values.forEach((value, index) => {
    if (known(value) && (best < 0 || value > values[best])) best = index;
  });
  return best;
}

function bar(name, share, colour, text) {
  const inner = make("i", { style: { width: `${100 * (share || 0)}%`, background: colour } });
  return make("li", { class: "bar" }, make("span", {}, name),
    make("span", { class: "track", "aria-hidden": "true" }, inner),
    make("span", { class: "number" }, text));
}

function chips(units, present, probabilities) {
  const list = make("ul", { class: "chips", "aria-label": "Action units present" });
  units.forEach((unit, index) => {
    if (!(present[index] >= 0.5)) return;
    const title = `${movement(unit)}: ${percent(probabilities[index])}`;
    list.append(make("li", { title }, unit));
  });
  if (!list.children.length) list.append(make("li", { class: "none" }, "no action unit present"));
  return list;
}

function picture(source, words) {
  if (!source) return make("div", { class: "face", role: "img", "aria-label": `${words}: no picture` });
  return make("img", { class: "face", src: source, alt: words, loading: "lazy", decoding: "async" });
}
