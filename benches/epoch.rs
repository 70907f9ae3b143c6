//! Time of an epoch of P1, 3,360 samples of 80×80, batch 32, by threads:
//! `cargo bench --bench epoch`. The median of five after a warm-up.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::time::Instant;

use genre_gpu::backend::{Backend, Batches, Samples, Sgd, State};
use genre_gpu::cpu::Cpu;
use genre_gpu::models::Model;
use genre_gpu::plan::Plan;
use genre_gpu::random::keras::Shuffle;
use genre_gpu::random::streams::Stream;
use genre_gpu::train::initial_parameters;

const SAMPLES: usize = 3360;
const SHAPE: [usize; 3] = [80, 80, 1];
/// Multiplications and additions per sample, forward and dense backward, in millions.
const MFLOP: f64 = 6.6 + 11.8;

fn main() -> genre_gpu::Result<()> {
    let mut stream = Stream::new(42, "bench/epoch");
    let x: Vec<f32> =
        (0..SAMPLES * SHAPE.iter().product::<usize>()).map(|_| stream.normal() as f32).collect();
    let y: Vec<u32> = (0..SAMPLES).map(|_| stream.below(4) as u32).collect();
    let samples = Samples::new(&x, &y);
    let graph = Model::open("p1")?.graph(SHAPE, 4)?;
    let start = State::new(initial_parameters(&graph, 42));
    let sgd = Sgd::plain(0.01);
    println!("P1, {SAMPLES} samples of 80x80, batch 32, training only");
    for threads in [1, 2] {
        let mut cpu = Cpu::new(Plan::new(graph.clone(), 32)?, threads)?;
        cpu.set_state(&start)?;
        let mut seconds = Vec::new();
        for epoch in 0..6 {
            let order = Shuffle::Keras2.order(42, SAMPLES, epoch);
            let begin = Instant::now();
            for batch in order.chunks(32) {
                cpu.train_step(samples, &Batches::plain(batch), sgd)?;
            }
            seconds.push(begin.elapsed().as_secs_f64());
        }
        let mut counted = seconds.split_off(1);
        counted.sort_by(f64::total_cmp);
        let median = counted[counted.len() / 2];
        let gflops = MFLOP * SAMPLES as f64 / median / 1000.0;
        println!(
            "{:<16} {median:.3} s ({:.3} to {:.3}), {gflops:.1} GFLOP/s counted dense",
            cpu.describe(),
            counted[0],
            counted[counted.len() - 1]
        );
    }
    Ok(())
}
