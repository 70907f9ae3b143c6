//! Which neighbouring nodes are computed in one pass: the rule for each fusion, written once. A
//! device says by [`Fusions`] which of them it has kernels for.

use crate::graph::{Activation, Graph, Node, NodeId, Op};
use crate::ops::batch_norm::FusedPools;
use crate::ops::{conv2d, pool2d};

/// The fusions that a device has kernels for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fusions {
    /// A convolution with the 2×2 max-pooling that alone reads it.
    pub conv2d_max_pool2d: Option<ConvLimits>,
    /// A batch norm with the poolings that alone read it: one max and one average pooling at most,
    /// over equal windows.
    pub batch_norm_pool2d: Option<NormLimits>,
    /// A batch norm with a ReLU, the poolings over whole rows that alone read it, as above, and the
    /// convolution below it: of one channel that no parameter is before, without bias.
    pub conv2d_batch_norm_pool2d: Option<ConvNormLimits>,
    /// The crop that alone reads the input, with the copy of a batch: the rest is not copied.
    pub gather_crop: bool,
    /// A dropout with the dense layer behind it that alone reads it.
    pub dropout_dense: Option<DropoutLimits>,
    /// The last dense layer with the softmax. The logits are written nevertheless.
    pub dense_softmax: Option<LossLimits>,
}

/// The dense layers that compute a dropout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropoutLimits {
    /// Most outputs: every few of them draw the masks again.
    pub units: usize,
}

/// The dense layers that the pass of the loss computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossLimits {
    /// Most elements of the kernel.
    pub kernel_len: usize,
}

/// The convolutions that a fused kernel takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvLimits {
    /// Most elements of the kernel.
    pub kernel_len: usize,
    /// The number of filters is a multiple of this.
    pub filters_multiple_of: usize,
}

/// The batch norms that a fused kernel takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NormLimits {
    /// The number of channels is a multiple of this.
    pub channels_multiple_of: usize,
    /// Most positions of a window.
    pub window: usize,
}

/// The batch norms that a fused kernel takes with the convolution below them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvNormLimits {
    /// Those of the norm.
    pub norm: NormLimits,
    /// Most taps of the convolution: the pass sums the products of all pairs of them.
    pub taps: usize,
}

impl Fusions {
    /// Every node is a pass of its own.
    pub const NONE: Self = Self {
        conv2d_max_pool2d: None,
        batch_norm_pool2d: None,
        conv2d_batch_norm_pool2d: None,
        gather_crop: false,
        dropout_dense: None,
        dense_softmax: None,
    };

    /// The max-pooling that is computed in the pass of the convolution `id`.
    pub(super) fn conv2d(&self, graph: &Graph, id: NodeId) -> Option<(NodeId, pool2d::Extents)> {
        let limits = self.conv2d_max_pool2d?;
        let node = graph.node(id);
        let Op::Conv2d { filters, kernel: [k_h, k_w], strides: [1, 1], .. } = node.op else {
            return None;
        };
        let c_in = graph.node(node.inputs[0]).shape.channels();
        let mut readers = graph.readers(id);
        let (pool, None) = (readers.next()?, readers.next()) else { return None };
        let fits = graph.node(pool).op == Op::MaxPool2d { window: [2, 2] }
            && k_h * k_w * c_in * filters <= limits.kernel_len
            && filters.is_multiple_of(limits.filters_multiple_of);
        fits.then(|| (pool, pool2d::Extents::new(node.shape, [2, 2])))
    }

    /// The poolings that are computed in the pass of the batch norm `id`.
    pub(super) fn batch_norm(&self, graph: &Graph, id: NodeId) -> Option<FusedPools> {
        let by_conv = self.conv2d_batch_norm(graph, id).map(|(_, _, pools)| pools);
        by_conv.or_else(|| fused_pools(graph, id, self.batch_norm_pool2d?))
    }

    /// The convolution that is computed in the pass of the batch norm `id`, and the poolings.
    pub(super) fn conv2d_batch_norm(
        &self,
        graph: &Graph,
        id: NodeId,
    ) -> Option<(NodeId, conv2d::Extents, FusedPools)> {
        let limits = self.conv2d_batch_norm_pool2d?;
        let Op::BatchNorm { activation: Activation::Relu, .. } = graph.node(id).op else {
            return None;
        };
        let below = *graph.node(id).inputs.first()?;
        let node = graph.node(below);
        let Op::Conv2d {
            filters,
            kernel,
            strides: [1, 1],
            padding,
            bias: false,
            activation: Activation::Linear,
        } = node.op
        else {
            return None;
        };
        let input = *node.inputs.first()?;
        let shape = graph.node(input).shape;
        let extents = conv2d::Extents::new(shape, filters, [kernel, [1, 1]], padding);
        let pools = fused_pools(graph, id, limits.norm)?;
        let d = pools.extents;
        // Neighbours: their parameters lie one behind the other.
        let fits = shape.channels() == 1
            && kernel[0] * kernel[1] <= limits.taps
            && !graph.learns(input)
            && graph.readers(below).eq([id])
            && below.index() + 1 == id.index()
            && [d.k_h, d.k_w] == [1, d.w_in]
            && [d.h_in, d.w_in] == [extents.h_out, extents.w_out];
        fits.then_some((below, extents, pools))
    }

    /// The dropout whose output alone the dense layer `id` reads, and alone.
    pub(super) fn dense(&self, graph: &Graph, id: NodeId) -> Option<NodeId> {
        let limits = self.dropout_dense?;
        let node = graph.node(id);
        let Op::Dense { units, .. } = node.op else { return None };
        let below = *node.inputs.first()?;
        // Neighbours: nothing in between reads or writes the gradient that the dropout passes on.
        let fits = matches!(graph.node(below).op, Op::Dropout { .. })
            && graph.readers(below).eq([id])
            && below.index() + 1 == id.index()
            && units <= limits.units;
        fits.then_some(below)
    }

    /// The dense layer that the pass of the softmax `id` computes.
    pub(super) fn softmax(&self, graph: &Graph, id: NodeId) -> Option<NodeId> {
        let limits = self.dense_softmax?;
        let below = *graph.node(id).inputs.first()?;
        let node = graph.node(below);
        let Op::Dense { units, .. } = node.op else { return None };
        let input = *node.inputs.first()?;
        let n_in = graph.node(input).shape.len();
        let fits = units * n_in <= limits.kernel_len
            && self.dense(graph, below).is_none()
            && is_read_once(graph, input);
        fits.then_some(below)
    }

    /// The node in whose pass the pooling, the crop or the dropout `node` is computed.
    pub(super) fn absorbed_by(&self, graph: &Graph, id: NodeId, node: &Node) -> Option<NodeId> {
        let below = *node.inputs.first()?;
        let is_crop = matches!(node.op, Op::Crop { .. });
        if self.gather_crop && is_crop && below == graph.input() && graph.readers(below).eq([id]) {
            return Some(below);
        }
        if let Some(reader) =
            graph.readers(id).next().filter(|reader| self.dense(graph, *reader) == Some(id))
        {
            return Some(reader);
        }
        let conv_of = |reader| self.conv2d_batch_norm(graph, reader).map(|(conv, ..)| conv);
        if let Some(reader) = graph.readers(id).next().filter(|reader| conv_of(*reader) == Some(id))
        {
            return Some(reader);
        }
        let by_conv = self.conv2d(graph, below).is_some_and(|(pool, _)| pool == id);
        let by_norm = self.batch_norm(graph, below);
        let by_norm = by_norm.is_some_and(|pools| [pools.max, pools.mean].contains(&Some(id)));
        (by_conv || by_norm).then_some(below)
    }
}

/// The poolings that alone read the batch norm `id`, if one pass can compute them.
fn fused_pools(graph: &Graph, id: NodeId, limits: NormLimits) -> Option<FusedPools> {
    let node = graph.node(id);
    let Op::BatchNorm { .. } = node.op else { return None };
    if !node.shape.channels().is_multiple_of(limits.channels_multiple_of) {
        return None;
    }
    let mut pools: Option<FusedPools> = None;
    for reader in graph.readers(id) {
        let (window, max, mean) = match graph.node(reader).op {
            Op::MaxPool2d { window } => (window, Some(reader), None),
            Op::AvgPool2d { window } => (window, None, Some(reader)),
            Op::Input
            | Op::Conv2d { .. }
            | Op::DepthwiseConv2d { .. }
            | Op::StdPool2d { .. }
            | Op::BatchNorm { .. }
            | Op::Activation { .. }
            | Op::Dropout { .. }
            | Op::Crop { .. }
            | Op::AxisToChannels { .. }
            | Op::Flatten
            | Op::Concat
            | Op::Add
            | Op::Dense { .. }
            | Op::Softmax => return None,
        };
        let extents = pool2d::Extents::new(node.shape, window);
        let known = pools.unwrap_or(FusedPools { extents, max: None, mean: None });
        let twice = known.max.and(max).or(known.mean.and(mean)).is_some();
        if twice || known.extents != extents || window[0] * window[1] > limits.window {
            return None;
        }
        pools = Some(FusedPools { extents, max: known.max.or(max), mean: known.mean.or(mean) });
    }
    pools
}

/// Whether one node alone reads the values of `id`, under this name or that of what it is a view of.
fn is_read_once(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    graph.readers(id).count() == 1
        && (!node.op.is_view() || node.inputs.iter().all(|below| is_read_once(graph, *below)))
}
