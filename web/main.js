// The page: opens its models where they run best, then listens, trains and checks.
import { startChecking } from "./check-view.js";
import { statusLine } from "./elements.js";
import { openOnCpu } from "./forward.js";
import { startListening } from "./listen-view.js";
import { findGpu, openOnGpu, orLost, Superseded, troubleOf } from "./network.js";
import { unpackData } from "./pack.js";
import { startTraining } from "./train-view.js";

/**
 * The models of the page, each opened once; without WebGPU, or where it fails, in JavaScript.
 * @param {import("./types").PageData} data
 * @param {(words: string) => void} onTrouble is told which model does not run on the GPU any more, and why
 * @returns {import("./types").Networks}
 */
export function networksOf(data, onTrouble) {
  /** @type {ReturnType<typeof findGpu> | null} */
  let found = null;
  /** @type {Map<number, Promise<import("./types").Network>>} */
  const opened = new Map();
  /** @type {Map<number, string>} */
  const devices = new Map();

  async function gpu() {
    found ??= findGpu().then((gpu) => {
      // Looked for again where the browser lost it; its networks are gone with it.
      gpu.device?.lost.then(async () => {
        found = null;
        for (const [at, pending] of opened) {
          if ((await pending).gpu === gpu.device && opened.get(at) === pending) opened.delete(at);
        }
      });
      return gpu;
    });
    return found;
  }

  /** @param {number} at @returns {Promise<import("./types").Network>} */
  async function openNetwork(at) {
    const model = data.models[at];
    const found = await gpu();
    if (!found.device) return openOnCpu(model);
    try {
      const recording = data.recordings[model.recordings[found.kind]];
      return await openOnGpu(found.device, found.name, model, recording);
    } catch (error) {
      return openInstead(model, found.device, error);
    }
  }

  /** Where WebGPU failed. @param {import("./types").Model} model @param {GPUDevice} device @param {unknown} error */
  async function openInstead(model, device, error) {
    const network = openOnCpu(model);
    onTrouble(`${model.title} runs in ${network.device}, since WebGPU failed: ${await troubleOf(device, error)}. ` +
      "Its answers are the same there. Load the page again to try WebGPU again.");
    return network;
  }

  return {
    gpu,
    device: (at) => devices.get(at) ?? "",
    async use(at, work) {
      const pending = opened.get(at) ?? openNetwork(at);
      opened.set(at, pending);
      const network = await pending;
      devices.set(at, network.device);
      const { gpu: device } = network;
      if (!device) return work(network);
      try {
        return await orLost(device, work(network));
      } catch (error) {
        if (error instanceof Superseded) throw error;
        network.close();
        // The same one for all work that failed meanwhile.
        let instead = opened.get(at);
        if (!instead || instead === pending) instead = openInstead(data.models[at], device, error);
        opened.set(at, instead);
        const { device: name } = await instead;
        devices.set(at, name);
        return work(await instead);
      }
    },
  };
}

/** Starts the page. */
export async function main() {
  const { say } = statusLine("device");
  try {
    // The page is painted before its data are decoded.
    await new Promise((painted) => {
      requestAnimationFrame(() => setTimeout(painted, 0));
    });
    const data = await unpackData();
    const networks = networksOf(data, (words) => say(words, true));
    startListening(data, networks);
    if (data.training) startTraining(data, data.training, networks);
    if (data.checks) startChecking(data, networks);
    const gpu = await networks.gpu();
    await networks.use(0, async (network) => {
      if (network.gpu) say(`The models run on ${network.device}.`);
      else if (!gpu.device) say(`The models run in ${network.device}: ${gpu.missing}. They give the same answers there.`);
    });
  } catch (error) {
    say(`The page cannot start: ${/** @type {Error} */ (error).message}.`, true);
  }
}
