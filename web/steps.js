// Loss and correct predictions of the steps of a pass.
import { readParts } from "./replay.js";

/**
 * Of the steps of the last pass over `n` samples: their samples, mean loss with the penalty, correct predictions.
 * @param {import("./types").Opened} model
 * @param {number} n
 * @returns {Promise<import("./types").StepResult[]>}
 */
export async function readSteps(model, n) {
  const { roles, batch_size: batch, metrics_per_step: per, penalties_per_step: terms } = model.recording;
  const steps = Math.ceil(n / batch);
  const [sums, penalties] = await readParts(model, [
    { buffer: roles.step_metrics, offset: 0, bytes: 4 * steps * per },
    { buffer: roles.penalties, offset: 0, bytes: 4 * steps * terms },
  ]);
  return Array.from({ length: steps }, (_, i) => {
    const count = Math.min(batch, n - i * batch);
    const penalty = penalties.subarray(i * terms, (i + 1) * terms).reduce((a, b) => a + b, 0);
    return { n: count, loss: sums[i * per] / count + penalty, correct: sums[i * per + 1] };
  });
}

/**
 * Over all samples of these steps.
 * @param {import("./types").StepResult[]} steps
 */
export function meanOf(steps) {
  const n = steps.reduce((sum, step) => sum + step.n, 0);
  const correct = steps.reduce((sum, step) => sum + step.correct, 0);
  return { n, loss: steps.reduce((sum, step) => sum + step.n * step.loss, 0) / n, correct, accuracy: correct / n };
}
