//! What the ops are compared on: small graphs, most with one op of interest between a stem whose
//! weights learn from the op's input gradient and a head that makes a loss. Each op has a file.

// The graphs are constants of this program, and tests build them all.
#![allow(clippy::unwrap_used)]

pub mod activation;
pub mod add;
pub mod avg_pool2d;
pub mod axis_to_channels;
pub mod batch_norm;
pub mod concat;
pub mod conv2d;
pub mod crop;
pub mod dense;
pub mod depthwise_conv2d;
pub mod dropout;
pub mod flatten;
pub mod max_pool2d;
pub mod nan;
pub mod penalty;
pub mod softmax;
pub mod std_pool2d;

use crate::backend::Loss;
use crate::error::Result;
use crate::graph::{Activation, Graph, NodeId, Op, Padding, Role, Shape};
use crate::plan::Plan;
use crate::random::streams::Stream;

/// Makes the cases of an op.
pub type Cases = fn() -> Vec<Case>;

/// The cases of all ops, by the op whose weights are of interest.
pub const ALL: [(&str, Cases); 16] = [
    ("activation", activation::cases),
    ("add", add::cases),
    ("avg_pool2d", avg_pool2d::cases),
    ("axis_to_channels", axis_to_channels::cases),
    ("batch_norm", batch_norm::cases),
    ("concat", concat::cases),
    ("conv2d", conv2d::cases),
    ("crop", crop::cases),
    ("dense", dense::cases),
    ("depthwise_conv2d", depthwise_conv2d::cases),
    ("dropout", dropout::cases),
    ("flatten", flatten::cases),
    ("max_pool2d", max_pool2d::cases),
    ("dense", penalty::cases),
    ("softmax", softmax::cases),
    ("std_pool2d", std_pool2d::cases),
];

/// All cases whose samples have NaNs.
pub fn with_nans() -> Vec<nan::Poisoned> {
    [
        batch_norm::with_nans(),
        conv2d::with_nans(),
        depthwise_conv2d::with_nans(),
        max_pool2d::with_nans(),
    ]
    .concat()
}

/// A graph and the batches that it is run with.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is special about it.
    pub name: &'static str,
    /// The graph.
    pub graph: Graph,
    /// Most samples in a step.
    pub batch: usize,
    /// Samples of the partial batch that is compared too.
    pub partial: usize,
    /// Inputs of few distinct values, so that maxima tie.
    pub ties: bool,
    /// What its loss is.
    pub loss: Loss,
}

impl Case {
    /// The plan of its training steps.
    ///
    /// # Errors
    /// If the graph cannot be planned.
    pub fn plan(&self) -> Result<Plan> {
        Plan::new(self.graph.clone(), self.batch)?.with_loss(&self.loss)
    }

    /// Samples that it is run with: an evaluation of them ends with a partial batch.
    pub(crate) fn samples(&self) -> usize {
        2 * self.batch + self.partial
    }
}

/// A convolution with a bias.
pub fn conv(filters: usize, kernel: [usize; 2], padding: Padding, activation: Activation) -> Op {
    Op::Conv2d { filters, kernel, strides: [1, 1], padding, bias: true, activation }
}

/// A dense layer with a bias.
pub fn dense(units: usize, activation: Activation, l2: f32) -> Op {
    Op::Dense { units, bias: true, activation, l2 }
}

/// A batch norm.
pub fn norm(activation: Activation) -> Op {
    Op::BatchNorm { momentum: 0.75, epsilon: 1e-3, activation }
}

/// Adds a flatten, a dense layer and a softmax over three classes.
pub fn head(graph: &mut Graph, from: NodeId) {
    let flat = graph.push("flatten", Op::Flatten, &[from]).unwrap();
    let logits = graph.push("head", dense(3, Activation::Linear, 0.0), &[flat]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
}

/// input → 1×1 stem of `c` channels → the op → head.
pub fn one(
    name: &'static str,
    [h, w, c]: [usize; 3],
    batch: usize,
    partial: usize,
    op: Op,
) -> Case {
    let mut graph = Graph::new(name, Shape::Map { h, w, c: 1 });
    let stem_op = conv(c, [1, 1], Padding::Same, Activation::Linear);
    let stem = graph.push("stem", stem_op, &[graph.input()]).unwrap();
    let node = graph.push("op", op, &[stem]).unwrap();
    head(&mut graph, node);
    Case { name, graph, batch, partial, ties: false, loss: Loss::default() }
}

/// Samples, labels and parameters of a case, from streams named after it.
pub fn fill(case: &Case, samples: usize) -> (Vec<f32>, Vec<u32>, Vec<f32>) {
    let mut stream = Stream::new(1, case.name);
    let len = case.graph.node(case.graph.input()).shape.len();
    let mut value = || {
        let v = stream.normal();
        (if case.ties { v.round() } else { v }) as f32
    };
    let x = (0..samples * len).map(|_| value()).collect();
    let y = (0..samples).map(|_| stream.below(case.graph.classes()) as u32).collect();
    let mut parameters = Vec::new();
    for p in case.graph.parameters() {
        // Sums of about 1, whatever their length; biases of the same size as weights.
        let terms: usize = p.shape[..p.shape.len() - 1].iter().product();
        let scale = 1.0 / (terms as f64).sqrt().max(3.0);
        parameters.extend((0..p.len()).map(|_| match p.role {
            Role::MovingVariance => (0.2 + stream.uniform()) as f32,
            _ => (scale * stream.normal()) as f32,
        }));
    }
    (x, y, parameters)
}
