//! Dispatch of the penalty in evaluation: `shaders/penalty/`. In training the optimiser computes it.

use crate::ops::gpu::{Buffer, DispatchDesc, Grid, Kernel, constants, kernels};
use crate::ops::sgd::gpu::{Chunk, penalties, words};

kernels! { "penalty": FORWARD = "forward" }

/// Where no weight moves.
pub(crate) const INFERENCE_ONLY: &[Kernel] = KERNELS;

/// The penalty over all `len` parameters, if there is one.
pub(crate) fn forward(chunks: &[Chunk], len: usize) -> Option<DispatchDesc> {
    let shares = penalties(chunks);
    (shares > 0).then(|| DispatchDesc {
        kernel: FORWARD,
        constants: constants([("penalties_per_step", shares)]),
        bindings: vec![
            Buffer::UpdateChunks.with_traffic(words(chunks)),
            Buffer::AllParameters.with_traffic(len),
            Buffer::Penalties.with_traffic(shares),
        ],
        grid: Grid::Groups(chunks.len()),
        flop: 2 * len,
    })
}
