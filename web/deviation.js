// How far a tensor is from the reference: src/check/deviation.rs and src/check/report.rs.

/** Examples of what is wrong that are kept for each kernel or operation. */
const MOST_WRONG = 3;
/** Elements that are listed where a tensor is wrong. */
const LISTED_ELEMENTS = 5;

/** `4.6e-7`, as the program writes it. @param {number} x @param {number} [digits] behind the point; all if not given */
export function powerOf(x, digits) {
  return x.toExponential(digits).replace("e+", "e");
}

/** The indices of an element. @param {number[]} extents @param {number} flat */
function indexOf(extents, flat) {
  const index = [];
  for (const extent of [...extents].reverse()) {
    index.unshift(flat % extent);
    flat = Math.floor(flat / extent);
  }
  return `[${index.join(", ")}]`;
}

/**
 * `|got − want| ≤ absolute + relative · |want|` for every element.
 * @param {{ name: string, extents: number[], absolute: number, relative: number }} of
 * @param {Float32Array} got
 * @param {Float32Array} want finite numbers
 * @returns {import("./types").Deviation}
 */
export function deviationOf({ name, extents, absolute, relative }, got, want) {
  if (got.length !== want.length) {
    return wrongAt(`${name}: expected ${want.length} elements, found ${got.length}`);
  }
  let [worst, share] = [0, 0];
  const wrong = [];
  let [furthest, excess] = [0, -Infinity];
  for (let i = 0; i < want.length; i += 1) {
    // A NaN is as wrong as can be.
    const far = Number.isNaN(got[i]) ? Infinity : Math.abs(got[i] - want[i]);
    const allowed = absolute + relative * Math.abs(want[i]);
    const own = far === 0 ? 0 : far / allowed;
    worst = Math.max(worst, far);
    share = Math.max(share, own);
    if (own > 1) {
      wrong.push(i);
      if (far - allowed > excess) [furthest, excess] = [i, far - allowed];
    }
  }
  if (wrong.length === 0) return { worst, share, wrong: null };
  const element = (/** @type {number} */ i) => `at ${indexOf(extents, i)}: got ${got[i]}, want ${want[i]}`;
  const lines = [
    `${name}: ${wrong.length} of ${want.length} elements differ by more than ${powerOf(absolute)} + ` +
      `${powerOf(relative)}·|want|; worst ${element(furthest)}`,
    ...wrong.slice(0, LISTED_ELEMENTS).map((i) => `  ${element(i)}`),
  ];
  return { worst, share, wrong: lines.join("\n") };
}

/**
 * Something that is wrong altogether.
 * @param {string} wrong
 * @returns {import("./types").Deviation}
 */
export function wrongAt(wrong) {
  return { worst: Infinity, share: Infinity, wrong };
}

/** Comparisons taken together. @returns {import("./types").Tally} */
export function emptyTally() {
  return { comparisons: 0, failed: 0, error: 0, share: 0, wrong: [] };
}

/**
 * Adds a comparison.
 * @param {import("./types").Tally} tally
 * @param {import("./types").Deviation} deviation
 */
export function addDeviation(tally, { worst, share, wrong }) {
  tally.comparisons += 1;
  tally.error = Math.max(tally.error, worst);
  tally.share = Math.max(tally.share, share);
  if (wrong === null) return;
  tally.failed += 1;
  if (tally.wrong.length < MOST_WRONG) tally.wrong.push(wrong);
}
