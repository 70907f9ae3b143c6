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

/** Radix 2, after the order of reversed bits. @param {number} n @returns {FourierTransform} */
function powerOfTwoFourier(n) {
  const cos = Float64Array.from({ length: n / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / n));
  const sin = Float64Array.from({ length: n / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / n));
  const reversed = new Uint32Array(n);
  for (let i = 1; i < n; i += 1) reversed[i] = (reversed[i >> 1] >> 1) | (i & 1 ? n >> 1 : 0);
  return (re, im) => {
    for (let i = 0; i < n; i += 1) {
      const j = reversed[i];
      if (i < j) {
        [re[i], re[j]] = [re[j], re[i]];
        [im[i], im[j]] = [im[j], im[i]];
      }
    }
    for (let half = 1; half < n; half *= 2) {
      const step = n / (2 * half);
      for (let begin = 0; begin < n; begin += 2 * half) {
        for (let i = begin, turn = 0; i < begin + half; i += 1, turn += step) {
          const j = i + half;
          const x = re[j] * cos[turn] - im[j] * sin[turn];
          const y = re[j] * sin[turn] + im[j] * cos[turn];
          re[j] = re[i] - x;
          im[j] = im[i] - y;
          re[i] += x;
          im[i] += y;
        }
      }
    }
  };
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
      const [x, y] = [a[k] / m, -b[k] / m];
      re[k] = x * cos[k] - y * sin[k];
      im[k] = x * sin[k] + y * cos[k];
    }
  };
}
