//! A node of the plan on the CPU: its layer, and which buffers it reads and writes.

use std::mem::take;
use std::ops::Range;

use super::shard::Shard;
use crate::graph::{NodeId, Parameter};
use crate::ops::activation::cpu::ActivationLayer;
use crate::ops::add::cpu::AddLayer;
use crate::ops::avg_pool2d::cpu::AvgPool2dLayer;
use crate::ops::axis_to_channels::cpu::AxisToChannelsLayer;
use crate::ops::batch_norm::cpu::{BatchNormLayer, ConvolvedNormLayer};
use crate::ops::concat::cpu::ConcatLayer;
use crate::ops::conv2d::cpu::{Conv2dLayer, StridedConv2dLayer};
use crate::ops::cpu::{
    Backward, BatchLayer, Export, Forward, Input, InputGradients, Inputs, Layer, MeasuringLayer,
    Mode, SavedShard, ShardContext, Shards, Update,
};
use crate::ops::crop::cpu::CropLayer;
use crate::ops::dense::cpu::DenseLayer;
use crate::ops::depthwise_conv2d::cpu::DepthwiseConv2dLayer;
use crate::ops::dropout::cpu::DropoutLayer;
use crate::ops::max_pool2d::cpu::MaxPool2dLayer;
use crate::ops::optimizer::cpu::{ParamSlice, Stage};
use crate::ops::softmax::cpu::SoftmaxLayer;
use crate::ops::std_pool2d::cpu::StdPool2dLayer;
use crate::plan::{Gradient, LoweredOp, Plan};

/// A layer, by whether its shards wait for each other.
#[derive(Debug)]
pub(super) enum AnyLayer {
    /// Every shard on its own.
    PerShard(Box<dyn Layer>),
    /// With sums over the whole batch before forward.
    Measuring(Box<dyn MeasuringLayer>),
    /// With sums over the whole batch before forward and before backward.
    PerBatch(Box<dyn BatchLayer>),
}

impl AnyLayer {
    fn get(&self) -> &dyn Layer {
        match self {
            Self::PerShard(layer) => layer.as_ref(),
            Self::Measuring(layer) => layer.as_ref(),
            Self::PerBatch(layer) => layer.as_ref(),
        }
    }

    fn get_mut(&mut self) -> &mut dyn Layer {
        match self {
            Self::PerShard(layer) => layer.as_mut(),
            Self::Measuring(layer) => layer.as_mut(),
            Self::PerBatch(layer) => layer.as_mut(),
        }
    }

    /// The layer, if its shards wait for each other.
    fn measuring(&self) -> Option<&dyn MeasuringLayer> {
        match self {
            Self::PerShard(_) => None,
            Self::Measuring(layer) => Some(layer.as_ref()),
            Self::PerBatch(layer) => Some(layer.as_ref()),
        }
    }
}

/// A node that computes something.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) layer: AnyLayer,
    inputs: Vec<Input>,
    /// The slot that it writes, and the elements of one sample there.
    output: usize,
    len: usize,
    /// The slot of a second output, of as many elements.
    second: Option<usize>,
    /// Its range in the flat buffers: right behind that of the node before.
    pub(super) parameters: Range<usize>,
}

impl Node {
    /// None for a node that computes nothing: the input, an alias, a fused pooling.
    pub(super) fn new(plan: &Plan, id: NodeId, shards: Shards) -> Option<Self> {
        let has_dx = plan.input_gradients(id).iter().any(|rule| *rule != Gradient::Skip);
        let mut output = id;
        let layer: Box<dyn Layer> = match plan.lowered(id).clone() {
            LoweredOp::Input | LoweredOp::Alias | LoweredOp::FusedInto(_) => return None,
            LoweredOp::Conv2d(op) => {
                output = op.max_pool2d.map_or(id, |(pool, _)| pool);
                match op.extents.is_strided() {
                    true => Box::new(StridedConv2dLayer::new(op, has_dx, shards)),
                    false => Box::new(Conv2dLayer::new(op, has_dx, shards)),
                }
            }
            LoweredOp::DepthwiseConv2d(op) => {
                Box::new(DepthwiseConv2dLayer::new(op, has_dx, shards))
            }
            LoweredOp::MaxPool2d(op) => Box::new(MaxPool2dLayer::new(op, shards)),
            LoweredOp::AvgPool2d(op) => Box::new(AvgPool2dLayer(op)),
            LoweredOp::StdPool2d(op) => Box::new(StdPool2dLayer::new(op, shards)),
            LoweredOp::BatchNorm(op) => {
                let fused = op.conv.zip(op.pools);
                let layer = match fused {
                    Some(fused) => {
                        let layer = ConvolvedNormLayer::new(op, fused, shards);
                        AnyLayer::Measuring(Box::new(layer))
                    }
                    None => AnyLayer::PerBatch(Box::new(BatchNormLayer::new(op, shards))),
                };
                let outputs = fused.map_or([Some(id), None], |(_, pools)| [pools.max, pools.mean]);
                let [output, second] = match outputs {
                    [Some(first), second] => [first, second.unwrap_or(first)],
                    [None, second] => [second.unwrap_or(id); 2],
                };
                let second = (second != output).then(|| plan.slot(second).0);
                return Some(Self { second, ..Self::of(plan, id, output, layer) });
            }
            LoweredOp::Activation(op) => Box::new(ActivationLayer(op)),
            LoweredOp::Dropout(op) => Box::new(DropoutLayer(op)),
            LoweredOp::Crop(op) => Box::new(CropLayer(op)),
            LoweredOp::AxisToChannels(op) => Box::new(AxisToChannelsLayer(op)),
            LoweredOp::Concat(op) => Box::new(ConcatLayer(op)),
            LoweredOp::Add(_) => Box::new(AddLayer),
            LoweredOp::Dense(op) => Box::new(DenseLayer(op)),
            LoweredOp::Softmax(op) => Box::new(SoftmaxLayer(op)),
        };
        Some(Self::of(plan, id, output, AnyLayer::PerShard(layer)))
    }

    fn of(plan: &Plan, id: NodeId, output: NodeId, layer: AnyLayer) -> Self {
        let inputs = plan.inputs(id).into_iter().map(|(input, rule)| {
            let slot = plan.slot(input);
            Input { slot: slot.0, len: plan.buffer(slot).len, rule }
        });
        let output = plan.slot(output);
        let mut ranges = plan.parameters_of(id).map(Parameter::range);
        let parameters = ranges.next().map_or(0..0, |first| {
            first.start..ranges.next_back().map_or(first.end, |last| last.end)
        });
        let len = plan.buffer(output).len;
        let (inputs, output) = (inputs.collect(), output.0);
        Self { id, layer, inputs, output, len, second: None, parameters }
    }

    /// Packs new weights; `parameters` are those of the graph.
    pub(super) fn pack_weights(&mut self, parameters: &[f32]) {
        self.layer.get_mut().pack_weights(&parameters[self.parameters.clone()]);
    }

    /// Computes the output of a shard.
    pub(super) fn forward(&self, shard: &mut Shard, parameters: &[f32], mode: Mode) {
        let n = shard.labels.len();
        let mut y = take(&mut shard.values[self.output]);
        let mut second = self.second.map(|slot| take(&mut shard.values[slot]));
        let mut loss = shard.loss;
        self.layer.get().forward(Forward {
            shard: shard.context(mode),
            x: Inputs { buffers: &shard.values, inputs: &self.inputs, samples: n },
            y: &mut y[..n * self.len],
            second: second.as_mut().map_or(&mut [], |second| &mut second[..n * self.len]),
            parameters: &parameters[self.parameters.clone()],
            loss: &mut loss,
        });
        shard.loss = loss;
        shard.values[self.output] = y;
        if let Some((slot, second)) = self.second.zip(second) {
            shard.values[slot] = second;
        }
    }

    /// Computes the gradients of a shard's inputs.
    pub(super) fn backward(&self, shard: &mut Shard, parameters: &[f32], mode: Mode) {
        let n = shard.labels.len();
        let mut dy = take(&mut shard.gradients[self.output]);
        let dsecond = self.second.map(|slot| take(&mut shard.gradients[slot]));
        let Shard { values, gradients, labels, .. } = shard;
        let written = n * self.len;
        let context = ShardContext {
            workspace: shard.workspace,
            first: shard.first,
            batch: shard.batch,
            labels,
            mode,
        };
        self.layer.get().backward(Backward {
            shard: context,
            x: Inputs { buffers: values, inputs: &self.inputs, samples: n },
            y: &values[self.output][..written],
            dy: dy.get_mut(..written).unwrap_or_default(),
            dsecond: dsecond.as_ref().map_or(&[], |dsecond| &dsecond[..written]),
            dx: InputGradients { buffers: gradients, inputs: &self.inputs, samples: n },
            parameters: &parameters[self.parameters.clone()],
        });
        shard.gradients[self.output] = dy;
        if let Some((slot, dsecond)) = self.second.zip(dsecond) {
            shard.gradients[slot] = dsecond;
        }
    }

    /// Sums that a batch layer needs of a shard before its forward; nothing for other layers.
    pub(super) fn measure_forward(&self, shard: &Shard, mode: Mode) {
        // In inference the moving statistics are used.
        if let (Some(layer), Mode::Training { .. }) = (self.layer.measuring(), mode) {
            let Input { slot, len, .. } = self.inputs[0];
            let x = &shard.values[slot][..shard.labels.len() * len];
            layer.measure_forward(shard.workspace, x);
        }
    }

    /// Sums that a batch layer needs of a shard before its backward; nothing for other layers.
    pub(super) fn measure_backward(&self, shard: &mut Shard) {
        if let AnyLayer::PerBatch(layer) = &self.layer {
            let written = shard.labels.len() * self.len;
            let x = &shard.values[self.inputs[0].slot][..written];
            let y = &shard.values[self.output][..written];
            let dz = &mut shard.gradients[self.output][..written];
            layer.measure_backward(shard.workspace, x, y, dz);
        }
    }

    /// Combines the sums of [`Node::measure_forward`] of the first `shards`.
    pub(super) fn reduce_forward(&mut self, shards: usize, parameters: &[f32], mode: Mode) {
        let parameters = &parameters[self.parameters.clone()];
        match &mut self.layer {
            AnyLayer::PerShard(_) => {}
            AnyLayer::Measuring(layer) => layer.reduce_forward(shards, parameters, mode),
            AnyLayer::PerBatch(layer) => layer.reduce_forward(shards, parameters, mode),
        }
    }

    /// Combines the sums of [`Node::measure_backward`] of the first `shards`.
    pub(super) fn reduce_backward(&mut self, shards: usize, gradients: &mut [f32]) {
        if let AnyLayer::PerBatch(layer) = &mut self.layer {
            layer.reduce_backward(shards, &mut gradients[self.parameters.clone()]);
        }
    }

    /// Hands what [`Node::update`] reads from one shard to another.
    pub(super) fn export_saved(&self, from: &Shard, to: &mut Shard) {
        if self.parameters.is_empty() {
            return;
        }
        let input = self.inputs[0].slot;
        self.layer.get().export_saved(Export {
            from: from.workspace,
            to: to.workspace,
            x: (&from.values[input], &mut to.values[input]),
            dz: (&from.gradients[self.output], &mut to.gradients[self.output]),
        });
    }

    /// Sums the gradients of the node's parameters over the shards and takes the optimiser's step.
    pub(super) fn update(&mut self, shards: &[Shard], slice: ParamSlice<'_>, stage: Stage) {
        let saved = |shard| {
            let Shard { values, gradients, labels, .. }: &Shard = shard;
            let Input { slot, len, .. } = self.inputs[0];
            let x = &values[slot][..labels.len() * len];
            SavedShard { x, dz: &gradients[self.output][..labels.len() * self.len] }
        };
        if !self.parameters.is_empty() {
            let shards: Vec<SavedShard<'_>> = shards.iter().map(saved).collect();
            self.layer.get_mut().update(Update { shards: &shards, slice, stage });
        }
    }
}
