// Where pictures come from, and what the server says of them. Nothing leaves but to the
// server that gave this page.

import { Card, drawMarks } from "./drawing.js";
import { People } from "./people.js";

const $ = (id) => document.getElementById(id);
const [photograph, clip, marks, frame] = ["photograph", "clip", "marks", "frame"].map($);
/** Longer side of what is sent of a clip or the camera, pixels. */
const LIVE_SIDE = 960;
/** Photographs in other formats are drawn anew and sent at most so large. */
const STILL_SIDE = 3000;
/** Readers of the screen hear of a clip at most so often, milliseconds. */
const SAY_EVERY = 4000;

let names = null;
let source = 0; // Counts what was opened, so that late answers are thrown away.
let stream = null;
let address = null;
let last = null;
let chosen = null;
const cards = new Map();
let people = new People();
let again = null;
let said = 0;

/** Returns the server's answer; an error has a sentence for people. */
async function ask(path, options) {
  let answer;
  let content;
  try {
    answer = await fetch(path, options);
    content = await answer.json();
  } catch {
    throw new Error("The server does not answer.");
  }
  if (!answer.ok) throw new Error(content.error);
  return content;
}

/** Asks for the names of the scores; tries again by itself where nothing answers. */
async function askForModel() {
  let found;
  try {
    found = await ask("affect/v1/taxonomy");
  } catch (error) {
    $("model").textContent = `${error.message} Trying again…`;
    clearTimeout(again);
    again = setTimeout(askForModel, 1500);
    return;
  }
  // Another version may have other classes and thresholds: its cards are made anew.
  if (names?.model_version !== found.model_version) clearCards();
  names = found;
  $("model").textContent = `Model version ${names.model_version}, ` +
    [`${names.expressions.length} expressions`, `${names.action_units.length} action units`,
      names.valence_arousal ? "valence and arousal" : null].filter(Boolean).join(", ");
}

function clearCards() {
  cards.clear();
  $("faces").replaceChildren();
}

function say(text, isBad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", isBad);
}

/** Forgets what was shown, and shows one of the two elements. */
function open(node, isLive) {
  source += 1;
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  clip.pause();
  clip.removeAttribute("src");
  clip.srcObject = null;
  if (address) URL.revokeObjectURL(address);
  address = last = chosen = null;
  people = new People();
  clearCards();
  $("speed").textContent = "";
  for (const each of [photograph, clip]) each.hidden = each !== node;
  $("hint").hidden = node !== null;
  $("stop").hidden = !isLive;
  marks.hidden = true;
  for (const each of [clip, marks]) each.classList.remove("mirrored");
  frame.classList.toggle("full", node !== null);
  return source;
}

async function openFile(file) {
  if (!file) return;
  if (file.type.startsWith("video/")) return openClip(file);
  const own = open(photograph, false);
  address = URL.createObjectURL(file);
  photograph.src = address;
  say("Looking for faces…");
  try {
    await photograph.decode();
  } catch {
    if (own === source) say("This browser cannot show that file.", true);
    return;
  }
  const pixels = photograph.naturalWidth * photograph.naturalHeight;
  const longer = Math.max(photograph.naturalWidth, photograph.naturalHeight);
  const fits = pixels <= most("max_pixels") && longer <= most("max_side") &&
    file.size <= most("max_bytes");
  const plain = ["image/jpeg", "image/png"].includes(file.type);
  const body = plain && fits ? file : await drawn(photograph, photograph.naturalWidth,
    photograph.naturalHeight, STILL_SIDE, 0.95);
  if (own === source) await analyse(body, own);
}

function openClip(file) {
  const own = open(clip, false);
  address = URL.createObjectURL(file);
  clip.src = address;
  clip.controls = true;
  clip.loop = true;
  clip.onerror = () => {
    if (own === source) say("This browser cannot play that file.", true);
  };
  say("Looking for faces…");
  clip.play().catch(() => {});
  follow(own);
}

async function openCamera() {
  const own = open(clip, true);
  say("Asking for the camera…");
  try {
    const found = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "user", width: { ideal: LIVE_SIDE } }, audio: false });
    if (own !== source) return found.getTracks().forEach((track) => track.stop());
    stream = found;
  } catch (error) {
    open(null, false);
    const secure = window.isSecureContext ? "" :
      " Browsers give the camera to https and to this machine's own pages only.";
    return say(`There is no camera to use (${error?.name ?? "not offered"}).${secure}`, true);
  }
  for (const each of [clip, marks]) each.classList.add("mirrored");
  clip.controls = false;
  clip.srcObject = stream;
  await clip.play().catch(() => {});
  follow(own);
}

/** Sends picture after picture of a clip or the camera, one at a time. */
async function follow(own) {
  let time = null;
  let rate = 0;
  while (own === source) {
    if (document.hidden || !clip.videoWidth || (clip.currentTime === time && !stream)) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      continue;
    }
    time = clip.currentTime;
    const begin = performance.now();
    const body = await drawn(clip, clip.videoWidth, clip.videoHeight, LIVE_SIDE, 0.9);
    if (own !== source || !body) return;
    const went = await analyse(body, own);
    const seconds = (performance.now() - begin) / 1000;
    if (!went) await new Promise((resolve) => setTimeout(resolve, 1000));
    rate = rate ? 0.8 * rate + 0.2 / seconds : 1 / seconds;
    if (own === source) $("speed").textContent = `${rate.toFixed(1)} pictures a second`;
  }
}

/** Returns a limit of the server; none is known before it has answered once. */
const most = (limit) => names?.[limit] ?? Infinity;

/** Returns a picture drawn anew: within `side`, and within what the server takes. */
function drawn(node, width, height, side, quality) {
  const room = Math.sqrt(most("max_pixels") / (width * height));
  // A little less, as both sides are rounded.
  const scale = Math.min(1, side / Math.max(width, height), room < 1 ? 0.99 * room : 1);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.getContext("2d").drawImage(node, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
}

/** Returns whether the server answered with faces, or with none. */
async function analyse(body, own) {
  let result;
  try {
    const query = $("aligned").checked ? "?aligned=1" : "";
    result = await ask(`affect/v1/faces${query}`, { method: "POST", body });
  } catch (error) {
    if (own === source) say(error.message, true);
    return false;
  }
  if (own !== source) return true;
  if (names?.model_version !== result.model_version) await askForModel();
  if (own !== source) return true;
  if (names?.model_version !== result.model_version) {
    // Its names did not come, or another version has taken over since.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return own !== source || analyse(body, own);
  }
  people.number(result.faces, performance.now());
  forgetCards();
  last = result;
  show();
  return true;
}

/** Forgets the cards of people who were forgotten. */
function forgetCards() {
  for (const [id, card] of cards) {
    if (people.knows(id)) continue;
    card.node.remove();
    cards.delete(id);
  }
}

function show() {
  if (!last || !names) return;
  const faces = [...last.faces].sort((a, b) => a.id - b.id);
  const seen = new Set(faces.map((face) => face.id));
  for (const [id, card] of cards) if (!seen.has(id)) card.node.remove();
  faces.forEach((face, place) => {
    if (!cards.has(face.id)) cards.set(face.id, new Card(face.id, names, choose));
    const { node } = cards.get(face.id);
    cards.get(face.id).show(face);
    const list = $("faces");
    if (list.children[place] !== node) list.insertBefore(node, list.children[place] ?? null);
  });
  drawOver();
  if (clip.hidden || performance.now() - said > SAY_EVERY) {
    said = performance.now();
    say(summary(faces, last.faces_left_out));
  }
}

function summary(faces, leftOut) {
  if (!faces.length) return "No face was found.";
  const shown = faces.slice(0, 6).map((face) => `${face.id + 1} ${face.expression ?? ""}`);
  const more = faces.length > 6 ? ", …" : "";
  const rest = leftOut ? ` (${leftOut} more left out, by the server's limit)` : "";
  return `${faces.length} ${faces.length === 1 ? "face" : "faces"}: ` +
    `${shown.join(", ")}${more}${rest}`;
}

function choose(id) {
  chosen = id;
  for (const [each, card] of cards) card.node.classList.toggle("chosen", each === id);
  drawOver();
}

/** Lays the marks over the picture, wherever the page has put it. */
function drawOver() {
  const node = clip.hidden ? photograph : clip;
  if (!last || node.hidden) return;
  const [place, around] = [node, frame].map((each) => each.getBoundingClientRect());
  marks.hidden = false;
  const sharp = window.devicePixelRatio || 1;
  marks.width = Math.round(place.width * sharp);
  marks.height = Math.round(place.height * sharp);
  marks.style.width = `${place.width}px`;
  marks.style.height = `${place.height}px`;
  marks.style.left = `${place.left - around.left - frame.clientLeft}px`;
  marks.style.top = `${place.top - around.top - frame.clientTop}px`;
  drawMarks(marks, last, chosen, marks.classList.contains("mirrored"));
}

$("file").addEventListener("change", (event) => {
  openFile(event.target.files[0]);
  event.target.value = "";
});
$("camera").addEventListener("click", openCamera);
$("stop").addEventListener("click", () => {
  open(null, false);
  say("Stopped.");
  $("camera").focus();
});
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    frame.classList.toggle("over", name === "dragover");
    if (name === "drop") openFile(event.dataTransfer.files[0]);
  });
}
document.addEventListener("paste", (event) => openFile(event.clipboardData.files[0]));
window.addEventListener("resize", drawOver);
askForModel();
