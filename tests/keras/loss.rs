//! Label smoothing, weights of classes, a plateau schedule, warm-up and early stopping against real Keras: whole runs of
//! `tests/fixtures/models/loss.toml`, the last batches short.
//!
//! As in `norm.rs`, the naive f64 model pins the rules against Keras in f64; the devices are then held to
//! what rounding leaves.

use std::collections::BTreeMap;

use crate::common::golden::{self, Data};
use crate::common::gpu::{self, VARIANTS};
use crate::common::naive::{self, Mode};
use crate::compare::{
    BATCH, Figures, Run, SEED, assert_near, figures, losses_apart, naive_epoch, weights_apart,
};
use genre_gpu::backend::{Backend, Batches, Loss, Optimizer, State};
use genre_gpu::cpu::Cpu;
use genre_gpu::graph::Graph;
use genre_gpu::models::{ClassWeights, EarlyStopping, Model};
use genre_gpu::plan::Plan;
use genre_gpu::train::history::Epoch;
use genre_gpu::train::initial_parameters;
use genre_gpu::train::rates::{epoch_rate, step_rate};
use genre_gpu::train::settings::{Config, Recipe, Settings};
use serde::Deserialize;

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
    runs: BTreeMap<String, Run>,
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
    data: Data,
    runs: BTreeMap<String, Run>,
}

impl Fixture {
    fn new() -> Self {
        let json = include_str!("../fixtures/keras/loss.json");
        let data = golden::images(json);
        let model = Model::parse("loss", include_str!("../fixtures/models/loss.toml")).unwrap();
        let graph = model.graph(data.shape, CLASSES).unwrap();
        let File { runs } = serde_json::from_str(json).unwrap();
        Self { graph, data, runs }
    }

    fn loss(&self, setting: &Setting) -> Loss {
        let weights: ClassWeights = setting.class_weights.parse().unwrap();
        let classes: Vec<String> = (0..CLASSES).map(|class| class.to_string()).collect();
        let class_weights = weights.weights(&self.data.y, &classes).unwrap();
        Loss { label_smoothing: setting.label_smoothing, class_weights }
    }
}

/// What can train an epoch and evaluate.
trait Epochs {
    /// With the rate of each step.
    fn epoch(&mut self, rates: &[f32]) -> [Figures; 2];
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
    fn pass_over(&mut self, x: &[f32], y: &[u32], rates: Option<&[f32]>) -> Figures {
        let mode = if rates.is_some() { Mode::Train } else { Mode::Evaluate };
        let mut rates = rates.into_iter().flatten();
        naive_epoch(x, y, |x, y| {
            let graph = &self.fixture.graph;
            let pass = naive::pass_of((mode, &self.loss), graph, &self.parameters, x, y);
            if let Some(&rate) = rates.next() {
                let sgd = naive::sgd::Sgd {
                    rate: f64::from(rate),
                    momentum: f64::from(MOMENTUM),
                    nesterov: false,
                };
                for (i, gradient) in pass.parameter_gradients.iter().enumerate() {
                    sgd.step(&mut self.parameters[i], &mut self.velocity[i], gradient);
                }
            }
            pass
        })
    }
}

impl Epochs for Naive<'_> {
    fn epoch(&mut self, rates: &[f32]) -> [Figures; 2] {
        let data = &self.fixture.data;
        let train = self.pass_over(&data.x, &data.y, Some(rates));
        [train, self.pass_over(&data.x_val, &data.y_val, None)]
    }

    fn weights(&mut self) -> Vec<Vec<f64>> {
        self.parameters.clone()
    }
}

struct OnDevice<'a, B> {
    backend: B,
    fixture: &'a Fixture,
    order: Vec<u32>,
}

impl<B: Backend> Epochs for OnDevice<'_, B> {
    fn epoch(&mut self, rates: &[f32]) -> [Figures; 2] {
        let sgd = Optimizer::momentum(0.0, MOMENTUM, false);
        let batches = Batches { rates, ..Batches::plain(&self.order) };
        golden::epoch(&mut self.backend, &self.fixture.data, &batches, sgd).map(figures)
    }

    fn weights(&mut self) -> Vec<Vec<f64>> {
        naive::widen(&self.fixture.graph, &self.backend.state().unwrap().parameters)
    }
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
    let steps = fixture.data.y.len().div_ceil(BATCH);
    let early: EarlyStopping = setting.early_stopping.parse().unwrap();
    let (mut found, mut history, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let config = setting.config();
    for epoch in 0..EPOCHS {
        let rate = epoch_rate(&config, &history, epoch);
        let rates = (0..steps).map(|step| step_rate(&config, (epoch, rate), step, steps));
        let rates: Vec<f32> = rates.collect();
        if let Some(rates) = &run.rates {
            assert_eq!(f64::from(rate), rates[epoch], "{name}, epoch {}", epoch + 1);
        }
        let epochs = run.history.loss.len();
        assert!(epoch < epochs, "{name}: Keras stopped after {epochs} epochs");
        let [train, val] = by.epoch(&rates);
        found.push([train, val]);
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
    let losses = losses_apart(&name, run, &found);
    assert_near(&name, [losses, weights_apart(&fixture.graph, run, &kept)], bars);
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
            fixture: &fixture,
            order: (0..fixture.data.y.len() as u32).collect(),
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
