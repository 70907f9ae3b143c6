// A slow model in f64, from the definitions: each element of an output is asked for by its place.

/** @returns {[number, number, number]} */
const extents = (shape) => (shape.length === 3 ? shape : [1, 1, shape[0]]);

/** An array as a function of row, column and channel; 0 outside. */
function reader(values, [h, w, c]) {
  return (r, q, k) => (r < 0 || q < 0 || r >= h || q >= w ? 0 : values[(r * w + q) * c + k]);
}

/** The numbers under the window at a place. */
function windowOf(at, [kH, kW], r, q, channel) {
  const rows = Array.from({ length: kH }, (_, i) => i);
  const columns = Array.from({ length: kW }, (_, j) => j);
  return rows.flatMap((i) => columns.map((j) => at(r * kH + i, q * kW + j, channel)));
}

const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;

/** Rows or columns of zeros before the input, as Keras pads. */
function before({ padding, kernel, strides }, axis, n) {
  if (padding === "valid") return 0;
  const [k, stride] = [kernel[axis], strides[axis]];
  // Keras's rule by the rest of the division.
  const total = n % stride === 0 ? Math.max(k - stride, 0) : Math.max(k - (n % stride), 0);
  return Math.floor(total / 2);
}

/** Integral of the normal density from far below, by Simpson's rule. */
function normal(x) {
  const [from, steps] = [-12, 1000];
  const width = (x - from) / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i += 1) {
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * Math.exp(-((from + i * width) ** 2) / 2);
  }
  return (sum * width) / 3 / Math.sqrt(2 * Math.PI);
}

const FUNCTIONS = {
  elu: (x) => (x >= 0 ? x : Math.exp(x) - 1),
  gelu: (x) => x * normal(x),
  leaky_relu: (x, slope) => Math.max(x, 0) + slope * Math.min(x, 0),
  sigmoid: (x) => 0.5 * (1 + Math.tanh(x / 2)),
  tanh: (x) => (Math.exp(2 * x) - 1) / (Math.exp(2 * x) + 1),
};

/** The element of a node's output, before its activation, as a function of its place. */
function elementOf({ op, shape }, ats, shapes, weights) {
  const [at, [h, w, c]] = [ats[0], shapes[0]];
  const bias = (o) => weights.bias?.[o] ?? 0;
  switch (op.op) {
    case "conv2d":
    case "depthwise_conv2d": {
      const [up, left] = [before(op, 0, h), before(op, 1, w)];
      const [kH, kW] = op.kernel;
      const isDepthwise = op.op === "depthwise_conv2d";
      const last = isDepthwise ? op.multiplier : op.filters;
      return (r, q, o) => {
        let sum = bias(o);
        for (let i = 0; i < kH; i += 1) {
          for (let j = 0; j < kW; j += 1) {
            for (let k = 0; k < c; k += 1) {
              if (isDepthwise && Math.floor(o / last) !== k) continue;
              const tap = weights.kernel[((i * kW + j) * c + k) * last + (isDepthwise ? o % last : o)];
              sum += tap * at(r * op.strides[0] + i - up, q * op.strides[1] + j - left, k);
            }
          }
        }
        return sum;
      };
    }
    case "max_pool2d":
      return (r, q, k) => Math.max(...windowOf(at, op.window, r, q, k));
    case "avg_pool2d":
      return (r, q, k) => mean(windowOf(at, op.window, r, q, k));
    case "std_pool2d":
      return (r, q, k) => {
        const values = windowOf(at, op.window, r, q, k);
        return Math.sqrt(mean(values.map((v) => v * v)) - mean(values) ** 2 + op.epsilon);
      };
    case "batch_norm":
      return (r, q, k) => {
        const deviation = Math.sqrt(weights.moving_variance[k] + op.epsilon);
        return (weights.gamma[k] * (at(r, q, k) - weights.moving_mean[k])) / deviation + weights.beta[k];
      };
    case "activation":
      return (r, q, k) => FUNCTIONS[op.function](at(r, q, k), op.slope);
    case "dropout":
    case "crop":
      return at;
    case "axis_to_channels":
      return op.axis === "mel"
        ? (_, q, k) => at(Math.floor(k / c), q, k % c)
        : (r, _, k) => at(r, Math.floor(k / c), k % c);
    case "flatten":
      return (_r, _q, k) => at(Math.floor(k / (w * c)), Math.floor(k / c) % w, k % c);
    case "concat":
      return (r, q, k) => {
        let input = 0;
        while (k >= shapes[input][2]) k -= shapes[input++][2];
        return ats[input](r, q, k);
      };
    case "add":
      return (r, q, k) => ats[0](r, q, k) + ats[1](r, q, k);
    case "dense":
      return (_r, _q, o) => {
        let sum = bias(o);
        for (let k = 0; k < c; k += 1) sum += at(0, 0, k) * weights.kernel[k * op.units + o];
        return sum;
      };
    case "softmax":
      return (_r, _q, o) => {
        // e^o / Σ e^k with one factor less.
        let sum = 0;
        for (let k = 0; k < shape[0]; k += 1) sum += Math.exp(at(0, 0, k) - at(0, 0, o));
        return 1 / sum;
      };
    default:
      throw new Error(op.op);
  }
}

/**
 * The output of every node for one sample. With `change` the output of one node is replaced, and only
 * what depends on it is computed anew; `values` are all outputs without it.
 * @param {{ index: number; output: number[]; values: number[][] }} [change]
 * @returns {number[][]}
 */
export function referenceValues({ nodes, parameters }, weights, x, change) {
  const all = [];
  for (const [index, node] of nodes.entries()) {
    if (index === change?.index) {
      all.push(change.output);
      continue;
    }
    if (change && node.inputs.every((input) => all[input] === change.values[input])) {
      all.push(change.values[index]);
      continue;
    }
    const [h, w, c] = extents(node.shape);
    const own = {};
    for (const { name, shape, offset } of parameters) {
      const [owner, role] = name.split("/");
      if (owner === node.name) own[role] = weights.slice(offset, offset + shape.reduce((a, b) => a * b, 1));
    }
    const shapes = node.inputs.map((input) => extents(nodes[input].shape));
    const ats = node.inputs.map((input, i) => reader(all[input], shapes[i]));
    const element = node.op.op === "input" ? reader(x, [h, w, c]) : elementOf(node, ats, shapes, own);
    const values = [];
    for (let r = 0; r < h; r += 1) {
      for (let q = 0; q < w; q += 1) {
        for (let k = 0; k < c; k += 1) {
          const value = element(r, q, k);
          values.push(node.op.activation === "relu" ? Math.max(value, 0) : value);
        }
      }
    }
    all.push(values);
  }
  return all;
}

/**
 * Grad-CAM and HiResCAM of a layer for a logit, by central differences along the directions that they are
 * sums of: HiResCAM at a position is how the logit changes with the output there, Grad-CAM's weight of a
 * channel how it changes with all of the channel.
 */
export function referenceMaps(graph, weights, x, layer, target) {
  const index = graph.nodes.findIndex(({ name }) => name === layer);
  const [logits] = graph.nodes.at(-1).inputs;
  const values = referenceValues(graph, weights, x);
  const a = values[index];
  const along = (/** @type {(i: number) => number} */ direction) => {
    const [forth, back] = [1e-5, -1e-5].map((step) => {
      const output = a.map((v, i) => v + step * direction(i));
      return referenceValues(graph, weights, x, { index, output, values })[logits][target];
    });
    return (forth - back) / 2e-5;
  };
  const [h, w, c] = graph.nodes[index].shape;
  const positions = Array.from({ length: h * w }, (_, p) => p);
  const channels = Array.from({ length: c }, (_, k) => k);
  const alpha = channels.map((k) => along((i) => (i % c === k ? 1 : 0)) / (h * w));
  return {
    grad_cam: positions.map((p) => channels.reduce((sum, k) => sum + alpha[k] * a[p * c + k], 0)),
    hires_cam: positions.map((p) => along((i) => (Math.floor(i / c) === p ? a[i] : 0))),
  };
}
