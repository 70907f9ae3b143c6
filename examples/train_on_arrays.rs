//! Trains the model P1 on arrays in memory and evaluates it.
//!
//! `cargo run --release --example train_on_arrays`

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use std::ops::ControlFlow;

use genre_gpu::Result;
use genre_gpu::backend::{Backend, Batches, DatasetRef, Optimizer, State, StepMetrics};
use genre_gpu::cpu::Cpu;
use genre_gpu::models::Model;
use genre_gpu::plan::Plan;
use genre_gpu::random::keras::Shuffle;
use genre_gpu::random::streams::Stream;
use genre_gpu::train::initial_parameters;

const BANDS: usize = 32;
const FRAMES: usize = 24;
const CLASSES: usize = 4;
const SEED: u32 = 42;

/// Noise that is louder in a quarter of the bands, a different one for each class: samples
/// `[n, BANDS, FRAMES, 1]` and their classes `[n]`.
fn samples(n: usize, name: &str) -> (Vec<f32>, Vec<u32>) {
    let mut noise = Stream::new(SEED.into(), name);
    let y: Vec<u32> = (0..n).map(|i| (i % CLASSES) as u32).collect();
    let mut x = Vec::with_capacity(n * BANDS * FRAMES);
    for class in &y {
        for band in 0..BANDS {
            let level = if band * CLASSES / BANDS == *class as usize { 1.0 } else { 0.0 };
            x.extend((0..FRAMES).map(|_| (level + noise.normal()) as f32));
        }
    }
    (x, y)
}

fn main() -> Result<()> {
    let (x_train, y_train) = samples(256, "train");
    let (x_test, y_test) = samples(64, "test");

    let graph = Model::open("p1")?.graph([BANDS, FRAMES, 1], CLASSES)?;
    let weights = initial_parameters(&graph, SEED);
    // Batches of 32 samples; 0 threads means one for each core.
    let mut cpu = Cpu::new(Plan::new(graph, 32)?, 0)?;
    cpu.set_state(&State::new(weights))?;

    let train = DatasetRef::new(&x_train, &y_train);
    let sgd = Optimizer::momentum(0.01, 0.9, false);
    for epoch in 0..5 {
        // The order in which Keras 3 would see the samples.
        let order = Shuffle::Keras3.order(SEED, y_train.len(), epoch);
        let mut go_on = |_| ControlFlow::Continue(());
        let steps = cpu.train(train, &Batches::plain(&order), sgd, &mut go_on)?;
        let metrics: StepMetrics = steps.into_iter().sum();
        let (loss, accuracy) = (metrics.mean_loss(), metrics.accuracy());
        println!("epoch {}: loss {loss:.4}, accuracy {accuracy:.4}", epoch + 1);
    }

    let mut probabilities = Vec::new();
    let steps = cpu.evaluate(DatasetRef::new(&x_test, &y_test), &mut probabilities)?;
    let metrics: StepMetrics = steps.into_iter().sum();
    println!("test: loss {:.4}, accuracy {:.4}", metrics.mean_loss(), metrics.accuracy());
    println!("first test sample, class by class: {:.3?}", &probabilities[..CLASSES]);
    Ok(())
}
