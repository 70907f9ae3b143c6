// Convolutions of one sample on the CPU, forward and back to their input; the sums run in f64.

/** @typedef {import("./ops.js").Operation} Operation */
/** @typedef {[number, number, number]} Extents  Rows, columns and channels. */
/** @typedef {{ kernel: [number, number]; strides: [number, number]; padding: "same" | "valid" }} Window */

/**
 * The zeros before the first of `n` elements under a kernel of `k` at every `stride`-th: for "same" half
 * of those that the last of the `out` kernels needs, rounded down.
 * @param {"same" | "valid"} padding
 * @param {number} n
 * @param {number} k
 * @param {number} stride
 * @param {number} out
 */
function zerosBefore(padding, n, k, stride, out) {
  return padding === "same" ? Math.floor(Math.max((out - 1) * stride + k - n, 0) / 2) : 0;
}

/** An input with its border of zeros, so that no loop over a kernel asks where the input ends. */
class PaddedInput {
  /**
   * @param {Extents} input
   * @param {Window} window
   * @param {Extents} output
   */
  constructor([h, w, c], { kernel: [kH, kW], strides: [sH, sW], padding }, [hOut, wOut]) {
    const above = zerosBefore(padding, h, kH, sH, hOut);
    const left = zerosBefore(padding, w, kW, sW, wOut);
    const rows = Math.max(above + h, (hOut - 1) * sH + kH);
    const columns = Math.max(left + w, (wOut - 1) * sW + kW);
    this.rowLength = w * c;
    this.pitch = columns * c;
    this.start = (above * columns + left) * c;
    this.values = new Float64Array(rows * columns * c);
    /** For each position of the output where its kernel begins. */
    this.places = new Int32Array(hOut * wOut);
    this.places.forEach((_, p) => {
      this.places[p] = (Math.floor(p / wOut) * sH * columns + (p % wOut) * sW) * c;
    });
    /** For each row and column of the kernel how far behind its begin it lies, in the first channel. */
    this.taps = new Int32Array(kH * kW);
    this.taps.forEach((_, tap) => {
      this.taps[tap] = (Math.floor(tap / kW) * columns + (tap % kW)) * c;
    });
  }

  /** @param {Float64Array} x */
  fill(x) {
    for (let from = 0, to = this.start; from < x.length; from += this.rowLength, to += this.pitch) {
      for (let i = 0; i < this.rowLength; i += 1) this.values[to + i] = x[from + i];
    }
  }

  /**
   * Adds the values within the border.
   * @param {Float64Array} dx
   */
  addTo(dx) {
    for (let to = 0, from = this.start; to < dx.length; to += this.rowLength, from += this.pitch) {
      for (let i = 0; i < this.rowLength; i += 1) dx[to + i] += this.values[from + i];
    }
  }
}

/** Filters that are computed together: their sums stay in registers. */
const FILTERS_AT_ONCE = 4;

/**
 * `values`, `[rows, filters]`, as blocks of four filters, `[blocks, rows, 4]`, the last filled with zeros.
 * @param {Float32Array} values
 * @param {number} filters
 */
function blocksOfFilters(values, filters) {
  const rows = values.length / filters;
  const blocks = new Float64Array(Math.ceil(filters / FILTERS_AT_ONCE) * rows * FILTERS_AT_ONCE);
  for (let row = 0, from = 0; row < rows; row += 1) {
    for (let filter = 0; filter < filters; filter += 1, from += 1) {
      const within = filter % FILTERS_AT_ONCE;
      blocks[(filter - within) * rows + row * FILTERS_AT_ONCE + within] = values[from];
    }
  }
  return blocks;
}

/**
 * Four filters at all positions, two of these at a time:
 * `y[p, o] = bias[o] + Σ_t x[places[p] + taps[t]] · w[t, o]`.
 * @param {Float64Array} x
 * @param {Int32Array} places
 * @param {Int32Array} taps
 * @param {Float64Array} w  The block of the filters, `[taps, 4]`.
 * @param {Float64Array} bias  Theirs.
 * @param {Float64Array} y
 * @param {number} first  The first of them.
 * @param {number} filters  All of the convolution.
 */
function convolveBlock(x, places, taps, w, bias, y, first, filters) {
  const count = Math.min(FILTERS_AT_ONCE, filters - first);
  const last = places.length - 1;
  const length = taps.length;
  for (let p = 0; p <= last; p += 2) {
    // An odd last position is computed twice.
    const q = Math.min(p + 1, last);
    const here = places[p];
    const there = places[q];
    let p0 = bias[0];
    let p1 = bias[1];
    let p2 = bias[2];
    let p3 = bias[3];
    let q0 = p0;
    let q1 = p1;
    let q2 = p2;
    let q3 = p3;
    for (let t = 0, k = 0; t < length; t += 1, k += FILTERS_AT_ONCE) {
      const u = x[here + taps[t]];
      const v = x[there + taps[t]];
      p0 += u * w[k];
      q0 += v * w[k];
      p1 += u * w[k + 1];
      q1 += v * w[k + 1];
      p2 += u * w[k + 2];
      q2 += v * w[k + 2];
      p3 += u * w[k + 3];
      q3 += v * w[k + 3];
    }
    const to = p * filters + first;
    const next = q * filters + first;
    y[to] = p0;
    y[next] = q0;
    if (count > 1) {
      y[to + 1] = p1;
      y[next + 1] = q1;
    }
    if (count > 2) {
      y[to + 2] = p2;
      y[next + 2] = q2;
    }
    if (count > 3) {
      y[to + 3] = p3;
      y[next + 3] = q3;
    }
  }
}

/**
 * `y[r, q, o] = b[o] + Σ_{i,j,c} x[r·s_h + i - above, q·s_w + j - left, c] · w[i, j, c, o]`.
 * @param {Window} window
 * @param {Extents} input
 * @param {Extents} output
 * @param {Float32Array} kernel  `[k_h, k_w, c_in, c_out]`.
 * @param {Float32Array | undefined} bias
 * @returns {Operation}
 */
export function conv2dOperation(window, input, output, kernel, bias) {
  const padded = new PaddedInput(input, window, output);
  const [cIn, filters] = [input[2], output[2]];
  // Taps with their channels, in the kernel's order.
  const taps = new Int32Array(padded.taps.length * cIn);
  taps.forEach((_, t) => {
    taps[t] = padded.taps[Math.floor(t / cIn)] + (t % cIn);
  });
  const w = blocksOfFilters(kernel, filters);
  const b = blocksOfFilters(bias ?? new Float32Array(filters), filters);
  const blockLength = taps.length * FILTERS_AT_ONCE;
  return {
    forward([x], y) {
      padded.fill(x);
      for (let first = 0, block = 0; first < filters; first += FILTERS_AT_ONCE, block += 1) {
        const own = w.subarray(block * blockLength, (block + 1) * blockLength);
        const ownBias = b.subarray(first, first + FILTERS_AT_ONCE);
        convolveBlock(padded.values, padded.places, taps, own, ownBias, y, first, filters);
      }
    },
    backward(_inputs, _y, dy, [dx]) {
      if (!dx) return;
      padded.values.fill(0);
      padded.places.forEach((place, p) => {
        for (let t = 0, k = 0; t < taps.length; t += 1) {
          let sum = 0;
          for (let at = p * filters, end = at + filters; at < end; at += 1, k += 1) sum += dy[at] * kernel[k];
          padded.values[place + taps[t]] += sum;
        }
      });
      padded.addTo(dx);
      padded.values.fill(0);
    },
  };
}

/**
 * `y[r, q, c·m + k] = b[c·m + k] + Σ_{i,j} x[r·s_h + i - above, q·s_w + j - left, c] · w[i, j, c, k]`.
 * @param {Window} window
 * @param {Extents} input
 * @param {Extents} output
 * @param {Float32Array} kernel  `[k_h, k_w, c, m]`.
 * @param {Float32Array | undefined} bias
 * @returns {Operation}
 */
export function depthwiseConv2dOperation(window, input, output, kernel, bias) {
  const padded = new PaddedInput(input, window, output);
  const [{ places, taps, values }, filters] = [padded, output[2]];
  const multiplier = filters / input[2];
  // For each filter the channel that it reads.
  const channels = Int32Array.from({ length: filters }, (_, o) => Math.floor(o / multiplier));
  return {
    forward([x], y) {
      padded.fill(x);
      places.forEach((place, p) => {
        for (let o = 0; o < filters; o += 1) {
          let sum = bias ? bias[o] : 0;
          for (let t = 0; t < taps.length; t += 1) {
            sum += values[place + taps[t] + channels[o]] * kernel[t * filters + o];
          }
          y[p * filters + o] = sum;
        }
      });
    },
    backward(_inputs, _y, dy, [dx]) {
      if (!dx) return;
      values.fill(0);
      places.forEach((place, p) => {
        for (let t = 0; t < taps.length; t += 1) {
          for (let o = 0; o < filters; o += 1) {
            values[place + taps[t] + channels[o]] += dy[p * filters + o] * kernel[t * filters + o];
          }
        }
      });
      padded.addTo(dx);
      values.fill(0);
    },
  };
}
