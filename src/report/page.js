// What moves on this page: values on curves, samples behind a matrix's cells, maps over
// spectrograms, sound. All data stand in the element #data.
"use strict";
const runs = JSON.parse(document.getElementById("data").textContent).runs;

const KINDS = { spectrogram: "spectrogram", grad_cam: "Grad-CAM", hires_cam: "HiResCAM", signed: "signed Grad-CAM" };
const PARTS = { train: "training", val: "validation", test: "test" };

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// ---- Colours, as [red, green, blue] of a share from 0 to 1 ----

const MAGMA = [[0, 0, 4], [24, 15, 62], [69, 16, 119], [114, 31, 129], [159, 47, 127],
  [205, 64, 113], [241, 96, 93], [253, 149, 103], [254, 201, 141], [252, 253, 191]];

function magma(share) {
  const at = share * (MAGMA.length - 1), low = Math.min(Math.floor(at), MAGMA.length - 2);
  return MAGMA[low].map((value, i) => value + (at - low) * (MAGMA[low + 1][i] - value));
}

function jet(share) {
  const ramp = (middle) => 255 * Math.min(1, Math.max(0, 1.5 - Math.abs(4 * share - middle)));
  return [ramp(3), ramp(2), ramp(1)];
}

const mix = (a, b, t) => a.map((value, i) => value + t * (b[i] - value));
// Red speaks for the class, blue against it.
const signed = (value, ground) => mix(ground, value > 0 ? [215, 25, 28] : [33, 102, 240], 0.85 * Math.abs(value));

// ---- A sample's bytes and maps ----

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

// A byte of a map stands for a share of its largest or its smallest value.
function values({ high, low, bytes: base64 }) {
  return Array.from(new Int8Array(bytes(base64).buffer), (b) => Math.abs(b) / 127 * (b > 0 ? high : low));
}

// A map's cells: positive part over maximum, or signed over the largest magnitude.
function cells(sample, layer, kind) {
  const map = sample.maps[layer];
  const all = values(kind === "hires_cam" ? map.hires_cam : map.grad_cam);
  const kept = kind === "signed" ? all : all.map((value) => Math.max(0, value));
  const largest = kept.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest > 0 ? kept.map((value) => value / largest) : kept;
}

function isEmpty(sample, layer, kind) {
  const { grad_cam, hires_cam } = sample.maps[layer];
  return { grad_cam, hires_cam }[kind]?.high <= 0;
}

// Where a point of the input lies among cells: two neighbours and a share; none outside of them.
function between(axis, point) {
  const at = (point - axis.first) / axis.size;
  if (at < 0 || at > axis.count) return null;
  const inside = Math.min(axis.count - 1, Math.max(0, at - 0.5));
  const low = Math.floor(inside);
  return [low, Math.min(low + 1, axis.count - 1), inside - low];
}

// Paints a whole canvas: low bands at the bottom, time to the right.
function paint(canvas, run, sample, layer, kind) {
  const { width, height } = canvas, [bands, frames] = run.shape;
  const ground = bytes(sample.bytes);
  const map = kind === "spectrogram" ? null : cells(sample, layer, kind);
  const place = map && run.layers[layer].place, empty = isEmpty(sample, layer, kind);
  const columns = Array.from({ length: width }, (_, x) => {
    const frame = (x + 0.5) * frames / width;
    return [Math.floor(frame), map && between(place.frames, frame)];
  });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let y = 0, to = 0; y < height; y++) {
    const band = (height - y - 0.5) * bands / height;
    const row = map && between(place.bands, band);
    for (const [frame, column] of columns) {
      const value = ground[Math.floor(band) * frames + frame];
      let colour;
      if (!map) {
        colour = magma(value / 255);
      } else if (!row || !column) {
        // Not looked at by this layer.
        colour = Array(3).fill(60 + 0.25 * value);
      } else {
        const at = (r, c) => map[r * place.frames.count + c];
        const [a, b, t] = row, [c, d, u] = column;
        const heat = (1 - t) * ((1 - u) * at(a, c) + u * at(a, d)) + t * ((1 - u) * at(b, c) + u * at(b, d));
        const grey = [value, value, value];
        if (empty) colour = grey;
        else colour = kind === "signed" ? signed(heat, grey) : mix(grey, jet(heat), 0.5);
      }
      image.data.set(colour, to);
      image.data[to + 3] = 255;
      to += 4;
    }
  }
  context.putImageData(image, 0, 0);
}

// ---- Samples in galleries ----

function describe(run, sample) {
  const right = sample.truth === sample.predicted;
  const song = sample.song === null ? "" : `, song ${sample.song}`;
  const truth = run.classes[sample.truth];
  const taken = right ? "predicted rightly" : `taken for ${run.classes[sample.predicted]}`;
  return `${PARTS[sample.part] ?? sample.part} sample ${sample.index}${song}: ${truth}, ${taken}`;
}

// Fills a figure that names its run, its sample and its kind.
function fill(figure) {
  const run = runs[figure.dataset.run], sample = run.shown[figure.dataset.at];
  const kind = figure.dataset.kind;
  const layers = kind === "spectrogram" ? [0] : run.layers.map((_, i) => i);
  const button = element("button", { type: "button", "aria-label": `${describe(run, sample)}; open it large` });
  let empty = 0;
  for (const layer of layers) {
    const canvas = element("canvas", { width: 160, height: 160 });
    paint(canvas, run, sample, layer, kind);
    if (layers.length > 1) button.append(element("span", { class: "layer" }, run.layers[layer].name));
    button.append(canvas);
    empty += isEmpty(sample, layer, kind) ? 1 : 0;
  }
  button.addEventListener("click", () => enlarge(run, sample, kind, button));
  figure.querySelector("button")?.remove();
  figure.querySelector(".empty")?.remove();
  figure.prepend(button);
  if (empty > 0) {
    const which = layers.length > 1 ? `${empty} of ${layers.length} maps` : "map";
    figure.querySelector("figcaption").append(element("span", { class: "empty" }, `empty ${which}`));
  }
}

let groups = 0;

// Radio buttons for kinds of map, and the colours' meaning.
function controls(kinds, chosen, run, change) {
  const name = `kind-${groups++}`;
  const set = element("fieldset", {}, element("legend", {}, "Show"));
  const scale = element("span", { class: "scale" });
  const pick = (kind) => { scale.replaceChildren(...colours(kind, run)); change(kind); };
  for (const kind of kinds) {
    const radio = element("input", { type: "radio", name, value: kind });
    radio.checked = kind === chosen;
    radio.addEventListener("change", () => pick(kind));
    set.append(element("label", {}, radio, ` ${KINDS[kind]}`));
  }
  scale.replaceChildren(...colours(chosen, run));
  return kinds.length > 1 ? [set, scale] : [scale];
}

function colours(kind, run) {
  const steps = Array.from({ length: 17 }, (_, i) => i / 16);
  const of = (share) => {
    if (kind === "spectrogram") return magma(share);
    return kind === "signed" ? signed(2 * share - 1, [128, 128, 128]) : mix([128, 128, 128], jet(share), 0.5);
  };
  const bar = element("i");
  bar.style.background = `linear-gradient(to right, ${steps.map((s) => `rgb(${of(s).map(Math.round)})`)})`;
  const lows = new Set(run.shown.map((s) => s.low)), highs = new Set(run.shown.map((s) => s.high));
  const one = lows.size === 1 && highs.size === 1;
  const ends = {
    spectrogram: one ? [[...lows][0].toFixed(1), [...highs][0].toFixed(1)] : ["lowest", "highest of the sample"],
    signed: ["against the class", "for it"],
  }[kind] ?? ["0", "the map's maximum"];
  return [ends[0], bar, ends[1]];
}

function gallery(place) {
  const figures = [...place.querySelectorAll(".sample")];
  figures.forEach(fill);
  const box = place.querySelector(".controls");
  if (!box || figures.length === 0) return;
  const kinds = place.dataset.kinds.split(" ");
  box.replaceChildren(...controls(kinds, kinds[0], runs[figures[0].dataset.run], (kind) => {
    for (const figure of figures) {
      figure.dataset.kind = kind;
      fill(figure);
    }
  }));
}

// ---- The samples of a matrix's cell ----

function showCell(button) {
  const panel = button.closest("section").querySelector(".panel");
  const wasOpen = button.getAttribute("aria-expanded") === "true";
  for (const other of document.querySelectorAll(".matrix button")) {
    if (other.closest("section") === button.closest("section")) other.setAttribute("aria-expanded", "false");
  }
  panel.hidden = wasOpen;
  if (wasOpen) return;
  button.setAttribute("aria-expanded", "true");
  const { part } = button.dataset, run = runs[button.dataset.run];
  const truth = Number(button.dataset.truth), predicted = Number(button.dataset.predicted);
  const known = run.parts.find((p) => p.part === part)?.classes[truth];
  const indices = known && (truth === predicted ? known.right
    : known.wrong.filter(([, taken]) => taken === predicted).map(([index]) => index));
  const total = Number(button.firstChild.textContent.replaceAll(",", ""));
  const pictured = run.shown.map((_, at) => at).filter((at) => {
    const s = run.shown[at];
    return s.part === part && s.truth === truth && s.predicted === predicted;
  });
  const taken = truth === predicted ? "predicted rightly" : `taken for ${run.classes[predicted]}`;
  const title = `${run.classes[truth]}, ${taken}: ${total} ${PARTS[part]} sample${total === 1 ? "" : "s"}`;
  const said = pictured.length > 0 ? `${pictured.length} of ${total} have pictures in this file.`
    : `None of these ${total} has a picture in this file; genre-gpu explain --index draws chosen ones.`;
  const place = element("div", { class: "gallery", "data-kinds": "spectrogram grad_cam hires_cam signed" });
  place.append(element("div", { class: "controls" }), element("div", { class: "six" }, ...pictured.map((at) => {
    const s = run.shown[at], song = s.song === null ? "" : `, song ${s.song}`;
    return element("figure", { class: "sample", "data-run": button.dataset.run, "data-at": at, "data-kind": "spectrogram" },
      element("figcaption", {}, `${s.index}${song}`, element("br"), `p ${s.probabilities[s.predicted].toFixed(2)}`));
  })));
  const heading = element("h3", { tabindex: "-1" }, title);
  panel.replaceChildren(heading, element("p", { class: "note", role: "status" }, said), place);
  gallery(place);
  // Right behind its matrix, which on a phone is far from the end of all.
  button.closest(".matrix").after(panel);
  panel.scrollIntoView({ block: "nearest" });
  heading.focus({ preventScroll: true });
  if (indices) {
    panel.append(element("details", {}, element("summary", {}, `All ${indices.length} indices`),
      element("p", { class: "indices" }, indices.join(", "))));
  }
}

// ---- One sample, large ----

const SVG = "http://www.w3.org/2000/svg";

// A profile of a map (area) and how far the probability falls without a band or frame (line).
// `upright` runs from the bottom up, its values to the right; else along, its values upwards.
function side(profile, fall, upright) {
  const svg = document.createElementNS(SVG, "svg");
  const most = Math.max(1e-9, ...fall.map(Math.abs));
  const point = (i, n, value) => {
    const along = 100 * (i + 0.5) / n, up = 100 * value;
    return upright ? `${up.toFixed(1)} ${(100 - along).toFixed(1)}` : `${along.toFixed(1)} ${(100 - up).toFixed(1)}`;
  };
  const line = (values, scale, offset) => values.map((v, i) => point(i, values.length, offset + scale * v)).join("L");
  const path = (kind, d) => {
    const made = document.createElementNS(SVG, "path");
    made.setAttribute("class", kind);
    made.setAttribute("d", d);
    svg.append(made);
  };
  const top = Math.max(1e-9, ...profile), n = profile.length;
  if (n > 0) path("area", `M${point(-0.5, n, 0)}L${line(profile, 0.95 / top, 0)}L${point(n - 0.5, n, 0)}Z`);
  if (fall.length > 0) {
    path("zero", upright ? "M50 0V100" : "M0 50H100");
    path("fall", `M${line(fall, 0.45 / most, 0.5)}`);
  }
  svg.setAttribute("viewBox", "0 0 100 100");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", upright ? "side y" : "side x");
  svg.setAttribute("aria-hidden", "true");
  return svg;
}

// A heatmap's mean over frames by band, and over bands by frame.
function profiles(run, sample, layer, kind) {
  if (kind === "spectrogram") return [[], []];
  const map = cells(sample, layer, kind).map((value) => Math.max(0, value));
  const { bands, frames } = run.layers[layer].place;
  const mean = (length, at, n) => Array.from({ length }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += at(i, j);
    return sum / n;
  });
  const rows = mean(bands.count, (r, c) => map[r * frames.count + c], frames.count);
  const columns = mean(frames.count, (c, r) => map[r * frames.count + c], bands.count);
  const spread = (axis, values, whole) => Array.from({ length: whole }, (_, i) => {
    const at = between(axis, i + 0.5);
    return at ? (1 - at[2]) * values[at[0]] + at[2] * values[at[1]] : 0;
  });
  return [spread(bands, rows, run.shape[0]), spread(frames, columns, run.shape[1])];
}

function ticks(run) {
  const [bands, frames] = run.shape, hz = run.axes.band_hz, seconds = run.axes.frame_seconds;
  const y = element("div", { class: "ticks y", "aria-hidden": "true" });
  const x = element("div", { class: "ticks x", "aria-hidden": "true" });
  for (let i = 0; i <= 4; i++) {
    const band = Math.min(bands - 1, Math.round(i * (bands - 1) / 4));
    const label = !hz ? `band ${band}` : hz[band] < 1000 ? `${Math.round(hz[band])} Hz` : `${(hz[band] / 1000).toFixed(1)} kHz`;
    const mark = element("span", {}, label);
    mark.style.bottom = `${100 * (band + 0.5) / bands}%`;
    y.append(mark);
    const time = element("span", {}, seconds ? `${(i * frames * seconds / 4).toFixed(2)} s` : `frame ${Math.round(i * frames / 4)}`);
    time.style.left = `${25 * i}%`;
    x.append(time);
  }
  return [y, x];
}

function enlarge(run, sample, first, opener) {
  const dialog = document.getElementById("large");
  const close = element("button", { type: "button" }, "Close");
  close.addEventListener("click", () => dialog.close());
  const canvas = element("canvas", { width: 640, height: 480, role: "img" });
  const cursor = element("div", { class: "cursor" });
  cursor.hidden = true;
  const stage = element("div", { class: "stage" }, canvas, cursor);
  const view = element("div", { class: "view" });
  const [y, x] = ticks(run);
  const note = element("p", { class: "note", role: "status" });
  let layer = 0, kind = first;
  const redraw = () => {
    paint(canvas, run, sample, layer, kind);
    canvas.setAttribute("aria-label", `${KINDS[kind]} of ${describe(run, sample)}`);
    const [byBand, byFrame] = profiles(run, sample, layer, kind);
    view.replaceChildren(y, stage, side(byBand, sample.band_occlusion, true), x, side(byFrame, sample.time_occlusion, false));
    const words = [];
    if (kind !== "spectrogram") {
      words.push(isEmpty(sample, layer, kind) ? "The map is empty: it has no positive value."
        : `For class ${run.classes[sample.target]}, at ${run.layers[layer].name}; grey areas beside: the mean of its positive part by band and by frame.`);
    }
    if (sample.band_occlusion.length > 0) {
      const most = (fall) => Math.max(...fall.map(Math.abs)).toFixed(2);
      words.push(`Lines: how far the probability of ${run.classes[sample.target]} falls without a band or frame, each over its largest: ${most(sample.band_occlusion)} and ${most(sample.time_occlusion)}.`);
    }
    note.textContent = words.join(" ");
  };
  const kinds = element("div", { class: "controls" }, ...controls(Object.keys(KINDS), kind, run, (to) => { kind = to; redraw(); }));
  if (run.layers.length > 1) {
    const select = element("select", {}, ...run.layers.map((l, i) => element("option", { value: i }, l.name)));
    select.addEventListener("change", () => { layer = Number(select.value); redraw(); });
    kinds.append(element("label", {}, "Layer ", select));
  }
  const bars = element("div", { class: "bars" });
  sample.probabilities.forEach((p, i) => {
    const bar = element("i");
    bar.style.width = `${100 * p}%`;
    bars.append(element("span", {}, run.classes[i] + (i === sample.truth ? " (true)" : "")), element("span", {}, bar), element("span", {}, p.toFixed(3)));
    bar.parentNode.style.display = "grid";
  });
  dialog.replaceChildren(
    element("header", {}, element("h2", { id: "large-title" }, describe(run, sample)), close),
    kinds, view, note, sound(run, sample, cursor), bars);
  redraw();
  dialog.onclose = () => { dialog.replaceChildren(); opener.focus(); };
  dialog.showModal();
}

// Players for what can be heard of a sample, with a cursor over its picture. A clip is as much
// longer than the picture before it as after it: what the first and the last frame see.
function sound(run, sample, cursor) {
  const place = element("div", { class: "sound" });
  if (sample.is_heard && !sample.audio) {
    place.append(`Its sound is in ${run.folder}/explain/sound: this file holds that of the first samples of each class.`);
  }
  for (const { name, source } of sample.audio ?? []) {
    const player = element("audio", { controls: "", src: source, preload: "auto", "aria-label": name });
    const move = () => {
      cursor.hidden = false;
      const whole = player.duration || 1, seen = Math.min(whole, run.shape[1] * (run.axes.frame_seconds ?? whole));
      const share = (player.currentTime - (whole - seen) / 2) / seen;
      cursor.style.left = `${100 * Math.min(1, Math.max(0, share))}%`;
      if (!player.paused) requestAnimationFrame(move);
    };
    player.addEventListener("play", () => {
      for (const other of place.querySelectorAll("audio")) if (other !== player) other.pause();
      move();
    });
    player.addEventListener("seeked", move);
    place.append(element("div", {}, name, player));
  }
  return place;
}

// ---- Curves ----

function readOut(svg, strip) {
  const x = strip.dataset.x ?? Number(strip.getAttribute("x")) + Number(strip.getAttribute("width")) / 2;
  const [top, height] = [strip.getAttribute("y"), strip.getAttribute("height")];
  svg.querySelector(".guide").setAttribute("d", `M${x} ${top}v${height}`);
  svg.dataset.epoch = strip.dataset.epoch;
  svg.parentNode.querySelector("output").textContent = strip.dataset.say;
}

for (const svg of document.querySelectorAll(".curve")) {
  const strips = [...svg.querySelectorAll(".strip")];
  svg.addEventListener("pointermove", (event) => {
    const strip = event.target.closest(".strip");
    if (strip) readOut(svg, strip);
  });
  svg.addEventListener("keydown", (event) => {
    const at = Number(svg.dataset.epoch ?? 0) - 1, last = strips.length - 1;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: last }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    readOut(svg, strips[Math.min(last, Math.max(0, to))]);
  });
}
for (const button of document.querySelectorAll(".matrix button")) {
  button.addEventListener("click", () => showCell(button));
}
document.querySelectorAll(".gallery").forEach(gallery);

// On paper nothing can be opened.
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const details of closed) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of closed) details.open = false;
});
document.documentElement.dataset.ready = "yes";
