// What each operation computes of one sample on the CPU in evaluation: batch norms use the moving
// statistics, dropout passes everything. Channels last; a vector is a map of one position.

import { conv2dOperation, depthwiseConv2dOperation } from "./convolution.js";
import { avgPoolOperation, maxPoolOperation, stdPoolOperation } from "./pooling.js";

/** @typedef {import("./types.d.ts").Node} Node */
/** @typedef {[number, number, number]} Extents  Rows, columns and channels. */

/**
 * A node's arithmetic. `forward` sets `y`, the output before the activation. `backward` adds to the
 * gradients of those inputs that want one (null for the others) what `dy`, that at `y`, gives them.
 * @typedef {object} Operation
 * @property {(inputs: Float64Array[], y: Float64Array) => void} forward
 * @property {(inputs: Float64Array[], y: Float64Array, dy: Float64Array, dInputs: Wanted[]) => void} backward
 */
/** @typedef {Float64Array | null} Wanted */

/**
 * The extents of a node's output.
 * @param {number[]} shape
 * @returns {Extents}
 */
export function extentsOf(shape) {
  return shape.length === 3 ? [shape[0], shape[1], shape[2]] : [1, 1, shape[0]];
}

/**
 * The operation of a node.
 * @param {Node} node
 * @param {Extents[]} inputs  Of its inputs.
 * @param {Map<string, Float32Array>} weights  By role.
 * @returns {Operation}
 */
export function operationOf(node, inputs, weights) {
  const { op, name } = node;
  const output = extentsOf(node.shape);
  const weightsOf = (/** @type {string} */ role) => {
    const found = weights.get(role);
    if (!found) throw new Error(`Layer "${name}" needs weights "${role}", and the model has none.`);
    return found;
  };
  const bias = weights.get("bias");
  switch (op.op) {
    case "conv2d":
      return conv2dOperation(op, inputs[0], output, weightsOf("kernel"), bias);
    case "depthwise_conv2d":
      return depthwiseConv2dOperation(op, inputs[0], output, weightsOf("kernel"), bias);
    case "max_pool2d":
      return maxPoolOperation(op.window, inputs[0], output);
    case "avg_pool2d":
      return avgPoolOperation(op.window, inputs[0], output);
    case "std_pool2d":
      return stdPoolOperation(op.window, op.epsilon, inputs[0], output);
    case "batch_norm":
      return batchNormOperation(op.epsilon, weightsOf);
    case "activation":
      return elementOperation(elementFunction(name, op.function, op.slope));
    case "input":
    case "dropout":
    case "flatten":
    case "crop":
      // The lowest bands are the first elements.
      return elementsOperation(Int32Array.from({ length: output[0] * output[1] * output[2] }, (_, i) => i));
    case "axis_to_channels":
      return elementsOperation(channelsOfAxis(op.axis, inputs[0]));
    case "concat":
      return concatOperation(inputs.map(([, , c]) => c));
    case "add":
      return addOperation();
    case "dense":
      return denseOperation(weightsOf("kernel"), bias, output[2]);
    case "softmax":
      return softmaxOperation();
    default: {
      /** @type {{ op: string }} */
      const unknown = op;
      throw new Error(
        `Layer "${name}": this page's JavaScript does not know the operation "${unknown.op}"; ` +
          "make the page with the program that trained the model.",
      );
    }
  }
}

/**
 * `y = gamma · (x - mean) / √(variance + epsilon) + beta` with the moving statistics of each channel.
 * @param {number} epsilon
 * @param {(role: string) => Float32Array} weightsOf
 * @returns {Operation}
 */
function batchNormOperation(epsilon, weightsOf) {
  const [gamma, beta, mean, variance] = ["gamma", "beta", "moving_mean", "moving_variance"].map(weightsOf);
  const c = gamma.length;
  const factor = Float64Array.from(gamma, (value, i) => value / Math.sqrt(variance[i] + epsilon));
  const offset = Float64Array.from(beta, (value, i) => value - mean[i] * factor[i]);
  return {
    forward([x], y) {
      for (let i = 0; i < x.length; i += c) {
        for (let k = 0; k < c; k += 1) y[i + k] = x[i + k] * factor[k] + offset[k];
      }
    },
    backward(_inputs, _y, dy, [dx]) {
      if (!dx) return;
      for (let i = 0; i < dy.length; i += 1) dx[i] += dy[i] * factor[i % c];
    },
  };
}

/**
 * `y = x · W + b`; W is `[in, out]`: a convolution of one position, all of whose elements are channels.
 * @param {Float32Array} kernel
 * @param {Float32Array | undefined} bias
 * @param {number} units
 */
function denseOperation(kernel, bias, units) {
  /** @type {import("./convolution.js").Window} */
  const point = { kernel: [1, 1], strides: [1, 1], padding: "valid" };
  return conv2dOperation(point, [1, 1, kernel.length / units], [1, 1, units], kernel, bias);
}

/**
 * Some elements of the input: element i of the output is element `sources[i]`.
 * @param {Int32Array} sources
 * @returns {Operation}
 */
function elementsOperation(sources) {
  return {
    forward([x], y) {
      for (let i = 0; i < sources.length; i += 1) y[i] = x[sources[i]];
    },
    backward(_inputs, _y, dy, [dx]) {
      if (!dx) return;
      for (let i = 0; i < sources.length; i += 1) dx[sources[i]] += dy[i];
    },
  };
}

/**
 * The sources of `[h, w, c]` as `[1, w, h · c]` (mel) or `[h, 1, w · c]` (time).
 * @param {"mel" | "time"} axis
 * @param {Extents} input
 */
function channelsOfAxis(axis, [h, w, c]) {
  const sources = Int32Array.from({ length: h * w * c }, (_, i) => i);
  if (axis === "time") return sources;
  return sources.map((i) => {
    const [frame, band, channel] = [Math.floor(i / (h * c)), Math.floor(i / c) % h, i % c];
    return (band * w + frame) * c + channel;
  });
}

/**
 * The inputs' channels one after another at each position.
 * @param {number[]} channels  Of each input.
 * @returns {Operation}
 */
function concatOperation(channels) {
  const total = channels.reduce((sum, c) => sum + c, 0);
  const firsts = channels.map((_, k) => channels.slice(0, k).reduce((sum, c) => sum + c, 0));
  return {
    forward(inputs, y) {
      inputs.forEach((x, k) => {
        const [c, first] = [channels[k], firsts[k]];
        for (let from = 0, to = first; from < x.length; from += c, to += total) {
          for (let i = 0; i < c; i += 1) y[to + i] = x[from + i];
        }
      });
    },
    backward(_inputs, _y, dy, dInputs) {
      dInputs.forEach((dx, k) => {
        if (!dx) return;
        const [c, first] = [channels[k], firsts[k]];
        for (let to = 0, from = first; to < dx.length; to += c, from += total) {
          for (let i = 0; i < c; i += 1) dx[to + i] += dy[from + i];
        }
      });
    },
  };
}

/** @returns {Operation} */
function addOperation() {
  return {
    forward([a, b], y) {
      for (let i = 0; i < y.length; i += 1) y[i] = a[i] + b[i];
    },
    backward(_inputs, _y, dy, dInputs) {
      for (const dx of dInputs) dx?.forEach((_, i) => (dx[i] += dy[i]));
    },
  };
}

/**
 * `p = exp(x - max x) / Σ exp(x - max x)`.
 * @returns {Operation}
 */
function softmaxOperation() {
  return {
    forward([x], y) {
      const top = x.reduce((most, value) => Math.max(most, value), -Infinity);
      x.forEach((value, i) => (y[i] = Math.exp(value - top)));
      const sum = y.reduce((total, value) => total + value, 0);
      y.forEach((value, i) => (y[i] = value / sum));
    },
    backward(_inputs, y, dy, [dx]) {
      if (!dx) return;
      const mean = y.reduce((sum, p, i) => sum + p * dy[i], 0);
      y.forEach((p, i) => (dx[i] += p * (dy[i] - mean)));
    },
  };
}

/** @typedef {{ value: (x: number) => number; slope: (x: number) => number }} ElementFunction */

/**
 * A function of each element.
 * @param {ElementFunction} of
 * @returns {Operation}
 */
function elementOperation({ value, slope }) {
  return {
    forward([x], y) {
      for (let i = 0; i < x.length; i += 1) y[i] = value(x[i]);
    },
    backward([x], _y, dy, [dx]) {
      if (!dx) return;
      for (let i = 0; i < x.length; i += 1) dx[i] += dy[i] * slope(x[i]);
    },
  };
}

/**
 * @param {string} layer
 * @param {string} name  Keras's.
 * @param {number} [leak]  Of leaky_relu.
 * @returns {ElementFunction}
 */
function elementFunction(layer, name, leak = 0) {
  switch (name) {
    case "elu":
      return { value: (x) => (x > 0 ? x : Math.expm1(x)), slope: (x) => (x > 0 ? 1 : Math.exp(x)) };
    case "gelu":
      return {
        value: (x) => x * normalBelow(x),
        slope: (x) => normalBelow(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
      };
    case "leaky_relu":
      return { value: (x) => (x > 0 ? x : leak * x), slope: (x) => (x > 0 ? 1 : leak) };
    case "sigmoid": {
      const value = (/** @type {number} */ x) => 1 / (1 + Math.exp(-x));
      return { value, slope: (x) => value(x) * (1 - value(x)) };
    }
    case "tanh":
      return { value: Math.tanh, slope: (x) => 1 - Math.tanh(x) ** 2 };
    default:
      throw new Error(
        `Layer "${layer}": expected the function elu, gelu, leaky_relu, sigmoid or tanh, found "${name}"; ` +
          "make the page with the program that trained the model.",
      );
  }
}

/**
 * How much of a standard normal lies below x: ½ + φ(x) · Σ_k x^(2k+1) / (1 · 3 · … · (2k+1)), whose
 * terms have one sign.
 * @param {number} x
 */
function normalBelow(x) {
  if (Math.abs(x) > 9) return x > 0 ? 1 : 0;
  let [term, sum] = [x, 0];
  for (let k = 1; Math.abs(term) > Math.abs(sum) * 1e-17; k += 1) {
    sum += term;
    term *= (x * x) / (2 * k + 1);
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
