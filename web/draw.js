// Pictures on canvases: spectrograms with heat over them, curves, and tables of numbers.

/** Colours of classes, each told apart from its neighbours by colour-blind eyes; black letters are read on all. */
const CLASS_COLOURS = ["#8ecbf2", "#f5b942", "#f08a80", "#79d0b0", "#d6a6d8", "#c9d17a", "#b8b8b8", "#f2a8c8"];

/** @param {number} label */
export function colourOfClass(label) {
  return CLASS_COLOURS[label % CLASS_COLOURS.length];
}

/**
 * Red, green and blue of each of the shares from 0 to 1 that a table of colours has.
 * @param {string} table `rrggbb` one after another
 * @returns {Uint8Array}
 */
export function paletteOf(table) {
  const bytes = new Uint8Array(table.length / 2);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = parseInt(table.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/**
 * A canvas's context, in CSS pixels, and its size; the canvas has as many dots as the screen.
 * @param {HTMLCanvasElement} canvas
 * @param {number} height
 */
export function prepareCanvas(canvas, height) {
  const width = Math.max(canvas.clientWidth, 200);
  const dots = globalThis.devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * dots);
  canvas.height = Math.round(height * dots);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(dots, dots);
  context.font = "12px system-ui, sans-serif";
  const style = getComputedStyle(canvas);
  const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim() || "#888";
  return { context, width, height, colour };
}

/**
 * Values of a cut as a picture of one dot each, low bands at the bottom.
 * @param {number} frames
 * @param {number} bands
 * @param {(band: number, frame: number) => [number, number]} look share and opacity, each 0 to 1
 * @param {Uint8Array} palette
 */
export function pictureOf(frames, bands, look, palette) {
  const picture = new ImageData(frames, bands);
  const last = palette.length / 3 - 1;
  for (let band = 0; band < bands; band += 1) {
    for (let frame = 0; frame < frames; frame += 1) {
      const [share, opacity] = look(band, frame);
      const at = 4 * ((bands - 1 - band) * frames + frame);
      const colour = 3 * Math.round(Math.min(Math.max(share, 0), 1) * last);
      picture.data.set(palette.subarray(colour, colour + 3), at);
      picture.data[at + 3] = Math.round(255 * opacity);
    }
  }
  const canvas = document.createElement("canvas");
  canvas.width = frames;
  canvas.height = bands;
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(picture, 0, 0);
  return canvas;
}

/**
 * Round numbers from `low` to `high`, so many at most.
 * @param {number} low
 * @param {number} high
 * @param {number} most
 */
export function roundTicks(low, high, most) {
  if (!(high > low)) return [low];
  const rough = (high - low) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? 10 * power;
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) ticks.push(i * step);
  return ticks;
}

/**
 * Draws curves over epochs, from 1.
 * @param {HTMLCanvasElement} canvas
 * @param {{ name: string, values: number[], colour: string, dash: number[] }[]} curves colours by name of the style
 * @param {{ epochs: number, low?: number, high?: number }} axes
 */
export function drawCurves(canvas, curves, { epochs, low, high }) {
  const { context, width, height, colour } = prepareCanvas(canvas, 240);
  const values = curves.flatMap((curve) => curve.values).filter(Number.isFinite);
  const least = low ?? Math.min(...values, Infinity);
  const most = high ?? Math.max(...values, -Infinity);
  const [bottom, top] = least < most ? [least, most] : [least - 0.5, least + 0.5];
  const box = { left: 54, right: width - 8, top: 24, bottom: height - 24 };
  const x = (/** @type {number} */ epoch) =>
    box.left + ((epoch - 1) / Math.max(epochs - 1, 1)) * (box.right - box.left - 16) + 8;
  const y = (/** @type {number} */ value) =>
    box.bottom - ((value - bottom) / (top - bottom)) * (box.bottom - box.top);
  context.strokeStyle = colour("--rule");
  context.fillStyle = colour("--faint");
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  const ticks = roundTicks(bottom, top, 5);
  // As many as tell two ticks apart.
  const digits = ticks.length > 1 ? Math.max(0, -Math.floor(Math.log10(ticks[1] - ticks[0]) + 1e-9)) : 2;
  for (const tick of ticks) {
    context.beginPath();
    context.moveTo(box.left, y(tick));
    context.lineTo(box.right, y(tick));
    context.stroke();
    context.fillText(tick.toFixed(digits), box.left - 6, y(tick));
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const tick of roundTicks(1, epochs, 8).filter((epoch) => Number.isInteger(epoch) && epoch > 0)) {
    context.fillText(String(tick), x(tick), box.bottom + 6);
  }
  let legend = box.left;
  for (const { name, values: points, colour: own, dash } of curves) {
    context.strokeStyle = colour(own);
    context.fillStyle = colour("--ink");
    context.lineWidth = 2;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(legend, 10);
    context.lineTo(legend + 24, 10);
    context.stroke();
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.fillText(name, legend + 30, 10);
    legend += 50 + context.measureText(name).width;
    context.beginPath();
    points.forEach((value, i) => context.lineTo(x(i + 1), y(value)));
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = colour(own);
    points.forEach((value, i) => {
      context.beginPath();
      context.arc(x(i + 1), y(value), 2.5, 0, 2 * Math.PI);
      context.fill();
    });
  }
}

/**
 * A table with a caption; the first cell of a row is its heading.
 * @param {string} caption
 * @param {string[]} head
 * @param {string[][]} rows
 */
export function tableOf(caption, head, rows) {
  const table = document.createElement("table");
  table.createCaption().textContent = caption;
  const cell = (/** @type {"th" | "td"} */ kind, /** @type {string} */ text, /** @type {string} */ scope) => {
    const made = document.createElement(kind);
    made.textContent = text;
    if (scope) made.setAttribute("scope", scope);
    return made;
  };
  table.createTHead().insertRow().append(...head.map((text) => cell("th", text, "col")));
  const body = table.createTBody();
  for (const [first, ...rest] of rows) {
    body.insertRow().append(cell("th", first, "row"), ...rest.map((text) => cell("td", text, "")));
  }
  return table;
}
