//! Measures training steps on the devices: each kernel against the floor that
//! arithmetic and memory set, the whole step, and what comes before the first.
//! Returns plain values; [`Report`] is a table to people and JSON to programs.

mod cpu;
mod gpu;
mod kernel;
mod predicted;
mod report;
mod steps;
mod table;

pub use kernel::{Kernel, Spread};
pub use predicted::{OnGpu, Predicted, predict};
pub use report::{Measured, Report, SetUp, Step};

use crate::backend::{DatasetRef, Optimizer, Rule};
use crate::error::{Error, Result};
use crate::gpu::{KernelVariant, TileConfig};
use crate::graph::Graph;
use crate::measure::Budget;
use crate::memory;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::random::streams::Stream;

/// Of weights, samples and their order.
const SEED: u32 = 42;
/// The best of so many tries is what a device reaches.
const TRIES: usize = 10;

/// Which devices are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Devices {
    /// The CPU alone.
    Cpu,
    /// The GPU alone.
    Gpu,
    /// Both; no GPU is an error.
    Both,
    /// The CPU, and the GPU where there is one.
    Found,
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Where.
    pub devices: Devices,
    /// Samples in a step.
    pub batch: usize,
    /// Random samples to train on.
    pub samples: usize,
    /// Part of the GPU's name; none takes the best.
    pub adapter: Option<&'a str>,
    /// Which kernels of the GPU.
    pub variant: KernelVariant,
    /// How much one of their threads owns; none takes what suits the GPU.
    pub tiles: Option<TileConfig>,
    /// Threads of the CPU; 0 means one for each core.
    pub threads: usize,
    /// What takes the steps.
    pub optimizer: Optimizer,
    /// Of each measurement.
    pub budget: Budget,
}

/// What every measurement needs.
struct Site<'a> {
    options: &'a Options<'a>,
    plan: Plan,
    samples: DatasetRef<'a>,
    progress: &'a dyn Progress,
}

/// Measures steps of a graph on random samples.
///
/// # Errors
/// If a device cannot be had or fails.
pub fn run(graph: &Graph, options: &Options<'_>, progress: &dyn Progress) -> Result<Report> {
    let sample = 4 * graph.node(graph.input()).shape.len() as u64;
    let bytes = sample.saturating_mul(options.samples as u64);
    memory::check(&format!("--samples {}", options.samples), bytes, "use fewer --samples")?;
    let batch = options.batch.min(options.samples);
    let plan = Plan::new(graph.clone(), batch)?;
    let (x, y) = random_samples(graph, options.samples);
    let samples = DatasetRef::new(&x, &y);
    let site = Site { options, plan, samples, progress };
    let mut devices = Vec::new();
    if options.devices != Devices::Cpu {
        match gpu::measure(&site) {
            Err(Error::NoAdapter) if options.devices == Devices::Found => {
                progress
                    .note("no GPU was found, not even a software one: only the CPU is measured");
            }
            measured => devices.push(measured?),
        }
    }
    if options.devices != Devices::Gpu {
        devices.push(cpu::measure(&site)?);
    }
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        model: graph.model().into(),
        input: graph.node(graph.input()).shape.to_string(),
        classes: graph.classes(),
        parameters: graph.trainable_count(),
        batch_size: batch,
        samples: options.samples,
        optimizer: name_of(&options.optimizer),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        devices,
    })
}

/// An optimiser's name.
fn name_of(optimizer: &Optimizer) -> &'static str {
    match optimizer.rule {
        Rule::Sgd { .. } => "SGD",
        Rule::Adam { .. } if optimizer.weight_decay != 0.0 => "AdamW",
        Rule::Adam { .. } => "Adam",
    }
}

/// As spread as samples that were standardised.
fn random_samples(graph: &Graph, n: usize) -> (Vec<f32>, Vec<u32>) {
    let mut stream = Stream::new(u64::from(SEED), "bench/samples");
    let len = graph.node(graph.input()).shape.len();
    let x = (0..n * len).map(|_| stream.normal() as f32).collect();
    let y = (0..n).map(|_| stream.below(graph.classes()) as u32).collect();
    (x, y)
}
