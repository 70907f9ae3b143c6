// WAV files: what they hold, their samples as the native program reads them, and a writer.

import { pauseEvery } from "./pause.js";

/**
 * `coding` is that of the header: 1 for whole numbers, 3 for floats; `frameBytes` are those of a sample of each
 * channel; `promised` bytes may be more than the `length` that is there, 0 if the header does not know.
 * @typedef {{ coding: number, channels: number, rate_hz: number, bytesPerSecond: number, frameBytes: number,
 *   bits: number, start: number, promised: number, length: number }} WavFormat
 */

const FRAMES_BETWEEN_PAUSES = 1 << 18;
/** Lengths from here on that a file does not have: as in src/audio/stream.rs. */
const PLACEHOLDER = 0x7fff0000;

/**
 * What a WAV file holds, from its first bytes.
 * @param {DataView} view
 * @param {number} size of the whole file
 * @returns {WavFormat}
 * @throws {RangeError} if the sound begins behind these bytes
 */
export function wavFormat(view, size) {
  const format = { coding: 0, channels: 0, rate_hz: 0, bytesPerSecond: 0, frameBytes: 0, bits: 0 };
  for (let at = 12; ;) {
    const name = view.getUint32(at);
    const length = view.getUint32(at + 4, true);
    if (name === 0x666d7420) { // "fmt "
      format.coding = view.getUint16(at + 8, true);
      format.channels = view.getUint16(at + 10, true);
      format.rate_hz = view.getUint32(at + 12, true);
      format.bytesPerSecond = view.getUint32(at + 16, true);
      format.frameBytes = view.getUint16(at + 20, true);
      format.bits = view.getUint16(at + 22, true);
      // An extended format has the coding behind the channels' places.
      if (format.coding === 0xfffe && length >= 26) format.coding = view.getUint16(at + 32, true);
    } else if (name === 0x64617461) { // "data"; a length of 0 or beyond the file means: to its end
      const room = size - at - 8;
      // As programs write it that do not know the length yet.
      const promised = length >= PLACEHOLDER && length > room ? 0 : length;
      return { ...format, start: at + 8, promised, length: Math.min(promised || room, room) };
    }
    at += 8 + length + (length % 2);
  }
}

/**
 * How samples are read, by coding and bits: whole numbers as shares of their range, of which 8 bits begin at 0.
 * Browsers divide those of 16 bits above 0 by 32,767.
 * @type {Record<string, (view: DataView, at: number) => number>}
 */
const sampleReaders = {
  "1 8": (view, at) => (view.getUint8(at) - 128) / 128,
  "1 16": (view, at) => view.getInt16(at, true) / 32768,
  "1 24": (view, at) => (256 * view.getInt16(at + 1, true) + view.getUint8(at)) / 8388608,
  "1 32": (view, at) => view.getInt32(at, true) / 2147483648,
  "3 32": (view, at) => view.getFloat32(at, true),
  "3 64": (view, at) => view.getFloat64(at, true),
};

/**
 * The channels of a file without compression; null for other codings.
 * @param {ArrayBuffer} bytes
 * @param {WavFormat} format
 * @returns {Promise<Float32Array[] | null>}
 */
export async function wavChannels(bytes, { coding, channels: count, frameBytes, bits, start, length }) {
  const read = sampleReaders[`${coding} ${bits}`];
  const width = bits / 8;
  if (!read || count === 0 || frameBytes !== count * width) return null;
  const view = new DataView(bytes);
  const frames = Math.floor(length / frameBytes);
  const channels = Array.from({ length: count }, () => new Float32Array(frames));
  const breathe = pauseEvery(30);
  for (let begin = 0; begin < frames; begin += FRAMES_BETWEEN_PAUSES) {
    const end = Math.min(begin + FRAMES_BETWEEN_PAUSES, frames);
    for (const [c, channel] of channels.entries()) {
      for (let i = begin; i < end; i += 1) channel[i] = read(view, start + frameBytes * i + width * c);
    }
    await breathe();
  }
  return channels;
}

/**
 * A mono WAV file of 32-bit floats.
 * @param {Float32Array} samples
 * @param {number} rate
 * @returns {ArrayBuffer}
 */
export function wavBytes(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 4 * samples.length));
  const words = [0x52494646, 0x57415645, 0x666d7420, 0x64617461]; // RIFF, WAVE, fmt, data
  [0, 8, 12, 36].forEach((at, i) => view.setUint32(at, words[i]));
  view.setUint32(4, view.byteLength - 8, true);
  view.setUint32(16, 16, true);
  view.setUint16(20, 3, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 4 * rate, true);
  view.setUint16(32, 4, true);
  view.setUint16(34, 32, true);
  view.setUint32(40, 4 * samples.length, true);
  samples.forEach((x, i) => view.setFloat32(44 + 4 * i, x, true));
  return view.buffer;
}
