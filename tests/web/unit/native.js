// What the native program makes of the same input. GENRE_GPU_BIN names the program; without it, the tests
// that need it are skipped.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const program = process.env.GENRE_GPU_BIN ? resolve(process.env.GENRE_GPU_BIN) : null;

/** Options of a test that needs the program. */
export const withProgram = { skip: program ? false : "GENRE_GPU_BIN does not name the program" };

/** Runs the program and returns what it prints. */
export function genreGpu(...words) {
  return execFileSync(program, words, { encoding: "utf8", maxBuffer: 1 << 28 });
}

/** Calls `work` with a folder that is removed afterwards. */
export async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), "genre-gpu-unit-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Writes a WAV file of 32-bit floats, so that the program has the very samples. */
export function writeWav(path, channels, rate) {
  const [count, frames] = [channels.length, channels[0].length];
  const bytes = Buffer.alloc(44 + 4 * count * frames);
  bytes.write("RIFF", 0);
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(3, 20);
  bytes.writeUInt16LE(count, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(4 * count * rate, 28);
  bytes.writeUInt16LE(4 * count, 32);
  bytes.writeUInt16LE(32, 34);
  bytes.write("data", 36);
  bytes.writeUInt32LE(bytes.length - 44, 40);
  for (let i = 0; i < frames; i += 1) {
    for (let c = 0; c < count; c += 1) bytes.writeFloatLE(channels[c][i], 44 + 4 * (i * count + c));
  }
  writeFileSync(path, bytes);
}

/** The shape and the values of a .npy file of floats or of 64-bit integers. */
export function readNpy(path) {
  const bytes = readFileSync(path);
  const begin = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString("latin1", 10, begin);
  const shape = header.match(/'shape': \(([^)]*)\)/)[1].split(",").filter((n) => n.trim()).map(Number);
  const data = bytes.buffer.slice(bytes.byteOffset + begin, bytes.byteOffset + bytes.length);
  const kind = header.match(/'descr': '([^']*)'/)[1];
  const values = kind === "<f4" ? new Float32Array(data) : [...new BigInt64Array(data)].map(Number);
  return { shape, values };
}

/** The same noise for each seed, within ±1. */
export function noise(length, seed) {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

/** What a run's file of weights says of its model. */
export function factsOf(run) {
  const bytes = readFileSync(join(run, "model.safetensors"));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + Number(bytes.readBigUInt64LE(0))));
  return JSON.parse(header.__metadata__.genre_gpu);
}

/** The channels of a 16-bit or float WAV file that this program or `writeWav` wrote, and their rate. */
export function readWav(path) {
  const bytes = readFileSync(path);
  const isFloat = bytes.readUInt16LE(20) === 3;
  const [count, rate] = [bytes.readUInt16LE(22), bytes.readUInt32LE(24)];
  const width = isFloat ? 4 : 2;
  const frames = (bytes.length - 44) / (width * count);
  const sample = (at) => (isFloat ? bytes.readFloatLE(at) : bytes.readInt16LE(at) / 32768);
  const channels = Array.from({ length: count }, (_, c) =>
    Float32Array.from({ length: frames }, (_, i) => sample(44 + width * (i * count + c))));
  return { channels, rate };
}
