// Drawing on canvases: sharp on every screen, in the colours of the page.

const charts = [];

function colours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ground", "card", "ink", "muted", "rule", "valence", "arousal", "heat", "mark"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

// A canvas that draws itself again whenever its width or the colours change.
function chart(canvas, height, draw) {
  const each = {
    canvas,
    redraw() {
      const width = canvas.clientWidth;
      if (!width) return;
      const high = height(width);
      const ratio = Math.min(3, window.devicePixelRatio || 1);
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(high * ratio);
      canvas.style.height = `${high}px`;
      const pen = canvas.getContext("2d");
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.font = "12px system-ui, 'Liberation Sans', sans-serif";
      draw(pen, width, high, colours());
    },
  };
  charts.push(each);
  return each;
}

function redrawAll() {
  charts.forEach((each) => each.redraw());
}

function watchSize() {
  let width = 0;
  const observer = new ResizeObserver(() => {
    if (document.body.clientWidth === width) return;
    width = document.body.clientWidth;
    redrawAll();
  });
  observer.observe(document.body);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
  matchMedia("print").addEventListener("change", redrawAll);
  window.addEventListener("beforeprint", redrawAll);
  window.addEventListener("afterprint", redrawAll);
  redrawAll();
}

function mixed(from, to, share) {
  const part = (colour, at) => parseInt(colour.slice(at, at + 2), 16);
  const full = (colour) => (colour.length === 4 ? colour.replace(/[^#]/g, "$&$&") : colour);
  const [a, b] = [full(from), full(to)];
  const mix = (at) => Math.round(part(a, at) + (part(b, at) - part(a, at)) * share);
  return `rgb(${mix(1)}, ${mix(3)}, ${mix(5)})`;
}

function darkText(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b > 120;
}

// Valence to the right, arousal upwards: circle, axes and what they are called.
function planeGround(pen, side, tint) {
  const middle = side / 2;
  const radius = middle - 20;
  pen.lineWidth = 1;
  pen.strokeStyle = tint.rule;
  pen.beginPath();
  pen.arc(middle, middle, radius, 0, 2 * Math.PI);
  pen.moveTo(middle - radius, middle);
  pen.lineTo(middle + radius, middle);
  pen.moveTo(middle, middle - radius);
  pen.lineTo(middle, middle + radius);
  pen.stroke();
  pen.fillStyle = tint.muted;
  pen.font = "11px system-ui, 'Liberation Sans', sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText("arousal +1", middle, 9);
  pen.fillText("−1", middle, side - 9);
  pen.save();
  pen.translate(side - 9, middle);
  pen.rotate(Math.PI / 2);
  pen.fillText("valence +1", 0, 0);
  pen.restore();
  pen.fillText("−1", 9, middle);
  return (valence, arousal) => [middle + radius * valence, middle - radius * arousal];
}
