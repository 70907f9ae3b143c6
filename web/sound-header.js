// What the first bytes of a file say: whether it is sound, its rate, and where possible its length. Browsers
// decode sound at the rate that is asked for, and tell neither.

import { wavFormat } from "./wav.js";

/**
 * What a header says, and how long the sound can be in this file; null is what is not known.
 * @typedef {{ rate_hz: number | null, seconds: number | null, promised_s: number | null }} SoundHeader
 */

/** Bytes to read of a file's beginning. */
export const HEADER_BYTES = 1 << 16;

/** Files that people drop by mistake, by their first bytes. @type {[string, string][]} */
const OTHER_KINDS = [
  ["\x89PNG", "a PNG picture"], ["\xff\xd8\xff", "a JPEG picture"], ["GIF8", "a GIF picture"],
  ["%PDF", "a PDF document"], ["PK\x03\x04", "a ZIP archive"], ["\x1f\x8b", "a gzip archive"],
  ["\x93NUMPY", "a NumPy array"], ["MThd", "a MIDI file: notes without sound"],
];

/**
 * The bytes of an ID3 tag at the beginning, before the sound; 0 if there is none.
 * @param {Uint8Array} bytes
 */
export function tagBytes(bytes) {
  if (!startsWith(bytes, 0, "ID3") || bytes.length < 10) return 0;
  // The length in sevens of bits, without this header and its repetition at the end.
  const length = [...bytes.subarray(6, 10)].reduce((sum, byte) => sum * 128 + (byte & 127), 0);
  return 10 + length + (bytes[5] & 16 ? 10 : 0);
}

/** What a file is if it is no sound: text, or a known kind. @param {Uint8Array} bytes */
export function otherKind(bytes) {
  const known = OTHER_KINDS.find(([magic]) => startsWith(bytes, 0, magic));
  if (known) return known[1];
  const text = new TextDecoder("utf-8", { fatal: true });
  try {
    // A character at the end may be cut.
    const words = text.decode(bytes, { stream: true });
    return /[\x00-\x08\x0e-\x1a\x1c-\x1f]/.test(words) ? null : "text";
  } catch {
    return null;
  }
}

/**
 * @param {Uint8Array} bytes from the beginning, or after the tag
 * @param {number} size of the file from there on
 * @returns {SoundHeader | null} null if the kind is not known
 */
export function soundHeader(bytes, size) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = headerReaders.find(([magic, at]) => startsWith(bytes, at, magic))?.[2];
  try {
    return read?.(view, size) ?? null;
  } catch (error) {
    // The header is cut.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Readers of headers, by the letters that a file has at a place. @type {[string, number, HeaderReader][]} */
const headerReaders = [
  ["WAVE", 8, wavHeader],
  ["AIFF", 8, aiffHeader],
  ["AIFC", 8, aiffHeader],
  [".snd", 0, auHeader],
  ["fLaC", 0, flacHeader],
  ["OggS", 0, oggHeader],
  ["\xff", 0, mpegHeader],
];
/** @typedef {(view: DataView, size: number) => SoundHeader | null} HeaderReader */

/** @param {Uint8Array} bytes @param {number} at @param {string} letters */
export function startsWith(bytes, at, letters) {
  return [...letters].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
}

/** @type {HeaderReader} */
function wavHeader(view, size) {
  const { rate_hz, bytesPerSecond, promised, length } = wavFormat(view, size);
  const secondsOf = (/** @type {number} */ bytes) => (bytesPerSecond > 0 ? bytes / bytesPerSecond : null);
  return { rate_hz: rate_hz || null, seconds: secondsOf(length), promised_s: promised > 0 ? secondsOf(promised) : null };
}

/** @type {HeaderReader} */
function aiffHeader(view) {
  for (let at = 12; ;) {
    const length = view.getUint32(at + 4);
    if (view.getUint32(at) === 0x434f4d4d) { // "COMM"
      // A float of 80 bits: exponent, then 64 bits of which the first is 1.
      const rate = view.getUint32(at + 18) * 2 ** ((view.getUint16(at + 16) & 0x7fff) - 16383 - 31);
      const seconds = view.getUint32(at + 10) / rate;
      return { rate_hz: rate, seconds, promised_s: seconds };
    }
    at += 8 + length + (length % 2);
  }
}

/** @type {HeaderReader} */
function auHeader(view) {
  return { rate_hz: view.getUint32(16), seconds: null, promised_s: null };
}

/** @type {HeaderReader} */
function flacHeader(view) {
  const rate = view.getUint32(18) >>> 12;
  const samples = (view.getUint8(21) & 15) * 2 ** 32 + view.getUint32(22);
  // 0 samples: not known.
  const seconds = samples > 0 ? samples / rate : null;
  return rate > 0 ? { rate_hz: rate, seconds, promised_s: seconds } : null;
}

/** @type {HeaderReader} */
function oggHeader(view) {
  const packet = 27 + view.getUint8(26);
  const isVorbis = view.getUint32(packet) === 0x01766f72 && view.getUint32(packet + 3) === 0x72626973;
  const isOpus = view.getUint32(packet) === 0x4f707573;
  if (!isVorbis && !isOpus) return null;
  // Vorbis: after version and channels. Opus sounds at 48,000 Hz, whatever it was made from.
  return { rate_hz: isVorbis ? view.getUint32(packet + 12, true) : 48000, seconds: null, promised_s: null };
}

/** @type {HeaderReader} */
function mpegHeader(view) {
  const sync = view.getUint16(0) >> 5;
  const version = (view.getUint8(1) >> 3) & 3;
  const layer = (view.getUint8(1) >> 1) & 3;
  const index = (view.getUint8(2) >> 2) & 3;
  // No layer: AAC in ADTS, whose rate stands elsewhere.
  if (sync !== 0x7ff || layer === 0 || version === 1 || index === 3) return null;
  return { rate_hz: [44100, 48000, 32000][index] / [4, 1, 2, 1][version], seconds: null, promised_s: null };
}
