//! Dispatch of the optimiser: `shaders/sgd/`. It also reduces the partial sums of the convolutions'
//! weight gradients ([`SplitK`]), so that the reduction needs no dispatch of its own.

use crate::graph::{Graph, NodeId, Role};
use crate::ops::gpu::{Buffer, DispatchDesc, Grid, kernels};
use crate::ops::split_k::SplitK;

kernels! { "sgd": STEP = "step" }

/// Parameters of a workgroup. Tensors begin at multiples of it in the flat buffers.
pub(crate) const GROUP: usize = 64;

/// What a workgroup does: `Chunk` of the shader.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct Chunk {
    /// Parameters of the tensor in it.
    pub(crate) len: u32,
    /// Where the first part has the first of them.
    pub(crate) start: u32,
    /// Elements from a part to the next.
    pub(crate) stride: u32,
    /// 0 where the gradient is not split.
    pub(crate) parts_per_sample: u32,
    /// Samples in a part.
    pub(crate) samples_per_part: u32,
}

/// The chunks of all tensors; `split` returns how a node's gradients are split, and where its
/// partial sums begin.
pub(crate) fn chunks(
    graph: &Graph,
    split: impl Fn(NodeId) -> Option<(SplitK, usize)>,
) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for parameter in graph.parameters() {
        let split = split(parameter.node);
        for at in (0..parameter.len()).step_by(GROUP) {
            let len = (parameter.len() - at).min(GROUP) as u32;
            let whole =
                Chunk { len, start: 0, stride: 0, parts_per_sample: 0, samples_per_part: 1 };
            chunks.push(split.map_or(whole, |(split, first)| {
                // A part has the kernel's sums, then the bias's.
                let tensor = match parameter.role {
                    Role::Bias => split.stride - parameter.len(),
                    _ => 0,
                };
                Chunk {
                    start: (first + tensor + at) as u32,
                    stride: split.stride as u32,
                    parts_per_sample: split.parts_per_sample as u32,
                    samples_per_part: split.samples_per_part as u32,
                    ..whole
                }
            }));
        }
    }
    chunks
}

/// The update of all `len` parameters, from `partial_sums` elements of partial sums.
pub(crate) fn step(chunks: &[Chunk], len: usize, partial_sums: usize) -> DispatchDesc {
    let words = size_of_val(chunks) / size_of::<u32>();
    DispatchDesc {
        kernel: STEP,
        constants: Vec::new(),
        bindings: vec![
            Buffer::UpdateChunks.with_traffic(words),
            Buffer::AllPartialSums.with_traffic(partial_sums),
            Buffer::PenaltyFactors.with_traffic(len),
            Buffer::AllParameterGradients.with_traffic(2 * len),
            Buffer::AllParameters.with_traffic(2 * len),
            Buffer::Velocity.with_traffic(2 * len),
            Buffer::FirstNotFinite.untouched(),
        ],
        grid: Grid::Groups(chunks.len()),
        flop: 6 * len + partial_sums,
    }
}
