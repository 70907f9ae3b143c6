//! What was measured, in SI units.

use serde::Serialize;

use super::kernel::{Kernel, Spread};
use super::steps::Steady;
use crate::device::Device;
use crate::gpu::AdapterFacts;
use crate::measure::Rates;

/// All that one call measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// This program's.
    pub version: &'static str,
    /// The model's name.
    pub model: String,
    /// Extents of a sample.
    pub input: String,
    /// Number of classes.
    pub classes: usize,
    /// Number of trainable parameters.
    pub parameters: usize,
    /// Samples in a step.
    pub batch_size: usize,
    /// Random samples that were trained on.
    pub samples: usize,
    /// What took the steps.
    pub optimizer: &'static str,
    /// Operating system and processor.
    pub platform: String,
    /// By device.
    pub devices: Vec<Measured>,
}

/// One device's figures.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// Which.
    pub device: Device,
    /// It in a line.
    pub name: String,
    /// Of a GPU: its facts.
    pub adapter: Option<AdapterFacts>,
    /// Of a GPU: the form of its kernels.
    pub kernels_form: Option<&'static str>,
    /// Of a GPU: how much one of their threads owns.
    pub tiles: Option<String>,
    /// Of the CPU.
    pub threads: Option<usize>,
    /// What kernels were timed by.
    pub clock: &'static str,
    /// What the device reaches at best.
    pub rates: Rates,
    /// What comes before the steady state.
    pub set_up: SetUp,
    /// Each dispatch of a step, in order.
    pub kernels: Vec<Kernel>,
    /// The whole step.
    pub step: Step,
}

/// Seconds before the steady state.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SetUp {
    /// Of a GPU: opening the adapter.
    pub open_seconds: Option<f64>,
    /// Buffers, bindings, and as much of compiling as the driver does now.
    pub record_seconds: f64,
    /// Of a GPU: bringing the samples there.
    pub upload_seconds: Option<f64>,
    /// The first step, with what the driver left for it.
    pub first_step_seconds: f64,
}

/// The whole step in the steady state.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Step {
    /// Of one step, as the trainer submits them, while the device does nothing else.
    pub seconds: Spread,
    /// Steps that were taken.
    pub steps: usize,
    /// Of one whole batch, over whole epochs with what begins and ends them.
    pub epoch_seconds_per_step: f64,
    /// Over whole epochs.
    pub samples_per_second: f64,
    /// Multiplications and additions of convolutions and dense layers, zeros counted too.
    pub dense_flop: u64,
    /// Those, over whole epochs.
    pub dense_flop_per_second: f64,
    /// Of a GPU: kernels in a step.
    pub dispatches: Option<usize>,
    /// Of a GPU: submissions for each step.
    pub submits_per_step: Option<f64>,
    /// Of a GPU: buffers, bindings and pipelines that were made after the first step.
    pub allocations_after_first_step: Option<u64>,
    /// The kernels' medians, added up.
    pub kernels_seconds: f64,
}

impl Step {
    /// What any device has.
    pub(super) fn new(steady: &Steady, batch: usize, dense_flop: u64, kernels: &[Kernel]) -> Self {
        let samples_per_second = steady.samples as f64 / steady.spent;
        Self {
            seconds: steady.seconds,
            steps: steady.steps,
            epoch_seconds_per_step: batch as f64 / samples_per_second,
            samples_per_second,
            dense_flop,
            dense_flop_per_second: dense_flop as f64 / batch as f64 * samples_per_second,
            dispatches: None,
            submits_per_step: None,
            allocations_after_first_step: None,
            kernels_seconds: kernels.iter().map(|kernel| kernel.seconds.median).sum(),
        }
    }
}
