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
  name: string;
  shape: SampleShape;
  place: { bands: CellGrid; frames: CellGrid };
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
  /** Its number among the page's recordings: evaluates and explains. */
  recording: number;
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
  /** Probabilities `[n, classes]` of scaled spectrograms `[n, bands, frames, channels]`. */
  probabilities(x: Float32Array, n: number): Promise<Float32Array>;
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
