// What the mel bands of a song do: the native program's src/data/bands.rs.

/**
 * What the bands of a song do, `[h]` each: mean; variance over the frames of a cut; mean square step from
 * frame to frame; both of what is left when the frame's level is taken away (the median over bands that are
 * heard); the share of frames in which the band is heard.
 * @typedef {{ mean: number[], variance: number[], step: number[], ownVariance: number[], ownStep: number[],
 *   heard: number[] }} Bands
 */

/** Above a cut's least value by this share of its range (3 dB of 80), a value is heard. */
const AUDIBLE = 3 / 80;
/** A band is heard in a cut, or a song, if it is in more than this share of frames. */
const MOSTLY = 0.5;

/**
 * @param {Float32Array} x scaled cuts, `[n, h, w, c]`
 * @param {import("./types.js").SampleShape} shape `[h, w, c]`
 * @returns {Bands}
 */
export function bandsOf(x, [h, w, c]) {
  const [row, size] = [w * c, h * w * c];
  const cuts = x.length / size;
  /** @type {Bands} */
  const bands = {
    mean: Array(h).fill(0), variance: Array(h).fill(0), step: Array(h).fill(0),
    ownVariance: Array(h).fill(0), ownStep: Array(h).fill(0), heard: Array(h).fill(0),
  };
  const none = new Float64Array(row);
  for (let begin = 0; begin < x.length; begin += size) {
    const cut = x.subarray(begin, begin + size);
    const rows = Array.from({ length: h }, (_, band) => cut.subarray(band * row, (band + 1) * row));
    const audible = audibleFrom(cut);
    const heard = rows.map((own) => own.reduce((count, value) => count + (value > audible ? 1 : 0), 0) / row);
    const levels = frameLevels(rows.filter((_, band) => heard[band] > MOSTLY), row);
    for (let band = 0; band < h; band += 1) {
      const whole = momentsOf(rows[band], none, c);
      const own = momentsOf(rows[band], levels, c);
      bands.mean[band] += whole.sum / (cuts * row);
      bands.variance[band] += whole.variance / cuts;
      bands.step[band] += whole.step / cuts;
      bands.ownVariance[band] += own.variance / cuts;
      bands.ownStep[band] += own.step / cuts;
      bands.heard[band] += heard[band] / cuts;
    }
  }
  return bands;
}

/** Whether each band is heard in most frames. @param {Bands} bands */
export function mostlyHeard(bands) {
  return bands.heard.map((share) => share > MOSTLY);
}

/** @param {Float32Array} cut */
function audibleFrom(cut) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of cut) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return least + AUDIBLE * (most - least);
}

/**
 * Of each place in a row the upper median over rows; 0 without rows.
 * @param {Float32Array[]} rows
 * @param {number} n places
 */
function frameLevels(rows, n) {
  const column = new Float32Array(rows.length);
  return Float64Array.from({ length: n }, (_, i) => {
    for (let k = 0; k < rows.length; k += 1) column[k] = rows[k][i];
    return column.sort()[rows.length >> 1] ?? 0;
  });
}

/**
 * Sum, variance and mean square step of what is left of a band without levels. Neighbouring frames of a
 * channel are `c` values apart.
 * @param {Float32Array} band @param {Float64Array} levels @param {number} c
 */
function momentsOf(band, levels, c) {
  const n = band.length;
  let [sum, squares, steps] = [0, 0, 0];
  for (let i = 0; i < n; i += 1) sum += band[i] - levels[i];
  const mean = sum / n;
  for (let i = 0; i < n; i += 1) squares += (band[i] - levels[i] - mean) ** 2;
  for (let i = c; i < n; i += 1) steps += (band[i] - levels[i] - (band[i - c] - levels[i - c])) ** 2;
  return { sum, variance: squares / n, step: steps / Math.max(n - c, c) };
}
