// Poolings of one sample on the CPU. Stride = window; what remains at the border belongs to no window.

/** @typedef {import("./ops.js").Operation} Operation */
/** @typedef {[number, number, number]} Extents  Rows, columns and channels. */

/**
 * `firsts`: for each element of the output the first element under its window; `under`: how far behind
 * it each element of the window lies, row by row.
 * @param {[number, number]} window
 * @param {Extents} input
 * @param {Extents} output
 */
function poolingWindows([kH, kW], [, w, c], [hOut, wOut]) {
  const firsts = Int32Array.from({ length: hOut * wOut * c }, (_, i) => {
    const [position, channel] = [Math.floor(i / c), i % c];
    const [row, column] = [Math.floor(position / wOut) * kH, (position % wOut) * kW];
    return (row * w + column) * c + channel;
  });
  const under = Int32Array.from({ length: kH * kW }, (_, i) => (Math.floor(i / kW) * w + (i % kW)) * c);
  return { firsts, under };
}

/**
 * The maximum of each window: the first NaN if there is one, else the first of the largest. The
 * gradient goes to that element.
 * @param {[number, number]} window
 * @param {Extents} input
 * @param {Extents} output
 * @returns {Operation}
 */
export function maxPoolOperation(window, input, output) {
  const { firsts, under } = poolingWindows(window, input, output);
  return {
    forward([x], y) {
      for (let i = 0; i < firsts.length; i += 1) {
        let most = x[firsts[i]];
        for (let k = 1; k < under.length; k += 1) {
          const value = x[firsts[i] + under[k]];
          // Nothing is more than a NaN.
          if (value > most || Number.isNaN(value)) most = value;
        }
        y[i] = most;
      }
    },
    backward([x], y, dy, [dx]) {
      if (!dx) return;
      firsts.forEach((first, i) => {
        // None is more than y, and where there is a NaN y is one.
        const isMost = (/** @type {number} */ value) => value >= y[i] || Number.isNaN(value);
        let k = 0;
        while (!isMost(x[first + under[k]])) k += 1;
        dx[first + under[k]] += dy[i];
      });
    },
  };
}

/**
 * The mean of each window.
 * @param {[number, number]} window
 * @param {Extents} input
 * @param {Extents} output
 * @returns {Operation}
 */
export function avgPoolOperation(window, input, output) {
  const { firsts, under } = poolingWindows(window, input, output);
  return {
    forward([x], y) {
      for (let i = 0; i < firsts.length; i += 1) y[i] = meanUnder(x, firsts[i], under);
    },
    backward(_inputs, _y, dy, [dx]) {
      if (!dx) return;
      firsts.forEach((first, i) => {
        for (const offset of under) dx[first + offset] += dy[i] / under.length;
      });
    },
  };
}

/**
 * `√(v + epsilon)` of each window, with the mean `v` of the squared differences from its mean.
 * @param {[number, number]} window
 * @param {number} epsilon
 * @param {Extents} input
 * @param {Extents} output
 * @returns {Operation}
 */
export function stdPoolOperation(window, epsilon, input, output) {
  const { firsts, under } = poolingWindows(window, input, output);
  return {
    forward([x], y) {
      for (let i = 0; i < firsts.length; i += 1) {
        const mean = meanUnder(x, firsts[i], under);
        let squares = 0;
        for (let k = 0; k < under.length; k += 1) squares += (x[firsts[i] + under[k]] - mean) ** 2;
        y[i] = Math.sqrt(squares / under.length + epsilon);
      }
    },
    // The mean's own derivative has the factor Σ (x - mean) = 0.
    backward([x], y, dy, [dx]) {
      if (!dx) return;
      firsts.forEach((first, i) => {
        const mean = meanUnder(x, first, under);
        for (const offset of under) {
          dx[first + offset] += (dy[i] * (x[first + offset] - mean)) / (under.length * y[i]);
        }
      });
    },
  };
}

/**
 * @param {Float64Array} x
 * @param {number} first
 * @param {Int32Array} under
 */
function meanUnder(x, first, under) {
  let sum = 0;
  for (let k = 0; k < under.length; k += 1) sum += x[first + under[k]];
  return sum / under.length;
}
