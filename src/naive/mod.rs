//! Obvious loops in f64: the reference that everything else is held against, by the tests and by
//! [`crate::check`]. It reads a graph's structure and shares no arithmetic with the crate.
//!
//! This file walks a graph forward and backward; each op is a file of its own. Finite differences
//! check it in turn (`tests/ops`).

mod activation;
mod add;
mod avg_pool2d;
mod axis_to_channels;
mod batch_norm;
mod concat;
mod conv2d;
mod crop;
mod dense;
mod depthwise_conv2d;
pub mod dropout;
mod flatten;
pub mod gather;
mod max_pool2d;
pub mod optimizer;
mod penalty;
pub mod sgd;
mod softmax;
mod std_pool2d;

use crate::backend::Loss;
use crate::graph::{Activation, Graph, NodeId, Op, Parameter, Role, Shape};

/// Seed of the dropout masks in training.
pub const SEED: u32 = 11;
/// Number of the step that the dropout masks in training are of.
pub const STEP: u32 = 5;

/// What a pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch norms use the batch's statistics, dropout drops.
    Train,
    /// Batch norms use the moving statistics, dropout passes everything.
    Evaluate,
}

/// Everything that a step computes, in f64, by node or by parameter tensor.
#[derive(Debug, Clone)]
pub struct Pass {
    /// Output of each node, `[n, …]`.
    pub values: Vec<Vec<f64>>,
    /// Gradient of the loss at each node's sum (before its activation).
    pub gradients: Vec<Vec<f64>>,
    /// Gradient of each parameter tensor, penalty included.
    pub parameter_gradients: Vec<Vec<f64>>,
    /// Mean and variance that each batch norm divides by.
    pub moments: Vec<(NodeId, Vec<f64>, Vec<f64>)>,
    /// Mean loss over the batch plus the penalty.
    pub loss: f64,
    /// Samples whose first largest logit is that of their label.
    pub correct: usize,
}

impl Pass {
    /// A moving statistic after the step, from that before it; `None` for any other parameter.
    pub fn moved(&self, graph: &Graph, p: &Parameter, old: &[f64]) -> Option<Vec<f64>> {
        let Op::BatchNorm { momentum, .. } = graph.node(p.node).op else { return None };
        let (_, mean, variance) = self.moments.iter().find(|(id, ..)| *id == p.node)?;
        let batch = match p.role {
            Role::MovingMean => mean,
            Role::MovingVariance => variance,
            Role::Kernel | Role::Bias | Role::Gamma | Role::Beta => return None,
        };
        Some(batch_norm::moved(momentum, old, batch))
    }
}

/// What an op reads: its place in the graph, its inputs and its parameters.
struct Node<'a> {
    index: usize,
    mode: Mode,
    /// Samples in the batch.
    n: usize,
    /// `[n, …]` each.
    inputs: Vec<&'a [f64]>,
    /// `[h, w, c]` each; a vector is a map of one position.
    input_shapes: Vec<[usize; 3]>,
    /// `[h, w, c]` of the output.
    shape: [usize; 3],
    parameters: Vec<(Role, &'a [f64])>,
    /// The class of each sample.
    labels: &'a [u32],
    loss: &'a Loss,
}

impl<'a> Node<'a> {
    fn new(
        (mode, loss): (Mode, &'a Loss),
        (graph, id): (&Graph, NodeId),
        parameters: &'a [Vec<f64>],
        values: &'a [Vec<f64>],
        labels: &'a [u32],
    ) -> Self {
        let node = graph.node(id);
        let own = graph.parameters().iter().zip(parameters).filter(|(p, _)| p.node == id);
        Self {
            index: id.index(),
            mode,
            n: labels.len(),
            inputs: node.inputs.iter().map(|input| values[input.index()].as_slice()).collect(),
            input_shapes: node
                .inputs
                .iter()
                .map(|input| extents(graph.node(*input).shape))
                .collect(),
            shape: extents(node.shape),
            parameters: own.map(|(p, tensor)| (p.role, tensor.as_slice())).collect(),
            labels,
            loss,
        }
    }

    /// A parameter that not every node of its op has.
    fn parameter(&self, role: Role) -> Option<&'a [f64]> {
        self.parameters.iter().find(|(own, _)| *own == role).map(|(_, tensor)| *tensor)
    }

    /// A parameter that every node of its op has.
    fn weights(&self, role: Role) -> &'a [f64] {
        let weights = self.parameter(role).unwrap_or_default();
        assert!(!weights.is_empty(), "node {} has no {role:?}", self.index);
        weights
    }

    /// Elements of the whole batch's output.
    fn len(&self) -> usize {
        self.n * self.shape.iter().product::<usize>()
    }
}

/// The gradients that an op's backward pass computes.
struct Gradients {
    /// At each input, of the input's length.
    inputs: Vec<Vec<f64>>,
    parameters: Vec<(Role, Vec<f64>)>,
}

impl Gradients {
    /// Of an op with one input and no parameters.
    fn of_input(dx: Vec<f64>) -> Self {
        Self { inputs: vec![dx], parameters: Vec::new() }
    }
}

/// `[h, w, c]`; a vector is a map of one position.
fn extents(shape: Shape) -> [usize; 3] {
    match shape {
        Shape::Map { h, w, c } => [h, w, c],
        Shape::Flat(n) => [1, 1, n],
    }
}

/// One parameter tensor for each of the graph's, widened from a flat buffer.
pub fn widen(graph: &Graph, flat: &[f32]) -> Vec<Vec<f64>> {
    let tensor =
        |range: std::ops::Range<usize>| flat[range].iter().map(|&v| f64::from(v)).collect();
    graph.parameters().iter().map(|p| tensor(p.range())).collect()
}

/// Forward and backward over a batch of `x` (`[n, h, w, c]`) with labels `y`, in training.
pub fn pass(graph: &Graph, parameters: &[Vec<f64>], x: &[f64], y: &[u32]) -> Pass {
    pass_in(Mode::Train, graph, parameters, x, y)
}

/// The same in either mode; in evaluation gradients are those of the sum over samples of the
/// logit of each sample's label.
pub fn pass_in(mode: Mode, graph: &Graph, parameters: &[Vec<f64>], x: &[f64], y: &[u32]) -> Pass {
    pass_of((mode, &Loss::default()), graph, parameters, x, y)
}

/// The same with another loss than the cross-entropy alone.
pub fn pass_of(
    mode: (Mode, &Loss),
    graph: &Graph,
    parameters: &[Vec<f64>],
    x: &[f64],
    y: &[u32],
) -> Pass {
    let mut values: Vec<Vec<f64>> = Vec::new();
    let mut moments = Vec::new();
    let (mut loss, mut correct) = (0.0, 0);
    for id in graph.ids() {
        let op = graph.node(id).op;
        let node = Node::new(mode, (graph, id), parameters, &values, y);
        let mut out = forward(op, &node, x);
        if activation(op) == Activation::Relu {
            // A NaN stays a NaN.
            out.iter_mut().filter(|v| **v < 0.0).for_each(|v| *v = 0.0);
        }
        if let Op::BatchNorm { epsilon, .. } = op {
            let statistics = batch_norm::Statistics::of(&node, epsilon);
            moments.push((id, statistics.mean, statistics.variance));
        }
        if op == Op::Softmax {
            (loss, correct) = softmax::loss(&node);
        }
        values.push(out);
    }
    for (p, w) in graph.parameters().iter().zip(parameters) {
        loss += penalty::value(p.l2, w);
    }
    let (gradients, parameter_gradients) = walk_back(mode, graph, parameters, &values, y);
    Pass { values, gradients, parameter_gradients, moments, loss, correct }
}

fn walk_back(
    mode: (Mode, &Loss),
    graph: &Graph,
    parameters: &[Vec<f64>],
    values: &[Vec<f64>],
    y: &[u32],
) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let mut gradients: Vec<Vec<f64>> = values.iter().map(|v| vec![0.0; v.len()]).collect();
    let mut of_parameters: Vec<Vec<f64>> = parameters.iter().map(|w| vec![0.0; w.len()]).collect();
    for id in graph.ids().rev() {
        let (op, out) = (graph.node(id).op, &values[id.index()]);
        if activation(op) == Activation::Relu {
            let clipped = gradients[id.index()].iter_mut().zip(out).filter(|(_, v)| **v <= 0.0);
            clipped.for_each(|(g, _)| *g = 0.0);
        }
        let node = Node::new(mode, (graph, id), parameters, values, y);
        let found = backward(op, &node, out, &gradients[id.index()]);
        for (input, dx) in graph.node(id).inputs.iter().zip(found.inputs) {
            accumulate(&mut gradients[input.index()], &dx);
        }
        for (role, dw) in found.parameters {
            let own = graph.parameters().iter().position(|p| p.node == id && p.role == role);
            assert!(own.is_some(), "{} has no {role:?}", graph.node(id).name);
            own.into_iter().for_each(|at| accumulate(&mut of_parameters[at], &dw));
        }
    }
    for ((p, w), dw) in graph.parameters().iter().zip(parameters).zip(&mut of_parameters) {
        accumulate(dw, &penalty::gradient(p.l2, w));
    }
    (gradients, of_parameters)
}

fn accumulate(to: &mut [f64], more: &[f64]) {
    assert_eq!(to.len(), more.len());
    to.iter_mut().zip(more).for_each(|(to, more)| *to += more);
}

fn activation(op: Op) -> Activation {
    match op {
        Op::Conv2d { activation, .. }
        | Op::DepthwiseConv2d { activation, .. }
        | Op::Dense { activation, .. }
        | Op::BatchNorm { activation, .. } => activation,
        Op::Input
        | Op::MaxPool2d { .. }
        | Op::AvgPool2d { .. }
        | Op::StdPool2d { .. }
        | Op::Activation { .. }
        | Op::Dropout { .. }
        | Op::Crop { .. }
        | Op::AxisToChannels { .. }
        | Op::Flatten
        | Op::Concat
        | Op::Add
        | Op::Softmax => Activation::Linear,
    }
}

/// The node's output before its activation.
fn forward(op: Op, node: &Node<'_>, x: &[f64]) -> Vec<f64> {
    match op {
        Op::Input => x.to_vec(),
        Op::Conv2d { kernel, strides, padding, .. } => {
            conv2d::forward(node, [kernel, strides], padding)
        }
        Op::DepthwiseConv2d { kernel, strides, padding, .. } => {
            depthwise_conv2d::forward(node, [kernel, strides], padding)
        }
        Op::MaxPool2d { window } => max_pool2d::forward(node, window),
        Op::AvgPool2d { window } => avg_pool2d::forward(node, window),
        Op::StdPool2d { window, epsilon } => std_pool2d::forward(node, window, epsilon),
        Op::BatchNorm { epsilon, .. } => batch_norm::forward(node, epsilon),
        Op::Activation { function } => activation::forward(node, function),
        Op::Dropout { rate } => dropout::forward(node, rate),
        Op::Crop { .. } => crop::forward(node),
        Op::AxisToChannels { axis } => axis_to_channels::forward(node, axis),
        Op::Flatten => flatten::forward(node),
        Op::Concat => concat::forward(node),
        Op::Add => add::forward(node),
        Op::Dense { .. } => dense::forward(node),
        Op::Softmax => softmax::forward(node),
    }
}

/// The gradients at its inputs and parameters from `dz`, that at its sum; `y` is its output.
fn backward(op: Op, node: &Node<'_>, y: &[f64], dz: &[f64]) -> Gradients {
    match op {
        Op::Input => Gradients { inputs: Vec::new(), parameters: Vec::new() },
        Op::Conv2d { kernel, strides, padding, .. } => {
            conv2d::backward(node, [kernel, strides], padding, dz)
        }
        Op::DepthwiseConv2d { kernel, strides, padding, .. } => {
            depthwise_conv2d::backward(node, [kernel, strides], padding, dz)
        }
        Op::MaxPool2d { window } => max_pool2d::backward(node, window, dz),
        Op::AvgPool2d { window } => avg_pool2d::backward(node, window, dz),
        Op::StdPool2d { window, .. } => std_pool2d::backward(node, window, y, dz),
        Op::BatchNorm { epsilon, .. } => batch_norm::backward(node, epsilon, dz),
        Op::Activation { function } => activation::backward(node, function, dz),
        Op::Dropout { rate } => dropout::backward(node, rate, dz),
        Op::Crop { .. } => crop::backward(node, dz),
        Op::AxisToChannels { axis } => axis_to_channels::backward(node, axis, dz),
        Op::Flatten => flatten::backward(dz),
        Op::Concat => concat::backward(node, dz),
        Op::Add => add::backward(dz),
        Op::Dense { .. } => dense::backward(node, dz),
        Op::Softmax => softmax::backward(node, y),
    }
}
