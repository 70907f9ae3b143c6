//! A model of GPUs: how long a recorded step takes on one, computed from the recording alone.
//!
//! The kernels are interpreted: some workgroups of each dispatch, all their threads at once, on what the
//! recording has of the data and zeros for the rest. That gives counts (instructions, multiply-adds,
//! lines of the cache for each load, registers) and the longest chain of dependent instructions of a
//! warp. With a GPU's numbers, the longest of five times is a dispatch's:
//! - *issue*: all instructions of the busiest core, one per slot and cycle;
//! - *latency*: a warp's chain, as often as warps follow each other on a core;
//! - *lines*: distinct lines that loads and stores touch, and passes over workgroup memory, one per
//!   cycle and core;
//! - *cache* and *memory*: bytes that workgroups touch, by the rates of the last cache and of memory.
//!
//! A launch is added. What a compiler does is assumed: it removes dead code, computes the same once,
//! joins products and sums, moves loads to the front of a loop's body, and unrolls no loop.

mod arithmetic;
mod hardware;
mod interpret;
mod machine;
mod profile;
mod program;
#[cfg(test)]
mod tests;
mod trace;
mod value;

use std::collections::HashMap;

use serde::Serialize;

pub use hardware::Hardware;
pub use profile::Profile;
pub use trace::{Chain, Counts};

use super::export::Recording;
use crate::error::Result;

/// What takes longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Instructions of all warps.
    Issue,
    /// Waiting of one warp, with too few others to fill it.
    Latency,
    /// Lines of the first cache, passes over workgroup memory.
    Lines,
    /// Bytes from the last cache.
    Cache,
    /// Bytes from memory.
    Memory,
    /// Beginning takes longer than all of these.
    Launch,
}

impl Bound {
    /// Its name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Latency => "latency",
            Self::Lines => "lines",
            Self::Cache => "cache",
            Self::Memory => "memory",
            Self::Launch => "launch",
        }
    }
}

/// A dispatch on a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Prediction {
    /// By each bound.
    pub issue_seconds: f64,
    /// As above.
    pub latency_seconds: f64,
    /// As above.
    pub lines_seconds: f64,
    /// As above.
    pub cache_seconds: f64,
    /// As above.
    pub memory_seconds: f64,
    /// Registers that a thread has too few.
    pub spilled_registers: u32,
    /// The longest of them, without a launch.
    pub seconds: f64,
    /// Which that is.
    pub bound: Bound,
}

/// A step of training on a GPU.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepPrediction {
    /// The GPU.
    pub hardware: Hardware,
    /// All dispatches, in order.
    pub dispatches: Vec<Prediction>,
    /// Of the whole step, launches included.
    pub step_seconds: f64,
    /// Of a pass over all samples.
    pub epoch_seconds: f64,
}

/// What the dispatches of a step of training do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepProfile {
    /// All dispatches, in order.
    pub dispatches: Vec<Profile>,
    /// Steps of a pass over all samples.
    pub steps: usize,
    /// Bytes that a step touches: what does not fit a cache comes from memory.
    pub working_set: f64,
}

impl StepProfile {
    /// Interprets the training step of a recording.
    ///
    /// # Errors
    /// If a kernel has what is not understood here.
    pub fn of(recording: &Recording) -> Result<Self> {
        let mut dispatches = Vec::new();
        let mut touched: HashMap<usize, f64> = HashMap::new();
        for dispatch in recording.passes.train.iter().filter_map(|i| recording.dispatches.get(*i)) {
            let profile = profile::profile(recording, dispatch)?;
            for binding in &dispatch.bindings {
                let most = touched.entry(binding.buffer).or_default();
                *most = most.max(profile.traffic_bytes.min(binding.bytes as f64));
            }
            dispatches.push(profile);
        }
        let steps = recording.samples.div_ceil(recording.batch_size.max(1));
        Ok(Self { dispatches, steps, working_set: touched.values().sum() })
    }

    /// How long the step takes on a GPU.
    pub fn on(&self, hardware: &Hardware) -> StepPrediction {
        let missed = (1.0 - hardware.cache_bytes / self.working_set.max(1.0)).max(0.0);
        let dispatches: Vec<Prediction> =
            self.dispatches.iter().map(|profile| predict(profile, hardware, missed)).collect();
        let seconds = dispatches.iter().map(|dispatch| dispatch.seconds + hardware.launch);
        let step_seconds = seconds.sum();
        let epoch_seconds = self.steps as f64 * step_seconds;
        StepPrediction { hardware: *hardware, dispatches, step_seconds, epoch_seconds }
    }
}

/// A dispatch on a GPU; `missed` is the part of its bytes that the last cache does not have.
fn predict(profile: &Profile, hardware: &Hardware, missed: f64) -> Prediction {
    let Profile { mean, groups, warps_per_group, .. } = profile;
    let spilled = profile.registers.saturating_sub(hardware.registers);
    // Each sum that has no register is loaded and stored where it is used.
    let spills = 2.0 * mean.fma * f64::from(spilled) / f64::from(profile.registers.max(1));
    let of_core = groups.div_ceil(u64::from(hardware.cores)) as f64;
    let issue = (mean.issue + spills).max(mean.integers * hardware.integer_cycles);
    let issue = (of_core * issue).max(profile.most_issue);
    let warps = of_core * f64::from(*warps_per_group);
    let of_slot = (warps / f64::from(hardware.slots)).ceil() / warps;
    let lines = (of_core * (mean.lines() + spills)).max(profile.most_lines);
    let waves = (of_core / resident_groups(profile, hardware)).ceil();
    let chain = |chain: &Chain| chain_cycles(chain, hardware);
    let latency = (waves * chain(&profile.mean_chain)).max(chain(&profile.chain));
    let cycles = |cycles: f64| cycles / hardware.clock;
    let traffic = profile.traffic_bytes.min(profile.distinct_bytes);
    let times = [
        (Bound::Issue, cycles(issue * of_slot)),
        (Bound::Latency, cycles(latency)),
        (Bound::Lines, cycles(lines / hardware.lines_per_cycle)),
        (Bound::Cache, profile.traffic_bytes / hardware.cache_rate),
        (Bound::Memory, missed * traffic / hardware.memory_rate),
    ];
    let [issue_seconds, latency_seconds, lines_seconds, cache_seconds, memory_seconds] =
        times.map(|(_, seconds)| seconds);
    let longest = times
        .into_iter()
        .fold((Bound::Launch, 0.0), |longest, one| if one.1 > longest.1 { one } else { longest });
    let (bound, seconds) = longest;
    let bound = if seconds < hardware.launch { Bound::Launch } else { bound };
    Prediction {
        issue_seconds,
        latency_seconds,
        lines_seconds,
        cache_seconds,
        memory_seconds,
        spilled_registers: spilled,
        seconds,
        bound,
    }
}

/// Workgroups that a core holds at once.
fn resident_groups(profile: &Profile, hardware: &Hardware) -> f64 {
    let warps = profile.warps_per_group.max(1);
    let registers = profile.registers.clamp(1, hardware.registers) * 32 * warps;
    let by_registers = hardware.core_registers / registers;
    let by_warps = hardware.core_warps / warps;
    let by_memory = hardware.core_workgroup_bytes / profile.workgroup_bytes.max(1);
    f64::from(by_registers.min(by_warps).min(by_memory).max(1))
}

/// Cycles of a warp that waits for everything that it computes and loads.
fn chain_cycles(chain: &Chain, hardware: &Hardware) -> f64 {
    chain.issue
        + chain.arithmetic * hardware.arithmetic_latency
        + chain.special * hardware.special_latency
        + chain.cached * hardware.cached_latency
        + chain.loads * hardware.load_latency
        + chain.workgroup * hardware.workgroup_latency
        + chain.barriers * hardware.barrier_latency
}
