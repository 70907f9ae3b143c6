// From a layer's output and gradient to maps: src/explain/cam.rs.

/**
 * Grad-CAM and HiResCAM of a sample, before the ReLU.
 * @param {Float32Array | Float64Array} output `[h, w, c]`
 * @param {Float32Array | Float64Array} gradient of the logit, likewise
 * @param {number[]} shape
 * @returns {import("./types").Maps}
 */
export function mapsOf(output, gradient, [h, w, c]) {
  const alpha = new Float64Array(c);
  for (let i = 0; i < gradient.length; i += 1) alpha[i % c] += gradient[i];
  const [gradCam, hiResCam] = [new Float32Array(h * w), new Float32Array(h * w)];
  for (let position = 0; position < h * w; position += 1) {
    let [averaged, own] = [0, 0];
    for (let channel = 0; channel < c; channel += 1) {
      const at = position * c + channel;
      averaged += output[at] * alpha[channel];
      own += output[at] * gradient[at];
    }
    gradCam[position] = averaged / (h * w);
    hiResCam[position] = own;
  }
  return { grad_cam: gradCam, hires_cam: hiResCam };
}

/**
 * What a map shows: its positive part over its maximum, where an element of the input is covered by a cell.
 * @param {Float32Array} map
 * @param {import("./types").Layer} layer
 * @returns {(band: number, frame: number) => number}
 */
export function heatOf(map, { shape: [h, w], place: { bands, frames } }) {
  const most = map.reduce((a, b) => Math.max(a, b), 0);
  const cell = (/** @type {number} */ at, /** @type {import("./types").CellGrid} */ grid) =>
    Math.floor((at + 0.5 - grid.first) / grid.size);
  return (band, frame) => {
    const [i, j] = [cell(band, bands), cell(frame, frames)];
    if (most <= 0 || i < 0 || i >= h || j < 0 || j >= w) return 0;
    return Math.max(map[i * w + j], 0) / most;
  };
}
