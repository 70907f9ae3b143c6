//! The golden data and runs of real Keras (tests/fixtures/keras).

use std::ops::ControlFlow;

use genre_gpu::backend::{Backend, Batches, DatasetRef, Optimizer, State, StepMetrics};
use genre_gpu::graph::Graph;
use genre_gpu::models::Model;
use genre_gpu::plan::Plan;
use genre_gpu::random::keras::Shuffle;
use genre_gpu::train::initial_parameters;
use serde::Deserialize;

pub const SEED: u32 = 42;
pub const BATCH: usize = 32;
pub const EPOCHS: usize = 20;

#[derive(Deserialize)]
struct File {
    h: usize,
    w: usize,
    x: Vec<i8>,
    y: Vec<u32>,
    xv: Vec<i8>,
    yv: Vec<u32>,
}

/// Training and validation images, `x = q/32` exactly.
pub struct Data {
    pub shape: [usize; 3],
    pub x: Vec<f32>,
    pub y: Vec<u32>,
    pub x_val: Vec<f32>,
    pub y_val: Vec<u32>,
}

pub fn data() -> Data {
    images(include_str!("../fixtures/keras/data.json"))
}

/// Those of a fixture's text.
pub fn images(json: &str) -> Data {
    let file: File = serde_json::from_str(json).unwrap();
    let scale = |q: &[i8]| q.iter().map(|&q| f32::from(q) / 32.0).collect();
    Data {
        shape: [file.h, file.w, 1],
        x: scale(&file.x),
        y: file.y,
        x_val: scale(&file.xv),
        y_val: file.yv,
    }
}

#[derive(Deserialize)]
pub struct History {
    pub loss: Vec<f64>,
    pub accuracy: Vec<f64>,
    pub val_loss: Vec<f64>,
    pub val_accuracy: Vec<f64>,
}

/// What Keras reported of a run.
#[derive(Deserialize)]
pub struct Run {
    pub lr: f32,
    pub history: History,
    pub final_weight_norms: Vec<f64>,
    pub final_weight_head: Vec<Vec<f64>>,
    pub val_probs_head: Vec<Vec<f64>>,
}

/// By its file's name, e.g. `k2_f64_lr05`.
pub fn run(name: &str) -> Run {
    let path = format!("{}/tests/fixtures/keras/run_{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn p1(data: &Data) -> Graph {
    Model::open("p1").unwrap().graph(data.shape, 4).unwrap()
}

/// The order of samples that a run's Keras made.
pub fn shuffle(run: &str) -> Shuffle {
    if run.starts_with("k2") { Shuffle::Keras2 } else { Shuffle::Keras3 }
}

/// An epoch of training in the order of the batches, and a pass over the validation part after it.
pub fn epoch(
    backend: &mut dyn Backend,
    data: &Data,
    batches: &Batches<'_>,
    optimizer: Optimizer,
) -> [StepMetrics; 2] {
    let train = DatasetRef::new(&data.x, &data.y);
    let val = DatasetRef::new(&data.x_val, &data.y_val);
    let mut watch = |_| ControlFlow::Continue(());
    let steps = backend.train(train, batches, optimizer, &mut watch).unwrap();
    [steps.into_iter().sum(), super::backend::evaluate(backend, val).0]
}

/// A run's first epochs again, on a backend: each epoch's training and validation metrics.
pub fn train<B: Backend>(
    name: &str,
    epochs: usize,
    open: impl FnOnce(Plan) -> B,
) -> (Vec<(StepMetrics, StepMetrics)>, State) {
    let (data, run) = (data(), run(name));
    let graph = p1(&data);
    let state = State::new(initial_parameters(&graph, SEED));
    let mut backend = open(super::plan::of(&graph, BATCH));
    backend.set_state(&state).unwrap();
    let sgd = Optimizer::sgd(run.lr);
    let mut history = Vec::new();
    for e in 0..epochs {
        let order = shuffle(name).order(SEED, data.y.len(), e);
        let [train, val] = epoch(&mut backend, &data, &Batches::plain(&order), sgd);
        history.push((train, val));
    }
    (history, backend.state().unwrap())
}
