//! A training step of P1, kernel by kernel, on the GPU where there is one and on
//! the CPU: `cargo bench --bench step`. The table of `genre-gpu bench`.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use genre_gpu::backend::Optimizer;
use genre_gpu::bench::{Devices, Options, run};
use genre_gpu::gpu::KernelVariant;
use genre_gpu::measure::Budget;
use genre_gpu::models::Model;
use genre_gpu::progress::Silent;

fn main() -> genre_gpu::Result<()> {
    let graph = Model::open("p1")?.graph([80, 80, 1], 4)?;
    let options = Options {
        devices: Devices::Found,
        batch: 32,
        samples: 3360,
        adapter: None,
        variant: KernelVariant::default(),
        tiles: None,
        threads: 0,
        optimizer: Optimizer::sgd(0.01),
        budget: Budget { steps: 200, seconds: 10.0 },
    };
    println!("{}", run(&graph, &options, &Silent)?);
    Ok(())
}
