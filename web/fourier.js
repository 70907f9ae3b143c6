// Fourier transforms of any length, in f64.

/** @typedef {(re: Float64Array, im: Float64Array) => void} FourierTransform in place */

/**
 * The transform x_k = Σ x_j e^(−2πi jk / n).
 * @param {number} n
 * @returns {FourierTransform}
 */
export function fourierOf(n) {
  return (n & (n - 1)) === 0 ? powerOfTwoFourier(n) : chirpFourier(n);
}

/**
 * Stockham's: passes of radix 4 that put their results in order.
 * @param {number} n
 * @returns {FourierTransform}
 */
function powerOfTwoFourier(n) {
  const cos = Float64Array.from({ length: n }, (_, k) => Math.cos((2 * Math.PI * k) / n));
  const sin = Float64Array.from({ length: n }, (_, k) => -Math.sin((2 * Math.PI * k) / n));
  /** @type {Float64Array[]} */
  const [roomRe, roomIm] = [new Float64Array(n), new Float64Array(n)];
  return (re, im) => {
    let [a, b, c, d] = [re, im, roomRe, roomIm];
    // `stride` transforms of `n / stride` numbers each, interleaved.
    let stride = 1;
    for (; 4 * stride <= n; stride *= 4) {
      fourierPass(n, stride, a, b, c, d, cos, sin);
      [a, b, c, d] = [c, d, a, b];
    }
    if (stride < n) {
      for (let i = 0; i < stride; i += 1) {
        const j = i + stride;
        c[i] = a[i] + a[j];
        d[i] = b[i] + b[j];
        c[j] = a[i] - a[j];
        d[j] = b[i] - b[j];
      }
      [a, b] = [c, d];
    }
    if (a !== re) {
      re.set(a);
      im.set(b);
    }
  };
}

/**
 * A pass of radix 4 from `re` and `im` to `toRe` and `toIm`.
 * @param {number} n
 * @param {number} stride
 * @param {Float64Array} re
 * @param {Float64Array} im
 * @param {Float64Array} toRe
 * @param {Float64Array} toIm
 * @param {Float64Array} cos of all turns k / n
 * @param {Float64Array} sin
 */
function fourierPass(n, stride, re, im, toRe, toIm, cos, sin) {
  const quarter = n / 4;
  for (let turn = 0; turn < quarter; turn += stride) {
    const cos1 = cos[turn];
    const sin1 = sin[turn];
    const cos2 = cos[2 * turn];
    const sin2 = sin[2 * turn];
    const cos3 = cos[3 * turn];
    const sin3 = sin[3 * turn];
    for (let i = turn; i < turn + stride; i += 1) {
      const j = i + quarter;
      const k = i + 2 * quarter;
      const l = i + 3 * quarter;
      const to = i + 3 * turn;
      const sumRe = re[i] + re[k];
      const sumIm = im[i] + im[k];
      const offRe = re[i] - re[k];
      const offIm = im[i] - im[k];
      const otherSumRe = re[j] + re[l];
      const otherSumIm = im[j] + im[l];
      const otherOffRe = re[j] - re[l];
      const otherOffIm = im[j] - im[l];
      toRe[to] = sumRe + otherSumRe;
      toIm[to] = sumIm + otherSumIm;
      const x1 = offRe + otherOffIm;
      const y1 = offIm - otherOffRe;
      toRe[to + stride] = x1 * cos1 - y1 * sin1;
      toIm[to + stride] = x1 * sin1 + y1 * cos1;
      const x2 = sumRe - otherSumRe;
      const y2 = sumIm - otherSumIm;
      toRe[to + 2 * stride] = x2 * cos2 - y2 * sin2;
      toIm[to + 2 * stride] = x2 * sin2 + y2 * cos2;
      const x3 = offRe - otherOffIm;
      const y3 = offIm + otherOffRe;
      toRe[to + 3 * stride] = x3 * cos3 - y3 * sin3;
      toIm[to + 3 * stride] = x3 * sin3 + y3 * cos3;
    }
  }
}

/**
 * Bluestein's: a transform of any length as a convolution with a chirp, by transforms of a power of two.
 * @param {number} n
 * @returns {FourierTransform}
 */
function chirpFourier(n) {
  let m = 1;
  while (m < 2 * n - 1) m *= 2;
  const transform = powerOfTwoFourier(m);
  // e^(−πi k² / n); k² modulo 2 n, so that large angles lose nothing.
  const angle = (/** @type {number} */ k) => (-Math.PI * ((k * k) % (2 * n))) / n;
  const cos = Float64Array.from({ length: n }, (_, k) => Math.cos(angle(k)));
  const sin = Float64Array.from({ length: n }, (_, k) => Math.sin(angle(k)));
  const [chirpRe, chirpIm] = [new Float64Array(m), new Float64Array(m)];
  for (let k = 0; k < n; k += 1) {
    chirpRe[k] = chirpRe[(m - k) % m] = cos[k];
    chirpIm[k] = chirpIm[(m - k) % m] = -sin[k];
  }
  transform(chirpRe, chirpIm);
  const [a, b] = [new Float64Array(m), new Float64Array(m)];
  return (re, im) => {
    a.fill(0, n);
    b.fill(0, n);
    for (let k = 0; k < n; k += 1) {
      a[k] = re[k] * cos[k] - im[k] * sin[k];
      b[k] = re[k] * sin[k] + im[k] * cos[k];
    }
    transform(a, b);
    // The inverse transform is the transform of the conjugate, conjugated, over m.
    for (let k = 0; k < m; k += 1) {
      const x = a[k] * chirpRe[k] - b[k] * chirpIm[k];
      b[k] = -(a[k] * chirpIm[k] + b[k] * chirpRe[k]);
      a[k] = x;
    }
    transform(a, b);
    for (let k = 0; k < n; k += 1) {
      const x = a[k] / m;
      const y = -b[k] / m;
      re[k] = x * cos[k] - y * sin[k];
      im[k] = x * sin[k] + y * cos[k];
    }
  };
}
