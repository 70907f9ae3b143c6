// A model on WebGPU: what `forward.js` does without.
import { mapsOf } from "./cam.js";
import { closeRecording, openRecording, padded, preparePass, readFloats, readParts, runPass, uploadSamples,
  writeBuffer } from "./replay.js";

/** Ends work for which nobody waits any more. */
export class Superseded extends Error {}

/** Browsers that have it, for those whose browser has not. */
export const WITH_WEBGPU = "Chrome, Edge, Safari 26 and Firefox 141";

/**
 * The visitor's GPU, or why there is none.
 * @returns {Promise<import("./types").FoundGpu | import("./types").NoGpu>}
 */
export async function findGpu() {
  const missing = (/** @type {string} */ missing) => /** @type {import("./types").NoGpu} */ ({ device: null, missing });
  if (!("gpu" in navigator) || !navigator.gpu) {
    // As a page that a report opened.
    return missing(globalThis.isSecureContext ? "this browser has no WebGPU"
      : "a browser gives WebGPU only to pages from a disk or over https");
  }
  let adapter = null;
  try {
    adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  } catch (error) {
    return missing(`WebGPU failed: ${/** @type {Error} */ (error).message}`);
  }
  if (!adapter) return missing("this browser has WebGPU, but found no GPU");
  try {
    const device = await adapter.requestDevice();
    // Older browsers have no `info`.
    const { description, vendor, architecture, isFallbackAdapter } = adapter.info ?? {};
    const name = description || [vendor, architecture].filter(Boolean).join(" ") || "unknown GPU";
    // A GPU in software has other tiles: ten times as fast there.
    const isSoftware = isFallbackAdapter || /swiftshader|llvmpipe|basic render/i.test(name);
    return { device, name, kind: isSoftware ? "software" : "hardware" };
  } catch (error) {
    return missing(`the GPU could not be opened: ${/** @type {Error} */ (error).message}`);
  }
}

/** What waits for work on a GPU, by that; null of one that was lost. @type {WeakMap<GPUDevice, Set<() => void> | null>} */
const waiting = new WeakMap();

/**
 * What comes of work on a GPU; an error as soon as the GPU is lost, since such work may never end.
 * @template T
 * @param {GPUDevice} device
 * @param {Promise<T>} work
 * @returns {Promise<T>}
 */
export function orLost(device, work) {
  if (!waiting.has(device)) {
    waiting.set(device, new Set());
    // Once for each GPU: what waits for its loss is kept until then.
    device.lost.then(() => {
      waiting.get(device)?.forEach((fail) => fail());
      waiting.set(device, null);
    });
  }
  return new Promise((resolve, reject) => {
    const all = waiting.get(device);
    const fail = () => reject(new Error("the GPU was lost"));
    if (!all) fail();
    all?.add(fail);
    work.then(resolve, reject).finally(() => all?.delete(fail));
  });
}

/** How long a browser may take to say that a GPU is lost, after work on it failed, in milliseconds. */
const LOSS_MS = 300;

/**
 * What went wrong on a GPU: its loss, if it was lost, else the error itself.
 * @param {GPUDevice} device
 * @param {unknown} error
 * @returns {Promise<string>}
 */
export async function troubleOf(device, error) {
  const known = await Promise.race([device.lost, new Promise((none) => setTimeout(none, LOSS_MS, null))]);
  if (!known) return error instanceof Error ? error.message : String(error);
  return `the GPU was lost${known.message ? ` (${known.message.replace(/\.$/, "")})` : ""}`;
}

/**
 * Opens a model on a GPU.
 * @param {GPUDevice} device
 * @param {string} name
 * @param {import("./types").Model} model
 * @param {import("./types").Recording} recording
 * @returns {Promise<import("./types").Network>}
 */
export async function openOnGpu(device, name, model, recording) {
  const opened = await openRecording(device, recording, ["evaluate"]);
  const { roles, classes, samples: room } = recording;
  writeBuffer(opened, roles.parameters, padded(recording, model.weights));
  const size = recording.input[0] * recording.input[1] * recording.input[2];

  let isClosed = false;
  function checkOpen() {
    if (isClosed) throw new Error("the model was closed");
  }

  /**
   * Runs a pass over samples, as many at once as there is room for, and hands their probabilities to `each`.
   * @param {"evaluate" | "explain"} pass
   * @param {Float32Array} x
   * @param {number[]} labels
   * @param {(probabilities: Float32Array, first: number) => Promise<void>} each
   */
  async function batches(pass, x, labels, each) {
    for (let first = 0; first < labels.length; first += room) {
      checkOpen();
      const some = labels.slice(first, first + room);
      uploadSamples(opened, x.subarray(first * size, (first + some.length) * size), new Uint32Array(some));
      runPass(opened, pass, Uint32Array.from(some.keys()));
      await each(await readFloats(opened, roles.probabilities, some.length * classes), first);
    }
    // What is read of buffers that were freed meanwhile is zeros.
    checkOpen();
  }

  /** @type {Promise<any>} */
  let last = Promise.resolve();
  /**
   * One piece of work after another: they share buffers.
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  function inTurn(work) {
    const own = last.then(work, work);
    last = own;
    return own;
  }

  return {
    device: `${name}, WebGPU`,
    gpu: device,
    probabilities: (x, n, onDone = () => {}) => inTurn(async () => {
      const all = new Float32Array(n * classes);
      onDone(0);
      await batches("evaluate", x, new Array(n).fill(0), async (some, first) => {
        all.set(some, first * classes);
        onDone(first + some.length / classes);
      });
      return all;
    }),
    maps: (x, targets) => inTurn(async () => {
      /** @type {import("./types").Maps[][]} */
      const all = targets.map(() => []);
      checkOpen();
      await preparePass(opened, "explain");
      await batches("explain", x, targets, async (some, first) => {
        const n = some.length / classes;
        for (const { probe, shape } of model.layers) {
          const { value, gradient } = recording.tensors[probe];
          if (!value || !gradient) throw new Error(`the recording keeps no gradient of layer ${probe}`);
          const length = shape[0] * shape[1] * shape[2];
          const bytes = 4 * n * length;
          const [a, g] = await readParts(opened, [{ ...value, bytes }, { ...gradient, bytes }]);
          for (let i = 0; i < n; i += 1) {
            const here = [i * length, (i + 1) * length];
            all[first + i].push(mapsOf(a.subarray(...here), g.subarray(...here), shape));
          }
        }
      });
      return all;
    }),
    close() {
      isClosed = true;
      closeRecording(opened);
    },
  };
}
