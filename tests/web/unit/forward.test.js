// The page's own network against a slow reference (reference.js), its gradients against differences.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openOnCpu } from "../../../web/forward.js";
import { conv, dense, depthwise, graphOf, modelOf, norm, numbersFrom, pool, someWeights } from "./graphs.js";
import { P1_LAYERS, P2_LAYERS, p1Nodes, p2Nodes } from "./graphs.js";
import { referenceMaps, referenceValues } from "./reference.js";

const CLASSES = 3;

/** Some samples of a graph, `[n, h, w, c]`. */
function someSamples(graph, n, seed) {
  const next = numbersFrom(seed);
  const length = graph.nodes[0].shape.reduce((a, b) => a * b, 1);
  return Float32Array.from({ length: n * length }, () => 2 * next());
}

const sampleOf = (x, i, n) => Array.from(x.subarray((i * x.length) / n, ((i + 1) * x.length) / n));

/** Within a share of `size`. */
function assertClose(found, expected, size, what) {
  assert.equal(found.length, expected.length, what);
  found.forEach((value, i) => {
    const off = Math.abs(value - expected[i]);
    assert.ok(off <= 1e-6 * size, `${what}[${i}]: expected ${expected[i]}, found ${value}`);
  });
}

async function assertProbabilities(graph, seed, what) {
  const [weights, n] = [someWeights(graph, seed), 2];
  const x = someSamples(graph, n, seed + 1);
  const found = await openOnCpu(modelOf(graph, weights)).probabilities(x, n);
  const expected = [0, 1].flatMap((i) => referenceValues(graph, weights, sampleOf(x, i, n)).at(-1));
  assertClose(found, expected, 1, what);
}

async function assertMaps(graph, layers, seed, what, targets = [2, 0]) {
  const weights = someWeights(graph, seed);
  const x = someSamples(graph, targets.length, seed + 1);
  const network = openOnCpu(modelOf(graph, weights, layers));
  const before = await network.probabilities(x, targets.length);
  const found = await network.maps(x, targets);
  const after = await network.probabilities(x, targets.length);
  assert.deepEqual(after, before, `${what}: the way back leaves no trace`);
  targets.forEach((target, i) => {
    layers.forEach((layer, k) => {
      const expected = referenceMaps(graph, weights, sampleOf(x, i, targets.length), layer, target);
      // A mean of gradients may be 0 in truth, a gradient not.
      const size = Math.max(...expected.hires_cam.map(Math.abs));
      assert.ok(size > 1e-3, `${what}: a gradient arrives at ${layer}`);
      for (const map of ["grad_cam", "hires_cam"]) {
        assertClose(found[i][k][map], expected[map], size, `${what}, ${layer}, ${map}`);
      }
    });
  });
}

/** Each operation: an input's extents and the nodes. */
const strided = (padding) => ({ strides: [2, 3], padding });
const element = (name, slope) => ({ op: "activation", function: name, slope });
const OPERATIONS = {
  "conv2d, same, 5 filters, relu": [[4, 5, 2], conv(5, [3, 4], { activation: "relu" })],
  "conv2d, one filter, no bias": [[4, 3, 2], conv(1, [2, 2], { bias: false })],
  "conv2d, 2 filters, kernel beyond the input": [[3, 2, 1], conv(2, [7, 5])],
  "conv2d, valid": [[5, 6, 3], conv(4, [3, 2], { padding: "valid" })],
  "conv2d, strides, same": [[7, 8, 2], conv(6, [4, 4], strided("same"))],
  "conv2d, strides that skip elements": [[7, 8, 2], conv(3, [1, 2], strided("same"))],
  "conv2d, strides, valid, a rest": [[6, 9, 2], conv(7, [3, 2], strided("valid"))],
  "depthwise_conv2d": [[4, 5, 2], depthwise(3, [3, 2], { activation: "relu" })],
  "depthwise_conv2d, strides": [[7, 8, 2], depthwise(3, [3, 2], strided("same"))],
  "depthwise_conv2d, valid, no bias": [[4, 5, 2], depthwise(2, [3, 2], { padding: "valid", bias: false })],
  "max_pool2d, a rest": [[5, 7, 3], pool("max", [2, 3])],
  "avg_pool2d, a rest": [[5, 7, 3], pool("avg", [2, 3])],
  "std_pool2d, a rest": [[5, 7, 3], pool("std", [2, 3])],
  "batch_norm, relu": [[3, 4, 5], norm("relu")],
  "elu": [[3, 4, 2], element("elu")],
  "gelu": [[3, 4, 2], element("gelu")],
  "leaky_relu": [[3, 4, 2], element("leaky_relu", 0.2)],
  "sigmoid": [[3, 4, 2], element("sigmoid")],
  "tanh": [[3, 4, 2], element("tanh")],
  "dropout": [[3, 4, 2], { op: "dropout", rate: 0.5 }],
  "crop": [[5, 4, 2], { op: "crop", bands: 3 }],
  "axis_to_channels, mel": [[3, 4, 2], { op: "axis_to_channels", axis: "mel" }],
  "axis_to_channels, time": [[3, 4, 2], { op: "axis_to_channels", axis: "time" }],
};

/** A layer "seen" that differs from the input, the operation, and a head. */
function graphOfOperation([sample, op]) {
  return graphOf(sample, [
    { name: "seen", op: conv(sample[2], [1, 1]) },
    { name: "op", op },
    { name: "flatten", op: { op: "flatten" } },
    { name: "logits", op: dense(CLASSES) },
    { name: "softmax", op: { op: "softmax" } },
  ]);
}

for (const [name, operation] of Object.entries(OPERATIONS)) {
  test(`${name}: forward`, () => assertProbabilities(graphOfOperation(operation), 7, name));
  test(`${name}: backward`, () => assertMaps(graphOfOperation(operation), ["seen"], 7, name));
}

test("concat and add: forward and backward, of maps and of vectors", async () => {
  const graph = graphOf([3, 4, 2], [
    { name: "a", op: conv(3, [1, 1]) },
    { name: "b", op: conv(2, [3, 3], { activation: "relu" }), inputs: ["input"] },
    { name: "c", op: conv(3, [1, 1]), inputs: ["b"] },
    { name: "sum", op: { op: "add" }, inputs: ["a", "c"] },
    { name: "joined", op: { op: "concat" }, inputs: ["sum", "b", "a"] },
    { name: "more", op: { op: "concat" }, inputs: ["b", "joined"] },
    { name: "vector", op: { op: "flatten" } },
    { name: "few", op: dense(4, "relu") },
    { name: "both", op: { op: "concat" }, inputs: ["few", "vector"] },
    { name: "logits", op: { ...dense(CLASSES), bias: false } },
    { name: "softmax", op: { op: "softmax" } },
  ]);
  await assertProbabilities(graph, 3, "joined");
  await assertMaps(graph, ["joined", "a", "b"], 3, "joined");
});

test("a node that is added to itself has both gradients", async () => {
  const graph = graphOf([2, 3, 1], [
    { name: "seen", op: conv(2, [1, 1]) },
    { name: "twice", op: { op: "add" }, inputs: ["seen", "seen"] },
    { name: "flatten", op: { op: "flatten" } },
    { name: "logits", op: dense(CLASSES) },
    { name: "softmax", op: { op: "softmax" } },
  ]);
  await assertMaps(graph, ["seen"], 5, "twice");
});

test("P1 as a whole", async () => {
  const graph = graphOf([17, 19, 1], p1Nodes(CLASSES));
  await assertProbabilities(graph, 11, "P1");
  await assertMaps(graph, P1_LAYERS, 11, "P1", [1]);
});

test("P2 as a whole", async () => {
  const graph = graphOf([20, 3, 1], p2Nodes(CLASSES, 18, 3));
  await assertProbabilities(graph, 13, "P2");
  await assertMaps(graph, P2_LAYERS, 13, "P2", [1]);
});

test("of equal elements the first of a window gets the gradient, and a NaN is the maximum", async () => {
  const graph = graphOf([1, 4, 1], [
    { name: "seen", op: { op: "dropout", rate: 0 } },
    { name: "max", op: pool("max", [1, 2]) },
    { name: "flatten", op: { op: "flatten" } },
    { name: "logits", op: { ...dense(2), bias: false } },
    { name: "softmax", op: { op: "softmax" } },
  ]);
  const network = openOnCpu(modelOf(graph, Float32Array.of(1, 0, 10, 0), ["seen"]));
  const [[{ hires_cam: ties }]] = await network.maps(Float32Array.of(3, 3, 2, 5), [0]);
  assert.deepEqual(Array.from(ties), [3, 0, 0, 50]);
  const [[{ hires_cam: gaps }]] = await network.maps(Float32Array.of(7, NaN, NaN, 1), [0]);
  assert.deepEqual(Array.from(gaps).map(Number.isNaN), [false, true, true, false]);
  const probabilities = await network.probabilities(Float32Array.of(7, NaN, 1, 1), 1);
  assert.ok(probabilities.every(Number.isNaN), "a NaN is not hidden");
});

test("calls that overlap give what calls one after another give", async () => {
  const graph = graphOf([17, 19, 1], p1Nodes(CLASSES));
  const network = openOnCpu(modelOf(graph, someWeights(graph, 1), P1_LAYERS));
  const n = 40;
  const x = someSamples(graph, n, 2);
  const targets = Array.from({ length: n }, (_, i) => i % CLASSES);
  const [alone, maps] = [await network.probabilities(x, n), await network.maps(x, targets)];
  const both = await Promise.all([network.probabilities(x, n), network.maps(x, targets)]);
  assert.deepEqual(both, [alone, maps]);
  assert.deepEqual(await network.probabilities(x.subarray(0, 0), 0), new Float32Array(0));
});

test("other weights in the place of the model's", async () => {
  const graph = graphOf([17, 19, 1], p1Nodes(CLASSES));
  const [own, other] = [someWeights(graph, 1), someWeights(graph, 2)];
  const x = someSamples(graph, 1, 3);
  const found = await openOnCpu(modelOf(graph, own), other).probabilities(x, 1);
  assert.deepEqual(found, await openOnCpu(modelOf(graph, other)).probabilities(x, 1));
});

test("what cannot be computed is refused by its name", async () => {
  const graph = graphOfOperation([[3, 4, 2], { op: "dropout", rate: 0.5 }]);
  const weights = someWeights(graph, 1);
  const open = (/** @type {any} */ change) => () => {
    const nodes = graph.nodes.map((node) => (node.name === "op" ? { ...node, ...change } : node));
    return openOnCpu(modelOf({ ...graph, nodes }, weights));
  };
  assert.throws(open({ op: { op: "lstm" } }), /Layer "op": this page's JavaScript does not know .*"lstm"/);
  assert.throws(open({ op: element("swish") }), /Layer "op": expected the function elu, .* found "swish"/);
  assert.throws(open({ op: norm("linear") }), /Layer "op" needs weights "gamma"/);
  const short = () => openOnCpu(modelOf(graph, weights.subarray(1)));
  assert.throws(short, new RegExp(`has ${weights.length} weights, found ${weights.length - 1}`));
  const elsewhere = { ...modelOf(graph, weights), layers: [{ name: "other" }] };
  assert.throws(() => openOnCpu(/** @type {any} */ (elsewhere)), /layer "other", which it does not have/);
  const network = openOnCpu(modelOf(graph, weights, ["seen"]));
  await assert.rejects(network.probabilities(new Float32Array(25), 1), /1 samples of 24 values, found 25/);
  await assert.rejects(network.maps(new Float32Array(24), [3]), /classes from 0 to 2, found 3/);
});
