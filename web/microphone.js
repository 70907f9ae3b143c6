// The microphone to a sound file.

import { wavBytes } from "./wav.js";

const SAMPLES_RECORDED_AT_ONCE = 4096;
const NOTHING = "Nothing was recorded.";

/**
 * Records from the microphone, without the corrections that are made for speech. Aborting ends the recording
 * early: what was recorded until then is used.
 * @param {number} seconds
 * @param {(peak: number, seconds: number) => void} onLevel is told the peak of the last moment, and the time
 * @param {AbortSignal} signal
 * @returns {Promise<File>} a mono WAV file at the microphone's rate
 */
export async function fileOfMicrophone(seconds, onLevel, signal) {
  if (!globalThis.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
    const way = "Open it from disk, or over https, or drop a file";
    throw new Error(`The browser gives no microphone to this page. ${way}.`);
  }
  const stream = await openMicrophone(signal);
  const context = new AudioContext();
  try {
    const samples = await recordStream(context, stream, seconds, onLevel, signal);
    if (samples.length === 0) throw new Error(NOTHING);
    return new File([wavBytes(samples, context.sampleRate)], "microphone", { type: "audio/wav" });
  } finally {
    stopStream(stream);
    await context.close();
  }
}

/**
 * The microphone, when the visitor allows it; an error as soon as the signal aborts, since a question may stand for long.
 * @param {AbortSignal} signal
 * @returns {Promise<MediaStream>}
 */
function openMicrophone(signal) {
  const corrections = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error(NOTHING)));
    navigator.mediaDevices.getUserMedia({ audio: corrections }).then((stream) => {
      if (signal.aborted) stopStream(stream);
      else resolve(stream);
    }, (error) => reject(new Error(microphoneTrouble(error))));
  });
}

/** @param {MediaStream} stream */
function stopStream(stream) {
  stream.getTracks().forEach((track) => track.stop());
}

/** @param {unknown} error of getUserMedia */
function microphoneTrouble(error) {
  switch (error instanceof Error ? error.name : "") {
    case "NotAllowedError":
      return "The microphone is not allowed. Allow it in the browser's settings of this page.";
    case "NotFoundError":
      return "There is no microphone. Connect one, or drop a file.";
    case "NotReadableError":
      return "The microphone cannot be used. Another program may hold it: close that.";
    default:
      return `The microphone cannot be used (${error}). Drop a file instead.`;
  }
}

/**
 * @param {AudioContext} context @param {MediaStream} stream @param {number} seconds
 * @param {(peak: number, seconds: number) => void} onLevel @param {AbortSignal} signal
 */
async function recordStream(context, stream, seconds, onLevel, signal) {
  await context.resume();
  // Not a worklet: its script would need an address, which the page's policy does not allow.
  const recorder = context.createScriptProcessor(SAMPLES_RECORDED_AT_ONCE, 1, 1);
  const samples = new Float32Array(Math.ceil(seconds * context.sampleRate));
  let filled = 0;
  await new Promise((/** @type {(done: void) => void} */ resolve, reject) => {
    const ended = () => reject(new Error("The microphone was taken away. Connect it, and record again."));
    for (const track of stream.getTracks()) track.onended = ended;
    signal.addEventListener("abort", () => resolve());
    recorder.onaudioprocess = ({ inputBuffer }) => {
      const some = inputBuffer.getChannelData(0).subarray(0, samples.length - filled);
      samples.set(some, filled);
      filled += some.length;
      onLevel(some.reduce((a, b) => Math.max(a, Math.abs(b)), 0), filled / context.sampleRate);
      if (filled === samples.length) resolve();
    };
    if (signal.aborted) resolve();
    context.createMediaStreamSource(stream).connect(recorder);
    // It runs only where it leads somewhere; what it hands on is silent.
    recorder.connect(context.destination);
  });
  recorder.onaudioprocess = null;
  return samples.subarray(0, filled);
}
