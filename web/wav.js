// A recording as a file that the page can play.

/**
 * A 16-bit mono WAV file.
 * @param {Float32Array} samples within ±1
 * @param {number} rate in Hz
 * @returns {Uint8Array}
 */
export function wavOf(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (/** @type {number} */ at, /** @type {string} */ word) =>
    [...word].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((x, i) => {
    view.setInt16(44 + 2 * i, Math.round(Math.min(Math.max(x, -1), 1) * 32767), true);
  });
  return new Uint8Array(view.buffer);
}
