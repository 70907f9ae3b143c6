//! What a layer is: what all parts of a batch share of it, worked out once.

use std::ops::Range;

use super::conv2d::{self, Conv2d};
use super::part::Room;
use super::threads::SAMPLES_PER_PART;
use super::{axis_to_channels, batch_norm, crop, dense, max_pool2d, simd};
use crate::graph::{Activation, Axis, NodeId, Op, Parameter, Shape};
use crate::plan::{Gradient, Plan};

#[derive(Debug)]
pub(super) enum Kind {
    /// The input was gathered; a view shares its input's buffer; a fused pooling is done
    /// with its convolution.
    Nothing,
    /// Together with a fused pooling, which is what it writes then.
    Conv2d {
        conv: Box<Conv2d>,
        /// Of what it writes; linear after a fused pooling, which sees to it itself.
        activation: Activation,
        weights: Weights,
    },
    MaxPool2d {
        dims: max_pool2d::Dims,
    },
    AvgPool2d {
        dims: max_pool2d::Dims,
    },
    BatchNorm {
        norm: batch_norm::Norm,
        /// Where gamma begins; beta and the moving mean and variance follow.
        first: usize,
        figures: batch_norm::Figures,
    },
    Dropout {
        rate: f32,
        node: u32,
    },
    Crop {
        dims: crop::Dims,
    },
    AxisToChannels {
        dims: axis_to_channels::Dims,
    },
    /// Elements of each input, and of them all, in one row.
    Concat {
        widths: Vec<usize>,
        total: usize,
    },
    Dense {
        dims: dense::Dims,
        activation: Activation,
        weights: Weights,
    },
    Softmax {
        classes: usize,
    },
}

/// Where a layer's parameters lie in the flat buffers.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    kernel: Range<usize>,
    bias: Option<Range<usize>>,
    /// The kernel's penalty is `l2 · Σ w²`.
    pub(super) l2: f32,
}

impl Weights {
    fn of(plan: &Plan, id: NodeId) -> Self {
        let mut own = plan.graph().parameters_of(id);
        let kernel = own.next();
        Self {
            kernel: kernel.map_or(0..0, Parameter::range),
            bias: own.next().map(Parameter::range),
            l2: kernel.map_or(0.0, |kernel| kernel.l2),
        }
    }

    pub(super) fn read<'a>(&self, flat: &'a [f32]) -> (&'a [f32], Option<&'a [f32]>) {
        (&flat[self.kernel.clone()], self.bias.clone().map(|bias| &flat[bias]))
    }

    pub(super) fn has_bias(&self) -> bool {
        self.bias.is_some()
    }

    /// A bias, where there is one, lies right behind.
    pub(super) fn kernel_len(&self) -> usize {
        self.kernel.len()
    }
}

/// The 2×2 max-pooling that is one pass with a convolution.
pub(super) fn fused_pool(plan: &Plan, id: NodeId) -> Option<NodeId> {
    let pool = plan.pooled_by(id)?;
    (plan.graph().node(pool).op == Op::MaxPool2d { window: [2, 2] }).then_some(pool)
}

/// Whether a node's work is done by the convolution before it.
fn is_fused_away(plan: &Plan, id: NodeId) -> bool {
    plan.graph().node(id).inputs.iter().any(|input| fused_pool(plan, *input) == Some(id))
}

impl Kind {
    pub(super) fn of(plan: &Plan, id: NodeId) -> Self {
        let node = plan.graph().node(id);
        let shapes: Vec<Shape> =
            node.inputs.iter().map(|input| plan.graph().node(*input).shape).collect();
        let map = || match shapes.first() {
            Some(&Shape::Map { h, w, c }) => (h, w, c),
            Some(&Shape::Flat(n)) => (1, 1, n),
            None => (0, 0, 0),
        };
        let learns = plan.input_gradients(id).iter().any(|rule| *rule != Gradient::Skip);
        match node.op {
            Op::Input | Op::Flatten | Op::AxisToChannels { axis: Axis::Time } => Self::Nothing,
            Op::Conv2d { filters, kernel, padding, activation, .. } => {
                let (h, w, c) = map();
                let dims = conv2d::Dims::new([h, w, c], filters, kernel, padding);
                let pooled = fused_pool(plan, id).is_some();
                let conv = Conv2d::new(dims, activation, pooled, learns, simd::lanes());
                let activation = if pooled { Activation::Linear } else { activation };
                Self::Conv2d { conv: Box::new(conv), activation, weights: Weights::of(plan, id) }
            }
            Op::MaxPool2d { .. } if is_fused_away(plan, id) => Self::Nothing,
            Op::MaxPool2d { window: [k_h, k_w] } => {
                let (h_in, w_in, c) = map();
                Self::MaxPool2d { dims: max_pool2d::Dims { h_in, w_in, c, k_h, k_w } }
            }
            Op::AvgPool2d { window: [k_h, k_w] } => {
                let (h_in, w_in, c) = map();
                Self::AvgPool2d { dims: max_pool2d::Dims { h_in, w_in, c, k_h, k_w } }
            }
            Op::BatchNorm { momentum, epsilon, activation } => {
                let c = node.shape.channels();
                let norm = batch_norm::Norm { c, momentum, epsilon, activation };
                let first = plan.graph().parameters_of(id).next().map_or(0, |p| p.offset);
                Self::BatchNorm { norm, first, figures: batch_norm::Figures::new(norm) }
            }
            Op::Dropout { rate } => Self::Dropout { rate, node: id.index() as u32 },
            Op::Crop { .. } => {
                let len_in = shapes.first().map_or(0, |shape| shape.len());
                Self::Crop { dims: crop::Dims { len_in, len_out: node.shape.len() } }
            }
            Op::AxisToChannels { axis: Axis::Mel } => {
                let (h_in, w_in, c_in) = map();
                Self::AxisToChannels { dims: axis_to_channels::Dims { h_in, w_in, c_in } }
            }
            Op::Concat => {
                let rows = match node.shape {
                    Shape::Map { h, w, .. } => h * w,
                    Shape::Flat(_) => 1,
                };
                let widths = shapes.iter().map(|shape| shape.len() / rows).collect();
                Self::Concat { widths, total: node.shape.len() / rows }
            }
            Op::Dense { units, activation, .. } => {
                let n_in = shapes.first().map_or(0, |shape| shape.len());
                Self::Dense {
                    dims: dense::Dims { n_in, n_out: units },
                    activation,
                    weights: Weights::of(plan, id),
                }
            }
            Op::Softmax => Self::Softmax { classes: node.shape.len() },
        }
    }

    /// What one part of a batch needs for it; `len` is that of a sample of its output.
    pub(super) fn room(&self, len: usize) -> Room {
        match self {
            Self::Conv2d { conv, .. } => Room::Conv2d(conv.room(SAMPLES_PER_PART)),
            Self::MaxPool2d { .. } => Room::MaxPool2d(vec![0; SAMPLES_PER_PART * len]),
            Self::BatchNorm { norm, .. } => Room::BatchNorm(batch_norm::Room::new(*norm)),
            _ => Room::None,
        }
    }
}
