//! The lowering of a graph, made once and obeyed by both devices: which buffers there are and who
//! shares them, what is computed in one pass, the extents of every kernel, what backward does with
//! each gradient, and the arithmetic and bytes of every pass. A device decides how, never what.

mod fusion;

use std::fmt;

pub use fusion::{ConvLimits, ConvNormLimits, DropoutLimits, Fusions, LossLimits, NormLimits};

use crate::error::{Error, Result};
use crate::graph::{Axis, Graph, NodeId, Op, Parameter, Shape};
use crate::measure::Work;
pub use crate::ops::Gradient;
use crate::ops::activation;
use crate::ops::add::Add;
use crate::ops::avg_pool2d::AvgPool2d;
use crate::ops::axis_to_channels::AxisToChannels;
use crate::ops::batch_norm::BatchNorm;
use crate::ops::concat::Concat;
use crate::ops::conv2d::{self, Conv2d};
use crate::ops::crop::Crop;
use crate::ops::dense::Dense;
use crate::ops::depthwise_conv2d::DepthwiseConv2d;
use crate::ops::dropout::Dropout;
use crate::ops::max_pool2d::MaxPool2d;
pub use crate::ops::softmax::Loss;
use crate::ops::softmax::Softmax;
use crate::ops::std_pool2d::StdPool2d;
use crate::ops::{Pass, pool2d};

/// A buffer of activations and its gradients, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot(pub usize);

/// What a [`Slot`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffer {
    /// The node whose output it is; views share it.
    pub node: NodeId,
    /// Elements of one sample.
    pub len: usize,
    /// False if a fused pass keeps the output, and its gradient, to itself.
    pub is_materialized: bool,
    /// Whether its gradient is computed.
    pub has_gradient: bool,
}

/// What is computed for a node.
#[derive(Debug, Clone, PartialEq)]
pub enum LoweredOp {
    /// Nothing: the samples are copied there before the pass.
    Input,
    /// Nothing: the output is the input's buffer.
    Alias,
    /// Nothing: the node that it reads computes it in its own pass, or the node that reads it.
    FusedInto(NodeId),
    /// A convolution, with the max-pooling that is fused with it.
    Conv2d(Conv2d),
    /// A depthwise convolution.
    DepthwiseConv2d(DepthwiseConv2d),
    /// A max-pooling.
    MaxPool2d(MaxPool2d),
    /// An average pooling.
    AvgPool2d(AvgPool2d),
    /// A pooling to the standard deviation.
    StdPool2d(StdPool2d),
    /// A batch norm, with the poolings and the convolution that are fused with it.
    BatchNorm(BatchNorm),
    /// A function of each element.
    Activation(activation::Activation),
    /// A dropout.
    Dropout(Dropout),
    /// A crop to the lowest bands.
    Crop(Crop),
    /// Mel bands as channels.
    AxisToChannels(AxisToChannels),
    /// A concatenation.
    Concat(Concat),
    /// A sum of two inputs.
    Add(Add),
    /// A dense layer.
    Dense(Dense),
    /// The softmax and the loss.
    Softmax(Softmax),
}

impl LoweredOp {
    /// The max-pooling whose argmax the pass of node `id` writes: its own, or that of a fused one.
    pub fn argmax_of(&self, id: NodeId) -> Option<NodeId> {
        match self {
            Self::MaxPool2d(_) => Some(id),
            Self::Conv2d(op) => op.max_pool2d.map(|(pool, _)| pool),
            Self::BatchNorm(op) => op.pools.and_then(|pools| pools.max),
            Self::Input
            | Self::Alias
            | Self::FusedInto(_)
            | Self::DepthwiseConv2d(_)
            | Self::AvgPool2d(_)
            | Self::StdPool2d(_)
            | Self::Activation(_)
            | Self::Dropout(_)
            | Self::Crop(_)
            | Self::AxisToChannels(_)
            | Self::Concat(_)
            | Self::Add(_)
            | Self::Dense(_)
            | Self::Softmax(_) => None,
        }
    }
}

/// The lowering of a graph at a batch size.
#[derive(Debug, Clone)]
pub struct Plan {
    graph: Graph,
    batch: usize,
    slots: Vec<Slot>,
    buffers: Vec<Buffer>,
    lowered: Vec<LoweredOp>,
    input_gradients: Vec<Vec<Gradient>>,
    trains: bool,
}

impl Plan {
    /// Plans training steps of up to `batch` samples, every node a pass of its own.
    ///
    /// # Errors
    /// If the batch is 0, a node but the last is read by none, or a buffer would have more elements
    /// than 32 bits can index.
    pub fn new(graph: Graph, batch: usize) -> Result<Self> {
        Self::lower(graph, batch, true)
    }

    /// Plans inference in batches of up to `batch` samples: no gradient is computed or stored.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn for_inference(graph: Graph, batch: usize) -> Result<Self> {
        Self::lower(graph, batch, false)
    }

    fn lower(graph: Graph, batch: usize, trains: bool) -> Result<Self> {
        // Every gradient begins at the output.
        let unread =
            graph.ids().find(|id| *id != graph.output() && graph.readers(*id).next().is_none());
        if let Some(node) = unread.map(|id| graph.node(id)) {
            return Err(Error::Node {
                model: graph.model().into(),
                node: node.name.clone(),
                problem: "no node reads it; remove it, or make another node read it".into(),
            });
        }
        let mut slots = Vec::<Slot>::new();
        let mut buffers = Vec::new();
        for id in graph.ids() {
            let node = graph.node(id);
            let slot = if node.op.is_view() {
                slots[node.inputs[0].index()]
            } else {
                let len = node.shape.len();
                let is_materialized = true;
                buffers.push(Buffer { node: id, len, is_materialized, has_gradient: false });
                Slot(buffers.len() - 1)
            };
            slots.push(slot);
            let elements = batch.checked_mul(node.shape.len());
            if batch == 0 || elements.is_none_or(|n| n > u32::MAX as usize) {
                return Err(Error::Node {
                    model: graph.model().into(),
                    node: node.name.clone(),
                    problem: format!(
                        "a batch of {batch} samples of {} must have 1 to {} elements; choose \
                         another --batch-size",
                        node.shape,
                        u32::MAX
                    ),
                });
            }
        }
        let learns = if trains { learning_nodes(&graph) } else { vec![false; slots.len()] };
        let input_gradients = plan_gradients(&graph, &slots, &learns, &mut buffers);
        let lowered = lower_nodes(&graph, &Fusions::NONE, &Loss::default());
        Ok(Self { graph, batch, slots, buffers, lowered, input_gradients, trains })
    }

    /// The same plan with another loss than the cross-entropy alone.
    ///
    /// # Errors
    /// If the share of label smoothing is not in [0, 1), or there are weights that are not a finite
    /// number from 0 on for each class, one of them above 0.
    pub fn with_loss(mut self, loss: &Loss) -> Result<Self> {
        let classes = self.graph.classes();
        let share = loss.label_smoothing;
        if !(0.0..1.0).contains(&share) {
            let (expected, found) = ("at least 0 and below 1", share.to_string());
            return Err(Error::Setting { name: "label-smoothing", expected, found });
        }
        let weights = &loss.class_weights;
        let sane = |weight: &f32| weight.is_finite() && *weight >= 0.0;
        let all_sane = weights.iter().all(sane) && weights.iter().any(|weight| *weight > 0.0);
        if !weights.is_empty() && (weights.len() != classes || !all_sane) {
            return Err(Error::Mismatch {
                what: "weights of classes",
                expected: format!("{classes} finite numbers from 0 on, one of them above 0"),
                found: format!("{weights:?}"),
            });
        }
        for lowered in &mut self.lowered {
            if let LoweredOp::Softmax(op) = lowered {
                op.loss = loss.clone();
            }
        }
        Ok(self)
    }

    /// What the loss is besides the cross-entropy.
    pub fn loss(&self) -> Loss {
        match self.lowered(self.graph.output()) {
            LoweredOp::Softmax(op) => op.loss.clone(),
            _ => Loss::default(),
        }
    }

    /// The same plan with every fusion that its graph allows and `fusions` has.
    #[must_use]
    pub fn fused(mut self, fusions: &Fusions) -> Self {
        let loss = self.loss();
        self.lowered = lower_nodes(&self.graph, fusions, &loss);
        for id in self.graph.ids() {
            let kept = match &self.lowered[id.index()] {
                LoweredOp::Conv2d(conv) => conv.max_pool2d.is_none(),
                LoweredOp::BatchNorm(norm) => norm.pools.is_none(),
                LoweredOp::Input => self.gathered() == id,
                // Fused into its reader.
                LoweredOp::FusedInto(by) => !self.graph.node(*by).inputs.contains(&id),
                LoweredOp::Alias => continue,
                _ => true,
            };
            self.buffers[self.slots[id.index()].0].is_materialized = kept;
        }
        self
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Most samples in a step.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Whether backward passes are planned.
    pub fn trains(&self) -> bool {
        self.trains
    }

    /// Checks that a batch of `n` samples fits.
    ///
    /// # Errors
    /// If it is larger than the plan's.
    pub fn check_batch(&self, n: usize) -> Result<()> {
        if n <= self.batch {
            return Ok(());
        }
        Err(Error::Mismatch {
            what: "samples in a batch",
            expected: format!("at most {}", self.batch),
            found: n.to_string(),
        })
    }

    /// Checks that backward passes are planned.
    ///
    /// # Errors
    /// If the plan is for inference.
    pub fn check_trains(&self) -> Result<()> {
        if self.trains {
            return Ok(());
        }
        Err(Error::Mismatch {
            what: "a backward pass",
            expected: "a plan made for training".into(),
            found: "a plan made for inference".into(),
        })
    }

    /// What is computed for a node.
    pub fn lowered(&self, id: NodeId) -> &LoweredOp {
        &self.lowered[id.index()]
    }

    /// The buffer that holds a node's output; its gradient has the same index.
    pub fn slot(&self, id: NodeId) -> Slot {
        self.slots[id.index()]
    }

    /// All buffers, by slot.
    pub fn buffers(&self) -> &[Buffer] {
        &self.buffers
    }

    /// The buffer of a slot.
    pub fn buffer(&self, slot: Slot) -> Buffer {
        self.buffers[slot.0]
    }

    /// Whether the buffer's gradient is computed.
    pub fn has_gradient(&self, slot: Slot) -> bool {
        self.buffers[slot.0].has_gradient
    }

    /// Whether a node's output is written: a fused pass keeps it to itself.
    pub fn is_materialized(&self, id: NodeId) -> bool {
        self.buffer(self.slot(id)).is_materialized
    }

    /// What backward of a node does with its inputs' gradients, in order.
    pub fn input_gradients(&self, id: NodeId) -> &[Gradient] {
        &self.input_gradients[id.index()]
    }

    /// The node whose output a batch of samples is copied into: the input, or the crop that is fused
    /// with it.
    pub fn gathered(&self) -> NodeId {
        let input = self.graph.input();
        let into = |id: &NodeId| *self.lowered(*id) == LoweredOp::FusedInto(input);
        self.graph.ids().find(into).unwrap_or(input)
    }

    /// The inputs of a node's pass with what backward does with their gradients: where a dropout or a
    /// convolution below is fused into the pass, the inputs of that.
    pub fn inputs(&self, id: NodeId) -> Vec<(NodeId, Gradient)> {
        let node = self.graph.node(id);
        let own = node.inputs.iter().zip(self.input_gradients(id));
        own.flat_map(|(input, gradient)| match self.lowered(*input) {
            LoweredOp::FusedInto(by) if *by == id => self.inputs(*input),
            _ => vec![(*input, *gradient)],
        })
        .collect()
    }

    /// The parameters of a node's pass: its own, behind those of a node that is fused into it.
    pub fn parameters_of(&self, id: NodeId) -> impl DoubleEndedIterator<Item = &Parameter> {
        let own = move |node| node == id || *self.lowered(node) == LoweredOp::FusedInto(id);
        self.graph.parameters().iter().filter(move |p| own(p.node))
    }

    /// Arithmetic and bytes of a pass through a node at a whole batch; nothing for a node that is
    /// no pass of its own.
    pub fn work(&self, id: NodeId, pass: Pass) -> Work {
        let gradients = self.input_gradients(id).iter();
        let gradients = gradients.filter(|rule| **rule != Gradient::Skip).count();
        let batch = self.batch;
        match self.lowered(id) {
            LoweredOp::Input | LoweredOp::Alias | LoweredOp::FusedInto(_) => Work::default(),
            LoweredOp::Conv2d(op) => op.work(pass, batch, gradients),
            LoweredOp::DepthwiseConv2d(op) => op.work(pass, batch, gradients),
            LoweredOp::MaxPool2d(op) => op.work(pass, batch, gradients),
            LoweredOp::AvgPool2d(op) => op.work(pass, batch, gradients),
            LoweredOp::StdPool2d(op) => op.work(pass, batch, gradients),
            LoweredOp::BatchNorm(op) => op.work(pass, batch, gradients),
            LoweredOp::Activation(op) => op.work(pass, batch, gradients),
            LoweredOp::Dropout(op) => op.work(pass, batch, gradients),
            LoweredOp::Crop(op) => op.work(pass, batch, gradients),
            LoweredOp::AxisToChannels(op) => op.work(pass, batch, gradients),
            LoweredOp::Concat(op) => op.work(pass, batch, gradients),
            LoweredOp::Add(op) => op.work(pass, batch, gradients),
            LoweredOp::Dense(op) => op.work(pass, batch, gradients),
            LoweredOp::Softmax(op) => op.work(pass, batch, gradients),
        }
    }

    /// Multiplications and additions of forward and backward at a whole batch, counted densely.
    pub fn step_flop(&self) -> u64 {
        let passes = [Pass::Forward, Pass::BackwardInput, Pass::BackwardWeight];
        let of_node = |id| passes.iter().map(|pass| self.work(id, *pass).flop).sum::<u64>();
        self.graph.ids().map(of_node).sum()
    }
}

/// What is computed for each node.
fn lower_nodes(graph: &Graph, fusions: &Fusions, loss: &Loss) -> Vec<LoweredOp> {
    graph.ids().map(|id| lower_node(graph, fusions, loss, id)).collect()
}

fn lower_node(graph: &Graph, fusions: &Fusions, loss: &Loss, id: NodeId) -> LoweredOp {
    let node = graph.node(id);
    let inputs: Vec<Shape> = node.inputs.iter().map(|input| graph.node(*input).shape).collect();
    let input = inputs.first().copied().unwrap_or(node.shape);
    if let Some(by) = fusions.absorbed_by(graph, id, node) {
        return LoweredOp::FusedInto(by);
    }
    match node.op {
        Op::Input => LoweredOp::Input,
        Op::Flatten | Op::AxisToChannels { axis: Axis::Time } => LoweredOp::Alias,
        Op::Conv2d { filters, kernel, strides, padding, bias, activation } => {
            LoweredOp::Conv2d(Conv2d {
                extents: conv2d::Extents::new(input, filters, [kernel, strides], padding),
                bias,
                activation,
                max_pool2d: fusions.conv2d(graph, id),
            })
        }
        Op::DepthwiseConv2d { kernel, strides, padding, bias, activation, .. } => {
            let c_out = node.shape.channels();
            let extents = conv2d::Extents::new(input, c_out, [kernel, strides], padding);
            LoweredOp::DepthwiseConv2d(DepthwiseConv2d { extents, bias, activation })
        }
        Op::MaxPool2d { window } => {
            LoweredOp::MaxPool2d(MaxPool2d { extents: pool2d::Extents::new(input, window) })
        }
        Op::AvgPool2d { window } => {
            LoweredOp::AvgPool2d(AvgPool2d { extents: pool2d::Extents::new(input, window) })
        }
        Op::StdPool2d { window, epsilon } => LoweredOp::StdPool2d(StdPool2d {
            extents: pool2d::Extents::new(input, window),
            epsilon,
        }),
        Op::BatchNorm { momentum, epsilon, activation } => {
            let c = node.shape.channels();
            let rows = node.shape.len() / c;
            let pools = fusions.batch_norm(graph, id);
            let conv = fusions.conv2d_batch_norm(graph, id).map(|(_, extents, _)| extents);
            LoweredOp::BatchNorm(BatchNorm { rows, c, momentum, epsilon, activation, pools, conv })
        }
        Op::Activation { function } => {
            LoweredOp::Activation(activation::Activation { len: node.shape.len(), function })
        }
        Op::Dropout { rate } => LoweredOp::Dropout(dropout(graph, id, rate)),
        Op::Crop { .. } => LoweredOp::Crop(Crop { len_in: input.len(), len_out: node.shape.len() }),
        Op::AxisToChannels { axis: Axis::Mel } => {
            let [h_in, w_in, c_in] = input.as_map();
            LoweredOp::AxisToChannels(AxisToChannels { h_in, w_in, c_in })
        }
        Op::Concat => LoweredOp::Concat(Concat::new(&inputs, node.shape)),
        Op::Add => LoweredOp::Add(Add { len: node.shape.len() }),
        Op::Dense { units, bias, activation, l2 } => {
            let dropout = fusions.dense(graph, id).and_then(|below| match graph.node(below).op {
                Op::Dropout { rate } => Some(dropout(graph, below, rate)),
                _ => None,
            });
            LoweredOp::Dense(Dense {
                n_in: input.len(),
                n_out: units,
                bias,
                activation,
                l2,
                dropout,
            })
        }
        Op::Softmax => {
            let dense = fusions.softmax(graph, id);
            LoweredOp::Softmax(Softmax { classes: node.shape.len(), loss: loss.clone(), dense })
        }
    }
}

fn dropout(graph: &Graph, id: NodeId, rate: f32) -> Dropout {
    Dropout { len: graph.node(id).shape.len(), rate, node: id.index() as u32 }
}

/// Whether any parameter at or before each node is learned.
fn learning_nodes(graph: &Graph) -> Vec<bool> {
    let mut learns = vec![false; graph.nodes().len()];
    for id in graph.ids() {
        learns[id.index()] = graph.parameters_of(id).next().is_some()
            || graph.node(id).inputs.iter().any(|input| learns[input.index()]);
    }
    learns
}

/// Walks the list backward. The rule is by buffer, not by node: a view
/// shares its input's buffer, and so has nothing to pass on.
fn plan_gradients(
    graph: &Graph,
    slots: &[Slot],
    learns: &[bool],
    buffers: &mut [Buffer],
) -> Vec<Vec<Gradient>> {
    let mut rules = vec![Vec::new(); graph.nodes().len()];
    for id in graph.ids().rev() {
        let node = graph.node(id);
        rules[id.index()] = (node.inputs.iter())
            .map(|input| {
                let written = &mut buffers[slots[input.index()].0].has_gradient;
                if node.op.is_view() || !learns[input.index()] {
                    Gradient::Skip
                } else if *written {
                    Gradient::Add
                } else {
                    *written = true;
                    Gradient::Set
                }
            })
            .collect();
    }
    rules
}

/// The plan as a table: what is computed for each node, on which buffers, at which cost.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let purpose = if self.trains { "training" } else { "inference" };
        writeln!(f, "{}: {purpose}, batch of {}", self.graph.model(), self.batch)?;
        for id in self.graph.ids() {
            let (node, slot) = (self.graph.node(id), self.slot(id));
            let Buffer { len, is_materialized, has_gradient, .. } = self.buffer(slot);
            let reads: Vec<String> = (node.inputs.iter().zip(self.input_gradients(id)))
                .map(|(input, rule)| format!("{} ({rule:?})", self.slot(*input).0))
                .collect();
            writeln!(f, "{}: {}", node.name, self.lowered(id).describe(&self.graph))?;
            let kept = match (is_materialized, has_gradient) {
                (false, _) => ", never written",
                (true, true) => ", with gradient",
                (true, false) => "",
            };
            let reads = if reads.is_empty() { "nothing".into() } else { reads.join(", ") };
            writeln!(f, "  buffer {}: {len} elements{kept}; reads {reads}", slot.0)?;
            for pass in Pass::ALL {
                let Work { flop, bytes } = self.work(id, pass);
                if (flop, bytes) != (0, 0) {
                    writeln!(f, "  {pass:?}: {flop} flop, {bytes} bytes")?;
                }
            }
        }
        Ok(())
    }
}

impl LoweredOp {
    /// Its extents in one line.
    fn describe(&self, graph: &Graph) -> String {
        let name = |id: NodeId| graph.node(id).name.as_str();
        match self {
            Self::Input => "samples".into(),
            Self::Alias => "alias of its input".into(),
            Self::FusedInto(by) => format!("fused into {}", name(*by)),
            Self::Conv2d(Conv2d { extents, bias, activation, max_pool2d }) => {
                let pool = max_pool2d.map_or_else(String::new, |(id, pool)| {
                    format!(", fused with {} ({pool})", name(id))
                });
                format!("conv2d {extents}, bias {bias}, {activation:?}{pool}")
            }
            Self::DepthwiseConv2d(DepthwiseConv2d { extents, bias, activation }) => {
                format!("depthwise_conv2d {extents}, bias {bias}, {activation:?}")
            }
            Self::MaxPool2d(MaxPool2d { extents }) => format!("max_pool2d {extents}"),
            Self::AvgPool2d(AvgPool2d { extents }) => format!("avg_pool2d {extents}"),
            Self::StdPool2d(StdPool2d { extents, epsilon }) => {
                format!("std_pool2d {extents}, epsilon {epsilon}")
            }
            Self::BatchNorm(BatchNorm { rows, c, activation, pools, conv, .. }) => {
                let conv =
                    conv.map_or_else(String::new, |extents| format!(", of conv2d {extents}"));
                let pools = pools.map_or_else(String::new, |pools| {
                    let nodes = [pools.max, pools.mean].into_iter().flatten().map(name);
                    let nodes: Vec<&str> = nodes.collect();
                    format!(", fused with {} ({})", nodes.join(" and "), pools.extents)
                });
                format!(
                    "batch_norm of {c} channels at {rows} positions, {activation:?}{conv}{pools}"
                )
            }
            Self::Activation(activation::Activation { len, function }) => {
                format!("{function:?} of {len} elements")
            }
            Self::Dropout(Dropout { len, rate, node }) => {
                format!("dropout of {len} elements, rate {rate}, stream {node}")
            }
            Self::Crop(Crop { len_in, len_out }) => {
                format!("crop of {len_in} elements to the first {len_out}")
            }
            Self::AxisToChannels(AxisToChannels { h_in, w_in, c_in }) => {
                format!("axis_to_channels {h_in}×{w_in}×{c_in} → 1×{w_in}×{}", h_in * c_in)
            }
            Self::Concat(Concat { rows, widths, total }) => {
                format!("concat of {rows} rows, widths {widths:?}, together {total}")
            }
            Self::Add(Add { len }) => format!("add of {len} elements"),
            Self::Dense(Dense { n_in, n_out, bias, activation, l2, dropout }) => {
                let dropout = dropout.map_or_else(String::new, |Dropout { rate, node, .. }| {
                    format!(", fused with a dropout of rate {rate}, stream {node}")
                });
                format!("dense {n_in} → {n_out}, bias {bias}, {activation:?}, l2 {l2}{dropout}")
            }
            Self::Softmax(Softmax { classes, dense, .. }) => {
                let dense = dense.map_or_else(String::new, |id| format!(", with {}", name(id)));
                format!("softmax of {classes} classes{dense}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Activation, Padding, Shape};

    fn conv() -> Op {
        Op::Conv2d {
            filters: 2,
            kernel: [3, 3],
            strides: [1, 1],
            padding: Padding::Same,
            bias: true,
            activation: Activation::Relu,
        }
    }

    #[test]
    fn a_branch_is_set_by_its_last_reader_and_added_to_by_the_others() {
        let mut graph = Graph::new("test", Shape::Map { h: 4, w: 4, c: 1 });
        let input = graph.input();
        let stem = graph.push("stem", conv(), &[input]).unwrap();
        let left = graph.push("left", conv(), &[stem]).unwrap();
        let right = graph.push("right", conv(), &[stem]).unwrap();
        let both = graph.push("both", Op::Concat, &[left, right, stem]).unwrap();
        let flat = graph.push("flat", Op::Flatten, &[both]).unwrap();
        graph.push("softmax", Op::Softmax, &[flat]).unwrap();
        let plan = Plan::new(graph, 3).unwrap();
        assert_eq!(plan.input_gradients(stem), [Gradient::Skip], "the samples learn nothing");
        assert_eq!(plan.input_gradients(both), [Gradient::Set; 3]);
        assert_eq!(plan.input_gradients(right), [Gradient::Add]);
        assert_eq!(plan.input_gradients(left), [Gradient::Add]);
        assert_eq!(plan.slot(flat), plan.slot(both), "a flatten shares its input's buffer");
        assert!(!plan.has_gradient(plan.slot(input)));
    }

    #[test]
    fn a_node_that_nothing_reads_is_refused() {
        let mut graph = Graph::new("test", Shape::Map { h: 4, w: 4, c: 1 });
        graph.push("lost", conv(), &[graph.input()]).unwrap();
        let flat = graph.push("flat", Op::Flatten, &[graph.input()]).unwrap();
        graph.push("softmax", Op::Softmax, &[flat]).unwrap();
        let error = Plan::new(graph, 3).unwrap_err().to_string();
        assert!(error.starts_with("model test, node \"lost\": no node reads it"), "{error}");
    }

    #[test]
    fn inference_has_no_gradients() {
        let mut graph = Graph::new("test", Shape::Map { h: 4, w: 4, c: 1 });
        let conv = graph.push("conv", conv(), &[graph.input()]).unwrap();
        let flat = graph.push("flat", Op::Flatten, &[conv]).unwrap();
        graph.push("softmax", Op::Softmax, &[flat]).unwrap();
        let plan = Plan::for_inference(graph, 3).unwrap();
        assert!(plan.buffers().iter().all(|buffer| !buffer.has_gradient));
        assert!(plan.check_trains().is_err());
    }

    #[test]
    fn a_step_of_p1_counts_as_its_layers_say() {
        let same = |filters| Op::Conv2d {
            filters,
            kernel: [5, 5],
            strides: [1, 1],
            padding: Padding::Same,
            bias: true,
            activation: Activation::Relu,
        };
        let mut graph = Graph::new("p1", Shape::Map { h: 80, w: 80, c: 1 });
        let mut last = graph.input();
        for filters in [4, 8, 16] {
            last = graph.push(&format!("conv{filters}"), same(filters), &[last]).unwrap();
            let pool = Op::MaxPool2d { window: [2, 2] };
            last = graph.push(&format!("pool{filters}"), pool, &[last]).unwrap();
        }
        last = graph.push("flat", Op::Flatten, &[last]).unwrap();
        for units in [50, 4] {
            let dense = Op::Dense { units, bias: true, activation: Activation::Linear, l2: 0.0 };
            last = graph.push(&format!("dense{units}"), dense, &[last]).unwrap();
        }
        graph.push("softmax", Op::Softmax, &[last]).unwrap();
        let plan = Plan::new(graph, 2).unwrap();
        let convs = [(80 * 80, 25, 4), (40 * 40, 100, 8), (20 * 20, 200, 16)];
        let conv: Vec<u64> = convs.iter().map(|(at, taps, out)| 2 * at * taps * out).collect();
        let dense = 2 * 1600 * 50 + 2 * 50 * 4;
        // Forward and twice backward; the first layer's input learns nothing.
        let sample = 3 * (conv.iter().sum::<u64>() + dense) - conv[0];
        assert_eq!(plan.step_flop(), 2 * sample);
    }

    #[test]
    fn a_batch_of_none_is_refused() {
        let graph = Graph::new("test", Shape::Flat(1));
        assert!(Plan::new(graph, 0).is_err());
    }
}
