// The page: opens its models where they run best, then listens, trains and checks.
import { startChecking } from "./check-view.js";
import { openOnCpu } from "./forward.js";
import { elementOf, startListening } from "./listen-view.js";
import { findGpu, openOnGpu, troubleOf } from "./network.js";
import { unpackData } from "./pack.js";
import { startTraining } from "./train-view.js";

/**
 * The models of the page, each opened once; without WebGPU, or where it fails, in JavaScript.
 * @param {import("./types").PageData} data
 * @returns {import("./types").Networks}
 */
export function networksOf(data) {
  /** @type {ReturnType<typeof findGpu> | null} */
  let found = null;
  /** @type {Map<number, Promise<import("./types").Network>>} */
  const opened = new Map();
  /** @type {Map<number, string>} */
  const devices = new Map();

  async function gpu() {
    found ??= findGpu().then((gpu) => {
      // Looked for again where the browser lost it; its networks are gone with it.
      gpu.device?.lost.then(() => {
        found = null;
        opened.clear();
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
      console.warn(`JavaScript is used instead of WebGPU: ${await troubleOf(found.device, error)}`);
      return openOnCpu(model);
    }
  }

  return {
    gpu,
    device: (at) => devices.get(at) ?? "",
    async use(at, work) {
      const pending = opened.get(at) ?? openNetwork(at);
      opened.set(at, pending);
      const network = await pending;
      devices.set(at, network.device);
      const { device } = await gpu();
      if (!device || !network.device.includes("WebGPU")) return work(network);
      try {
        // Work on a lost GPU may never end.
        const lost = device.lost.then(() => Promise.reject(new Error("the GPU was lost")));
        return /** @type {any} */ (await Promise.race([work(network), lost]));
      } catch (error) {
        console.warn(`JavaScript is used instead of WebGPU: ${await troubleOf(device, error)}`);
        const instead = openOnCpu(data.models[at]);
        opened.set(at, Promise.resolve(instead));
        devices.set(at, instead.device);
        return work(instead);
      }
    },
  };
}

/** Starts the page. */
export async function main() {
  const device = elementOf("device", HTMLElement);
  try {
    // The page is painted before its data are decoded.
    await new Promise((painted) => {
      requestAnimationFrame(() => setTimeout(painted, 0));
    });
    const data = await unpackData();
    const networks = networksOf(data);
    startListening(data, networks);
    if (data.training) startTraining(data, data.training, networks);
    if (data.checks) startChecking(data, networks);
    const gpu = await networks.gpu();
    await networks.use(0, async (network) => {
      device.textContent = gpu.device
        ? `The models run on ${network.device}.`
        : `The models run in ${network.device}: ${gpu.missing}. They give the same answers there.`;
    });
  } catch (error) {
    device.textContent = `The page cannot start: ${/** @type {Error} */ (error).message}.`;
    device.classList.add("warning");
  }
}
