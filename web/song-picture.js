// The spectrogram of a song's cuts with heat over it, its axes, and its heat in words.
import { heatOf } from "./cam.js";
import { pictureOf, roundTicks } from "./draw.js";
import { bandEdgesHz } from "./mel.js";

/** The range of spectrograms in dB below the loudest of the cuts that are shown. */
const SHOWN_DB = 80;
/** How much of the picture below the heat hides at most. */
const HEAT_OPACITY = 0.75;

/** @typedef {{ left: number, right: number, top: number, bottom: number }} Box */

/** Where the spectrogram is in a picture of this size. @param {number} width @param {number} height @returns {Box} */
export function boxOf(width, height) {
  return { left: 58, right: width - 72, top: 8, bottom: height - 40 };
}

/**
 * Paints cuts `first` to `end`, with a map of each where there is one.
 * @param {HTMLCanvasElement} sheet with as many dots as the screen
 * @param {{ heard: import("./types").Heard, first: number, end: number, box: Box, begin: number, last: number,
 *   x: (second: number) => number, colour: (name: string) => string,
 *   palettes: { spectrogram: Uint8Array, heat: Uint8Array }, maps: (Float32Array | null)[],
 *   layer: import("./types").Layer }} picture
 */
export function paintSong(sheet, { heard, first, end, box, begin, last, x, colour, palettes, maps, layer }) {
  const { model, cuts, song } = heard;
  const { n_mels: bands, frames } = model.front_end;
  const context = /** @type {CanvasRenderingContext2D} */ (sheet.getContext("2d"));
  const dots = globalThis.devicePixelRatio || 1;
  context.scale(dots, dots);
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = colour("--faint");
  const size = bands * frames;
  const values = cuts.values.subarray(first * size, end * size);
  const loudest = values.reduce((a, b) => Math.max(a, b), -Infinity);
  context.imageSmoothingEnabled = false;
  for (let cut = first; cut < end; cut += 1) {
    const own = cuts.values.subarray(cut * size, (cut + 1) * size);
    // Whole dots, so that no line is left between two cuts.
    const [left, right] = [Math.floor(x(song.cuts[cut].start_s)), Math.ceil(x(song.cuts[cut].end_s))];
    const place = /** @type {[number, number, number, number]} */ (
      [left, box.top, right - left, box.bottom - box.top]);
    const look = (/** @type {number} */ band, /** @type {number} */ frame) =>
      /** @type {[number, number]} */ ([1 + (own[band * frames + frame] - loudest) / SHOWN_DB, 1]);
    context.drawImage(pictureOf(frames, bands, look, palettes.spectrogram), ...place);
    const map = maps[cut - first];
    if (!map) continue;
    const heat = heatOf(map, layer);
    const warm = (/** @type {number} */ band, /** @type {number} */ frame) => {
      const share = heat(band, frame);
      return /** @type {[number, number]} */ ([share, HEAT_OPACITY * share]);
    };
    context.drawImage(pictureOf(frames, bands, warm, palettes.heat), ...place);
  }
  drawFrequencies(context, box, bandEdgesHz(model.front_end));
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const tick of roundTicks(begin, last, Math.max(2, (box.right - box.left) / 90))) {
    context.fillText(`${Number(tick.toFixed(2))} s`, x(tick), box.bottom + 6);
    context.fillRect(x(tick), box.bottom, 1, 4);
  }
  drawDecibels(context, box, palettes.spectrogram);
}

/** @param {CanvasRenderingContext2D} context @param {Box} box @param {number[]} edges of the bands in Hz */
function drawFrequencies(context, box, edges) {
  const bands = edges.length - 2;
  context.textAlign = "right";
  context.textBaseline = "middle";
  let free = Infinity;
  for (const hz of [50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000]) {
    // Between the centres of two bands.
    const above = edges.findIndex((edge) => edge > hz);
    if (above < 1 || hz > edges[bands + 1]) continue;
    const band = above - 1 + (hz - edges[above - 1]) / (edges[above] - edges[above - 1]) - 0.5;
    const y = box.bottom - (band / bands) * (box.bottom - box.top);
    if (free - y < 15 || y > box.bottom) continue;
    free = y;
    context.fillText(hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz`, box.left - 6, y);
    context.fillRect(box.left - 4, y, 4, 1);
  }
}

/**
 * The colours of the spectrogram, in dB below the loudest that is shown.
 * @param {CanvasRenderingContext2D} context
 * @param {Box} box
 * @param {Uint8Array} palette
 */
function drawDecibels(context, { right, top, bottom }, palette) {
  const [left, width] = [right + 14, 10];
  const bar = pictureOf(1, palette.length / 3, (level) => [level / (palette.length / 3 - 1), 1], palette);
  context.drawImage(bar, left, top, width, bottom - top);
  context.textAlign = "left";
  for (let db = 0; db <= SHOWN_DB; db += 20) {
    const y = top + (db / SHOWN_DB) * (bottom - top);
    context.textBaseline = db === 0 ? "top" : db === SHOWN_DB ? "bottom" : "middle";
    context.fillText(db === 0 ? "0 dB" : `\u2212${db}`, left + width + 5, y);
  }
}

/**
 * Between which frequencies the middle half of the heat is; null if there is none.
 * @param {Float32Array} map
 * @param {import("./types").Layer} layer
 * @param {import("./types").FrontEnd} frontEnd
 */
export function heatRange(map, layer, frontEnd) {
  const { n_mels: bands, frames } = frontEnd;
  const heat = heatOf(map, layer);
  const sums = Array.from({ length: bands }, (_, band) => {
    let sum = 0;
    for (let frame = 0; frame < frames; frame += 1) sum += heat(band, frame);
    return sum;
  });
  const all = sums.reduce((a, b) => a + b, 0);
  if (all <= 0) return null;
  const quarter = (/** @type {number} */ share) => {
    let sum = 0;
    return sums.findIndex((own) => (sum += own) >= share * all);
  };
  const edges = bandEdgesHz(frontEnd);
  const [low, high] = [edges[quarter(0.25) + 1], edges[quarter(0.75) + 1]].map((hz) => Math.round(hz / 10) * 10);
  return `${low} and ${high} Hz`;
}
