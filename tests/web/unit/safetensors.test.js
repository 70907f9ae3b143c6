// The file of weights: its bytes, and that the program takes it and computes the page's probabilities.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { openOnCpu } from "../../../web/forward.js";
import { safetensorsOf } from "../../../web/safetensors.js";
import { dense, graphOf, modelOf, numbersFrom, p1Nodes, p2Nodes, someWeights } from "./graphs.js";
import { genreGpu, inFolder, withProgram } from "./native.js";

const CLASSES = ["classical", "disco", "metal", "rock"];

/** Facts of a model as a page has them. */
function factsOf(name, shape) {
  const model = readFileSync(new URL(`../../../src/models/${name}.toml`, import.meta.url), "utf8");
  return /** @type {import("../../../web/types.d.ts").ModelFacts} */ ({
    version: "0.2.0",
    name,
    model,
    sample_shape: shape,
    classes: CLASSES,
    scale: { kind: "standard", offset: -41.5, factor: 0.0625 },
    front_end: null,
    cutting: null,
    typical_songs: null,
    seed: 42,
    epochs: 3,
    data_source: "the page's demo set",
    data_hash: "",
  });
}

/** Header and tensors of a file, read as the format's own document says. */
function read(file) {
  const view = new DataView(file.buffer, file.byteOffset);
  const [length, high] = [view.getUint32(0, true), view.getUint32(4, true)];
  assert.equal(high, 0);
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
  const numbers = (/** @type {number[]} */ [from, to]) =>
    Array.from({ length: (to - from) / 4 }, (_, i) => view.getFloat32(8 + length + from + 4 * i, true));
  return { length, header, numbers };
}

test("the file has the header, the facts and each tensor under its name", () => {
  const graph = graphOf([1, 1, 2], [
    { name: "flatten", op: { op: "flatten" } },
    { name: "b", op: dense(3) },
    { name: "a", op: { ...dense(2), bias: false } },
    { name: "softmax", op: { op: "softmax" } },
  ]);
  const weights = Float32Array.from({ length: 15 }, (_, i) => (i - 4) / 3);
  const facts = { ...factsOf("p1", [1, 1, 2]), name: "mine, 5×5" };
  const file = safetensorsOf(facts, graph, weights);
  const { length, header, numbers } = read(file);
  assert.equal(length % 8, 0);
  assert.equal(file.length, 8 + length + 4 * 15);
  const { __metadata__: metadata, ...tensors } = header;
  assert.deepEqual(Object.keys(metadata), ["genre_gpu"]);
  assert.deepEqual(JSON.parse(metadata.genre_gpu), facts);
  assert.deepEqual(tensors, {
    "a/kernel": { dtype: "F32", shape: [3, 2], data_offsets: [0, 24] },
    "b/bias": { dtype: "F32", shape: [3], data_offsets: [24, 36] },
    "b/kernel": { dtype: "F32", shape: [2, 3], data_offsets: [36, 60] },
  });
  assert.deepEqual(numbers([36, 60]), Array.from(weights.subarray(0, 6)));
  assert.deepEqual(numbers([24, 36]), Array.from(weights.subarray(6, 9)));
  assert.deepEqual(numbers([0, 24]), Array.from(weights.subarray(9)));
});

test("weights that are too few, or not finite, are refused", () => {
  const graph = graphOf([17, 19, 1], p1Nodes(4));
  const weights = someWeights(graph, 1);
  const facts = factsOf("p1", [17, 19, 1]);
  const few = () => safetensorsOf(facts, graph, weights.subarray(1));
  assert.throws(few, new RegExp(`has ${weights.length} weights, found ${weights.length - 1}`));
  weights[graph.parameters[1].offset] = NaN;
  assert.throws(() => safetensorsOf(facts, graph, weights), /"conv2d\/bias" have values that are not finite/);
});

/** A `.npy` file; `type` is numpy's. */
function npy(type, shape, values) {
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${extents}), }`;
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const head = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, header.length & 255, header.length >> 8]);
  return Buffer.concat([head, Buffer.from(header), Buffer.from(values.buffer)]);
}

const SAMPLES = 12;

/** Arrays in dB as the program reads them; the same samples in all parts. */
function writeArrays(folder, [bands, frames]) {
  const next = numbersFrom(5);
  const decibels = Float32Array.from({ length: SAMPLES * bands * frames }, () => -40 + 40 * next());
  const labels = Int32Array.from({ length: SAMPLES }, (_, i) => i % CLASSES.length);
  for (const part of ["train", "val", "test"]) {
    writeFileSync(join(folder, `x_${part}.npy`), npy("<f4", [SAMPLES, bands, frames], decibels));
    writeFileSync(join(folder, `y_${part}.npy`), npy("<i4", [SAMPLES], labels));
  }
  return decibels;
}

/** Probabilities of a table of predictions. */
function readPredictions(path) {
  const [head, ...rows] = readFileSync(path, "utf8").trim().split("\n").map((row) => row.split(","));
  const first = head.indexOf(`p_${CLASSES[0]}`);
  return rows.flatMap((row) => row.slice(first).map(Number));
}

/** @type {Record<string, { shape: [number, number, number]; nodes: any[] }>} */
const MODELS = {
  p1: { shape: [17, 19, 1], nodes: p1Nodes(CLASSES.length) },
  p2: { shape: [24, 5, 1], nodes: p2Nodes(CLASSES.length, 21, 5) },
};

for (const [name, { shape, nodes }] of Object.entries(MODELS)) {
  test(`the program takes a file of ${name}, and computes the same probabilities`, withProgram, async () => {
    await inFolder(async (/** @type {string} */ folder) => {
      const at = (/** @type {string} */ file) => join(folder, file);
      const graph = graphOf(shape, nodes);
      const weights = someWeights(graph, 17);
      const facts = factsOf(name, shape);
      writeFileSync(at("page.safetensors"), safetensorsOf(facts, graph, weights));
      genreGpu("-q", "import", at("page.safetensors"), "--out", at("run"));
      const back = read(new Uint8Array(readFileSync(at("run/model.safetensors"))));
      for (const { name: tensor, offset } of graph.parameters) {
        const values = back.numbers(back.header[tensor].data_offsets);
        assert.deepEqual(values, Array.from(weights.subarray(offset, offset + values.length)), tensor);
      }

      const decibels = writeArrays(folder, shape);
      genreGpu("-q", "evaluate", at("run"), "--data", folder, "--part", "test", "--out", at("out"));
      const native = readPredictions(at("out/predictions_test.csv"));
      const x = decibels.map((value) => (value - facts.scale.offset) * facts.scale.factor);
      const found = await openOnCpu(modelOf(graph, weights)).probabilities(x, SAMPLES);
      assert.equal(found.length, native.length);
      assert.ok(Math.max(...native) > 0.4, "probabilities differ");
      found.forEach((p, i) => {
        assert.ok(Math.abs(p - native[i]) < 2e-6, `${i}: page ${p}, program ${native[i]}`);
      });
    });
  });
}
