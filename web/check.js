// The self-test of the kernels on WebGPU: small cases beside what the reference made of them.
import { addDeviation, deviationOf, emptyTally, wrongAt } from "./deviation.js";
import { unpack } from "./pack.js";
import { closeRecording, openRecording, padded, readParts, runPass, uploadSamples, writeBuffer, writePart }
  from "./replay.js";
import { meanOf, readSteps } from "./steps.js";

/** What tensors hold before a pass, so that an element that is not written differs. */
const POISON = 1e9;

/**
 * The cases that lie in the page, with floats and shaders where they are used.
 * @param {import("./types").PageData} data
 * @param {"hardware" | "software"} kind whose tiles are checked
 * @returns {Promise<import("./types").CheckCase[]>}
 */
export async function unpackCases(data, kind) {
  const [json, floats] = await Promise.all([unpack("check-cases"), unpack("check-floats")]);
  const cases = JSON.parse(new TextDecoder().decode(json))[kind];
  return casesOf(cases, new Float32Array(floats.buffer), data.kernels);
}

/**
 * The same from what was unpacked.
 * @param {any[]} cases
 * @param {Float32Array} floats
 * @param {import("./types").PageData["kernels"]} kernels
 * @returns {import("./types").CheckCase[]}
 */
export function casesOf(cases, floats, kernels) {
  const part = (/** @type {{ offset: number, length: number }} */ { offset, length }) =>
    floats.subarray(offset, offset + length);
  return cases.map(({ samples, parameters, passes, recording, ...rest }) => ({
    ...rest,
    samples: part(samples),
    parameters: part(parameters),
    recording: {
      ...recording,
      kernels: Object.fromEntries(recording.kernel_names.map((/** @type {string} */ name) => [name, kernels[name]])),
    },
    passes: passes.map((/** @type {any} */ pass) => ({
      ...pass,
      velocity: pass.velocity && part(pass.velocity),
      tensors: pass.tensors.map((/** @type {any} */ tensor) => ({ ...tensor, want: part(tensor.want) })),
    })),
  }));
}

/**
 * Replays the cases and compares what comes of them.
 * @param {GPUDevice} device
 * @param {import("./types").CheckCase[]} cases
 * @param {string[]} used kernels of which something must be compared
 * @param {(done: number) => void} onCase
 * @param {AbortSignal} signal
 * @returns {Promise<import("./types").Checked | null>} null if it was stopped
 */
export async function checkKernels(device, cases, used, onCase, signal) {
  const begin = performance.now();
  /** @type {import("./types").Checked} */
  const found = { kernels: {}, operations: {}, first: {}, passed: false, seconds: 0 };
  const all = cases.flatMap(({ recording }) => Object.keys(recording.kernels));
  for (const name of [...used, ...all]) found.kernels[name] ??= emptyTally();
  for (const { op } of cases) found.operations[op] ??= emptyTally();
  for (const [done, one] of cases.entries()) {
    if (signal.aborted) return null;
    try {
      await checkCase(device, one, found);
    } catch (error) {
      // Told by what waits for it.
      const { reason } = await Promise.race([device.lost, { reason: null }]);
      if (reason !== null) throw error;
      addDeviation(found.operations[one.op], wrongAt(`${one.name}: ${/** @type {Error} */ (error).message}`));
    }
    onCase(done + 1);
  }
  const tallies = [...Object.values(found.kernels), ...Object.values(found.operations)];
  found.passed = tallies.every(({ comparisons, failed }) => comparisons > 0 && failed === 0);
  found.seconds = (performance.now() - begin) / 1000;
  return found;
}

/**
 * Runs the passes of a case.
 * @param {GPUDevice} device
 * @param {import("./types").CheckCase} one
 * @param {import("./types").Checked} found
 */
async function checkCase(device, one, found) {
  const { recording, samples, labels, parameters } = one;
  const opened = await openRecording(device, recording, ["train", "evaluate", "explain"]);
  try {
    uploadSamples(opened, samples, new Uint32Array(labels));
    const zeros = new Float32Array(parameters.length);
    let firstWrong = null;
    for (const pass of one.passes) {
      writeBuffer(opened, recording.roles.parameters, padded(recording, parameters));
      writeBuffer(opened, recording.roles.velocity, padded(recording, pass.velocity ?? zeros));
      for (const { value, gradient } of recording.tensors) {
        for (const place of [value, gradient]) {
          if (place) writePart(opened, place, new Float32Array(place.bytes / 4).fill(POISON));
        }
      }
      runPass(opened, pass.pass, Uint32Array.from(pass.order), pass.settings);
      const read = await readParts(opened, pass.tensors.map(({ place }) => place));
      const wrong = comparePass(one, pass, read, meanOf(await readSteps(opened, pass.order.length)), found);
      firstWrong ??= wrong;
    }
    // What is wrong in one pass is so in the next ones.
    if (firstWrong) found.first[firstWrong] = (found.first[firstWrong] ?? 0) + 1;
  } finally {
    closeRecording(opened);
  }
}

/**
 * Compares what a pass left, and adds it to the kernels that it comes from.
 * @param {import("./types").CheckCase} one
 * @param {import("./types").CheckPass} pass
 * @param {Float32Array[]} read
 * @param {{ loss: number, correct: number }} mean of its steps
 * @param {import("./types").Checked} found
 * @returns {string | null} the kernel that is wrong first in the step
 */
export function comparePass({ op, recording }, { pass, tensors, metrics }, read, { loss, correct }, found) {
  const { dispatches } = recording;
  let firstWrong = Infinity;
  const add = (/** @type {import("./types").Deviation} */ deviation, /** @type {number[]} */ sources) => {
    addDeviation(found.operations[op], deviation);
    for (const name of new Set(sources.map((at) => dispatches[at].kernel))) {
      addDeviation(found.kernels[name], deviation);
    }
    // Dispatches are numbered in the order of a step.
    if (deviation.wrong !== null && sources.length > 0) firstWrong = Math.min(firstWrong, sources[0]);
  };
  for (const [i, tensor] of tensors.entries()) add(deviationOf(tensor, read[i], tensor.want), tensor.dispatches);
  if (metrics) {
    const one = { ...metrics, extents: [1] };
    add(deviationOf(one, Float32Array.of(loss), Float32Array.of(metrics.loss)), metrics.dispatches);
    const { name } = metrics;
    add(correct === metrics.correct ? { worst: 0, share: 0, wrong: null }
      : wrongAt(`${name} (${pass}): got ${correct} correct predictions, want ${metrics.correct}`), metrics.dispatches);
  }
  return firstWrong < Infinity ? dispatches[firstWrong].kernel : null;
}
