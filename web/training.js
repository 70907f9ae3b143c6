// Trains a model in the page, on WebGPU: the recipe, the weights and the order of samples of the program.
import { scaleCuts } from "./front-end.js";
import { closeRecording, openRecording, padded, readFloats, runPass, unpadded, uploadSamples, writeBuffer }
  from "./replay.js";
import { meanOf, readSteps } from "./steps.js";

/** Training steps between two looks at the page: few, so that it answers. */
const STEPS_AT_ONCE = 2;

/**
 * The spectrograms as a model is trained on them.
 * @param {Uint8Array} bytes steps above the lowest value, each less that of the frame before
 * @param {import("./types").Training} training
 * @returns {Float32Array} `[samples, bands, frames, 1]`, scaled
 */
export function scaledSamples(bytes, { lowest_db, step_db, shape, models }) {
  const decibels = new Float32Array(bytes.length);
  const frames = shape[1];
  for (let i = 0; i < bytes.length; i += 1) {
    if (i % frames !== 0) bytes[i] += bytes[i - 1];
    decibels[i] = lowest_db + step_db * bytes[i];
  }
  return scaleCuts(decibels, models[0].facts.scale);
}

/**
 * The learning rate of an epoch, from 0.
 * @param {import("./types").TrainedModel} model
 * @param {number} epoch
 * @param {number} epochs
 */
export function rateOf({ schedule, learning_rate }, epoch, epochs) {
  return schedule === "cosine" ? 0.5 * learning_rate * (1 + Math.cos((Math.PI * epoch) / epochs)) : learning_rate;
}

/**
 * Opens a model for training. `state` goes on with what an earlier trainer left.
 * @param {GPUDevice} device
 * @param {import("./types").Training} training
 * @param {import("./types").TrainedModel} model
 * @param {import("./types").Recording} recording
 * @param {{ samples: Float32Array, orders: Uint16Array }} arrays
 * @param {import("./types").TrainingState} [state]
 * @returns {Promise<import("./types").Trainer>}
 */
export async function openTrainer(device, training, model, recording, { samples, orders }, state) {
  const { train, test, labels, classes } = training;
  const { roles, batch_size: batch } = recording;
  const opened = await openRecording(device, recording, ["train", "evaluate"]);
  uploadSamples(opened, samples, new Uint32Array(labels));
  const from = state ?? { epoch: 0, weights: model.weights, velocity: null };
  writeBuffer(opened, roles.parameters, padded(recording, from.weights));
  if (from.velocity) writeBuffer(opened, roles.velocity, padded(recording, from.velocity));
  const stepsPerEpoch = Math.ceil(train / batch);
  const testOrder = Uint32Array.from({ length: test }, (_, i) => train + i);

  /** Evaluates the test samples. @returns {Promise<{ loss: number, accuracy: number, matrix: number[][] }>} */
  async function evaluate() {
    runPass(opened, "evaluate", testOrder);
    const steps = await readSteps(opened, test);
    const probabilities = await readFloats(opened, roles.probabilities, test * classes.length);
    const matrix = classes.map(() => classes.map(() => 0));
    for (let i = 0; i < test; i += 1) {
      const row = probabilities.subarray(i * classes.length, (i + 1) * classes.length);
      matrix[labels[train + i]][row.indexOf(Math.max(...row))] += 1;
    }
    const { loss, accuracy } = meanOf(steps);
    return { loss, accuracy, matrix };
  }

  let epoch = from.epoch;
  /** @type {import("./types").StepResult[]} */
  let done = [];
  let seconds = 0;
  return {
    epoch: () => epoch,
    evaluate,
    async trainEpoch(epochs, onSteps, signal) {
      const order = Uint32Array.from(orders.subarray(epoch * train, (epoch + 1) * train));
      while (done.length < stepsPerEpoch) {
        if (signal.aborted) return null;
        const first = done.length * batch;
        const some = order.subarray(first, Math.min(first + STEPS_AT_ONCE * batch, train));
        const begin = performance.now();
        runPass(opened, "train", some, {
          learning_rate: rateOf(model, epoch, epochs),
          momentum: model.momentum,
          nesterov: model.nesterov,
          seed: training.seed,
          first_step: epoch * stepsPerEpoch + done.length,
        });
        done = done.concat(await readSteps(opened, some.length));
        seconds += (performance.now() - begin) / 1000;
        onSteps(done);
      }
      const { loss, accuracy } = meanOf(done);
      const tested = await evaluate();
      const rate = train / seconds;
      [done, seconds, epoch] = [[], 0, epoch + 1];
      return { loss, accuracy, test_loss: tested.loss, test_accuracy: tested.accuracy, samples_per_second: rate };
    },
    async state() {
      const all = recording.parameters[recording.parameters.length - 1];
      const length = all.start + all.shape.reduce((a, b) => a * b, 1);
      const read = async (/** @type {number} */ role) => unpadded(recording, await readFloats(opened, role, length));
      const velocity = model.momentum === 0 ? null : await read(roles.velocity);
      return { epoch, weights: await read(roles.parameters), velocity };
    },
    close: () => closeRecording(opened),
  };
}
