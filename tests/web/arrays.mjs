// What lies in a page, and the songs on which it trains as numpy arrays that the program reads.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";

const pattern = (id) => new RegExp(`(<script type="text/plain" id="${id}">)([^<]*)`);

/** The bytes of an element. */
export function element(page, id) {
  return gunzipSync(Buffer.from(pattern(id).exec(page)[2], "base64"));
}

/** The page with other bytes in an element. */
export function withElement(page, id, bytes) {
  return page.replace(pattern(id), (_, tag) => tag + gzipSync(bytes).toString("base64"));
}

/** Spectrograms in dB, labels and classes. */
export function trainingArrays(page) {
  const { training } = JSON.parse(element(page, "data"));
  const { shape: [bands, frames], lowest_db: lowest, step_db: step, train, test, labels, classes } = training;
  const bytes = Uint8Array.from(element(page, "spectrograms"));
  const x = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 1) {
    if (i % frames > 0) bytes[i] += bytes[i - 1];
    x[i] = lowest + step * bytes[i];
  }
  return { x, labels: Uint8Array.from(labels), train, test, bands, frames, classes };
}

function npy(path, kind, shape, bytes) {
  const header = `{'descr': '${kind}', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const padded = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + "\n";
  const length = Buffer.alloc(2);
  length.writeUInt16LE(padded.length);
  writeFileSync(path, Buffer.concat([Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0]), length, Buffer.from(padded), bytes]));
}

/** Writes x and y of the three parts; the test samples validate, too. */
export function writeArrays(folder, { x, labels, train, test, bands, frames }) {
  mkdirSync(folder, { recursive: true });
  const size = bands * frames;
  for (const [part, first, n] of [["train", 0, train], ["val", train, test], ["test", train, test]]) {
    const values = x.slice(first * size, (first + n) * size);
    npy(join(folder, `x_${part}.npy`), "<f4", [n, bands, frames], Buffer.from(values.buffer));
    npy(join(folder, `y_${part}.npy`), "|u1", [n], Buffer.from(labels.slice(first, first + n)));
  }
}
