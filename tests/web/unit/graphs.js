// Graphs as the program writes them into a page, made from short lists of nodes.

/**
 * A node of a list: by default it reads the one before it.
 * @typedef {{ name: string; op: any; inputs?: string[] }} Entry
 */

const product = (/** @type {number[]} */ numbers) => numbers.reduce((a, b) => a * b, 1);

/** The output's extent along an axis of `n` elements under a kernel of `k`. */
const along = (padding, n, k, stride) =>
  padding === "same" ? Math.ceil(n / stride) : Math.floor((n - k) / stride) + 1;

/** Shape of a node's output. */
function shapeOf(op, shapes) {
  const [[h, w, c]] = shapes;
  switch (op.op) {
    case "conv2d":
    case "depthwise_conv2d": {
      const [rows, columns] = [0, 1].map((i) => along(op.padding, [h, w][i], op.kernel[i], op.strides[i]));
      return [rows, columns, op.filters ?? c * op.multiplier];
    }
    case "max_pool2d":
    case "avg_pool2d":
    case "std_pool2d":
      return [Math.floor(h / op.window[0]), Math.floor(w / op.window[1]), c];
    case "crop":
      return [op.bands, w, c];
    case "axis_to_channels":
      return op.axis === "mel" ? [1, w, h * c] : [h, 1, w * c];
    case "flatten":
      return [product(shapes[0])];
    case "concat": {
      const last = shapes.reduce((sum, shape) => sum + shape.at(-1), 0);
      return [...shapes[0].slice(0, -1), last];
    }
    case "dense":
      return [op.units];
    default:
      return shapes[0];
  }
}

/** Role and shape of each tensor of weights of a node. */
function weightsOf(op, input, output) {
  const channels = output.at(-1);
  const bias = op.bias ? [["bias", [channels]]] : [];
  switch (op.op) {
    case "conv2d":
      return [["kernel", [...op.kernel, input[2], channels]], ...bias];
    case "depthwise_conv2d":
      return [["kernel", [...op.kernel, input[2], op.multiplier]], ...bias];
    case "dense":
      return [["kernel", [input[0], channels]], ...bias];
    case "batch_norm":
      return ["gamma", "beta", "moving_mean", "moving_variance"].map((role) => [role, [channels]]);
    default:
      return [];
  }
}

/**
 * The graph of an input and a list of nodes.
 * @param {[number, number, number]} sample
 * @param {Entry[]} list
 */
export function graphOf(sample, list) {
  const nodes = [{ name: "input", op: { op: "input" }, inputs: [], shape: sample }];
  const parameters = [];
  let offset = 0;
  for (const { name, op, inputs: names } of list) {
    const indexOf = (/** @type {string} */ wanted) => nodes.findIndex((node) => node.name === wanted);
    const inputs = names?.map(indexOf) ?? [nodes.length - 1];
    const shapes = inputs.map((input) => nodes[input].shape);
    const shape = shapeOf(op, shapes);
    for (const [role, extents] of weightsOf(op, shapes[0], shape)) {
      parameters.push({ name: `${name}/${role}`, shape: extents, offset });
      offset += product(extents);
    }
    nodes.push({ name, op, inputs, shape });
  }
  return { nodes, parameters };
}

/** How many weights a graph has. */
export const weightCount = ({ parameters }) =>
  parameters.reduce((sum, { shape }) => sum + product(shape), 0);

/** A model of a page, as far as a network needs it; maps are taken at the nodes named. */
export function modelOf(graph, weights, layerNames = []) {
  const layers = layerNames.map((layer) => graph.nodes.find(({ name }) => name === layer));
  return /** @type {any} */ ({ title: "the test's model", graph, weights, layers });
}

const PLAIN = { strides: [1, 1], padding: "same", bias: true, activation: "linear" };
export const conv = (filters, kernel, more = {}) => ({ op: "conv2d", filters, kernel, ...PLAIN, ...more });
export const depthwise = (multiplier, kernel, more = {}) => ({
  op: "depthwise_conv2d",
  multiplier,
  kernel,
  ...PLAIN,
  ...more,
});
const EPSILON = { std: { epsilon: 1e-3 } };
export const pool = (kind, window) => ({ op: `${kind}_pool2d`, window, ...EPSILON[kind] });
export const norm = (activation) => ({ op: "batch_norm", momentum: 0.9, epsilon: 1e-3, activation });
export const dense = (units, activation = "linear") => {
  return { op: "dense", units, bias: true, activation, l2: 0 };
};

/** P1 of `src/models/p1.toml`. */
export function p1Nodes(classes) {
  return [
    { name: "conv2d", op: conv(4, [5, 5], { activation: "relu" }) },
    { name: "max_pooling2d", op: pool("max", [2, 2]) },
    { name: "conv2d_1", op: conv(8, [5, 5], { activation: "relu" }) },
    { name: "max_pooling2d_1", op: pool("max", [2, 2]) },
    { name: "conv2d_2", op: conv(16, [5, 5], { activation: "relu" }) },
    { name: "max_pooling2d_2", op: pool("max", [2, 2]) },
    { name: "flatten", op: { op: "flatten" } },
    { name: "dense", op: { ...dense(50, "relu"), l2: 0.01 } },
    { name: "dense_1", op: dense(classes) },
    { name: "softmax", op: { op: "softmax" } },
  ];
}
export const P1_LAYERS = ["max_pooling2d_2"];

/** P2 of `src/models/p2.toml`, on so many of the bands and all frames. */
export function p2Nodes(classes, bands, frames) {
  const all = /** @type {[number, number]} */ ([1, frames]);
  const ofTime = ["time.norm"];
  const ofFrequency = ["frequency.norm"];
  const low = ["low"];
  const filters = ["time.max", "time.mean", "frequency.max", "frequency.mean"];
  const levels = ["level.max", "level.mean", "level.deviation"];
  const free = { bias: false };
  return [
    { name: "low", op: { op: "crop", bands } },
    { name: "time.conv", op: conv(8, [1, 5], free), inputs: low },
    { name: "time.norm", op: norm("relu") },
    { name: "time.max", op: pool("max", all), inputs: ofTime },
    { name: "time.mean", op: pool("avg", all), inputs: ofTime },
    { name: "frequency.conv", op: conv(8, [9, 1], free), inputs: low },
    { name: "frequency.norm", op: norm("relu") },
    { name: "frequency.max", op: pool("max", all), inputs: ofFrequency },
    { name: "frequency.mean", op: pool("avg", all), inputs: ofFrequency },
    { name: "level.max", op: pool("max", all), inputs: low },
    { name: "level.mean", op: pool("avg", all), inputs: low },
    { name: "level.deviation", op: pool("std", all), inputs: low },
    { name: "profile", op: { op: "concat" }, inputs: [...filters, ...levels] },
    { name: "band.conv1", op: conv(16, [9, 1], free) },
    { name: "band.norm1", op: norm("relu") },
    { name: "band.pool1", op: pool("max", [4, 1]) },
    { name: "band.conv2", op: conv(24, [5, 1], free) },
    { name: "band.norm2", op: norm("relu") },
    { name: "band.pool2", op: pool("max", [4, 1]) },
    { name: "flatten", op: { op: "flatten" } },
    { name: "head.dropout", op: { op: "dropout", rate: 0.3 } },
    { name: "head.dense", op: dense(32, "relu") },
    { name: "head.logits", op: dense(classes) },
    { name: "softmax", op: { op: "softmax" } },
  ];
}
export const P2_LAYERS = ["band.pool2", "time.norm", "frequency.norm"];

/** Numbers in [-1, 1) that are the same in every run (a linear congruential generator). */
export function numbersFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 2 - 1;
  };
}

/**
 * Weights of a graph that keep signals of about one size. Variances are positive, and so are batch norms'
 * offsets, so that few windows behind a ReLU have equal elements, where there is no derivative.
 */
export function someWeights({ parameters, nodes }, seed) {
  const next = numbersFrom(seed);
  const weights = new Float32Array(weightCount({ parameters, nodes }));
  for (const { name, shape, offset } of parameters) {
    const role = name.slice(name.lastIndexOf("/") + 1);
    const reach = role === "kernel" ? Math.sqrt(3 / product(shape.slice(0, -1))) : 0.5;
    const middle = { gamma: 1, moving_variance: 1, beta: 2 }[role] ?? 0;
    for (let i = 0; i < product(shape); i += 1) weights[offset + i] = middle + reach * next();
  }
  return weights;
}
