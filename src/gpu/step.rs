//! What changes from step to step, as the kernels see it.

use std::mem::offset_of;

use crate::backend::Sgd;

/// `Step` of shaders/shared/step.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Step {
    pub(super) n: u32,
    pub(super) first: u32,
    pub(super) index: u32,
    pub(super) learning_rate: f32,
    pub(super) momentum: f32,
}

/// Fields of a step with their offsets, in bytes. A test holds the shaders' against them.
pub const STEP_FIELDS: [(&str, usize); 5] = [
    ("n", offset_of!(Step, n)),
    ("first", offset_of!(Step, first)),
    ("index", offset_of!(Step, index)),
    ("learning_rate", offset_of!(Step, learning_rate)),
    ("momentum", offset_of!(Step, momentum)),
];

/// Bytes of a step.
pub const STEP_SIZE: usize = size_of::<Step>();

/// What steps do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pass {
    Train(Sgd),
    Evaluate,
}

impl Step {
    /// Step `index` of a call on `n` samples.
    pub(super) fn new(pass: Pass, n: usize, batch: usize, index: usize) -> Self {
        let first = index * batch;
        let (learning_rate, momentum) = match pass {
            Pass::Train(sgd) => (sgd.learning_rate, sgd.momentum),
            Pass::Evaluate => (0.0, 0.0),
        };
        let count = batch.min(n - first);
        Self { n: count as u32, first: first as u32, index: index as u32, learning_rate, momentum }
    }
}
