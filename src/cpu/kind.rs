//! What a layer is: its extents and the room that it needs, worked out once.

use std::ops::Range;

use super::{axis_to_channels, batch_norm, conv2d, crop, dropout, max_pool2d};
use crate::graph::{Activation, Axis, NodeId, Op, Parameter, Shape};
use crate::plan::{Gradient, Plan};

#[derive(Debug)]
pub(super) enum Kind {
    /// The input was gathered; a view shares its input's buffer.
    Nothing,
    Conv2d {
        dims: conv2d::Dims,
        activation: Activation,
        /// Whether most of its outputs have a gradient.
        dense: bool,
        weights: Weights,
        room: conv2d::Room,
    },
    MaxPool2d {
        dims: max_pool2d::Dims,
        winner: Vec<u32>,
    },
    AvgPool2d {
        dims: max_pool2d::Dims,
    },
    BatchNorm {
        norm: batch_norm::Norm,
        /// Where gamma begins; beta and the moving mean and variance follow.
        first: usize,
        room: batch_norm::Room,
    },
    Dropout {
        rate: f32,
        node: u32,
        /// That of the last pass, if it trained.
        draw: Option<dropout::Draw>,
    },
    Crop {
        dims: crop::Dims,
    },
    AxisToChannels {
        dims: axis_to_channels::Dims,
    },
    /// Elements of each input, and of them all, in one row; and rows in a sample.
    Concat {
        widths: Vec<usize>,
        total: usize,
        rows: usize,
    },
    Dense {
        n_in: usize,
        n_out: usize,
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
}

impl Weights {
    fn of(plan: &Plan, id: NodeId) -> Self {
        let mut ranges = plan.graph().parameters_of(id).map(Parameter::range);
        Self { kernel: ranges.next().unwrap_or(0..0), bias: ranges.next() }
    }

    pub(super) fn read<'a>(&self, flat: &'a [f32]) -> (&'a [f32], Option<&'a [f32]>) {
        (&flat[self.kernel.clone()], self.bias.clone().map(|bias| &flat[bias]))
    }

    /// Kernel and bias; a bias lies right behind its kernel.
    pub(super) fn write<'a>(&self, flat: &'a mut [f32]) -> (&'a mut [f32], Option<&'a mut [f32]>) {
        let (kernel, rest) = flat[self.kernel.start..].split_at_mut(self.kernel.len());
        (kernel, self.bias.as_ref().map(|bias| &mut rest[..bias.len()]))
    }
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
        match node.op {
            Op::Input | Op::Flatten | Op::AxisToChannels { axis: Axis::Time } => Kind::Nothing,
            Op::Conv2d { filters, kernel: [k_h, k_w], padding, activation, .. } => {
                let (h_in, w_in, c_in) = map();
                let pad = conv2d::pad(padding, [k_h, k_w]);
                let dims = conv2d::Dims { h_in, w_in, c_in, c_out: filters, k_h, k_w, pad };
                let learns = plan.input_gradients(id) != [Gradient::Skip];
                // Behind a max-pooling at most one output of each window has a gradient.
                let dense = plan.pooled_by(id).is_none();
                let room = conv2d::Room::new(dims, plan.batch(), learns, dense);
                Kind::Conv2d { dims, activation, dense, weights: Weights::of(plan, id), room }
            }
            Op::MaxPool2d { window: [k_h, k_w] } => {
                let (h_in, w_in, c) = map();
                let dims = max_pool2d::Dims { h_in, w_in, c, k_h, k_w };
                Kind::MaxPool2d { dims, winner: vec![0; plan.batch() * node.shape.len()] }
            }
            Op::AvgPool2d { window: [k_h, k_w] } => {
                let (h_in, w_in, c) = map();
                Kind::AvgPool2d { dims: max_pool2d::Dims { h_in, w_in, c, k_h, k_w } }
            }
            Op::BatchNorm { momentum, epsilon, activation } => {
                let (c, len) = (node.shape.channels(), node.shape.len());
                let norm = batch_norm::Norm { c, len, momentum, epsilon, activation };
                let first = plan.graph().parameters_of(id).next().map_or(0, |p| p.offset);
                Kind::BatchNorm { norm, first, room: batch_norm::Room::new(norm, plan.batch()) }
            }
            Op::Dropout { rate } => Kind::Dropout { rate, node: id.index() as u32, draw: None },
            Op::Crop { .. } => {
                let len_in = shapes.first().map_or(0, |shape| shape.len());
                Kind::Crop { dims: crop::Dims { len_in, len_out: node.shape.len() } }
            }
            Op::AxisToChannels { axis: Axis::Mel } => {
                let (h_in, w_in, c_in) = map();
                Kind::AxisToChannels { dims: axis_to_channels::Dims { h_in, w_in, c_in } }
            }
            Op::Concat => {
                let rows = match node.shape {
                    Shape::Map { h, w, .. } => h * w,
                    Shape::Flat(_) => 1,
                };
                let widths = shapes.iter().map(|shape| shape.len() / rows).collect();
                Kind::Concat { widths, total: node.shape.len() / rows, rows }
            }
            Op::Dense { units, activation, .. } => Kind::Dense {
                n_in: shapes.first().map_or(0, |shape| shape.len()),
                n_out: units,
                activation,
                weights: Weights::of(plan, id),
            },
            Op::Softmax => Kind::Softmax { classes: node.shape.len() },
        }
    }
}
