//! What changes from step to step, as the kernels see it.

use std::mem::offset_of;

use crate::backend::Sgd;

/// `Step` of shaders/shared/step.wgsl.
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
    pub(super) varied: u32,
    pub(super) seed: u32,
    pub(super) drawn: u32,
}

/// Fields of a step with their offsets, in bytes. A test holds the shaders' against them.
pub const STEP_FIELDS: [(&str, usize); 10] = [
    ("n", offset_of!(Step, n)),
    ("first", offset_of!(Step, first)),
    ("index", offset_of!(Step, index)),
    ("learning_rate", offset_of!(Step, learning_rate)),
    ("momentum", offset_of!(Step, momentum)),
    ("nesterov", offset_of!(Step, nesterov)),
    ("training", offset_of!(Step, training)),
    ("varied", offset_of!(Step, varied)),
    ("seed", offset_of!(Step, seed)),
    ("drawn", offset_of!(Step, drawn)),
];

/// Bytes of a step.
pub const STEP_SIZE: usize = size_of::<Step>();

/// What steps do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pass {
    Train(Training),
    Evaluate,
    /// As evaluation, then the logit of each sample's class back.
    Explain,
}

/// What all steps of a call have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Training {
    pub(super) sgd: Sgd,
    /// Whether augmentations were written.
    pub(super) varied: bool,
    /// What dropout is drawn from.
    pub(super) seed: u32,
    /// Number of the call's first step since the run began.
    pub(super) first_step: u32,
}

impl Training {
    /// On samples as they are, with no dropout of its own.
    pub(super) fn plain(sgd: Sgd) -> Self {
        Self { sgd, varied: false, seed: 0, first_step: 0 }
    }
}

impl Step {
    /// Step `index` of a call on `n` samples.
    pub(super) fn new(pass: Pass, n: usize, batch: usize, index: usize) -> Self {
        let first = index * batch;
        let count = batch.min(n - first);
        let place =
            Self { n: count as u32, first: first as u32, index: index as u32, ..Self::default() };
        let Pass::Train(Training { sgd, varied, seed, first_step }) = pass else { return place };
        Self {
            learning_rate: sgd.learning_rate,
            momentum: sgd.momentum,
            nesterov: sgd.nesterov.into(),
            training: 1,
            varied: varied.into(),
            seed,
            drawn: first_step.wrapping_add(index as u32),
            ..place
        }
    }
}
