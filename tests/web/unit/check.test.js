// Deviations have the numbers and words of the tests in src/check/deviation.rs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkText, checkVerdict } from "../../../web/check-view.js";
import { casesOf, comparePass } from "../../../web/check.js";
import { addDeviation, deviationOf, emptyTally } from "../../../web/deviation.js";
import { meanOf } from "../../../web/steps.js";

const of = { name: "y", extents: [2, 3], absolute: 0.1, relative: 0 };
const floats = (...values) => Float32Array.from(values);

test("the worst element is named with its index", () => {
  const { worst, share, wrong } = deviationOf(of, floats(0, 1, 2.05, 3, 4, 6), floats(0, 1, 2, 3.5, 4, 5));
  assert.equal(worst, 1);
  assert.ok(Math.abs(share - 10) < 1e-9);
  assert.match(wrong, /^y: 2 of 6 elements differ/);
  assert.match(wrong, /worst at \[1, 2\]: got 6, want 5/);
  assert.match(wrong, /at \[1, 0\]: got 3, want 3\.5/);
});

test("a NaN, an infinite number and another length are wrong, and what is near is not", () => {
  const one = { ...of, extents: [1] };
  for (const got of [NaN, Infinity, -Infinity, 2]) {
    assert.notEqual(deviationOf(one, floats(got), floats(1)).wrong, null, String(got));
  }
  assert.equal(deviationOf(one, floats(1.05), floats(1)).wrong, null);
  assert.deepEqual(deviationOf({ ...one, absolute: 0 }, floats(1), floats(1)), { worst: 0, share: 0, wrong: null });
  assert.equal(deviationOf({ ...one, extents: [2] }, floats(1), floats(1, 2)).wrong,
    "y: expected 2 elements, found 1");
});

/** Two dispatches, the second of which reads what the first wrote; a pass of three samples, two at a time. */
const recording = {
  kernel_names: ["below", "above", "loss"],
  dispatches: [{ kernel: "below" }, { kernel: "above" }, { kernel: "below" }, { kernel: "loss" }],
};
const cases = [{
  op: "pool", name: "small", recording, labels: [0],
  samples: { offset: 0, length: 1 }, parameters: { offset: 1, length: 2 },
  passes: [{
    pass: "train", order: [0, 1, 2], settings: {}, velocity: null,
    tensors: [0, 1, 2].map((at) => ({
      name: `tensor ${at}`, extents: [2], want: { offset: 3 + 2 * at, length: 2 }, absolute: 1e-6, relative: 0,
      dispatches: [at],
    })),
    metrics: { name: "small: loss", loss: 2.5, absolute: 1e-6, relative: 0, correct: 2, dispatches: [3] },
  }],
}];
const [one] = casesOf(cases, Float32Array.from({ length: 9 }, (_, i) => i), { below: {}, above: {}, loss: {} });
const right = () => ({
  read: [floats(3, 4), floats(5, 6), floats(7, 8)],
  steps: [{ n: 2, loss: 2.5, correct: 1 }, { n: 1, loss: 2.5, correct: 1 }],
});

function compared(change) {
  const tallies = () => Object.fromEntries(recording.kernel_names.map((name) => [name, emptyTally()]));
  const found = { kernels: tallies(), operations: { pool: emptyTally() }, first: {}, passed: false, seconds: 1 };
  const made = right();
  change(made);
  const first = comparePass(one, one.passes[0], made.read, meanOf(made.steps), found);
  if (first) found.first[first] = 1;
  return found;
}

test("what is compared is added to the kernels that it comes from", () => {
  const { kernels, operations, first } = compared(() => {});
  assert.deepEqual(Object.values(kernels).map(({ comparisons }) => comparisons), [2, 1, 2]);
  assert.equal(operations.pool.comparisons, 5);
  assert.ok(Object.values(kernels).every(({ failed }) => failed === 0));
  assert.deepEqual(first, {});
});

test("the kernel that is wrong first in a step is named, in the text too", () => {
  const found = compared(({ read, steps }) => {
    read[1][0] += 1;
    read[2][1] = NaN;
    steps[0].correct = 2;
  });
  assert.deepEqual(found.first, { above: 1 });
  assert.deepEqual(Object.values(found.kernels).map(({ failed }) => failed), [1, 1, 1]);
  assert.match(found.kernels.loss.wrong[0], /got 3 correct predictions, want 2/);
  assert.match(checkVerdict(found), /^FAILED in 1\.0 s.*First wrong in a step: above \(in 1 case\)/);
  const text = checkText(found, { gpu: "a GPU", kind: "hardware", version: "1", browser: "none" });
  assert.match(text, /\nabove +WRONG +1\.0e0 +100000000 %\n/);
  assert.match(text, /\nWrong:\n[^]*tensor 1: 1 of 2 elements differ/);
});

test("a loss that differs is wrong", () => {
  const { kernels } = compared(({ steps }) => {
    steps[1].loss = 2.4;
  });
  assert.equal(kernels.loss.failed, 1);
});

test("a mean is over samples, not over steps", () => {
  const steps = [{ n: 3, loss: 1, correct: 3 }, { n: 1, loss: 2, correct: 0 }];
  assert.deepEqual(meanOf(steps), { n: 4, loss: 1.25, correct: 3, accuracy: 0.75 });
});

test("a table has a row for each kernel, as genre-gpu check prints it", () => {
  const found = compared(() => {});
  addDeviation(found.kernels.above, { worst: 4.6e-7, share: 0.126, wrong: null });
  const text = checkText({ ...found, passed: true }, { gpu: "a GPU", kind: "hardware", version: "1", browser: "none" });
  assert.match(text, /\nkernel {7}error {2}limit\nabove {3}ok {2}4\.6e-7 {3}13 %\nbelow {3}ok {3}0\.0e0 {4}0 %\n/);
  assert.match(text, /Passed in 1\.0 s/);
});
