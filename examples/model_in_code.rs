//! Writes a model with two branches in code, prints its layers, takes a training step and reads a
//! layer's output.
//!
//! `cargo run --release --example model_in_code`

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use genre_gpu::Result;
use genre_gpu::backend::{Backend, Batches, DatasetRef, Optimizer, State, Tensor};
use genre_gpu::cpu::Cpu;
use genre_gpu::graph::{Activation, Graph, Op, Padding, Shape};
use genre_gpu::models::summary::LayerTable;
use genre_gpu::plan::Plan;
use genre_gpu::train::initial_parameters;

const BANDS: usize = 32;
const FRAMES: usize = 24;
const CLASSES: usize = 4;

/// One branch looks along frequency, the other along time.
fn two_branches() -> Result<Graph> {
    let conv2d = |filters, kernel| Op::Conv2d {
        filters,
        kernel,
        strides: [1, 1],
        padding: Padding::Same,
        bias: true,
        activation: Activation::Relu,
    };
    let logits =
        Op::Dense { units: CLASSES, bias: true, activation: Activation::Linear, l2: 0.001 };
    let mut graph = Graph::new("two branches", Shape::Map { h: BANDS, w: FRAMES, c: 1 });
    let timbre = graph.push("timbre", conv2d(4, [7, 1]), &[graph.input()])?;
    let rhythm = graph.push("rhythm", conv2d(4, [1, 7]), &[graph.input()])?;
    let both = graph.push("both", Op::Concat, &[timbre, rhythm])?;
    let pool = graph.push("pool", Op::MaxPool2d { window: [4, 4] }, &[both])?;
    let flatten = graph.push("flatten", Op::Flatten, &[pool])?;
    let logits = graph.push("logits", logits, &[flatten])?;
    graph.push("softmax", Op::Softmax, &[logits])?;
    Ok(graph)
}

fn main() -> Result<()> {
    let graph = two_branches()?;
    println!("{}", LayerTable(&graph));
    let (pool, weights) = (graph.find("pool"), initial_parameters(&graph, 42));
    let mut cpu = Cpu::new(Plan::new(graph, 2)?, 0)?;
    cpu.set_state(&State::new(weights))?;

    let x: Vec<f32> = (0..2 * BANDS * FRAMES).map(|i| (i as f32 / 100.0).sin()).collect();
    let samples = DatasetRef::new(&x, &[1, 3]);
    let metrics = cpu.train_step(samples, &Batches::plain(&[0, 1]), Optimizer::sgd(0.01))?;
    println!("loss of the step: {:.4}", metrics.mean_loss());
    if let Some(pool) = pool {
        // [batch, h, w, c], channels last.
        let values = cpu.tensor(pool, Tensor::Value)?;
        println!("{} values behind the pooling, the first {:.4}", values.len(), values[0]);
    }
    Ok(())
}
