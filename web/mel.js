// The mel filters as librosa computes them (Slaney's): the native program's src/audio/mel.rs.

/** @typedef {import("./types.js").FrontEnd} FrontEnd */
/** @typedef {{ firstBin: number, weights: Float64Array }} MelFilter */

/**
 * Edges and centres of the bands in Hz, `[n_mels + 2]`: band i rises from [i], peaks at [i + 1] and falls to
 * [i + 2].
 * @param {FrontEnd} frontEnd
 */
export function bandEdgesHz(frontEnd) {
  // Slaney's scale: linear below 1,000 Hz (15 mel), then a factor of 6.4 in 27 mel.
  const melPerFactor = 27 / Math.log(6.4);
  /** @param {number} hz */
  const melOf = (hz) => (hz < 1000 ? (hz * 3) / 200 : 15 + Math.log(hz / 1000) * melPerFactor);
  /** @param {number} mel */
  const hzOf = (mel) => (mel < 15 ? (mel * 200) / 3 : 1000 * Math.exp((mel - 15) / melPerFactor));
  const low = melOf(frontEnd.f_min_hz);
  const high = melOf(frontEnd.f_max_hz);
  const steps = frontEnd.n_mels + 1;
  return Array.from({ length: steps + 1 }, (_, i) => hzOf(low + ((high - low) * i) / steps));
}

/**
 * Triangles over the bins, each scaled by 2 / its width in Hz; without the zeros around them.
 * @param {FrontEnd} frontEnd
 * @returns {MelFilter[]}
 */
export function melFilters(frontEnd) {
  const edges = bandEdgesHz(frontEnd);
  const bins = Math.floor(frontEnd.n_fft / 2) + 1;
  return Array.from({ length: frontEnd.n_mels }, (_, band) => {
    const [low, centre, high] = edges.slice(band, band + 3);
    const weights = Array.from({ length: bins }, (_, bin) => {
      const hz = (bin * frontEnd.sample_rate_hz) / frontEnd.n_fft;
      const height = Math.min((hz - low) / (centre - low), (high - hz) / (high - centre));
      return (Math.max(height, 0) * 2) / (high - low);
    });
    const firstBin = Math.max(weights.findIndex((weight) => weight > 0), 0);
    const own = weights.slice(firstBin).findIndex((weight) => weight <= 0);
    const end = own < 0 ? bins : firstBin + own;
    return { firstBin, weights: Float64Array.from(weights.slice(firstBin, end)) };
  });
}

/**
 * The weighted sums of the filters' bins, to `to[at]` and on by `stride`; the largest.
 * @param {Float64Array} power @param {MelFilter[]} filters @param {Float64Array} to
 * @param {number} at @param {number} stride
 */
export function weighPower(power, filters, to, at, stride) {
  let loudest = 0;
  for (let band = 0; band < filters.length; band += 1) {
    const { firstBin, weights } = filters[band];
    let sum = 0;
    for (let i = 0; i < weights.length; i += 1) sum += weights[i] * power[firstBin + i];
    to[at + band * stride] = sum;
    loudest = Math.max(loudest, sum);
  }
  return loudest;
}
