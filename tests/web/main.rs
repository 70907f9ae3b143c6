//! Recordings replayed by a browser on WebGPU: another compiler (Tint) and another host.
//! Runs where Node and Chromium are; otherwise it says so and passes.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

use genre_gpu::backend::{Backend, Batches, DatasetRef, Optimizer, State};
use genre_gpu::cpu::Cpu;
use genre_gpu::gpu::{KERNELS, Recording, TileConfig};
use genre_gpu::models::Model;
use genre_gpu::plan::Plan;
use genre_gpu::random::streams::Stream;
use genre_gpu::train::initial_parameters;
use serde::{Deserialize, Serialize};

const SHAPE: [usize; 3] = [32, 28, 1];
const CLASSES: usize = 4;
const BATCH: usize = 6;
/// The last step has one sample.
const SAMPLES: usize = 13;
const RATE: f32 = 0.01;
const MOMENTUM: f32 = 0.9;
const SGD: Optimizer = Optimizer::momentum(RATE, MOMENTUM, true);
const SEED: u32 = 11;
const FIRST_STEP: u32 = 5;

#[derive(Serialize)]
struct Job {
    recording: serde_json::Value,
    samples: Vec<f32>,
    labels: Vec<u32>,
    order: Vec<u32>,
    settings: serde_json::Value,
}

#[derive(Deserialize)]
struct Answer {
    probabilities: Vec<f64>,
    weights: Vec<f64>,
}

/// A job, and what the CPU makes of it: probabilities, and weights as they lie in the recording.
fn job(model: &str, tiles: TileConfig) -> (Job, Vec<f32>, Vec<f32>) {
    let graph = Model::open(model).unwrap().graph(SHAPE, CLASSES).unwrap();
    let plan = || Plan::new(graph.clone(), BATCH).unwrap();
    let recording = Recording::new(plan(), SAMPLES, &tiles.into()).unwrap();
    let parameters = initial_parameters(&graph, 42);
    let mut stream = Stream::new(7, model);
    let len: usize = SHAPE.iter().product();
    let samples: Vec<f32> = (0..SAMPLES * len).map(|_| stream.normal() as f32).collect();
    let labels: Vec<u32> = (0..SAMPLES).map(|_| stream.below(CLASSES) as u32).collect();
    let order: Vec<u32> = (0..SAMPLES as u32).collect();

    let mut cpu = Cpu::new(plan(), 2).unwrap();
    cpu.set_state(&State::new(parameters.clone())).unwrap();
    let data = DatasetRef::new(&samples, &labels);
    let mut probabilities = Vec::new();
    cpu.evaluate(data, &mut probabilities).unwrap();
    let batches = Batches { seed: SEED, first_step: FIRST_STEP, ..Batches::plain(&order) };
    cpu.train(data, &batches, SGD, &mut |_| ControlFlow::Continue(())).unwrap();
    let trained = recording.padded(&cpu.state().unwrap().parameters);

    let mut document = serde_json::to_value(&recording).unwrap();
    document["weights"] = serde_json::to_value(recording.padded(&parameters)).unwrap();
    let settings = serde_json::json!({
        "learning_rate": RATE, "momentum": MOMENTUM, "nesterov": true,
        "seed": SEED, "first_step": FIRST_STEP,
    });
    (Job { recording: document, samples, labels, order, settings }, probabilities, trained)
}

fn found(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn furthest(got: &[f64], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len());
    let far = got.iter().zip(want).map(|(got, want)| (got - f64::from(*want)).abs());
    // A NaN, which JSON writes as null, does not get here.
    far.fold(0.0, f64::max)
}

#[test]
fn a_browser_evaluates_and_trains_as_the_cpu_does() {
    if std::env::var("GENRE_GPU_TESTS").is_ok_and(|word| word == "skip") {
        return;
    }
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let browser = browsers.into_iter().find(|browser| found(browser));
    let (Some(browser), true) = (browser, found("node")) else {
        eprintln!("skipped: Node and Chromium are needed to replay recordings in a browser");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut expected = BTreeMap::new();
    for (model, tiles) in [("p1", TileConfig::Narrow), ("p2", TileConfig::Wide)] {
        let (job, probabilities, weights) = job(model, tiles);
        let name = format!("{model}.json");
        std::fs::write(folder.path().join(&name), serde_json::to_vec(&job).unwrap()).unwrap();
        expected.insert(name, (probabilities, weights));
    }
    let shaders: BTreeMap<&str, String> =
        KERNELS.iter().map(|kernel| (kernel.name, kernel.source().unwrap())).collect();
    let text = serde_json::to_vec(&shaders).unwrap();
    std::fs::write(folder.path().join("shaders.json"), text).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web/run.mjs");
    let output = Command::new("node").args([&script, folder.path()]).arg(browser).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let mut answers: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(answers["error"].is_null(), "{}", answers["error"]);
    for (name, (probabilities, weights)) in expected {
        let answer: Answer = serde_json::from_value(answers[&name].take()).unwrap();
        let far =
            [furthest(&answer.probabilities, &probabilities), furthest(&answer.weights, &weights)];
        assert!(far[0] < 1e-5 && far[1] < 1e-6, "{name} on {}: {far:?}", answers["adapter"]);
        println!("{name} on {}: off by {far:?}", answers["adapter"]);
    }
}
