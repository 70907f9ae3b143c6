// Whether a song is like the training songs: the native program's src/data/typical.rs, and its words for
// what is unlike them in src/predict/verdict.rs.

import { bandsOf, mostlyHeard } from "./bands.js";
import { decimals } from "./decimals.js";
import { bandEdgesHz } from "./mel.js";

/** @typedef {import("./bands.js").Bands} Bands */
/** @typedef {import("./types.js").Typical} Typical */
/** @typedef {"spectrum" | "variation" | "steps"} Property */
/**
 * How far a song is from the training songs in a property: over all bands, in the nearer half of them, the
 * mean with signs, and the bands that are farther than the limit.
 * @typedef {{ property: Property, distance: number, limit: number, halfDistance: number, halfLimit: number,
 *   shift: number, farBands: number }} Departure
 */

/** In the order of `Typical.properties`. @type {Property[]} */
const PROPERTIES = ["spectrum", "variation", "steps"];
/** A missing top is reported only if the highest band with sound is below this share of all bands. */
const NEARLY_ALL = 0.9;

/**
 * Why no class is claimed of a song, and in what it is unlike the training songs though one is.
 * @param {Float32Array} x scaled cuts, `[n, h, w, c]`
 * @param {Typical} typical
 * @param {import("./types.js").Model} model
 * @returns {{ unsure: string | null, remark: string | null }}
 */
export function judgeSong(x, typical, model) {
  const bands = bandsOf(x, model.facts.sample_shape);
  const heard = mostlyHeard(bands);
  const departures = PROPERTIES.map((_, i) => departureOf(bands, typical, i));
  const share = heard.filter(Boolean).length / heard.length;
  const noise = noiseOf(bands, heard, typical) / typical.texture.limit;
  const unsure = whyUnlike(departures, share, noise, typical.least_bands);
  const highest = heard.lastIndexOf(true) + 1;
  return { unsure, remark: unsure === null ? inWhatUnlike(departures, highest, model.front_end) : null };
}

/**
 * @param {Bands} bands
 * @param {Typical} typical
 * @param {number} i which property
 * @returns {Departure}
 */
function departureOf(bands, typical, i) {
  const { mean, deviation, limit, half_limit: halfLimit } = typical.properties[i];
  const property = PROPERTIES[i];
  const values = valuesOf(property, bands, typical.floor);
  const off = values.map((value, band) => (value - mean[band]) / deviation[band]);
  const squares = off.map((x) => x * x);
  const nearer = Float64Array.from(squares).sort().subarray(0, Math.ceil(off.length / 2));
  return {
    property, limit, halfLimit,
    distance: Math.sqrt(averageOf(squares)),
    halfDistance: Math.sqrt(averageOf(nearer)),
    shift: averageOf(off),
    farBands: off.filter((x) => Math.abs(x) > limit).length,
  };
}

/** A property of each band. @param {Property} property @param {Bands} bands @param {number} floor */
function valuesOf(property, bands, floor) {
  const halfLog = (/** @type {number} */ square) => 0.5 * Math.log(square + floor);
  switch (property) {
    case "spectrum": return bands.mean;
    case "variation": return bands.variance.map(halfLog);
    case "steps": return bands.step.map(halfLog);
  }
}

/**
 * The likeness to noise, which has less contrast than music and changes more from frame to frame. Quartiles
 * over the bands with sound, since of a badly stored song some bands hold noise.
 * @param {Bands} bands @param {boolean[]} heard @param {Typical} typical
 */
function noiseOf(bands, heard, { floor, texture }) {
  /** @param {number[]} squares of each band; without a band that is heard, of one without any change */
  const ofHeard = (squares) => {
    const own = squares.filter((_, band) => heard[band]).map((square) => square + floor);
    return own.length > 0 ? own : [floor];
  };
  const [variances, steps] = [ofHeard(bands.ownVariance), ofHeard(bands.ownStep)];
  const contrast = quantileOf(variances.map((variance) => 0.5 * Math.log(variance)), 0.75);
  const haste = quantileOf(steps.map((step, i) => 0.5 * Math.log(step / variances[i])), 0.25);
  const [less, more] = [contrast, haste].map((x, i) => (x - texture.mean[i]) / texture.deviation[i]);
  return (more - less) / Math.SQRT2;
}

/**
 * Why a song is unlike the training songs, if what decides is beyond its limits.
 * @param {Departure[]} departures @param {number} share of bands with sound
 * @param {number} noise over its limit @param {number} leastBands
 */
function whyUnlike(departures, share, noise, leastBands) {
  const fewBands = leastBands > 0 ? leastBands / share : 0;
  const halves = departures.map((own) => own.halfDistance / own.halfLimit);
  const most = mostBeyond([...halves, noise, fewBands]);
  if (most === null) return null;
  if (most === departures.length) {
    return "it is like noise: nothing in it but its loudness lasts from one moment to the next";
  }
  if (most > departures.length) {
    return `it has sound in only ${decimals(100 * share, 0)} % of the bands, as single tones do`;
  }
  const [, variation, steps] = departures;
  const why = departures[most];
  const isLess = why.shift < 0;
  if (why.property === "spectrum") return "its level and spectrum are far from theirs";
  if (variation.shift < 0 && steps.shift < 0) {
    return "it changes less over time than they do, as noise and tones do";
  }
  if (why.property === "variation") {
    return `its bands change ${isLess ? "less" : "more"} over time than theirs`;
  }
  return isLess
    ? "it changes more slowly than they do"
    : "it changes more from one frame to the next than they do";
}

/**
 * In which bands a song of a known kind is unlike the training songs, if it is.
 * @param {Departure[]} departures @param {number} highest band with sound, from 1; 0 if there is none
 * @param {import("./types.js").FrontEnd} frontEnd
 */
function inWhatUnlike(departures, highest, frontEnd) {
  const most = mostBeyond(departures.map((own) => own.distance / own.limit));
  if (most === null) return null;
  const all = frontEnd.n_mels;
  let what;
  if (highest < NEARLY_ALL * all) {
    what = `no sound above ${decimals(bandEdgesHz(frontEnd)[highest + 1] / 1000, 1)} kHz`;
  } else {
    const { property, farBands } = departures[most];
    const which = property === "spectrum" ? "level and spectrum" : "changes over time";
    what = `${which} unlike the training songs' in ${farBands} of ${all} bands`;
  }
  return `${what}; it is like the training songs in the other bands`;
}

/**
 * The place of the figure that is most beyond its limit, if one is; the last of equals.
 * @param {number[]} scores figures over their limits; not a number is beyond, too
 */
function mostBeyond(scores) {
  let most = 0;
  for (let i = 1; i < scores.length; i += 1) {
    if (!(scores[i] < scores[most]) && !Number.isNaN(scores[most])) most = i;
  }
  return scores[most] <= 1 ? null : most;
}

/** @param {ArrayLike<number>} values */
function averageOf(values) {
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += values[i];
  return values.length > 0 ? sum / values.length : 0;
}

/** Linear between neighbours. @param {number[]} values @param {number} share */
function quantileOf(values, share) {
  const sorted = Float64Array.from(values).sort();
  const position = share * (sorted.length - 1);
  const low = sorted[Math.floor(position)];
  return low + (sorted[Math.ceil(position)] - low) * (position % 1);
}
