// A trained model in plain JavaScript: where there is no WebGPU. Values are f64, so that they differ
// from the program's by its own rounding alone.

import { mapsOf } from "./cam.js";
import { extentsOf, operationOf } from "./ops.js";
import { pauseEvery } from "./pause.js";

/** @typedef {import("./types.d.ts").Model} Model */
/** @typedef {import("./types.d.ts").Graph} Graph */
/** @typedef {import("./types.d.ts").Maps} Maps */
/** @typedef {import("./types.d.ts").Network} Network */
/** @typedef {import("./types.d.ts").Node} Node */

/** A page that is busy for longer feels stuck. */
const FORWARD_BUSY_MS = 16;

/**
 * The model with its own weights, or others in their place.
 * @param {Model} model
 * @param {Float32Array} [weights]
 * @returns {Network}
 */
export function openOnCpu(model, weights = model.weights) {
  const walk = new SampleWalk(model, weights);
  return {
    device: "this page's JavaScript, on one core",
    gpu: null,
    async probabilities(x, n, onDone = () => {}) {
      checkSamples(walk, x, n);
      const all = new Float32Array(n * walk.classes);
      await eachSample(n, (i) => {
        onDone(i);
        walk.forward(x.subarray(i * walk.sampleLength, (i + 1) * walk.sampleLength));
        all.set(walk.probabilities, i * walk.classes);
      });
      return all;
    },
    async maps(x, targets) {
      checkSamples(walk, x, targets.length);
      const isClass = (/** @type {number} */ t) => Number.isInteger(t) && t >= 0 && t < walk.classes;
      const wrong = targets.find((target) => !isClass(target));
      if (wrong !== undefined) {
        throw new Error(`Maps: expected classes from 0 to ${walk.classes - 1}, found ${wrong}.`);
      }
      /** @type {Maps[][]} */
      const all = [];
      await eachSample(targets.length, (i) => {
        walk.forward(x.subarray(i * walk.sampleLength, (i + 1) * walk.sampleLength));
        all.push(walk.maps(targets[i]));
      });
      return all;
    },
    // Memory alone, which goes when nothing refers to it.
    close() {},
  };
}

/**
 * Does all samples, and lets the page breathe between them. A walk's values are of one sample, so that
 * nothing else may be computed with it within `one`.
 * @param {number} n
 * @param {(i: number) => void} one
 */
async function eachSample(n, one) {
  const breathe = pauseEvery(FORWARD_BUSY_MS);
  for (let i = 0; i < n; i += 1) {
    await breathe();
    one(i);
  }
}

/**
 * @param {SampleWalk} walk
 * @param {Float32Array} x
 * @param {number} n
 */
function checkSamples(walk, x, n) {
  if (x.length !== n * walk.sampleLength) {
    const expected = `${n} samples of ${walk.sampleLength} values`;
    throw new Error(`The model expects ${expected}, found ${x.length} values.`);
  }
}

/** One sample's way through the graph and back. */
class SampleWalk {
  /**
   * @param {Model} model
   * @param {Float32Array} weights
   */
  constructor({ title, graph, layers }, weights) {
    const { nodes } = graph;
    this.nodes = nodes;
    this.operations = operationsOf(title, graph, weights);
    const lengths = nodes.map(({ shape }) => shape.reduce((product, extent) => product * extent, 1));
    this.sampleLength = lengths[0];
    this.classes = lengths[lengths.length - 1];
    /** Output of each node, behind its activation. */
    this.values = lengths.map((length) => new Float64Array(length));
    this.layers = layers.map(({ name }) => {
      const at = nodes.findIndex((node) => node.name === name);
      if (at < 0) throw new Error(`${title}: its maps are of layer "${name}", which it does not have.`);
      return at;
    });
    /**
     * Gradient of a logit at each node's output, where a layer is there or before it: null elsewhere.
     * @type {(Float64Array | null)[]}
     */
    this.gradients = [];
    nodes.forEach(({ inputs }, i) => {
      const wanted = this.layers.includes(i) || inputs.some((input) => this.gradients[input]);
      this.gradients.push(wanted ? new Float64Array(lengths[i]) : null);
    });
  }

  /** Of the sample that went forward last. */
  get probabilities() {
    return this.values[this.values.length - 1];
  }

  /** @param {Float32Array} x */
  forward(x) {
    this.values[0].set(x);
    for (let i = 1; i < this.nodes.length; i += 1) {
      const y = this.values[i];
      this.operations[i].forward(this.inputs(i), y);
      if (hasRelu(this.nodes[i])) {
        // A NaN stays a NaN.
        for (let k = 0; k < y.length; k += 1) if (y[k] < 0) y[k] = 0;
      }
    }
  }

  /**
   * The maps of each layer for a logit of the sample that went forward last.
   * @param {number} target
   * @returns {Maps[]}
   */
  maps(target) {
    for (const gradient of this.gradients) gradient?.fill(0);
    const [logits] = this.nodes[this.nodes.length - 1].inputs;
    const ofLogits = this.gradients[logits];
    if (ofLogits) ofLogits[target] = 1;
    /** @type {Maps[]} */
    const maps = [];
    for (let i = logits; i > 0; i -= 1) {
      const [dy, y] = [this.gradients[i], this.values[i]];
      if (!dy) continue;
      this.layers.forEach((at, layer) => {
        if (at === i) maps[layer] = mapsOf(y, dy, this.nodes[i].shape);
      });
      const dInputs = this.nodes[i].inputs.map((input) => this.gradients[input]);
      if (dInputs.every((dx) => !dx)) continue;
      if (hasRelu(this.nodes[i])) {
        for (let k = 0; k < y.length; k += 1) if (y[k] <= 0) dy[k] = 0;
      }
      this.operations[i].backward(this.inputs(i), y, dy, dInputs);
    }
    return maps;
  }

  /** @param {number} i */
  inputs(i) {
    return this.nodes[i].inputs.map((input) => this.values[input]);
  }
}

/**
 * The operation of each node, with its own weights.
 * @param {string} title
 * @param {Graph} graph
 * @param {Float32Array} weights
 */
function operationsOf(title, { nodes, parameters }, weights) {
  const lengthOf = (/** @type {number[]} */ shape) => shape.reduce((product, extent) => product * extent, 1);
  const expected = parameters.reduce((sum, { shape }) => sum + lengthOf(shape), 0);
  if (weights.length !== expected) {
    throw new Error(`${title} has ${expected} weights, found ${weights.length}.`);
  }
  /** @type {Map<string, Map<string, Float32Array>>} */
  const ofNodes = new Map(nodes.map(({ name }) => [name, new Map()]));
  for (const { name, shape, offset } of parameters) {
    // A node's own name may have slashes.
    const slash = name.lastIndexOf("/");
    const own = weights.subarray(offset, offset + lengthOf(shape));
    ofNodes.get(name.slice(0, slash))?.set(name.slice(slash + 1), own);
  }
  return nodes.map((node) => {
    const inputs = node.inputs.map((input) => extentsOf(nodes[input].shape));
    return operationOf(node, inputs, ofNodes.get(node.name) ?? new Map());
  });
}

/** @param {Node} node */
function hasRelu({ op }) {
  return "activation" in op && op.activation === "relu";
}
