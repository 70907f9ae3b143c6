//! Adam, AdamW, weight decay and clipping by the norm of all gradients against real Keras: whole runs of
//! `tests/fixtures/models/time_and_frequency.toml`, the last batches short.
//!
//! As in `norm.rs`, the reference in f64 is held against Keras in f64, and the devices against Keras
//! in f32.

use std::collections::BTreeMap;

use crate::common::golden::{self, Data};
use crate::common::gpu::{self, VARIANTS};
use crate::common::levels;
use crate::common::naive::{self, Mode};
use crate::common::plan;
use crate::compare::{
    BATCH, Figures, Run, SEED, assert_near, figures, losses_apart, naive_epoch, norms_apart,
};
use genre_gpu::backend::{Backend, Batches, Optimizer, Rule, State};
use genre_gpu::cpu::Cpu;
use genre_gpu::graph::Graph;
use genre_gpu::models::Model;
use genre_gpu::plan::Plan;
use genre_gpu::train::initial_parameters;

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

struct Fixture {
    graph: Graph,
    data: Data,
    runs: BTreeMap<String, Run>,
}

fn fixture() -> Fixture {
    let data = golden::images(include_str!("../fixtures/keras/time_and_frequency.json"));
    let model = include_str!("../fixtures/models/time_and_frequency.toml");
    let graph = Model::parse("time_and_frequency", model).unwrap().graph(data.shape, 4).unwrap();
    let runs = serde_json::from_str(include_str!("../fixtures/keras/optimizers.json")).unwrap();
    Fixture { graph, data, runs }
}

/// One pass of the reference in order; in training a step after each batch, `t` steps before.
fn pass_over(
    graph: &Graph,
    state: &mut naive::optimizer::State,
    (x, y): (&[f32], &[u32]),
    mut training: Option<(&Optimizer, &mut u32)>,
) -> Figures {
    let mode = if training.is_some() { Mode::Train } else { Mode::Evaluate };
    naive_epoch(x, y, |x, y| {
        let pass = naive::pass_in(mode, graph, &state.w, x, y);
        if let Some((optimizer, t)) = &mut training {
            **t += 1;
            for (i, p) in graph.parameters().iter().enumerate() {
                if let Some(moved) = pass.moved(graph, p, &state.w[i]) {
                    state.w[i] = moved;
                }
            }
            let rate = f64::from(optimizer.learning_rate);
            naive::optimizer::step(optimizer, (rate, **t), graph, state, &pass.parameter_gradients);
        }
        pass
    })
}

#[test]
fn naive_f64_follows_keras_in_f64() {
    let Fixture { graph, data, runs } = fixture();
    for (name, optimizer) in RUNS {
        let w = naive::widen(&graph, &initial_parameters(&graph, SEED));
        let (mut state, mut t) = (naive::optimizer::State::new(w), 0);
        let mut history = Vec::new();
        for _ in 0..EPOCHS {
            let training = Some((&optimizer, &mut t));
            let train = pass_over(&graph, &mut state, (&data.x, &data.y), training);
            let val = pass_over(&graph, &mut state, (&data.x_val, &data.y_val), None);
            history.push([train, val]);
        }
        let run = &runs[&format!("{name}_float64")];
        let losses = losses_apart(name, run, &history);
        assert_near(name, [losses, norms_apart(&graph, run, &state.w)], F64_BARS);
    }
}

/// All runs on a device.
fn follows<B: Backend>(device: &str, open: impl Fn(Plan) -> Option<B>) {
    let Fixture { graph, data, runs } = fixture();
    for (name, optimizer) in RUNS {
        let Some(mut backend) = open(plan::of(&graph, BATCH)) else { return };
        backend.set_state(&State::new(initial_parameters(&graph, SEED))).unwrap();
        let order: Vec<u32> = (0..data.y.len() as u32).collect();
        let mut history = Vec::new();
        for e in 0..EPOCHS {
            let first_step = (e * data.y.len().div_ceil(BATCH)) as u32;
            let batches = Batches { first_step, ..Batches::plain(&order) };
            history.push(golden::epoch(&mut backend, &data, &batches, optimizer).map(figures));
        }
        let weights = naive::widen(&graph, &backend.state().unwrap().parameters);
        let run = &runs[&format!("{name}_float32")];
        let name = format!("{name} on {device}");
        let losses = losses_apart(&name, run, &history);
        assert_near(&name, [losses, norms_apart(&graph, run, &weights)], F32_BARS);
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
