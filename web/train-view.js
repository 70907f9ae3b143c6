// Training in the page: choices, curves, a confusion matrix, the weights as a file.
import { drawCurves, tableOf } from "./draw.js";
import { drawAnew, elementOf, statusLine, stoppable } from "./elements.js";
import { orLost, troubleOf, WITH_WEBGPU } from "./network.js";
import { unpack } from "./pack.js";
import { safetensorsOf } from "./safetensors.js";
import { saveFile } from "./save.js";
import { meanOf } from "./steps.js";
import { openTrainer, scaledSamples } from "./training.js";

/** `P1`. @param {{ name: string }} facts of a model */
function nameOf({ name }) {
  return name.toUpperCase();
}

/**
 * Makes the lower half of the page work.
 * @param {import("./types").PageData} data
 * @param {import("./types").Training} training
 * @param {import("./types").Networks} networks
 */
export function startTraining(data, training, networks) {
  const { say, progress } = statusLine("train-status");
  const bar = elementOf("train-progress", HTMLProgressElement);
  const [start, stop, save, saveLog] = ["train-start", "train-stop", "train-download", "train-log"].map((id) =>
    elementOf(id, HTMLButtonElement));
  const choice = elementOf("train-model", HTMLSelectElement);
  const epochs = elementOf("train-epochs", HTMLInputElement);
  const { shape: [bands, frames] } = training;

  /** What is being trained. @type {import("./types").TrainingRun | null} */
  let run = null;
  /** @type {ReturnType<typeof stoppable> | null} */
  let stopping = null;
  /** @type {Promise<{ samples: Float32Array, orders: Uint16Array }> | null} */
  let arrays = null;

  elementOf("train-about", HTMLElement).textContent =
    `The page holds ${training.train + training.test} spectrograms of the ${training.source}, ${bands} bands by ` +
    `${frames} frames, in steps of ${training.step_db} dB: ${training.train} to train on, and ${training.test} of ` +
    "other songs to test with. An epoch is one pass over those to train on. Weights and order are those " +
    `that Keras draws with seed ${training.seed}, and the kernels are those of the program.`;
  choice.replaceChildren(...training.models.map(({ facts }, i) => new Option(nameOf(facts), String(i))));
  epochs.max = String(training.most_epochs);

  /** The model that is chosen. */
  const modelNow = () => training.models[Number(choice.value)];

  function chosen() {
    const model = modelNow();
    epochs.value = String(run && run.model === model ? run.total : Math.min(model.epochs, training.most_epochs));
    tellOfChoice();
  }

  /** Whether the run goes on with what is chosen. */
  function goesOn() {
    return run !== null && run.model === modelNow() && run.total === epochs.valueAsNumber &&
      run.epochs.length < run.total && Boolean(run.trainer || run.state);
  }

  /** What the button does next. */
  function wordOf() {
    if (goesOn()) return "Resume";
    return run?.epochs.length && run.model === modelNow() ? "Train again" : "Train";
  }

  /** Says what the button does next, and what that means for what is there. */
  function tellOfChoice() {
    const { left_out: without } = modelNow();
    start.textContent = wordOf();
    const left = without ? `Trained here without ${without}, which the program's recipe has.` : "";
    const lost = run?.epochs.length && !goesOn()
      ? " A new training takes the place of the results below: save them first if you want them." : "";
    say(`${left}${lost}`.trim());
  }

  /** Forgets the run. */
  function reset() {
    run?.trainer?.close();
    run = null;
    elementOf("train-result", HTMLElement).hidden = true;
    bar.hidden = true;
  }

  /** Trains until all epochs are done, the visitor stops it, or the GPU is lost. */
  async function train() {
    if (stopping) return;
    const total = epochs.valueAsNumber;
    if (!Number.isInteger(total) || total < 1 || total > training.most_epochs) {
      say(`Epochs: expected a number from 1 to ${training.most_epochs}.`, true);
      return;
    }
    const model = modelNow();
    if (!goesOn()) reset();
    run ??= { model, total, epochs: [], steps: [], matrix: null, trainer: null, state: null, device: null };
    const own = run;
    stopping = stoppable();
    const { signal } = stopping;
    busy(true);
    say("Looking for the GPU …");
    /** @type {GPUDevice | null} */
    let used = null;
    try {
      const gpu = await networks.gpu();
      used = gpu.device;
      if (!gpu.device) {
        say(`Training needs WebGPU: ${gpu.missing}. ${WITH_WEBGPU} have it; ` +
          "or train with the program: genre-gpu train.", true);
        return;
      }
      say("Preparing the training …");
      arrays ??= loadArrays();
      const recording = data.recordings[model.recordings[gpu.kind]];
      const { device } = gpu;
      if (own.device !== device) [own.trainer, own.device] = [null, device];
      own.trainer ??= await orLost(device,
        openTrainer(device, training, model, recording, await arrays, own.state ?? undefined));
      const { trainer } = own;
      bar.hidden = false;
      while (trainer.epoch() < total) {
        const epoch = trainer.epoch();
        /** @type {import("./types").StepResult[]} */
        let all = [];
        const work = trainer.trainEpoch(total, (steps) => {
          all = steps;
          const { n: seen, loss } = meanOf(steps);
          bar.max = total;
          bar.value = epoch + seen / training.train;
          progress(`Epoch ${epoch + 1} of ${total}: ${seen} of ${training.train} samples, loss ${loss.toFixed(4)}`);
        }, signal);
        const result = await orLost(device, work);
        if (!result) {
          say(`Stopped in epoch ${epoch + 1} of ${total}. "Resume" goes on from this very step.`);
          return;
        }
        if (!Number.isFinite(result.loss)) throw new Error("the loss is not a number: the training diverged");
        own.state = await orLost(device, trainer.state());
        own.epochs.push(result);
        own.steps.push(...all.map(({ loss }) => loss));
        showEpochs(own);
      }
      own.matrix = (await orLost(device, trainer.evaluate())).matrix;
      showMatrix(own);
      const last = own.epochs[own.epochs.length - 1];
      say(`Done: test accuracy ${(100 * last.test_accuracy).toFixed(1)} % on ${training.test} spectrograms of songs ` +
        `that were not trained on, ${Math.round(last.samples_per_second)} samples per second on ${gpu.name}.`);
    } catch (error) {
      own.trainer?.close();
      own.trainer = null;
      const trouble = used ? await troubleOf(used, error) : /** @type {Error} */ (error).message;
      const kept = own.state ? ` "Resume" goes on after epoch ${own.state.epoch}.` : "";
      say(`Training ended: ${trouble}.${kept}`, true);
    } finally {
      stopping = null;
      busy(false);
    }
  }

  async function loadArrays() {
    const [spectrograms, orders] = await Promise.all([unpack("spectrograms"), unpack("orders")]);
    return { samples: scaledSamples(spectrograms, training), orders: new Uint16Array(orders.buffer) };
  }

  /** @param {boolean} trains */
  function busy(trains) {
    // What has the focus is hidden, or disabled.
    const isFocused = [start, stop, choice, epochs].some((control) => control === document.activeElement);
    stop.hidden = !trains;
    start.hidden = trains;
    choice.disabled = epochs.disabled = trains;
    start.textContent = wordOf();
    if (isFocused) (trains ? stop : start).focus();
  }

  /** @param {import("./types").TrainingRun} own */
  function showEpochs(own) {
    elementOf("train-result", HTMLElement).hidden = false;
    const curves = (/** @type {keyof import("./types").Epoch} */ one, /** @type {keyof import("./types").Epoch} */ other) => [
      { name: "training", values: own.epochs.map((epoch) => epoch[one]), colour: "--training", dash: [] },
      { name: "test", values: own.epochs.map((epoch) => epoch[other]), colour: "--validation", dash: [6, 3] },
    ];
    drawCurves(elementOf("train-loss", HTMLCanvasElement), curves("loss", "test_loss"),
      { epochs: own.total });
    drawCurves(elementOf("train-accuracy", HTMLCanvasElement), curves("accuracy", "test_accuracy"),
      { epochs: own.total, low: 0, high: 1 });
    const last = own.epochs[own.epochs.length - 1];
    const about = (/** @type {string} */ what, /** @type {number} */ one, /** @type {number} */ other) =>
      `${what} by epoch: after epoch ${own.epochs.length} ${one.toFixed(3)} in training, ${other.toFixed(3)} in test`;
    elementOf("train-loss", HTMLCanvasElement).setAttribute("aria-label", about("Loss", last.loss, last.test_loss));
    elementOf("train-accuracy", HTMLCanvasElement)
      .setAttribute("aria-label", about("Accuracy", last.accuracy, last.test_accuracy));
    const rows = own.epochs.map((epoch, i) => [String(i + 1), epoch.loss.toFixed(4), epoch.accuracy.toFixed(4),
      epoch.test_loss.toFixed(4), epoch.test_accuracy.toFixed(4), epoch.samples_per_second.toFixed(0)]);
    const table = tableOf(
      `${nameOf(own.model.facts)}. Training: running mean over the epoch, while weights change; test: after the epoch`,
      ["Epoch", "Loss", "Accuracy", "Test loss", "Test accuracy", "Samples per second"], rows);
    table.id = "train-table";
    elementOf("train-table", HTMLElement).replaceWith(table);
  }

  /** @param {import("./types").TrainingRun} own */
  function showMatrix(own) {
    const { classes } = training;
    const rows = (own.matrix ?? []).map((row, i) => [classes[i], ...row.map(String)]);
    elementOf("train-matrix", HTMLElement).replaceChildren(tableOf(
      `${nameOf(own.model.facts)}, test spectrograms: true classes in rows, predicted ones in columns`,
      ["True class", ...classes], rows));
  }

  save.addEventListener("click", () => {
    if (!run?.state) return;
    const { facts, graph } = run.model;
    const bytes = safetensorsOf({ ...facts, epochs: run.state.epoch }, graph, run.state.weights);
    saveFile("model.safetensors", bytes);
  });
  saveLog.addEventListener("click", () => {
    if (!run) return;
    const { model: { facts }, total, epochs: done, steps, matrix } = run;
    const log = { model: facts.name, seed: facts.seed, epochs: total, classes: facts.classes, history: done, steps,
      confusion: matrix };
    saveFile("training.json", JSON.stringify(log));
  });
  elementOf("train-controls", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    train();
  });
  epochs.addEventListener("input", tellOfChoice);
  stop.addEventListener("click", () => stopping?.stop());
  choice.addEventListener("change", chosen);
  drawAnew(() => {
    if (run && run.epochs.length > 0) showEpochs(run);
  });
  chosen();
  start.disabled = false;
}
