//! Batch norm, pooling over axes, axes as channels, sums, strides, depthwise convolutions, activations,
//! momentum and schedules against real Keras: whole runs of
//! `tests/fixtures/models/{time_and_frequency,residual,separable}.toml`, the last batches short.
//!
//! As in `run.rs`, the naive f64 model pins the rules against Keras in f64, with loops,
//! optimiser and schedules of this file's own; the devices are then held to what rounding leaves.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::ops::ControlFlow;

use crate::common::backend::evaluate;
use crate::common::gpu::{self, VARIANTS};
use crate::common::levels;
use crate::common::naive::{self, Mode};
use crate::common::plan;
use genre_gpu::backend::{Backend, Batches, DatasetRef, Optimizer, State, StepMetrics};
use genre_gpu::cpu::Cpu;
use genre_gpu::graph::{Graph, NodeId, Op, Role};
use genre_gpu::models::{Model, Schedule};
use genre_gpu::plan::Plan;
use genre_gpu::train::initial_parameters;
use serde::Deserialize;

const SEED: u32 = 42;
const BATCH: usize = 16;
const EPOCHS: usize = 8;
const RATE: f32 = 0.05;
const MOMENTUM: f32 = 0.9;

#[derive(Deserialize)]
struct File {
    h: usize,
    w: usize,
    x: Vec<i8>,
    y: Vec<u32>,
    xv: Vec<i8>,
    yv: Vec<u32>,
    runs: BTreeMap<String, Run>,
}

#[derive(Deserialize)]
struct Run {
    history: crate::common::golden::History,
    /// By Keras's names, which are the crate's.
    weights: BTreeMap<String, Vec<f64>>,
}

struct Fixture {
    graph: Graph,
    x: Vec<f32>,
    y: Vec<u32>,
    x_val: Vec<f32>,
    y_val: Vec<u32>,
    runs: BTreeMap<String, Run>,
}

/// A model with its runs in Keras.
struct Golden {
    name: &'static str,
    runs: &'static str,
    model: &'static str,
    /// How far the naive model in f64 may be from Keras in f64: losses and weights.
    f64_bars: [f64; 2],
    /// How far a device may be from Keras in f32.
    f32_bars: [f64; 2],
}

/// Keras in f32 and Keras in f64 are 1.7e-7 and 1.3e-6 apart on these runs. The CPU is 1.7e-7 and
/// 1.2e-6 from Keras in f32, llvmpipe 1.9e-7 and 1.5e-6; the rest is left to other adapters.
const TIME_AND_FREQUENCY: Golden = Golden {
    name: "time_and_frequency",
    runs: include_str!("../fixtures/keras/time_and_frequency.json"),
    model: include_str!("../fixtures/models/time_and_frequency.toml"),
    f64_bars: [1e-13, 1e-12],
    f32_bars: [1e-6, 1e-5],
};

/// Keras in f32 and Keras in f64 are 5.2e-6 and 8.8e-6 apart on these runs. The naive model is 5.0e-14
/// and 2.3e-14 from Keras in f64, the CPU 4.3e-6 and 7.7e-6 from Keras in f32, llvmpipe 5.4e-6 and
/// 6.2e-6.
const RESIDUAL: Golden = Golden {
    name: "residual",
    runs: include_str!("../fixtures/keras/residual.json"),
    model: include_str!("../fixtures/models/residual.toml"),
    f64_bars: [1e-13, 1e-12],
    f32_bars: [1e-5, 2e-5],
};

/// Keras in f32 and Keras in f64 are 1e-7 and 3e-7 apart on such runs. The naive model is 1.5e-11 from Keras in
/// f64 in losses and 4.5e-9 in weights: TensorFlow's GELU multiplies by a √½ that was
/// rounded to f32.
const SEPARABLE: Golden = Golden {
    name: "separable",
    runs: include_str!("../fixtures/keras/separable.json"),
    model: include_str!("../fixtures/models/separable.toml"),
    f64_bars: [1e-10, 2e-8],
    f32_bars: [1e-6, 1e-5],
};

const MODELS: [Golden; 3] = [TIME_AND_FREQUENCY, RESIDUAL, SEPARABLE];

impl Golden {
    fn fixture(&self) -> Fixture {
        let file: File = serde_json::from_str(self.runs).unwrap();
        let graph = Model::parse(self.name, self.model).unwrap();
        let graph = graph.graph([file.h, file.w, 1], 4).unwrap();
        let scale = |q: &[i8]| q.iter().map(|&q| f32::from(q) / 32.0).collect();
        let (x, x_val) = (scale(&file.x), scale(&file.xv));
        Fixture { graph, x, y: file.y, x_val, y_val: file.yv, runs: file.runs }
    }
}

/// The optimisers of the fixture, as the crate writes them.
const RUNS: [(&str, bool, &str); 2] =
    [("cosine_nesterov", true, "cosine"), ("step_momentum", false, "step:3:0.5")];

/// Their rates in f64, by hand.
fn rate(schedule: &str, epoch: usize) -> f64 {
    let rate = f64::from(RATE);
    match schedule {
        "cosine" => rate * (0.5 + 0.5 * (PI * epoch as f64 / EPOCHS as f64).cos()),
        _ => rate * [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25][epoch],
    }
}

/// What an epoch reports: loss and accuracy.
type Figures = (f64, f64);

struct Naive {
    graph: Graph,
    parameters: Vec<Vec<f64>>,
    velocity: Vec<Vec<f64>>,
}

impl Naive {
    fn new(graph: &Graph) -> Self {
        let parameters = naive::widen(graph, &initial_parameters(graph, SEED));
        let velocity = parameters.iter().map(|w| vec![0.0; w.len()]).collect();
        Self { graph: graph.clone(), parameters, velocity }
    }

    /// One pass in order; with a rate, a step after each batch.
    fn epoch(&mut self, x: &[f32], y: &[u32], step: Option<(f64, bool)>) -> Figures {
        let len = x.len() / y.len();
        let mode = if step.is_some() { Mode::Train } else { Mode::Evaluate };
        let (mut loss, mut correct) = (0.0, 0);
        for (x, y) in x.chunks(BATCH * len).zip(y.chunks(BATCH)) {
            let x: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
            let pass = naive::pass_in(mode, &self.graph, &self.parameters, &x, y);
            loss += pass.loss * y.len() as f64;
            correct += pass.correct;
            if let Some((rate, nesterov)) = step {
                for (id, mean, variance) in &pass.moments {
                    self.move_towards(*id, Role::MovingMean, mean);
                    self.move_towards(*id, Role::MovingVariance, variance);
                }
                self.descend(&pass.parameter_gradients, rate, nesterov);
            }
        }
        (loss / y.len() as f64, correct as f64 / y.len() as f64)
    }

    /// What the model's momentum leaves of the way, once for each step.
    fn move_towards(&mut self, id: NodeId, role: Role, new: &[f64]) {
        let Op::BatchNorm { momentum, .. } = self.graph.node(id).op else {
            panic!("no batch norm")
        };
        let mut all = self.graph.parameters().iter();
        let at = all.position(|p| p.node == id && p.role == role).unwrap();
        for (old, new) in self.parameters[at].iter_mut().zip(new) {
            *old += (1.0 - f64::from(momentum)) * (new - *old);
        }
    }

    /// The velocity falls with the gradient; Nesterov's weights go a step further along it.
    fn descend(&mut self, gradients: &[Vec<f64>], rate: f64, nesterov: bool) {
        let momentum = f64::from(MOMENTUM);
        for (i, p) in self.graph.parameters().iter().enumerate() {
            if matches!(p.role, Role::MovingMean | Role::MovingVariance) {
                continue;
            }
            for (j, g) in gradients[i].iter().enumerate() {
                let v = momentum * self.velocity[i][j] - rate * g;
                self.velocity[i][j] = v;
                self.parameters[i][j] += if nesterov { momentum * v - rate * g } else { v };
            }
        }
    }
}

/// `|got - want| / scale`; a NaN is as wrong as can be.
fn apart(got: f64, want: f64, scale: f64) -> f64 {
    let apart = (got - want).abs() / scale;
    if apart.is_nan() { f64::INFINITY } else { apart }
}

/// How far a run is from Keras's: the largest relative difference of losses, and of tensors
/// (largest difference of an element by the largest element). Accuracies must be the same.
fn far(name: &str, run: &Run, graph: &Graph, history: &[[Figures; 2]], w: &[Vec<f64>]) -> [f64; 2] {
    let mut of_losses = 0f64;
    assert_eq!(history.len(), run.history.loss.len());
    for (e, [train, val]) in history.iter().enumerate() {
        let want = &run.history;
        for (got, loss, accuracy) in
            [(train, want.loss[e], want.accuracy[e]), (val, want.val_loss[e], want.val_accuracy[e])]
        {
            let right = apart(got.1, accuracy, 1.0) < 1e-6;
            assert!(right, "{name}, epoch {}: accuracy {}, Keras {accuracy}", e + 1, got.1);
            of_losses = of_losses.max(apart(got.0, loss, loss));
        }
    }
    assert_eq!(graph.parameters().len(), run.weights.len());
    let mut of_weights = 0f64;
    for (p, got) in graph.parameters().iter().zip(w) {
        let want = &run.weights[&p.name];
        assert_eq!(got.len(), want.len(), "{}", p.name);
        let largest = want.iter().fold(0f64, |top, w| top.max(w.abs()));
        for (got, want) in got.iter().zip(want) {
            of_weights = of_weights.max(apart(*got, *want, largest));
        }
    }
    [of_losses, of_weights]
}

#[test]
fn naive_f64_follows_keras_in_f64() {
    for golden in MODELS {
        let fixture = golden.fixture();
        for (name, nesterov, schedule) in RUNS {
            let mut naive = Naive::new(&fixture.graph);
            let mut history = Vec::new();
            for e in 0..EPOCHS {
                let step = Some((rate(schedule, e), nesterov));
                let train = naive.epoch(&fixture.x, &fixture.y, step);
                history.push([train, naive.epoch(&fixture.x_val, &fixture.y_val, None)]);
            }
            let run = &fixture.runs[&format!("{name}_float64")];
            let name = format!("{}, {name}", golden.name);
            let found = far(&name, run, &naive.graph, &history, &naive.parameters);
            assert!(found[0] < golden.f64_bars[0], "{name}: losses are off by {:e}", found[0]);
            assert!(found[1] < golden.f64_bars[1], "{name}: weights are off by {:e}", found[1]);
        }
    }
}

/// Both runs of each model on a device.
fn follows<B: Backend>(device: &str, open: impl Fn(Plan) -> Option<B>) {
    for golden in MODELS {
        model_follows(&golden, device, &open);
    }
}

fn model_follows<B: Backend>(golden: &Golden, device: &str, open: impl Fn(Plan) -> Option<B>) {
    let (fixture, bars) = (golden.fixture(), golden.f32_bars);
    for (name, nesterov, schedule) in RUNS {
        let Some(mut backend) = open(plan::of(&fixture.graph, BATCH)) else { return };
        let state = State::new(initial_parameters(&fixture.graph, SEED));
        backend.set_state(&state).unwrap();
        let train = DatasetRef::new(&fixture.x, &fixture.y);
        let val = DatasetRef::new(&fixture.x_val, &fixture.y_val);
        let order: Vec<u32> = (0..fixture.y.len() as u32).collect();
        let schedule: Schedule = schedule.parse().unwrap();
        let mut history = Vec::new();
        for e in 0..EPOCHS {
            let learning_rate = schedule.rate(RATE, e, EPOCHS, &[]);
            let sgd = Optimizer::momentum(learning_rate, MOMENTUM, nesterov);
            let mut watch = |_| ControlFlow::Continue(());
            let batches = Batches::plain(&order);
            let steps = backend.train(train, &batches, sgd, &mut watch).unwrap();
            let both: [StepMetrics; 2] = [steps.into_iter().sum(), evaluate(&mut backend, val).0];
            let figures = |metrics: StepMetrics| {
                (metrics.loss / metrics.samples as f64, f64::from(metrics.accuracy()))
            };
            history.push(both.map(figures));
        }
        let weights = naive::widen(&fixture.graph, &backend.state().unwrap().parameters);
        let run = &fixture.runs[&format!("{name}_float32")];
        let name = format!("{}, {name} on {device}", golden.name);
        let found = far(&name, run, &fixture.graph, &history, &weights);
        assert!(found[0] < bars[0], "{name}: losses are off by {:e}", found[0]);
        assert!(found[1] < bars[1], "{name}: weights are off by {:e}", found[1]);
    }
}

#[test]
fn cpu_follows_keras_in_f32() {
    follows("the CPU", |plan| Some(Cpu::new(plan, 2).unwrap()));
}

#[test]
fn gpu_follows_keras_in_f32_in_all_variants() {
    for variant in VARIANTS {
        let device = format!("the GPU, {variant:?}");
        follows(&device, |plan| gpu::open(plan, variant));
    }
}

#[test]
fn cpu_follows_keras_at_every_vector_level() {
    levels::again(&["norm::cpu_follows_keras_in_f32"]);
}
