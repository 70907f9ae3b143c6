//! Adam, AdamW, weight decay and clipping by the norm of all gradients against real Keras: whole runs of
//! `tests/fixtures/models/time_and_frequency.toml`, the last batches short.
//!
//! As in `norm.rs`, the reference in f64 is held against Keras in f64, and the devices against Keras
//! in f32.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::common::backend::evaluate;
use crate::common::golden::History;
use crate::common::gpu::{self, VARIANTS};
use crate::common::levels;
use crate::common::naive::{self, Mode};
use crate::common::plan;
use genre_gpu::backend::{Backend, Batches, DatasetRef, Optimizer, Rule, State, StepMetrics};
use genre_gpu::cpu::Cpu;
use genre_gpu::graph::Graph;
use genre_gpu::models::Model;
use genre_gpu::plan::Plan;
use genre_gpu::train::initial_parameters;
use serde::Deserialize;

const SEED: u32 = 42;
const BATCH: usize = 16;
const EPOCHS: usize = 4;

const CUSTOM: Rule = Rule::Adam { beta_1: 0.8, beta_2: 0.95, epsilon: 1e-5 };

/// Those of optimizers.py.
const RUNS: [(&str, Optimizer); 5] = [
    ("adam", Optimizer::adam(0.01)),
    ("adamw", Optimizer { weight_decay: 0.05, ..Optimizer::adam(0.01) }),
    ("sgd_decay", Optimizer { weight_decay: 0.05, ..Optimizer::momentum(0.02, 0.9, true) }),
    ("sgd_clip", Optimizer { clip_norm: Some(0.5), ..Optimizer::momentum(0.05, 0.9, false) }),
    ("adam_clip", Optimizer { rule: CUSTOM, clip_norm: Some(0.5), ..Optimizer::adam(0.01) }),
];

/// How far the reference may be from Keras in f64: losses, and weights by their largest value.
const F64_BARS: [f64; 2] = [1e-7, 1e-7];
/// How far a device may be from Keras in f32.
const F32_BARS: [f64; 2] = [1e-5, 1e-4];

#[derive(Deserialize)]
struct Images {
    h: usize,
    w: usize,
    x: Vec<i8>,
    y: Vec<u32>,
    xv: Vec<i8>,
    yv: Vec<u32>,
}

#[derive(Deserialize)]
struct Run {
    history: History,
    /// The norm of each tensor, then its first values.
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

fn fixture() -> Fixture {
    let images = include_str!("../fixtures/keras/time_and_frequency.json");
    let model = include_str!("../fixtures/models/time_and_frequency.toml");
    let runs = include_str!("../fixtures/keras/optimizers.json");
    let images: Images = serde_json::from_str(images).unwrap();
    let model = Model::parse("time_and_frequency", model).unwrap();
    let scale = |q: &[i8]| q.iter().map(|&q| f32::from(q) / 32.0).collect();
    Fixture {
        graph: model.graph([images.h, images.w, 1], 4).unwrap(),
        x: scale(&images.x),
        y: images.y,
        x_val: scale(&images.xv),
        y_val: images.yv,
        runs: serde_json::from_str(runs).unwrap(),
    }
}

/// Loss and accuracy.
type Figures = (f64, f64);

/// As [`apart`] of `norm.rs`.
fn apart(got: f64, want: f64, scale: f64) -> f64 {
    let apart = (got - want).abs() / scale;
    if apart.is_nan() { f64::INFINITY } else { apart }
}

/// How far a run is from Keras's: its losses, and its tensors, whose norms and first values are compared
/// by the norm.
fn far(name: &str, run: &Run, graph: &Graph, history: &[[Figures; 2]], w: &[Vec<f64>]) -> [f64; 2] {
    let (mut of_losses, mut of_weights) = (0f64, 0f64);
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
    for (p, got) in graph.parameters().iter().zip(w) {
        let norm = got.iter().map(|w| w * w).sum::<f64>().sqrt();
        let want = &run.weights[&p.name];
        for (got, want_one) in [norm].iter().chain(got).zip(want) {
            of_weights = of_weights.max(apart(*got, *want_one, want[0]));
        }
    }
    [of_losses, of_weights]
}

/// One pass of the reference in order; in training a step after each batch, `t` steps before.
fn naive_epoch(
    graph: &Graph,
    state: &mut naive::optimizer::State,
    (x, y): (&[f32], &[u32]),
    training: Option<(&Optimizer, &mut u32)>,
) -> Figures {
    let len = x.len() / y.len();
    let mode = if training.is_some() { Mode::Train } else { Mode::Evaluate };
    let (mut loss, mut correct, mut training) = (0.0, 0, training);
    for (x, y) in x.chunks(BATCH * len).zip(y.chunks(BATCH)) {
        let x: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
        let pass = naive::pass_in(mode, graph, &state.w, &x, y);
        loss += pass.loss * y.len() as f64;
        correct += pass.correct;
        let Some((optimizer, t)) = &mut training else { continue };
        **t += 1;
        for (i, p) in graph.parameters().iter().enumerate() {
            if let Some(moved) = pass.moved(graph, p, &state.w[i]) {
                state.w[i] = moved;
            }
        }
        let rate = f64::from(optimizer.learning_rate);
        naive::optimizer::step(optimizer, (rate, **t), graph, state, &pass.parameter_gradients);
    }
    (loss / y.len() as f64, correct as f64 / y.len() as f64)
}

#[test]
fn naive_f64_follows_keras_in_f64() {
    let Fixture { graph, x, y, x_val, y_val, runs } = fixture();
    for (name, optimizer) in RUNS {
        let w = naive::widen(&graph, &initial_parameters(&graph, SEED));
        let (mut state, mut t) = (naive::optimizer::State::new(w), 0);
        let mut history = Vec::new();
        for _ in 0..EPOCHS {
            let training = Some((&optimizer, &mut t));
            let train = naive_epoch(&graph, &mut state, (&x, &y), training);
            history.push([train, naive_epoch(&graph, &mut state, (&x_val, &y_val), None)]);
        }
        let found = far(name, &runs[&format!("{name}_float64")], &graph, &history, &state.w);
        println!("{name}: {found:?}");
        assert!(found[0] < F64_BARS[0], "{name}: losses are off by {:e}", found[0]);
        assert!(found[1] < F64_BARS[1], "{name}: weights are off by {:e}", found[1]);
    }
}

/// All runs on a device.
fn follows<B: Backend>(device: &str, open: impl Fn(Plan) -> Option<B>) {
    let Fixture { graph, x, y, x_val, y_val, runs } = fixture();
    for (name, optimizer) in RUNS {
        let Some(mut backend) = open(plan::of(&graph, BATCH)) else { return };
        backend.set_state(&State::new(initial_parameters(&graph, SEED))).unwrap();
        let (train, val) = (DatasetRef::new(&x, &y), DatasetRef::new(&x_val, &y_val));
        let order: Vec<u32> = (0..y.len() as u32).collect();
        let mut history = Vec::new();
        for e in 0..EPOCHS {
            let first_step = (e * y.len().div_ceil(BATCH)) as u32;
            let batches = Batches { first_step, ..Batches::plain(&order) };
            let mut watch = |_| ControlFlow::Continue(());
            let steps = backend.train(train, &batches, optimizer, &mut watch).unwrap();
            let both: [StepMetrics; 2] = [steps.into_iter().sum(), evaluate(&mut backend, val).0];
            let figures = |metrics: StepMetrics| {
                (metrics.loss / metrics.samples as f64, f64::from(metrics.accuracy()))
            };
            history.push(both.map(figures));
        }
        let weights = naive::widen(&graph, &backend.state().unwrap().parameters);
        let run = &runs[&format!("{name}_float32")];
        let found = far(&format!("{name} on {device}"), run, &graph, &history, &weights);
        assert!(found[0] < F32_BARS[0], "{name} on {device}: losses are off by {:e}", found[0]);
        assert!(found[1] < F32_BARS[1], "{name} on {device}: weights are off by {:e}", found[1]);
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
    levels::again(&["optimizer::cpu_follows_keras_in_f32"]);
}
