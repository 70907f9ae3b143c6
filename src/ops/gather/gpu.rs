//! Dispatches of the copy of a batch out of the data set: `shaders/gather/`. A data set may lie in
//! several buffers; each has a dispatch, which copies the samples that lie there.

use super::Gather;
use crate::ops::gpu::{Buffer, DispatchDesc, Grid, KernelVariant, NodeContext, constants, kernels};

kernels! { "gather": FORWARD = "forward", FORWARD_TILED = "forward_tiled" }

/// Copies the first `kept` elements of samples from buffer number `part`, which has `share` of a
/// batch's samples on average; `node` is the graph's input, or the crop of it.
pub(crate) fn forward(
    op: &Gather,
    node: &NodeContext,
    kept: usize,
    (part, share): (usize, usize),
) -> DispatchDesc {
    let len = op.sample.len();
    let [_, w, c] = op.sample.as_map();
    let tiled =
        node.variant != KernelVariant::Plain && (w * c).is_multiple_of(4) && kept.is_multiple_of(4);
    let (kernel, elements_per_thread) = if tiled { (FORWARD_TILED, 4) } else { (FORWARD, 1) };
    // How many samples lie in the buffer is read from it: as constants, each new size of a data
    // set would need another pipeline.
    DispatchDesc {
        kernel,
        constants: constants([("len", len), ("w", w), ("c", c), ("kept", kept)]),
        bindings: vec![
            Buffer::Order.with_traffic(node.batch),
            Buffer::SampleRange(part).untouched(),
            Buffer::Samples(part).with_traffic(share * kept),
            // Read by steps with augmentation only.
            Buffer::Augmentations.untouched(),
            node.y().with_traffic(share * kept),
        ],
        grid: Grid::Threads(node.batch * kept / elements_per_thread),
        flop: 0,
    }
}
