//! Dispatch of the penalty: `shaders/penalty/`.

use crate::ops::gpu::{Buffer, DispatchDesc, Grid, constants, kernels};

kernels! { "penalty": FORWARD = "forward" }

/// Threads of a workgroup.
const GROUP: usize = 256;
/// Elements for each thread, where there are enough.
const ELEMENTS_PER_THREAD: usize = 32;
/// Most workgroups.
const MAX_GROUPS: usize = 64;

/// Partial sums of a step over `len` parameters.
pub(crate) fn parts_per_step(len: usize) -> usize {
    len.div_ceil(GROUP * ELEMENTS_PER_THREAD).min(MAX_GROUPS)
}

/// Partial sums of the penalty over all `len` parameters.
pub(crate) fn forward(len: usize) -> DispatchDesc {
    let parts = parts_per_step(len);
    DispatchDesc {
        kernel: FORWARD,
        constants: constants([("len", len), ("parts_per_step", parts)]),
        bindings: vec![
            Buffer::PenaltyFactors.with_traffic(len),
            Buffer::AllParameters.with_traffic(len),
            Buffer::Penalties.with_traffic(parts),
        ],
        grid: Grid::Groups(parts),
        flop: 3 * len,
    }
}
