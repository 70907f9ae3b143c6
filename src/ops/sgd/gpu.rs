//! Dispatch of gradient descent: `shaders/sgd/`. It also reduces the partial sums of the convolutions'
//! weight gradients ([`SplitK`]), so that the reduction needs no dispatch of its own.

use crate::graph::{Graph, NodeId, Role};
use crate::ops::gpu::{Buffer, DispatchDesc, Grid, TileConfig, constants, kernels, switch};
use crate::ops::split_k::SplitK;

kernels! { "sgd": STEP = "step" }

/// Threads of a workgroup.
const GROUP: usize = 256;
/// More parts of a gradient than this are shared by several threads.
const PARTS_OF_ONE_LANE: usize = 64;

/// What a workgroup does: `Chunk` of the shader.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct Chunk {
    /// First element in the flat buffers of all parameters.
    pub(crate) at: u32,
    /// Elements, all of one tensor.
    pub(crate) len: u32,
    /// Where the first part has the gradient of the first of them.
    pub(crate) start: u32,
    /// Elements from a part to the next.
    pub(crate) stride: u32,
    /// 0 where the gradient is not split.
    pub(crate) parts_per_sample: u32,
    /// Samples in a part; 0 where no gradient moves the elements.
    pub(crate) samples_per_part: u32,
    /// Threads that share the parts of an element: a power of two.
    pub(crate) lanes: u32,
    /// Place of its share of the penalty among those of a step.
    pub(crate) penalty: u32,
    /// Factor of the penalty.
    pub(crate) l2: f32,
}

/// How the work is divided: threads of an element with many parts, and elements of a thread whose
/// gradient is not split. Workgroups are dear on a CPU, and so are their barriers.
fn lanes_and_elements(tiles: TileConfig) -> (usize, usize) {
    match tiles {
        TileConfig::Wide => (1, 16),
        TileConfig::Narrow => (16, 1),
        TileConfig::Small => (4, 1),
    }
}

/// The chunks of all tensors: `start` returns where a tensor begins in the flat buffers, `split`
/// how a node's gradients are split, and where its partial sums begin.
pub(crate) fn chunks(
    graph: &Graph,
    (tiles, batch): (TileConfig, usize),
    start: impl Fn(usize) -> usize,
    split: impl Fn(NodeId) -> Option<(SplitK, usize)>,
) -> Vec<Chunk> {
    let (most_lanes, elements) = lanes_and_elements(tiles);
    let (mut chunks, mut shares) = (Vec::new(), 0);
    for (i, parameter) in graph.parameters().iter().enumerate() {
        let split = split(parameter.node).filter(|_| parameter.role.is_trainable());
        let lanes = match &split {
            Some((split, _)) if split.parts(batch) > PARTS_OF_ONE_LANE => most_lanes,
            _ => 1,
        };
        let most = if split.is_some() { GROUP / lanes } else { GROUP * elements };
        for at in (0..parameter.len()).step_by(most) {
            let whole = Chunk {
                at: (start(i) + at) as u32,
                len: (parameter.len() - at).min(most) as u32,
                start: 0,
                stride: 0,
                parts_per_sample: 0,
                samples_per_part: u32::from(parameter.role.is_trainable()),
                lanes: lanes as u32,
                penalty: shares,
                l2: parameter.l2,
            };
            shares += u32::from(parameter.l2 != 0.0);
            chunks.push(split.map_or(whole, |(split, first)| {
                // A part has the sums of the kernel or gamma, then those of the bias or beta.
                let tensor = match parameter.role {
                    Role::Bias | Role::Beta => split.stride - parameter.len(),
                    Role::Kernel | Role::Gamma | Role::MovingMean | Role::MovingVariance => 0,
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

/// Words of the table of chunks.
pub(crate) fn words(chunks: &[Chunk]) -> usize {
    size_of_val(chunks) / size_of::<u32>()
}

/// Shares of the penalty of a step; none where no parameter has a penalty.
pub(crate) fn penalties(chunks: &[Chunk]) -> usize {
    chunks.iter().filter(|chunk| chunk.l2 != 0.0).count()
}

/// The update of all `len` parameters, from `partial_sums` elements of partial sums.
pub(crate) fn step(chunks: &[Chunk], len: usize, partial_sums: usize) -> DispatchDesc {
    let shares = penalties(chunks);
    let penalties = if shares == 0 { Buffer::Unused } else { Buffer::Penalties };
    let mut constants = constants([("penalties_per_step", shares)]);
    constants.push(switch("shares_parts", chunks.iter().any(|chunk| chunk.lanes > 1)));
    DispatchDesc {
        kernel: STEP,
        constants,
        bindings: vec![
            Buffer::UpdateChunks.with_traffic(words(chunks)),
            Buffer::AllPartialSums.with_traffic(partial_sums),
            Buffer::AllParameterGradients.with_traffic(2 * len),
            Buffer::AllParameters.with_traffic(2 * len),
            Buffer::Velocity.with_traffic(2 * len),
            Buffer::FirstNotFinite.untouched(),
            penalties.with_traffic(shares),
        ],
        grid: Grid::Groups(chunks.len()),
        flop: 6 * len + partial_sums,
    }
}
