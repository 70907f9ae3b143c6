//! What changes from step to step, as the kernels see it.

use std::mem::offset_of;

use super::replicate::MOST;
use crate::backend::Optimizer;
use crate::ops::optimizer::{Adam, StepRule};
use crate::ops::sgd::Sgd;

/// `Step` of shaders/include/step.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Step {
    pub(super) n: u32,
    pub(super) first: u32,
    pub(super) index: u32,
    pub(super) learning_rate: f32,
    pub(super) momentum: f32,
    pub(super) nesterov: u32,
    pub(super) training: u32,
    pub(super) augmented: u32,
    pub(super) seed: u32,
    pub(super) run_step: u32,
    pub(super) decay: f32,
    pub(super) gain_1: f32,
    pub(super) gain_2: f32,
    pub(super) epsilon: f32,
    pub(super) clip_norm: f32,
}

/// Fields of a step with their offsets, in bytes: a test compares the shaders' with them.
pub const STEP_FIELDS: [(&str, usize); 15] = [
    ("n", offset_of!(Step, n)),
    ("first", offset_of!(Step, first)),
    ("index", offset_of!(Step, index)),
    ("learning_rate", offset_of!(Step, learning_rate)),
    ("momentum", offset_of!(Step, momentum)),
    ("nesterov", offset_of!(Step, nesterov)),
    ("training", offset_of!(Step, training)),
    ("augmented", offset_of!(Step, augmented)),
    ("seed", offset_of!(Step, seed)),
    ("run_step", offset_of!(Step, run_step)),
    ("decay", offset_of!(Step, decay)),
    ("gain_1", offset_of!(Step, gain_1)),
    ("gain_2", offset_of!(Step, gain_2)),
    ("epsilon", offset_of!(Step, epsilon)),
    ("clip_norm", offset_of!(Step, clip_norm)),
];

/// Those that are floats.
pub(super) const STEP_FLOATS: [&str; 7] =
    ["learning_rate", "momentum", "decay", "gain_1", "gain_2", "epsilon", "clip_norm"];

/// Bytes of a step.
pub const STEP_SIZE: usize = size_of::<Step>();
/// Bytes of its uniform binding: whole `vec4`s.
pub(super) const STEP_BYTES: u64 = STEP_SIZE.next_multiple_of(16) as u64;

/// Bytes of the seeds behind a step of several replicas.
pub(super) const SEEDS_BYTES: u64 = (MOST * size_of::<u32>()) as u64;

/// Bytes of the uniform binding of one or of several replicas.
pub(super) fn step_bytes(is_replicated: bool) -> u64 {
    STEP_BYTES + if is_replicated { SEEDS_BYTES } else { 0 }
}

/// What the steps of a call do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pass {
    Train(Training),
    Evaluate,
    /// As evaluation, then backward from the logit of each sample's class.
    Explain,
}

/// What all training steps of a call share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Training {
    pub(super) optimizer: Optimizer,
    /// Whether augmentations were written.
    pub(super) augmented: bool,
    /// Seed of dropout.
    pub(super) seed: u32,
    /// Number of the call's first step since the run began.
    pub(super) first_step: u32,
}

impl Training {
    /// Without augmentation, seed 0, step 0.
    pub(super) const fn plain(optimizer: Optimizer) -> Self {
        Self { optimizer, augmented: false, seed: 0, first_step: 0 }
    }
}

impl Step {
    /// Step `index` of a call on `n` samples; with a learning rate, or the optimiser's.
    pub(super) fn new(
        pass: Pass,
        (n, batch): (usize, usize),
        index: usize,
        rate: Option<f32>,
    ) -> Self {
        let first = index * batch;
        let count = batch.min(n - first);
        let step =
            Self { n: count as u32, first: first as u32, index: index as u32, ..Self::default() };
        let Pass::Train(Training { optimizer, augmented, seed, first_step }) = pass else {
            return step;
        };
        let run_step = first_step.wrapping_add(index as u32);
        let numbers = optimizer.numbers(rate.unwrap_or(optimizer.learning_rate), run_step);
        let step = Self {
            training: 1,
            augmented: augmented.into(),
            seed,
            run_step,
            decay: numbers.decay,
            clip_norm: optimizer.clip_norm.map_or(0.0, |norm| norm as f32),
            ..step
        };
        match numbers.rule {
            StepRule::Sgd(Sgd { learning_rate, momentum, nesterov }) => {
                Self { learning_rate, momentum, nesterov: nesterov.into(), ..step }
            }
            StepRule::Adam(Adam { rate: learning_rate, gain_1, gain_2, epsilon }) => {
                Self { learning_rate, gain_1, gain_2, epsilon, ..step }
            }
        }
    }
}
