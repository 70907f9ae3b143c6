//! What a training step costs with each optimiser, as a share of SGD's: `cargo bench --bench optimizer`.
//! Rounds are interleaved, so that whatever else the machine does meets all alike; the ratio is that of
//! a round, and the table has its median and its quartiles.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::ops::ControlFlow;
use std::time::Instant;

use genre_gpu::backend::{Backend, Batches, DatasetRef, Optimizer, State};
use genre_gpu::cpu::Cpu;
use genre_gpu::models::Model;
use genre_gpu::plan::Plan;
use genre_gpu::random::streams::Stream;
use genre_gpu::train::initial_parameters;

const BATCH: usize = 32;
const SHAPE: [usize; 3] = [80, 80, 1];
const CLASSES: usize = 4;
/// Steps of one measurement.
const STEPS: usize = 20;
const ROUNDS: usize = 60;
/// So small that no weight leaves its order of magnitude.
const RATE: f32 = 1e-7;

const OPTIMIZERS: [(&str, Optimizer); 7] = [
    ("SGD", Optimizer::sgd(RATE)),
    ("SGD again", Optimizer::sgd(RATE)),
    ("SGD, momentum", Optimizer::momentum(RATE, 0.9, false)),
    ("SGD, weight decay", Optimizer { weight_decay: 0.004, ..Optimizer::sgd(RATE) }),
    ("Adam", Optimizer::adam(RATE)),
    ("AdamW", Optimizer { weight_decay: 0.004, ..Optimizer::adam(RATE) }),
    (
        "AdamW, clipped",
        Optimizer { clip_norm: Some(1.0), weight_decay: 0.004, ..Optimizer::adam(RATE) },
    ),
];

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[quarter * (values.len() - 1) / 4])
}

fn main() -> genre_gpu::Result<()> {
    let threads = std::env::var("THREADS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    for name in ["p1", "p2"] {
        let graph = Model::open(name)?.graph(SHAPE, CLASSES)?;
        let n = STEPS * BATCH;
        let mut stream = Stream::new(7, "optimizers");
        let len = SHAPE.iter().product::<usize>();
        let x: Vec<f32> = (0..n * len).map(|_| stream.normal() as f32).collect();
        let y: Vec<u32> = (0..n).map(|_| stream.below(CLASSES) as u32).collect();
        let (samples, order) = (DatasetRef::new(&x, &y), (0..n as u32).collect::<Vec<_>>());
        let mut devices = Vec::new();
        for _ in OPTIMIZERS {
            let mut cpu = Cpu::new(Plan::new(graph.clone(), BATCH)?, threads)?;
            cpu.set_state(&State::new(initial_parameters(&graph, 42)))?;
            devices.push(cpu);
        }
        let mut times = vec![Vec::new(); OPTIMIZERS.len()];
        for round in 0..=ROUNDS {
            for place in 0..OPTIMIZERS.len() {
                // Each round begins with another.
                let i = (place + round) % OPTIMIZERS.len();
                let (_, optimizer) = OPTIMIZERS[i];
                let batches = Batches { first_step: 1000, ..Batches::plain(&order) };
                let begin = Instant::now();
                let go_on = &mut |_| ControlFlow::Continue(());
                devices[i].train(samples, &batches, optimizer, go_on)?;
                // The first round warms up.
                if round > 0 {
                    times[i].push(begin.elapsed().as_secs_f64() / STEPS as f64);
                }
            }
        }
        println!("{}, batch of {BATCH}, {}:", name.to_uppercase(), devices[0].describe());
        for (i, (what, _)) in OPTIMIZERS.iter().enumerate() {
            let [_, median, _] = quartiles(times[i].clone());
            let ratios = times[i].iter().zip(&times[0]).map(|(own, sgd)| own / sgd).collect();
            let [low, middle, high] = quartiles(ratios);
            println!(
                "  {what:18} {:7.1} µs, {middle:.3} of SGD's ({low:.3} to {high:.3})",
                median * 1e6
            );
        }
    }
    Ok(())
}
