// Sound to the spectrograms that a model is given: log-mel as librosa computes it, cut as the training songs
// were. The native program's src/audio/{log_mel,cuts}.rs and src/predict/ear.rs, in f64 as they are.

import { decimals } from "./decimals.js";
import { fourierOf } from "./fourier.js";
import { melFilters, weighPower } from "./mel.js";
import { pauseEvery } from "./pause.js";

/** @typedef {import("./types.js").FrontEnd} FrontEnd */
/**
 * Writes the mel power of `count` frames from the frame `first` on, `[n_mels, count]`, to `to[at..]`, and
 * gives the largest.
 * @callback MelPower
 * @param {Float32Array} samples
 * @param {number} first
 * @param {number} count
 * @param {Float64Array} to
 * @param {number} at
 * @returns {number}
 */

/** The least power, and the range below the largest in dB. */
const LEAST_POWER = 1e-10;
const TOP_DB = 80;
/** Frames between two looks at the clock. */
const FRAMES_AT_ONCE = 64;
/** So long the page waits at most, in milliseconds. */
const WORK_MS = 30;

/**
 * The cuts of a song: as many as fit end to end, evenly spaced from its start to its end. `onProgress` is
 * told the share that is done; an error that it throws ends the work.
 * @param {import("./types.js").Sound} sound at the front end's rate
 * @param {FrontEnd} frontEnd
 * @param {import("./types.js").Cutting} cutting
 * @param {(share: number) => void} [onProgress]
 * @returns {Promise<import("./types.js").Cuts>}
 */
export async function cutsOf(sound, frontEnd, cutting, onProgress = () => {}) {
  const { sample_rate_hz: rate, hop_samples: hop, n_mels: bands, frames } = frontEnd;
  if (sound.rate_hz !== rate) {
    throw new Error(`${sound.name}: expected sound at ${rate} Hz, found ${sound.rate_hz} Hz`);
  }
  const seconds = sound.samples.length / rate;
  let { samples, nothing } = sound;
  if (fittingCuts(samples.length, frontEnd, cutting.from) === 0) {
    const cut = leastCutSamples(frontEnd);
    nothing ??= `${decimals(seconds, 2)} s are too short for one cut of ${decimals(cut / rate, 2)} s`;
    // Zeros follow, so that there is a cut.
    samples = new Float32Array(Math.max(cut, 1));
    samples.set(sound.samples.subarray(0, samples.length));
  }
  const count = fittingCuts(samples.length, frontEnd, cutting.from);
  const fromSound = cutting.from === "sound";
  // In samples, or in frames where the spectrogram is cut.
  const total = fromSound ? samples.length : framesOf(samples.length, frontEnd);
  const length = fromSound ? soundCutLength(samples.length, count, frontEnd) : frames;
  const starts = evenStarts(total, length, count);

  const melPower = melPowerOf(frontEnd);
  const breathe = pauseEvery(WORK_MS);
  const size = bands * frames;
  const power = new Float64Array(count * size);
  const loudest = new Float64Array(count);
  for (const [cut, start] of starts.entries()) {
    const own = fromSound ? samples.subarray(start, start + length) : samples;
    loudest[cut] = melPower(own, fromSound ? 0 : start, frames, power, cut * size);
    onProgress((cut + 1) / count);
    await breathe();
  }
  let loudestOfSong = loudest.reduce((most, own) => Math.max(most, own), 0);
  if (!fromSound && cutting.zero_db !== "cut") {
    // The frames between the cuts may hold the song's loudest, too.
    const scratch = new Float64Array(bands * FRAMES_AT_ONCE);
    for (let cut = 0; cut <= count; cut += 1) {
      const end = cut < count ? starts[cut] : total;
      for (let frame = cut > 0 ? starts[cut - 1] + frames : 0; frame < end; frame += FRAMES_AT_ONCE) {
        const own = melPower(samples, frame, Math.min(FRAMES_AT_ONCE, end - frame), scratch, 0);
        loudestOfSong = Math.max(loudestOfSong, own);
        await breathe();
      }
    }
  }

  const values = new Float32Array(power.length);
  for (let cut = 0; cut < count; cut += 1) {
    const most = powerInDecibels(cutting.zero_db === "cut" ? loudest[cut] : loudestOfSong);
    const zero = cutting.zero_db === "fixed" ? 0 : most;
    const floor = most - zero - TOP_DB;
    for (let i = cut * size; i < (cut + 1) * size; i += 1) {
      values[i] = Math.max(powerInDecibels(power[i]) - zero, floor);
    }
    await breathe();
  }
  const unit = fromSound ? 1 : hop;
  const second = (/** @type {number} */ at) => Math.min((at * unit) / rate, seconds);
  /** @type {(start: number) => [number, number]} */
  const span = (start) => [second(start), second(start + length)];
  return { values, spans_s: starts.map(span), nothing };
}

/**
 * The cuts as a network is given them: the native program's src/data/scale.rs.
 * @param {Float32Array} values in dB
 * @param {{ kind: string, offset: number, factor: number }} scale
 */
export function scaleCuts(values, { kind, offset, factor }) {
  const [zero, unit] = [Math.fround(offset), Math.fround(factor)];
  return kind === "none" ? values : values.map((value) => Math.fround(value - zero) * unit);
}

/** @param {number} samples @param {FrontEnd} frontEnd as librosa pads them: n_fft / 2 zeros on both sides */
function framesOf(samples, frontEnd) {
  return 1 + Math.floor(Math.max(samples - (frontEnd.n_fft % 2), 0) / frontEnd.hop_samples);
}

/** The least number of samples that give the frames of a cut. @param {FrontEnd} frontEnd */
function leastCutSamples(frontEnd) {
  return (frontEnd.frames - 1) * frontEnd.hop_samples + (frontEnd.n_fft % 2);
}

/** @param {number} samples @param {FrontEnd} frontEnd @param {"sound" | "spectrogram"} from */
function fittingCuts(samples, frontEnd, from) {
  if (from === "sound") return Math.floor(samples / Math.max(leastCutSamples(frontEnd), 1));
  return samples === 0 ? 0 : Math.floor(framesOf(samples, frontEnd) / frontEnd.frames);
}

/**
 * Samples of a cut from the sound: an equal share of the song, within the lengths that have its frames.
 * @param {number} samples @param {number} count @param {FrontEnd} frontEnd
 */
function soundCutLength(samples, count, frontEnd) {
  const least = Math.max(leastCutSamples(frontEnd), 1);
  return Math.min(Math.max(Math.floor(samples / count), least), least + frontEnd.hop_samples - 1);
}

/** @param {number} total @param {number} length @param {number} count at least 1; one lies in the middle */
function evenStarts(total, length, count) {
  const room = total - length;
  if (count === 1) return [Math.floor(room / 2)];
  return Array.from({ length: count }, (_, i) => Math.floor((i * room) / (count - 1)));
}

/** @param {number} power */
function powerInDecibels(power) {
  return 10 * Math.log10(Math.max(power, LEAST_POWER));
}

/** @param {FrontEnd} frontEnd @returns {MelPower} */
function melPowerOf(frontEnd) {
  const { n_fft: n, hop_samples: hop } = frontEnd;
  const filters = melFilters(frontEnd);
  const transform = fourierOf(n);
  const window = Float64Array.from({ length: n }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / n));
  const [re, im] = [new Float64Array(n), new Float64Array(n)];
  const bins = Math.floor(n / 2) + 1;
  const [power, next] = [new Float64Array(bins), new Float64Array(bins)];
  return (samples, first, count, to, at) => {
    let loudest = 0;
    for (let frame = 0; frame < count; frame += 2) {
      // Two frames at once, as real and imaginary part.
      const start = (first + frame) * hop - Math.floor(n / 2);
      windowFrame(samples, start, window, re);
      windowFrame(samples, start + hop, window, im);
      transform(re, im);
      powersOfTwoFrames(re, im, power, next);
      loudest = Math.max(loudest, weighPower(power, filters, to, at + frame, count));
      if (frame + 1 === count) break;
      loudest = Math.max(loudest, weighPower(next, filters, to, at + frame + 1, count));
    }
    return loudest;
  };
}

/**
 * The frame that begins at a sample, which may lie before the first; samples outside are 0.
 * @param {Float32Array} samples @param {number} start @param {Float64Array} window @param {Float64Array} to
 */
function windowFrame(samples, start, window, to) {
  const from = Math.min(Math.max(-start, 0), to.length);
  const end = Math.max(Math.min(samples.length - start, to.length), from);
  to.fill(0, 0, from);
  to.fill(0, end);
  for (let i = from; i < end; i += 1) to[i] = window[i] * samples[start + i];
}

/**
 * The power spectra of two real signals that were transformed as real and imaginary part: a real signal's
 * transform mirrors itself.
 * @param {Float64Array} re @param {Float64Array} im @param {Float64Array} power @param {Float64Array} other
 */
function powersOfTwoFrames(re, im, power, other) {
  const n = re.length;
  for (let k = 0; k < power.length; k += 1) {
    const mirror = k === 0 ? 0 : n - k;
    const a = re[k] + re[mirror];
    const b = im[k] - im[mirror];
    const c = im[k] + im[mirror];
    const d = re[mirror] - re[k];
    power[k] = (a * a + b * b) / 4;
    other[k] = (c * c + d * d) / 4;
  }
}
