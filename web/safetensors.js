// A trained model as the program's own file of weights: safetensors, with the facts in its metadata.

/** @typedef {import("./types.d.ts").Graph} Graph */
/** @typedef {import("./types.d.ts").ModelFacts} ModelFacts */

/**
 * The file: 8 bytes with the header's length, the header (JSON, filled with spaces to 8 bytes), then the
 * tensors by name, as `genre-gpu train` writes them.
 * @param {ModelFacts} facts
 * @param {Graph} graph
 * @param {Float32Array} weights  All of them, in the order of the graph's parameters.
 */
export function safetensorsOf(facts, { parameters }, weights) {
  const countOf = (/** @type {number[]} */ shape) => shape.reduce((product, extent) => product * extent, 1);
  const expected = parameters.reduce((sum, { shape }) => sum + countOf(shape), 0);
  if (weights.length !== expected) {
    throw new Error(`The model has ${expected} weights, found ${weights.length}.`);
  }
  const tensors = parameters.map(({ name, shape, offset }) => {
    return { name, shape, values: weights.subarray(offset, offset + countOf(shape)) };
  });
  const damaged = tensors.find(({ values }) => !values.every(Number.isFinite));
  if (damaged) {
    throw new Error(
      `Weights "${damaged.name}" have values that are not finite: the training diverged. ` +
        "Train again with a smaller learning rate.",
    );
  }
  tensors.sort((a, b) => (a.name < b.name ? -1 : 1));

  /** @type {Record<string, object>} */
  const header = { __metadata__: { genre_gpu: JSON.stringify(facts) } };
  let bytes = 0;
  for (const { name, shape, values } of tensors) {
    header[name] = { dtype: "F32", shape, data_offsets: [bytes, bytes + 4 * values.length] };
    bytes += 4 * values.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + length + bytes);
  file.fill(0x20, 8, 8 + length);
  file.set(text, 8);
  const view = new DataView(file.buffer);
  view.setBigUint64(0, BigInt(length), true);
  let at = 8 + length;
  for (const { values } of tensors) {
    for (const value of values) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  }
  return file;
}
