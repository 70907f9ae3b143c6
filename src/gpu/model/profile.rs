//! What a recorded dispatch does: some of its workgroups are interpreted and stand for the others.

use std::collections::HashMap;

use serde::Serialize;

use super::interpret;
use super::machine::Machine;
use super::program::{Bound, Program};
use super::trace::{Chain, Counts, LINE, Totals, WARP};
use crate::error::{Error, Result};
use crate::gpu::export::{DispatchText, Recording};

/// Workgroups that are interpreted at least, and as many as that at most.
const LEAST_SAMPLES: usize = 5;
const MOST_SAMPLES: usize = 33;
/// Instructions after which no further workgroup is interpreted.
const ENOUGH: f64 = 100_000.0;

/// What a dispatch does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// Its kernel.
    pub kernel: &'static str,
    /// The node that it computes.
    pub node: String,
    /// Workgroups.
    pub groups: u64,
    /// Warps in a workgroup.
    pub warps_per_group: u32,
    /// Bytes of workgroup memory.
    pub workgroup_bytes: u32,
    /// Counts of a workgroup on average.
    pub mean: Counts,
    /// Issue slots and lines of the workgroup with most.
    pub most_issue: f64,
    /// Lines and passes of the workgroup with most.
    pub most_lines: f64,
    /// The longest dependent chain of a warp.
    pub chain: Chain,
    /// A workgroup's longest chain, on average.
    pub mean_chain: Chain,
    /// Multiply-adds of a thread with most.
    pub fma_per_thread: f64,
    /// Loads of the warp with most.
    pub loads_per_thread: f64,
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes that the dispatch brings to a cache or changes there, by all workgroups.
    pub traffic_bytes: f64,
    /// Bytes of the buffers' parts that it reads or writes at most.
    pub distinct_bytes: f64,
}

impl Profile {
    /// Warps in all.
    pub fn warps(&self) -> u64 {
        self.groups * u64::from(self.warps_per_group)
    }

    /// Lines that a load touches.
    pub fn lines_per_load(&self) -> f64 {
        self.mean.load_lines / self.mean.loads.max(1.0)
    }
}

/// Interprets a dispatch of a recording.
pub(super) fn profile(recording: &Recording, dispatch: &DispatchText) -> Result<Profile> {
    let fault = |problem: String| Error::Shader {
        file: format!("kernel {}", dispatch.kernel),
        problem: format!("the model of GPUs cannot interpret it: {problem}"),
    };
    let text = recording.kernels.get(dispatch.kernel);
    let text = text.ok_or_else(|| fault("its text is not recorded".into()))?;
    let values = dispatch.constants.iter().map(|(name, value)| ((*name).into(), *value));
    let program = Program::new(&text.code, values.collect()).map_err(fault)?;
    let step = step(recording);
    let mut bindings =
        vec![Bound { words: &step, start: 0, len: step.len() as u32, is_known: true }];
    for binding in &dispatch.bindings {
        let buffer = recording.buffers.get(binding.buffer);
        let buffer = buffer.ok_or_else(|| fault("a buffer is not recorded".into()))?;
        bindings.push(Bound {
            words: &buffer.words,
            start: binding.offset / 4,
            len: (binding.bytes / 4).min(u64::from(u32::MAX)) as u32,
            is_known: !buffer.words.is_empty(),
        });
    }
    let distinct: u64 = dispatch.bindings.iter().map(|binding| binding.bytes).sum();
    let profile = interpret(&program, &bindings, dispatch.groups).map_err(fault)?;
    Ok(Profile {
        kernel: dispatch.kernel,
        node: dispatch.node.clone(),
        distinct_bytes: distinct as f64,
        ..profile
    })
}

/// A step of training with a whole batch, as kernels see it.
fn step(recording: &Recording) -> Vec<u32> {
    let mut words = vec![0; recording.step.bytes as usize / 4];
    let values: HashMap<&str, u32> = HashMap::from([
        ("n", recording.batch_size as u32),
        ("learning_rate", 0.01_f32.to_bits()),
        ("momentum", 0.9_f32.to_bits()),
        ("gain_1", 0.1_f32.to_bits()),
        ("gain_2", 0.001_f32.to_bits()),
        ("epsilon", 1e-7_f32.to_bits()),
        ("clip_norm", 1.0_f32.to_bits()),
        ("training", 1),
        ("seed", 42),
    ]);
    for (name, offset) in &recording.step.fields {
        if let (Some(word), Some(value)) = (words.get_mut(offset / 4), values.get(name)) {
            *word = *value;
        }
    }
    words
}

/// Interprets some workgroups: the first, the last, and some between.
pub(super) fn interpret(
    program: &Program,
    bindings: &[Bound<'_>],
    groups: [u32; 3],
) -> Result<Profile, String> {
    let entry = program.module.entry_points.iter().find(|entry| entry.name == "main");
    let size = entry.ok_or("no entry point main")?.workgroup_size;
    let threads = size.iter().product::<u32>() as usize;
    let [x, y, z] = groups.map(u64::from);
    let count = (x * y * z).max(1);
    let mut samples: Vec<Totals> = Vec::new();
    let mut instructions = 0.0;
    for at in order(count) {
        let enough = samples.len() >= LEAST_SAMPLES && instructions >= ENOUGH;
        if enough || samples.len() >= MOST_SAMPLES {
            break;
        }
        let group = [at % x.max(1), at / x.max(1) % y.max(1), at / (x * y).max(1)];
        let mut machine = Machine::new(program, bindings, threads);
        interpret::run(&mut machine, group.map(|at| at as u32), groups)?;
        instructions += machine.trace.nodes.len() as f64;
        samples.push(machine.trace.totals());
    }
    let mut workgroup_bytes = 0;
    for (handle, variable) in program.module.global_variables.iter() {
        if variable.space == wgpu::naga::AddressSpace::WorkGroup {
            workgroup_bytes += 4 * program.words_of_global(handle)?;
        }
    }
    let sum = samples.iter().fold(Counts::default(), |sum, one| sum.plus(&one.counts));
    let mean = sum.divided(samples.len() as f64);
    let most = |of: &dyn Fn(&Totals) -> f64| samples.iter().map(of).fold(0.0, f64::max);
    let longest = samples.iter().max_by_key(|one| one.length);
    Ok(Profile {
        kernel: "",
        node: String::new(),
        groups: count,
        warps_per_group: threads.div_ceil(WARP) as u32,
        workgroup_bytes,
        mean,
        most_issue: most(&|one| one.counts.issue),
        most_lines: most(&|one| one.counts.lines()),
        chain: longest.map(|one| one.chain).unwrap_or_default(),
        mean_chain: Chain::mean(samples.iter().map(|one| one.chain)),
        fma_per_thread: most(&|one| one.fma_per_thread),
        loads_per_thread: most(&|one| one.loads_per_thread),
        registers: samples.iter().map(|one| one.registers).max().unwrap_or(0),
        traffic_bytes: count as f64 * mean.fresh_lines * LINE as f64,
        distinct_bytes: 0.0,
    })
}

/// First, last, and then ever more evenly between.
fn order(count: u64) -> Vec<u64> {
    let mut all = vec![0, count - 1];
    let mut parts = 2;
    while all.len() < 2 * MOST_SAMPLES && parts <= count.next_power_of_two() {
        all.extend((1..parts).step_by(2).map(|part| part * (count - 1) / parts));
        parts *= 2;
    }
    let mut seen = std::collections::HashSet::new();
    all.retain(|at| seen.insert(*at));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_begin_with_both_ends() {
        assert_eq!(order(1), [0]);
        assert_eq!(order(2), [0, 1]);
        assert_eq!(order(5), [0, 4, 2, 1, 3]);
        assert_eq!(order(101)[..5], [0, 100, 50, 25, 75]);
    }
}
