// Files to mono sound at a model's rate. The browser decodes and resamples; what can be
// said of any sound is as in the native program's src/audio/{decode,sound}.rs.

import { decimals } from "./decimals.js";
import { pauseEvery } from "./pause.js";
import { HEADER_BYTES, otherKind, soundHeader, startsWith, tagBytes } from "./sound-header.js";
import { wavChannels, wavFormat } from "./wav.js";

/** @typedef {import("./types.js").Sound} Sound */

const KINDS = "WAV, MP3, FLAC, Ogg or M4A";
/** The longest file, unless another limit is given. */
const MOST_MINUTES = 20;
/** A larger file whose length nobody knows is not decoded: so much are 20 minutes of a CD. */
const MOST_UNKNOWN_BYTES = 212e6;
/** No sample is louder in silence: four steps of 16 bits, which dither may use. */
const SILENT = 4 / 32768;
/** Less of the channels' energy than this is left in the mean of channels that cancel. */
const CANCELLED = 0.01;
/** Samples between two looks at the clock, and the longest work between two pauses, in milliseconds. */
const SAMPLES_AT_ONCE = 1 << 18;
const SOUND_WORK_MS = 30;
/** So much less than a header promises is no damage. */
const SLACK_SECONDS = 0.05;
/** So long a browser may look for the length of a file, in milliseconds. */
const LENGTH_MS = 10_000;

/**
 * Decodes a file.
 * @param {File} file
 * @param {number} rate the model's, in Hz
 * @param {{ most_minutes?: number }} [options]
 * @returns {Promise<Sound>}
 */
export async function soundOfFile(file, rate, { most_minutes = MOST_MINUTES } = {}) {
  const { name } = file;
  const way = `Drop a sound file: ${KINDS}.`;
  const start = await firstBytes(file);
  if (start.length === 0) throw new Error(`${name} is empty. ${way}`);
  const other = otherKind(start);
  if (other) throw new Error(`${name} is ${other}, not sound. ${way}`);

  const header = soundHeader(start, file.size - tagBytes(start)) ?? (await headerBehindTag(file, start));
  const seconds = header?.seconds ?? (await secondsOfFile(file));
  refuseLong(name, seconds, most_minutes);
  if (seconds === null && file.size > MOST_UNKNOWN_BYTES) {
    const size = `${decimals(file.size / 1e6, 0)} MB`;
    throw new Error(`${name} has ${size} of unknown length, too much for a page. Convert it to WAV.`);
  }
  const empty = () => new Error(`${name} has no sound: it ends after its header. ${way}`);
  if (seconds === 0) throw empty();
  const bytes = await file.arrayBuffer();
  const channels = (await plainSamples(bytes, rate)) ?? (await decodeSound(name, bytes, rate));
  const there = channels[0].length / rate;
  if (there === 0) throw empty();
  refuseLong(name, there, most_minutes);
  const sound = await soundOfChannels(name, channels, rate, header?.rate_hz ?? null);
  const promised = header?.promised_s ?? 0;
  if (promised - there > SLACK_SECONDS) {
    sound.note += `; the file is damaged: its header promises ${decimals(promised, 2)} s of sound, there are ` +
      `${decimals(there, 2)} s`;
  }
  return sound;
}

/**
 * The mean of channels that were decoded at a rate, and whether there is anything to hear in it.
 * @param {string} name
 * @param {Float32Array[]} channels
 * @param {number} rate
 * @param {number | null} ownRate that of the file, if it is known
 * @returns {Promise<Sound>}
 */
export async function soundOfChannels(name, channels, rate, ownRate) {
  const [count, length] = [channels.length, channels[0].length];
  const samples = count === 1 ? channels[0] : new Float32Array(length);
  const breathe = pauseEvery(SOUND_WORK_MS);
  let [peak, energy, monoEnergy, least, most] = [0, 0, 0, Infinity, -Infinity];
  for (let begin = 0; begin < length; begin += SAMPLES_AT_ONCE) {
    const end = Math.min(begin + SAMPLES_AT_ONCE, length);
    for (const channel of channels) {
      for (let i = begin; i < end; i += 1) {
        const x = channel[i];
        if (!Number.isFinite(x)) throw new Error(`${name}: sample ${i} is not finite. Export it anew.`);
        if (Math.abs(x) > peak) peak = Math.abs(x);
        energy += (x * x) / count;
        if (count > 1) samples[i] += x;
      }
    }
    for (let i = begin; i < end; i += 1) {
      const x = count > 1 ? (samples[i] /= count) : samples[i];
      if (x < least) least = x;
      if (x > most) most = x;
      monoEnergy += x * x;
    }
    await breathe();
  }
  const nothing = nothingToHear(peak, energy > 0 ? monoEnergy / energy : 1, least, most);
  return { name, samples, rate_hz: rate, note: noteOf(count, rate, ownRate), nothing };
}

/**
 * Why there is nothing to hear in the mean of channels, if so.
 * @param {number} peak of any channel
 * @param {number} left the share of the channels' energy that is left in their mean
 * @param {number} least @param {number} most samples of the mean
 */
function nothingToHear(peak, left, least, most) {
  if (peak === 0) return "it is silent: all samples are 0";
  if (peak <= SILENT) return `it is silent: its peak is ${decimals(20 * Math.log10(peak), 0)} dBFS`;
  if (Math.max(-least, most) <= SILENT || left < CANCELLED) {
    return "its channels are out of phase: their mean, which is used, is next to silent";
  }
  if (most - least <= 2 * SILENT) {
    return `it is silent: all samples are ${decimals(most, 3)}, a constant offset (direct current)`;
  }
  return null;
}

/** @param {number} channels @param {number} rate @param {number | null} ownRate */
function noteOf(channels, rate, ownRate) {
  const mean = channels > 1 ? `the mean of ${channels} channels is used` : "one channel";
  if (ownRate === rate) return `${rate} Hz, as the model was trained on; ${mean}`;
  if (ownRate === null) {
    return `the browser decoded it at the model's ${rate} Hz; the file's own rate is not known to this page; ${mean}`;
  }
  return `the browser resampled it from ${ownRate} Hz to the model's ${rate} Hz; ${mean}`;
}

/** @param {string} name @param {number | null} seconds @param {number} most in minutes */
function refuseLong(name, seconds, most) {
  if (seconds === null || seconds <= most * 60) return;
  const found = decimals(seconds / 60, 1);
  throw new Error(`${name} has ${found} minutes, and this page takes ${most} at most. Cut it into pieces.`);
}

/** @param {Blob & { name: string }} file @param {number} [from] */
async function firstBytes(file, from = 0) {
  try {
    return new Uint8Array(await file.slice(from, from + HEADER_BYTES).arrayBuffer());
  } catch {
    throw new Error(`${file.name} cannot be read. Drop a file, not a folder, that is still where it was.`);
  }
}

/** The header of sound that stands behind a tag. @param {File} file @param {Uint8Array} start */
async function headerBehindTag(file, start) {
  const tag = tagBytes(start);
  return tag > 0 ? soundHeader(await firstBytes(file, tag), file.size - tag) : null;
}

/**
 * The length of a file as the browser's player finds it, without decoding; null if it does not.
 * @param {File} file
 */
function secondsOfFile(file) {
  const address = URL.createObjectURL(file);
  const player = new Audio();
  return new Promise((/** @type {(seconds: number | null) => void} */ resolve) => {
    player.onloadedmetadata = () => resolve(Number.isFinite(player.duration) ? player.duration : null);
    player.onerror = () => resolve(null);
    setTimeout(() => resolve(null), LENGTH_MS);
    player.preload = "metadata";
    player.src = address;
  }).finally(() => {
    player.removeAttribute("src");
    URL.revokeObjectURL(address);
  });
}

/**
 * The channels of a WAV file that needs neither a decoder nor another rate; null of others.
 * @param {ArrayBuffer} bytes
 * @param {number} rate
 */
async function plainSamples(bytes, rate) {
  if (!startsWith(new Uint8Array(bytes), 8, "WAVE")) return null;
  try {
    const format = wavFormat(new DataView(bytes), bytes.byteLength);
    return format.rate_hz === rate ? await wavChannels(bytes, format) : null;
  } catch (error) {
    // It ends within its header: the browser's decoder says no, too, and that is told in words.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/**
 * The channels of a file at a rate; `bytes` are given away.
 * @param {string} name
 * @param {ArrayBuffer} bytes
 * @param {number} rate
 */
async function decodeSound(name, bytes, rate) {
  try {
    const buffer = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes);
    return Array.from({ length: buffer.numberOfChannels }, (_, channel) => buffer.getChannelData(channel));
  } catch (error) {
    const why = error instanceof Error && error.name === "NotSupportedError"
      ? `this browser has no sound at the model's ${rate} Hz`
      : "this browser cannot decode it: it is damaged, of another kind, or not sound";
    throw new Error(`${name}: ${why}. Convert it, such as with ffmpeg, to a WAV file.`);
  }
}
