// From the probabilities of cuts to a song's verdict: the native program's src/predict/verdict.rs,
// src/metrics/{songs,temperature}.rs, and the words of src/cli/predict.rs.

import { decimals } from "./decimals.js";
import { judgeSong } from "./typical.js";

/** @typedef {import("./types.js").Song} Song */
/** @typedef {import("./types.js").Temperatures} Temperatures */

/** Smaller probabilities count as this in a product, so that one sure cut cannot veto a class. */
const SMALLEST_PROBABILITY = 1e-7;
/** The least normal f32: the logarithm of a probability that was rounded to 0 is finite. */
const LEAST_NORMAL = 2 ** -126;
/** Classes that the sentence names beside the first. */
const OTHERS = 3;

/**
 * @param {Float32Array} probabilities of the cuts, `[n, classes]`
 * @param {import("./types.js").Cuts} cuts
 * @param {Float32Array} x the cuts as the network was given them, scaled, `[n, h, w, c]`
 * @param {import("./types.js").Model} model
 * @returns {Song}
 */
export function verdictOf(probabilities, cuts, x, model) {
  const { classes, temperatures, typical_songs: typical } = model.facts;
  const [k, n] = [classes.length, cuts.spans_s.length];
  if (n === 0 || probabilities.length !== n * k) {
    throw new Error(`expected ${k} probabilities of each of ${n} cuts, found ${probabilities.length} in all`);
  }
  const rows = Array.from({ length: n }, (_, cut) => [...probabilities.subarray(cut * k, (cut + 1) * k)]);
  const sums = sumOverCuts(rows, (p) => p);
  const means = sums.map((sum) => sum / n);
  const count = Array(k).fill(0);
  for (const row of rows) count[firstMaximum(row)] += 1;
  const most = Math.max(...count);
  const products = sumOverCuts(rows, (p) => Math.log(Math.max(p, SMALLEST_PROBABILITY)));
  const judged = typical ? judgeSong(x, typical, model) : { unsure: null, remark: null };
  const unsure = cuts.nothing ?? judged.unsure;
  return {
    probabilities: calibrated(means, temperatures ? songTemperature(temperatures, n) : 1),
    uncalibrated: means,
    votes: {
      mean: firstMaximum(sums),
      // Of equally frequent classes the one with the larger mean.
      majority: firstMaximum(sums.map((sum, i) => (count[i] === most ? sum : -Infinity))),
      product: firstMaximum(products),
      cuts: count,
    },
    cuts: rows.map((row, cut) => ({
      start_s: cuts.spans_s[cut][0],
      end_s: cuts.spans_s[cut][1],
      probabilities: calibrated(row, temperatures?.segments.value ?? 1),
      uncalibrated: row,
    })),
    unsure,
    remark: unsure === null ? judged.remark : null,
  };
}

/**
 * `rock 71 % (metal 18 %, disco 8 %, classical 3 %)`, or that the network cannot know.
 * @param {Song} song
 * @param {string[]} classes
 */
export function sentenceOf(song, classes) {
  const { probabilities } = song;
  const ranking = classes.map((_, i) => i).sort((a, b) => probabilities[b] - probabilities[a]);
  const [first, ...others] = ranking;
  if (song.unsure !== null) {
    return `unsure: unlike the training songs (${song.unsure}; nearest: ${classes[first]})`;
  }
  const share = (/** @type {number} */ i) => `${classes[i]} ${decimals(100 * probabilities[i], 0)} %`;
  const remark = song.remark === null ? "" : `; ${song.remark}`;
  return `${share(first)} (${others.slice(0, OTHERS).map(share).join(", ")})${remark}`;
}

/** Of each class, over the cuts. @param {number[][]} rows @param {(p: number) => number} of */
function sumOverCuts(rows, of) {
  return rows[0].map((_, i) => rows.reduce((sum, row) => sum + of(row[i]), 0));
}

/** The index of the largest value; of equal ones the first. @param {number[]} values */
function firstMaximum(values) {
  return values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
}

/**
 * The temperature of the mean over so many cuts of a song: between that of one cut and that of songs, 1 / T
 * goes with the logarithm of the number.
 * @param {Temperatures} temperatures
 * @param {number} cuts
 */
function songTemperature({ segments: { value: one }, songs }, cuts) {
  if (!songs) return cuts > 1 ? 1 : one;
  if (cuts >= songs.segments) return songs.value;
  const share = Math.log(cuts) / Math.log(songs.segments);
  return 1 / ((1 - share) / one + share / songs.value);
}

/**
 * Probabilities at a temperature: softmax of their logarithms over it.
 * @param {number[]} row
 * @param {number} temperature 1 changes nothing
 */
function calibrated(row, temperature) {
  if (temperature === 1) return row;
  const logits = row.map((p) => Math.log(Math.max(p, LEAST_NORMAL)) / temperature);
  const highest = Math.max(...logits);
  const powers = logits.map((z) => Math.exp(z - highest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((p) => p / sum);
}
