//! One folder per operation. `mod.rs` has what both devices share: extents, and the arithmetic and
//! bytes of each pass; `cpu.rs` the CPU's kernels; `gpu.rs` the GPU's dispatches, as plain values.
//! The kernels of the GPU are in `shaders/<op>/`, the tests in `tests/ops/<op>.rs`.
//!
//! An operation knows neither the plan nor its device's executor: it works on extents and slices,
//! so a plan can be made of operations, and executors can be made of plans.

pub mod activation;
pub mod add;
pub mod avg_pool2d;
pub mod axis_to_channels;
pub mod batch_norm;
pub mod concat;
pub mod conv2d;
pub(crate) mod cpu;
pub mod crop;
pub mod dense;
pub mod depthwise_conv2d;
pub mod dropout;
pub mod gather;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod max_pool2d;
pub mod optimizer;
pub mod penalty;
pub mod pool2d;
pub mod sgd;
pub mod softmax;
#[cfg(feature = "gpu")]
pub mod split_k;
pub mod std_pool2d;

use crate::measure::Work;

/// What a backward pass does with the gradient of one of its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gradient {
    /// No parameter depends on it: it is not computed.
    Skip,
    /// This reader is the first to write the buffer, whatever it held.
    Set,
    /// Another reader of the same node has written before: add to it.
    Add,
}

/// The passes of a training step through one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// The output from the inputs.
    Forward,
    /// The gradients of the inputs from that of the output.
    BackwardInput,
    /// The gradients of the parameters.
    BackwardWeight,
    /// The optimiser's step, with the penalty's gradient and the packing of new weights.
    Update,
}

impl Pass {
    /// All of them, in the order of a step.
    pub const ALL: [Self; 4] =
        [Self::Forward, Self::BackwardInput, Self::BackwardWeight, Self::Update];
}

/// Bytes of a float or an index.
pub const WORD: usize = 4;

/// Work of `flop` operations that touches `elements` floats or indices, each once.
pub(crate) fn work(flop: usize, elements: usize) -> Work {
    Work { flop: flop as u64, bytes: (elements * WORD) as u64 }
}

/// Work of the optimiser on `parameters` elements, `penalised` of them under a penalty: gradients
/// are written and read, weights and velocity read and written.
pub(crate) fn update_work(parameters: usize, penalised: usize) -> Work {
    work(2 * penalised + 4 * parameters, 6 * parameters)
}
