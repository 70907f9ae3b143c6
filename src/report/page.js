// What this file adds to the page: values read from curves, samples behind a matrix's cells,
// samples enlarged, with their sound. Without it every picture, table and text is there.
"use strict";
const runs = JSON.parse(document.getElementById("data").textContent).runs;
const PARTS = { train: "training", val: "validation", test: "test" };

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function describe(run, sample) {
  const song = sample.song === null ? "" : `, song ${sample.song}`;
  const truth = run.classes[sample.truth];
  const outcome = sample.truth === sample.predicted ? "classified correctly"
    : `misclassified as ${run.classes[sample.predicted]}`;
  return `${PARTS[sample.part] ?? sample.part} sample ${sample.index}${song}: ${truth}, ${outcome}`;
}

// ---- One sample, large ----

// Wraps a figure's pictures in a button that enlarges them.
function openable(figure) {
  const run = runs[figure.dataset.run], sample = run?.shown[figure.dataset.at];
  const plots = [...figure.querySelectorAll(".plot")];
  if (!sample || plots.length === 0) return;
  const button = element("button", { type: "button", "aria-label": `Enlarge ${describe(run, sample)}` });
  plots[0].before(button);
  button.append(...figure.querySelectorAll(".layer, .plot, .ticks.x"));
  button.addEventListener("click", () => enlarge(run, sample, button));
}

function enlarge(run, sample, opener) {
  const dialog = document.getElementById("large");
  const close = element("button", { type: "button" }, "Close");
  close.addEventListener("click", () => dialog.close());
  const view = element("div", { class: "view" });
  let pair = element("div");
  for (const node of opener.children) {
    if (node.matches(".layer")) continue;
    if (node.matches(".ticks")) {
      for (const plot of view.querySelectorAll(".plot")) plot.after(node.cloneNode(true));
      continue;
    }
    pair = element("div", {}, node.cloneNode(true));
    pair.append(element("p", { class: "note" }, node.querySelector("img").alt));
    view.append(pair);
  }
  const cursors = [...view.querySelectorAll(".plot")].map((plot) => {
    const cursor = element("span", { class: "cursor", hidden: "" });
    plot.append(cursor);
    return cursor;
  });
  const bars = element("div", { class: "bars" });
  sample.probabilities.forEach((p, i) => {
    const bar = element("i");
    bar.style.width = `${100 * p}%`;
    bars.append(element("span", {}, run.classes[i] + (i === sample.truth ? " (true)" : "")),
      element("span", {}, bar), element("span", {}, p.toFixed(3)));
  });
  dialog.replaceChildren(
    element("header", {}, element("h2", { id: "large-title" }, describe(run, sample)), close),
    view, sound(run, sample, cursors), bars);
  dialog.onclose = () => { dialog.replaceChildren(); opener.focus(); };
  dialog.showModal();
}

// Players for the recordings of a sample, with a cursor over its pictures. A clip is as much
// longer than the picture before it as after it: what the first and the last frame see.
function sound(run, sample, cursors) {
  const place = element("div", { class: "sound" });
  if (sample.is_heard && !sample.audio) {
    place.append(`Its sound is in ${run.folder}/explain/sound; this file holds that of some samples.`);
  }
  for (const { name, source } of sample.audio ?? []) {
    const player = element("audio", { controls: "", src: source, preload: "auto", "aria-label": name });
    const move = () => {
      const whole = player.duration || 1, seen = Math.min(whole, run.seconds ?? whole);
      const share = (player.currentTime - (whole - seen) / 2) / seen;
      for (const cursor of cursors) {
        cursor.hidden = false;
        cursor.style.left = `${100 * Math.min(1, Math.max(0, share))}%`;
      }
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

// ---- The samples of a matrix's cell ----

// A figure of a sample: a copy of the page's own, or made of the pictures that the script is given.
function figure(run, number, at) {
  const sample = run.shown[at];
  const own = document.querySelector(`.sample[data-run="${number}"][data-at="${at}"]`);
  const made = element("figure", { class: "sample", "data-run": number, "data-at": at });
  const plots = own ? [...own.querySelectorAll(".plot")].map((plot) => plot.cloneNode(true))
    : (sample.pictures ?? []).map(({ sources, alt, is_empty }) => element("span", { class: "plot" },
      ...sources.map((src, i) => element("img", { src, alt: i === 0 ? alt : "" })),
      ...(is_empty ? [element("span", { class: "empty" }, "no positive value")] : [])));
  if (plots.length === 0) return null;
  for (const plot of plots) plot.querySelector(".ticks")?.remove();
  const song = sample.song === null ? "" : `, song ${sample.song}`;
  made.append(...plots, element("figcaption", {}, `${sample.index}${song}`, element("br"),
    `${run.classes[sample.predicted]} ${sample.probabilities[sample.predicted].toFixed(2)}`));
  openable(made);
  return made;
}

function showCell(button, cell) {
  const section = cell.closest("section");
  const wasOpen = button.getAttribute("aria-expanded") === "true";
  section.querySelector(".panel")?.remove();
  for (const other of section.querySelectorAll(".matrix button")) other.setAttribute("aria-expanded", "false");
  if (wasOpen) return;
  button.setAttribute("aria-expanded", "true");
  const { part } = cell.dataset, run = runs[cell.dataset.run];
  const truth = Number(cell.dataset.truth), predicted = Number(cell.dataset.predicted);
  const known = run.parts.find((p) => p.part === part)?.classes[truth];
  const indices = (known && (truth === predicted ? known.right
    : known.wrong.filter(([, label]) => label === predicted).map(([index]) => index))) ?? [];
  const figures = run.shown.map((_, at) => at).filter((at) => {
    const s = run.shown[at];
    return s.part === part && s.truth === truth && s.predicted === predicted;
  }).map((at) => figure(run, cell.dataset.run, at)).filter(Boolean);
  const outcome = truth === predicted ? "classified correctly" : `misclassified as ${run.classes[predicted]}`;
  const heading = element("h3", { tabindex: "-1" },
    `${run.name}, ${PARTS[part]} set: ${run.classes[truth]} ${outcome}, ${indices.length} of them`);
  const note = figures.length > 0 ? `${figures.length} of ${indices.length} have pictures here.`
    : `None of these ${indices.length} has a picture here; genre-gpu explain --index draws chosen ones.`;
  const panel = element("div", { class: "panel", role: "region", "aria-label": "Samples of a cell" },
    heading, element("p", { class: "note", role: "status" }, note),
    element("div", { class: "six plain" }, ...figures),
    element("details", {}, element("summary", {}, `All ${indices.length} indices`),
      element("p", { class: "indices", tabindex: "0" }, indices.join(", "))));
  button.closest(".matrices").after(panel);
  panel.scrollIntoView({ block: "nearest" });
  heading.focus({ preventScroll: true });
}

for (const cell of document.querySelectorAll(".matrix td[data-run]")) {
  const button = element("button", { type: "button", "aria-expanded": "false", "aria-label": `${cell.dataset.label}: show segments` });
  button.append(...cell.firstElementChild.childNodes);
  cell.replaceChildren(button);
  button.addEventListener("click", () => showCell(button, cell));
}
for (const list of document.querySelectorAll(".matrices")) {
  if (list.querySelector("button")) {
    list.before(element("p", { class: "hint" }, "Select a cell to see its segments."));
  }
}
document.querySelectorAll(".sample").forEach(openable);

// ---- Curves ----

function readOut(svg, output, strip) {
  const x = strip.dataset.x ?? Number(strip.getAttribute("x")) + Number(strip.getAttribute("width")) / 2;
  const [top, height] = [strip.getAttribute("y"), strip.getAttribute("height")];
  svg.querySelector(".guide").setAttribute("d", `M${x} ${top}v${height}`);
  svg.dataset.epoch = strip.dataset.epoch;
  output.textContent = strip.dataset.say;
}

for (const svg of document.querySelectorAll(".curve")) {
  const strips = [...svg.querySelectorAll(".strip")];
  if (strips.length === 0) continue;
  const output = element("output", { "aria-live": "polite" }, "Hover or use arrow keys.");
  svg.after(output);
  svg.addEventListener("pointermove", (event) => {
    const strip = event.target.closest(".strip");
    if (strip) readOut(svg, output, strip);
  });
  svg.addEventListener("keydown", (event) => {
    const at = Number(svg.dataset.epoch ?? 0) - 1, last = strips.length - 1;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    readOut(svg, output, strips[Math.min(last, Math.max(0, to))]);
  });
}

// ---- The models on any song ----

// A page of its own, which lies in this file: gzip and base64.
async function openPlayer() {
  const text = atob(document.getElementById("player").textContent);
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const page = new Blob([await new Response(stream).arrayBuffer()], { type: "text/html" });
  if (!window.open(URL.createObjectURL(page))) tryOut.textContent = "Allow this file to open a window, then press again";
}

const tryOut = document.getElementById("try");
if (tryOut) {
  tryOut.hidden = false;
  tryOut.addEventListener("click", openPlayer);
}
document.documentElement.dataset.ready = "yes";
