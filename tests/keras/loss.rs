//! Label smoothing, weights of classes, a plateau schedule, warm-up and early stopping against real Keras: whole runs of
//! `tests/fixtures/models/loss.toml`, the last batches short.
//!
//! As in `norm.rs`, the naive f64 model pins the rules against Keras in f64; the devices are then held to
//! what rounding leaves.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::common::backend::evaluate;
use crate::common::golden::History;
use crate::common::gpu::{self, VARIANTS};
use crate::common::naive::{self, Mode};
use genre_gpu::backend::{Backend, Batches, DatasetRef, Loss, Optimizer, State, StepMetrics};
use genre_gpu::cpu::Cpu;
use genre_gpu::graph::Graph;
use genre_gpu::models::{ClassWeights, EarlyStopping, Model};
use genre_gpu::plan::Plan;
use genre_gpu::train::history::Epoch;
use genre_gpu::train::initial_parameters;
use genre_gpu::train::rates::{epoch_rate, step_rate};
use genre_gpu::train::settings::{Config, Recipe, Settings};
use serde::Deserialize;

const SEED: u32 = 42;
const BATCH: usize = 16;
const EPOCHS: usize = 10;
const RATE: f32 = 0.1;
const MOMENTUM: f32 = 0.9;
const CLASSES: usize = 4;

/// How far the naive model in f64 may be from Keras in f64: losses and weights.
const F64_BARS: [f64; 2] = [1e-13, 1e-12];
/// How far a device may be from Keras in f32, which is 1.4e-7 and 8.3e-7 from Keras in f64 on these runs.
const F32_BARS: [f64; 2] = [1e-6, 5e-6];

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
    history: History,
    /// By Keras's names, which are the crate's.
    weights: BTreeMap<String, Vec<f64>>,
    /// By epoch, where a callback reports them.
    rates: Option<Vec<f64>>,
}

/// The settings of a run, as the crate writes them.
struct Setting {
    name: &'static str,
    label_smoothing: f32,
    class_weights: &'static str,
    schedule: &'static str,
    warmup: f32,
    early_stopping: &'static str,
}

const PLAIN: Setting = Setting {
    name: "",
    label_smoothing: 0.0,
    class_weights: "none",
    schedule: "constant",
    warmup: 0.0,
    early_stopping: "none",
};

const SETTINGS: [Setting; 5] = [
    Setting { name: "smoothing", label_smoothing: 0.1, ..PLAIN },
    Setting { name: "balanced", class_weights: "balanced", ..PLAIN },
    Setting {
        name: "both_plateau",
        label_smoothing: 0.2,
        class_weights: "0.5,2,1,1.25",
        schedule: "plateau:1:0.5",
        ..PLAIN
    },
    Setting { name: "early_stopping", early_stopping: "2:0.015", ..PLAIN },
    Setting { name: "warm_up", schedule: "cosine", warmup: 1.5, ..PLAIN },
];

impl Setting {
    fn config(&self) -> Config {
        let settings = Settings {
            epochs: Some(EPOCHS),
            learning_rate: Some(RATE),
            schedule: Some(self.schedule.parse().unwrap()),
            warmup: Some(self.warmup),
            ..Settings::default()
        };
        settings.resolve(Recipe::default()).unwrap()
    }
}

struct Fixture {
    graph: Graph,
    x: Vec<f32>,
    y: Vec<u32>,
    x_val: Vec<f32>,
    y_val: Vec<u32>,
    runs: BTreeMap<String, Run>,
}

impl Fixture {
    fn new() -> Self {
        let file: File = serde_json::from_str(include_str!("../fixtures/keras/loss.json")).unwrap();
        let model = Model::parse("loss", include_str!("../fixtures/models/loss.toml")).unwrap();
        let graph = model.graph([file.h, file.w, 1], CLASSES).unwrap();
        let scale = |q: &[i8]| q.iter().map(|&q| f32::from(q) / 32.0).collect();
        let (x, x_val) = (scale(&file.x), scale(&file.xv));
        Self { graph, x, y: file.y, x_val, y_val: file.yv, runs: file.runs }
    }

    fn loss(&self, setting: &Setting) -> Loss {
        let weights: ClassWeights = setting.class_weights.parse().unwrap();
        let classes: Vec<String> = (0..CLASSES).map(|class| class.to_string()).collect();
        let class_weights = weights.weights(&self.y, &classes).unwrap();
        Loss { label_smoothing: setting.label_smoothing, class_weights }
    }
}

/// Mean loss and accuracy.
type Figures = (f64, f64);

/// What can train and evaluate an epoch.
trait Epochs {
    /// With the rate of each step.
    fn train(&mut self, rates: &[f32]) -> Figures;
    fn evaluate(&mut self) -> Figures;
    fn weights(&mut self) -> Vec<Vec<f64>>;
}

struct Naive<'a> {
    fixture: &'a Fixture,
    loss: Loss,
    parameters: Vec<Vec<f64>>,
    velocity: Vec<Vec<f64>>,
}

impl Naive<'_> {
    /// One pass in order; with rates, a step after each batch.
    fn epoch(&mut self, (x, y): (&[f32], &[u32]), rates: Option<&[f32]>) -> Figures {
        let (graph, len) = (&self.fixture.graph, x.len() / y.len());
        let mode = if rates.is_some() { Mode::Train } else { Mode::Evaluate };
        let (mut loss, mut correct) = (0.0, 0);
        for (k, (x, y)) in x.chunks(BATCH * len).zip(y.chunks(BATCH)).enumerate() {
            let x: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
            let pass = naive::pass_of((mode, &self.loss), graph, &self.parameters, &x, y);
            loss += pass.loss * y.len() as f64;
            correct += pass.correct;
            let Some(rate) = rates.map(|rates| rates[k]) else { continue };
            let sgd = naive::sgd::Sgd {
                rate: f64::from(rate),
                momentum: f64::from(MOMENTUM),
                nesterov: false,
            };
            for (i, gradient) in pass.parameter_gradients.iter().enumerate() {
                sgd.step(&mut self.parameters[i], &mut self.velocity[i], gradient);
            }
        }
        (loss / y.len() as f64, correct as f64 / y.len() as f64)
    }
}

impl Epochs for Naive<'_> {
    fn train(&mut self, rates: &[f32]) -> Figures {
        let fixture = self.fixture;
        self.epoch((&fixture.x, &fixture.y), Some(rates))
    }

    fn evaluate(&mut self) -> Figures {
        let fixture = self.fixture;
        self.epoch((&fixture.x_val, &fixture.y_val), None)
    }

    fn weights(&mut self) -> Vec<Vec<f64>> {
        self.parameters.clone()
    }
}

struct OnDevice<'a, B> {
    backend: B,
    graph: &'a Graph,
    train: DatasetRef<'a>,
    val: DatasetRef<'a>,
    order: Vec<u32>,
}

fn figures(metrics: StepMetrics) -> Figures {
    (metrics.loss / metrics.samples as f64, f64::from(metrics.accuracy()))
}

impl<B: Backend> Epochs for OnDevice<'_, B> {
    fn train(&mut self, rates: &[f32]) -> Figures {
        let sgd = Optimizer::momentum(0.0, MOMENTUM, false);
        let mut watch = |_| ControlFlow::Continue(());
        let batches = Batches { rates, ..Batches::plain(&self.order) };
        let steps = self.backend.train(self.train, &batches, sgd, &mut watch).unwrap();
        figures(steps.into_iter().sum())
    }

    fn evaluate(&mut self) -> Figures {
        figures(evaluate(&mut self.backend, self.val).0)
    }

    fn weights(&mut self) -> Vec<Vec<f64>> {
        naive::widen(self.graph, &self.backend.state().unwrap().parameters)
    }
}

/// `|got - want| / scale`; a NaN is as wrong as can be.
fn apart(got: f64, want: f64, scale: f64) -> f64 {
    let apart = (got - want).abs() / scale;
    if apart.is_nan() { f64::INFINITY } else { apart }
}

/// Trains as the settings say and compares with Keras's run: epochs, rates, losses and final weights.
fn follow(
    on: &str,
    setting: &Setting,
    fixture: &Fixture,
    run: &Run,
    by: &mut dyn Epochs,
    bars: [f64; 2],
) {
    let name = format!("{} on {on}", setting.name);
    let steps = fixture.y.len().div_ceil(BATCH);
    let early: EarlyStopping = setting.early_stopping.parse().unwrap();
    let (mut history, mut kept) = (Vec::new(), Vec::new());
    let mut of_losses = 0f64;
    let config = setting.config();
    for epoch in 0..EPOCHS {
        let rate = epoch_rate(&config, &history, epoch);
        let rates = (0..steps).map(|step| step_rate(&config, (epoch, rate), step, steps));
        let rates: Vec<f32> = rates.collect();
        if let Some(rates) = &run.rates {
            assert_eq!(f64::from(rate), rates[epoch], "{name}, epoch {}", epoch + 1);
        }
        let (train, val) = (by.train(&rates), by.evaluate());
        let want = &run.history;
        assert!(epoch < want.loss.len(), "{name}: Keras stopped after {} epochs", want.loss.len());
        for ((loss, accuracy), want_loss, want_accuracy) in [
            (train, want.loss[epoch], want.accuracy[epoch]),
            (val, want.val_loss[epoch], want.val_accuracy[epoch]),
        ] {
            let right = apart(accuracy, want_accuracy, 1.0) < 1e-6;
            assert!(right, "{name}, epoch {}: accuracy {accuracy}, {want_accuracy}", epoch + 1);
            of_losses = of_losses.max(apart(loss, want_loss, want_loss));
        }
        let [loss, accuracy, val_loss, val_accuracy] =
            [train.0, train.1, val.0, val.1].map(|figure| figure as f32);
        history.push(Epoch { loss, accuracy, val_loss, val_accuracy, seconds: 0.0 });
        let patience = early.patience(history.iter().map(|epoch| epoch.val_loss));
        if patience.is_none_or(|patience| patience.best == epoch) {
            kept = by.weights();
        }
        if patience.is_some_and(|patience| patience.is_over) {
            break;
        }
    }
    assert_eq!(history.len(), run.history.loss.len(), "{name}");
    let mut of_weights = 0f64;
    for (p, got) in fixture.graph.parameters().iter().zip(kept) {
        let want = &run.weights[&p.name];
        let largest = want.iter().fold(0f64, |top, w| top.max(w.abs()));
        assert_eq!(got.len(), want.len(), "{}", p.name);
        for (got, want) in got.iter().zip(want) {
            of_weights = of_weights.max(apart(*got, *want, largest));
        }
    }
    assert!(of_losses < bars[0], "{name}: losses are off by {of_losses:e}");
    assert!(of_weights < bars[1], "{name}: weights are off by {of_weights:e}");
}

#[test]
fn naive_f64_follows_keras_in_f64() {
    let fixture = Fixture::new();
    for setting in SETTINGS {
        let parameters = naive::widen(&fixture.graph, &initial_parameters(&fixture.graph, SEED));
        let velocity = parameters.iter().map(|w| vec![0.0; w.len()]).collect();
        let loss = fixture.loss(&setting);
        let mut naive = Naive { fixture: &fixture, loss, parameters, velocity };
        let run = &fixture.runs[&format!("{}_float64", setting.name)];
        follow("the naive model", &setting, &fixture, run, &mut naive, F64_BARS);
    }
}

fn follows<B: Backend>(on: &str, open: impl Fn(Plan) -> Option<B>) {
    let fixture = Fixture::new();
    for setting in SETTINGS {
        let plan = Plan::new(fixture.graph.clone(), BATCH).unwrap();
        let Some(mut backend) = open(plan.with_loss(&fixture.loss(&setting)).unwrap()) else {
            return;
        };
        backend.set_state(&State::new(initial_parameters(&fixture.graph, SEED))).unwrap();
        let mut device = OnDevice {
            backend,
            graph: &fixture.graph,
            train: DatasetRef::new(&fixture.x, &fixture.y),
            val: DatasetRef::new(&fixture.x_val, &fixture.y_val),
            order: (0..fixture.y.len() as u32).collect(),
        };
        let run = &fixture.runs[&format!("{}_float32", setting.name)];
        follow(on, &setting, &fixture, run, &mut device, F32_BARS);
    }
}

#[test]
fn cpu_follows_keras_in_f32() {
    follows("the CPU", |plan| Some(Cpu::new(plan, 2).unwrap()));
}

#[test]
fn gpu_follows_keras_in_f32_in_all_variants() {
    for variant in VARIANTS {
        follows(&format!("the GPU, {variant:?}"), |plan| gpu::open(plan, variant));
    }
}
