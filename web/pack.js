// Data that lie in the page: gzip and base64, in elements that no browser interprets.

/**
 * The bytes of an element.
 * @param {string} id
 * @returns {Promise<Uint8Array>}
 */
export async function unpack(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no data "${id}"; it was cut short, so make or load it again`);
  if (typeof DecompressionStream === "undefined") {
    throw new Error("this browser is too old: it cannot decompress (Chrome 80, Safari 16.4 and Firefox 113 can)");
  }
  const text = atob(element.textContent ?? "");
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * All that the page knows, with floats and shaders where they are used.
 * @returns {Promise<import("./types").PageData>}
 */
export async function unpackData() {
  const [json, floats] = await Promise.all([unpack("data"), unpack("floats")]);
  const data = JSON.parse(new TextDecoder().decode(json));
  const all = new Float32Array(floats.buffer);
  for (const recording of data.recordings) {
    recording.kernels = Object.fromEntries(
      recording.kernel_names.map((/** @type {string} */ name) => [name, data.kernels[name]]));
  }
  for (const model of [...data.models, ...(data.training?.models ?? [])]) {
    const { offset, length } = model.weights;
    model.weights = all.subarray(offset, offset + length);
  }
  return data;
}
