/** What the page holds and what its modules exchange. Types only: nothing of this file is in the page. */

/** The extents of a sample: mel bands (0 lowest), frames, channels. */
export type SampleShape = [number, number, number];

/** How sound becomes a log-mel spectrogram: `FrontEnd` in src/audio/front_end.rs. */
export interface FrontEnd {
  name: string;
  sample_rate_hz: number;
  n_fft: number;
  hop_samples: number;
  n_mels: number;
  f_min_hz: number;
  f_max_hz: number;
  frames: number;
}

/** What is cut, and which power is 0 dB: `Cutting` in src/audio/cutting.rs. */
export interface Cutting {
  from: "sound" | "spectrogram";
  zero_db: "song" | "cut" | "fixed";
}

/** What the training songs are like: `Typical` in src/data/typical.rs. */
export interface Typical {
  properties: { mean: number[]; deviation: number[]; limit: number; half_limit: number }[];
  floor: number;
  texture: { mean: [number, number]; deviation: [number, number]; limit: number };
  least_bands: number;
}

/** The temperatures of a model: `Temperatures` in src/metrics/temperature.rs. */
export interface Temperatures {
  segments: { value: number };
  songs: { value: number; segments: number } | null;
}

/** Facts of a trained model, as its file of weights has them: `ModelFacts` in src/train/saved.rs. */
export interface ModelFacts {
  version: string;
  name: string;
  model: string;
  sample_shape: SampleShape;
  classes: string[];
  scale: { kind: string; offset: number; factor: number };
  front_end: FrontEnd | null;
  cutting: (Cutting & { segments: number }) | null;
  typical_songs: Typical | null;
  temperatures?: Temperatures | null;
  seed: number;
  epochs: number;
  data_source: string;
  data_hash: string;
}

/** What a node does: `Op` in src/graph/op.rs, its name under `op`. */
export type Op =
  | { op: "input" }
  | { op: "conv2d"; filters: number; kernel: [number, number]; strides: [number, number];
      padding: "same" | "valid"; bias: boolean; activation: "linear" | "relu" }
  | { op: "depthwise_conv2d"; kernel: [number, number]; multiplier: number; strides: [number, number];
      padding: "same" | "valid"; bias: boolean; activation: "linear" | "relu" }
  | { op: "max_pool2d"; window: [number, number] }
  | { op: "avg_pool2d"; window: [number, number] }
  | { op: "std_pool2d"; window: [number, number]; epsilon: number }
  | { op: "batch_norm"; momentum: number; epsilon: number; activation: "linear" | "relu" }
  | { op: "activation"; function: string; slope?: number }
  | { op: "dropout"; rate: number }
  | { op: "crop"; bands: number }
  | { op: "axis_to_channels"; axis: "mel" | "time" }
  | { op: "flatten" }
  | { op: "concat" }
  | { op: "add" }
  | { op: "dense"; units: number; bias: boolean; activation: "linear" | "relu"; l2: number }
  | { op: "softmax" };

/** A step of a model. A node reads earlier nodes only; the first is the input, the last the softmax. */
export interface Node {
  name: string;
  op: Op;
  /** Indices of nodes. */
  inputs: number[];
  /** `[h, w, c]` of a sample, or `[features]`. */
  shape: number[];
}

/** A tensor of weights in the flat array of all of them. */
export interface Parameter {
  /** `node/role`: role is kernel, bias, gamma, beta, moving_mean or moving_variance. */
  name: string;
  shape: number[];
  /** Floats before it. */
  offset: number;
}

export interface Graph {
  nodes: Node[];
  parameters: Parameter[];
}

/** The cells of a layer along an axis of the input: cell i begins at `first + i * size`. */
export interface CellGrid {
  first: number;
  size: number;
  count: number;
}

/** A layer whose maps are shown: `LayerFacts` in src/explain/cells.rs. */
export interface Layer {
  /** Which of the recording's tensors are its own. */
  probe: number;
  name: string;
  shape: SampleShape;
  place: { bands: CellGrid; frames: CellGrid };
}

/** Numbers of the page's recordings: with tiles for graphics cards, and for GPUs in software. */
export interface ByKind {
  hardware: number;
  software: number;
}

/** The visitor's GPU. */
export interface FoundGpu {
  device: GPUDevice;
  name: string;
  kind: keyof ByKind;
}

/** Why there is none. */
export interface NoGpu {
  device: null;
  missing: string;
}

/** A trained model as it lies in the page. */
export interface Model {
  /** Unique in the page. */
  title: string;
  facts: ModelFacts;
  front_end: FrontEnd;
  cutting: Cutting;
  graph: Graph;
  /** Where maps are taken: the program's last poolings. */
  layers: Layer[];
  /** Evaluate and explain. */
  recordings: ByKind;
  /** All weights in the order of `graph.parameters`. */
  weights: Float32Array;
}

/** A map of a cut, `[h, w]` of its layer, signed: a heatmap is its positive part over its maximum. */
export interface Maps {
  grad_cam: Float32Array;
  hires_cam: Float32Array;
}

/** A model on some device: WebGPU, or this page's JavaScript. */
export interface Network {
  /** What it runs on, for people. */
  device: string;
  /** The GPU, if it runs on one. */
  gpu: GPUDevice | null;
  /**
   * Probabilities `[n, classes]` of scaled spectrograms `[n, bands, frames, channels]`; `onDone` is told how many are
   * done, and ends the work by an error.
   */
  probabilities(x: Float32Array, n: number, onDone?: (done: number) => void): Promise<Float32Array>;
  /** For each sample the maps of each of the model's layers, for the logit of its target. */
  maps(x: Float32Array, targets: number[]): Promise<Maps[][]>;
  /** Frees what the device holds. */
  close(): void;
}

/** Mono sound at a front end's rate. */
export interface Sound {
  /** The file's name, or what the page calls it. */
  name: string;
  samples: Float32Array;
  rate_hz: number;
  /** What the browser did to it, for people: the file's rate where it is known, channels. */
  note: string;
  /** Why nothing can be said of it, whatever the model: silent, out of phase. */
  nothing: string | null;
}

/** The cuts of a song. */
export interface Cuts {
  /** `[n, n_mels, frames]` in dB. */
  values: Float32Array;
  /** From where to where each is, in seconds. */
  spans_s: [number, number][];
  /** Why nothing can be said: the sound's reason, or too short for one cut. */
  nothing: string | null;
}

/** A song's verdict: `Song` in src/predict/verdict.rs. */
export interface Song {
  /** Of each class: the mean over cuts, calibrated by the temperature of songs. */
  probabilities: number[];
  uncalibrated: number[];
  votes: { mean: number; majority: number; product: number; cuts: number[] };
  cuts: { start_s: number; end_s: number; probabilities: number[]; uncalibrated: number[] }[];
  /** Why no class is claimed, if none is. */
  unsure: string | null;
  /** In what the song is unlike the training songs, though a class is claimed. */
  remark: string | null;
}

/** A part of a buffer of a recording. */
export interface Binding {
  buffer: number;
  offset: number;
  bytes: number;
}

/** A recording of the program's GPU path: docs/webgpu.md. */
export interface Recording {
  model: string;
  input: SampleShape;
  classes: number;
  batch_size: number;
  samples: number;
  kernels: Record<string, { code: string; bindings: ("uniform" | "read" | "write")[] }>;
  buffers: { name: string; bytes: number; words?: number[] }[];
  step: { bytes: number; stride: number; fields: Record<string, number>; floats: string[] };
  dispatches: {
    kernel: string;
    node: string;
    constants: Record<string, number>;
    bindings: Binding[];
    groups: [number, number, number];
  }[];
  passes: { train: number[]; evaluate: number[]; explain: number[] };
  parameters: { name: string; shape: number[]; start: number }[];
  tensors: { node: string; value?: Binding; gradient?: Binding }[];
  roles: {
    parameters: number;
    velocity: number;
    parameter_gradients?: number;
    first_not_finite?: number;
    order: number;
    labels: number;
    samples: [number, number][];
    probabilities: number;
    step_metrics: number;
    penalties: number;
  };
  metrics_per_step: number;
  penalties_per_step: number;
  /** In the file of `genre-gpu export`, as they lie in `roles.parameters`. */
  weights?: number[];
}

/** A model that the page can train. */
export interface TrainedModel {
  facts: ModelFacts;
  graph: Graph;
  recordings: ByKind;
  /** Initial ones. */
  weights: Float32Array;
  epochs: number;
  learning_rate: number;
  schedule: "constant" | "cosine";
  momentum: number;
  nesterov: boolean;
  left_out: string | null;
}

/** What the page trains on. */
export interface Training {
  source: string;
  classes: string[];
  shape: SampleShape;
  /** Training samples come first. */
  train: number;
  test: number;
  labels: number[];
  lowest_db: number;
  step_db: number;
  most_epochs: number;
  seed: number;
  models: TrainedModel[];
}

export interface PageData {
  version: string;
  /** The shaders of all recordings, the self-test's too. */
  kernels: Recording["kernels"];
  recordings: Recording[];
  models: Model[];
  clips: { title: string; genre: string; id: string }[];
  colours: { spectrogram: string; heat: string };
  training: Training | null;
  /** Whether the self-test is in the page. */
  checks: boolean;
}

/** A recording that lies on a device. */
export interface Opened {
  device: GPUDevice;
  recording: Recording;
  /** The recording's; behind them `steps`. */
  buffers: GPUBuffer[];
  /** The settings of each step. */
  steps: GPUBuffer;
  kernels: Map<string, { layout: GPUBindGroupLayout; module: GPUShaderModule }>;
  /** By kernel and constants. */
  pipelines: Map<string, Promise<GPUComputePipeline>>;
  /** By the recording's numbers; those of passes that were not prepared are not there. */
  dispatches: { pipeline: GPUComputePipeline; group: GPUBindGroup; groups: [number, number, number] }[];
}

/** What changes from step to step in training. */
export interface StepSettings {
  learning_rate?: number;
  momentum?: number;
  nesterov?: boolean;
  seed?: number;
  first_step?: number;
  [float: string]: number | boolean | undefined;
}

/** An epoch of training in the page. */
export interface Epoch {
  loss: number;
  accuracy: number;
  test_loss: number;
  test_accuracy: number;
  samples_per_second: number;
}

/** What training goes on from after a whole epoch. */
export interface TrainingState {
  /** Epochs that are done. */
  epoch: number;
  weights: Float32Array;
  /** None without momentum. */
  velocity: Float32Array | null;
}

/** A step of training: its samples, its mean loss with the penalty, its correct predictions. */
export interface StepResult {
  n: number;
  loss: number;
  correct: number;
}

export interface Trainer {
  /** Epochs that are done. */
  epoch(): number;
  /** Trains to the end of the epoch, or until the signal: then null, and the next call goes on. */
  trainEpoch(epochs: number, onSteps: (steps: StepResult[]) => void, signal: AbortSignal): Promise<Epoch | null>;
  /** The test samples: true classes by rows, predicted ones by columns. */
  evaluate(): Promise<{ loss: number; accuracy: number; matrix: number[][] }>;
  state(): Promise<TrainingState>;
  close(): void;
}

/** A song that was heard with a model. */
export interface Heard {
  model: Model;
  /** The model's number. */
  at: number;
  /** Of the sound. */
  name: string;
  note: string;
  length_s: number;
  cuts: Cuts;
  /** The cuts as the model is given them. */
  x: Float32Array;
  song: Song;
  /** By cut and class: for each layer its maps. */
  maps: Map<string, Maps[]>;
  /** Cuts and classes whose maps are being computed. */
  pending: Set<string>;
}

/** The page's models on its devices. */
export interface Networks {
  /** Opens a model where it is not open, and uses it; in JavaScript from where its GPU fails. */
  use<T>(model: number, work: (network: Network) => Promise<T>): Promise<T>;
  /** What the model runs on, for people. */
  device(model: number): string;
  /** The GPU, or why there is none; opens it again where it was lost. */
  gpu(): Promise<FoundGpu | NoGpu>;
}

/** A run of training in the page. */
export interface TrainingRun {
  model: TrainedModel;
  /** Epochs to train. */
  total: number;
  epochs: Epoch[];
  /** The loss of each step of these epochs. */
  steps: number[];
  /** Of the test samples, when all epochs are done. */
  matrix: number[][] | null;
  /** None where its GPU was lost. */
  trainer: Trainer | null;
  /** After the last whole epoch. */
  state: TrainingState | null;
  /** Where the trainer is. */
  device: GPUDevice | null;
}

/** How far a tensor is from the reference. */
export interface Deviation {
  /** The largest difference. */
  worst: number;
  /** The largest share of the tolerance that an element uses. */
  share: number;
  /** What is wrong, in words. */
  wrong: string | null;
}

/** Comparisons taken together. */
export interface Tally {
  comparisons: number;
  failed: number;
  error: number;
  share: number;
  /** The first few. */
  wrong: string[];
}

/** A pass of a case of the self-test. */
export interface CheckPass {
  pass: "train" | "evaluate" | "explain";
  order: number[];
  settings: StepSettings;
  /** Where it begins; zeros if there is none. */
  velocity: Float32Array | null;
  tensors: {
    name: string;
    extents: number[];
    place: Binding;
    want: Float32Array;
    absolute: number;
    relative: number;
    /** Those that it comes from, in the order of a step. */
    dispatches: number[];
  }[];
  metrics: {
    name: string;
    /** The mean. */
    loss: number;
    absolute: number;
    relative: number;
    correct: number;
    dispatches: number[];
  } | null;
}

/** A case of the self-test: a small graph, and what the reference makes of it. */
export interface CheckCase {
  /** The operation that it is about. */
  op: string;
  name: string;
  recording: Recording;
  samples: Float32Array;
  labels: number[];
  /** Where each pass begins. */
  parameters: Float32Array;
  passes: CheckPass[];
}

/** What the self-test found. */
export interface Checked {
  kernels: Record<string, Tally>;
  /** By the operation that the cases are about. */
  operations: Record<string, Tally>;
  /** In how many cases a kernel was the first that is wrong. */
  first: Record<string, number>;
  passed: boolean;
  seconds: number;
}
