// From a layer's output and gradient to maps: src/explain/cam.rs.

/**
 * A layer's maps from its output `a` and gradient `g`, `[h, w, c]`, before their ReLU. Grad-CAM
 * (Selvaraju et al. 2017): `Σ_c α_c · a[·, ·, c]` with `α_c` the mean over positions of the gradient.
 * HiResCAM (Draelos and Carin 2020): `Σ_c g[·, ·, c] · a[·, ·, c]`, where nothing is averaged away.
 * @param {Float32Array | Float64Array} a
 * @param {Float32Array | Float64Array} g
 * @param {number[]} shape
 * @returns {import("./types").Maps}
 */
export function mapsOf(a, g, [h, w, c]) {
  const positions = h * w;
  const alpha = new Float64Array(c);
  for (let p = 0, i = 0; p < positions; p += 1) {
    for (let k = 0; k < c; k += 1, i += 1) alpha[k] += g[i] / positions;
  }
  const maps = { grad_cam: new Float32Array(positions), hires_cam: new Float32Array(positions) };
  for (let p = 0, i = 0; p < positions; p += 1) {
    let [byMean, byOwn] = [0, 0];
    for (let k = 0; k < c; k += 1, i += 1) {
      byMean += alpha[k] * a[i];
      byOwn += g[i] * a[i];
    }
    maps.grad_cam[p] = byMean;
    maps.hires_cam[p] = byOwn;
  }
  return maps;
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
