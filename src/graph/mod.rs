//! A model as a list of nodes in execution order. A node refers to earlier
//! nodes only, so the graph is acyclic by construction: forward is the list,
//! backward is the list reversed. Parallel branches are two uses of one
//! [`NodeId`] and a [`Op::Concat`].

mod op;

use std::collections::BTreeSet;

use crate::error::{Error, Result};
pub use op::{Activation, Axis, Border, Function, Op, Padding, Shape};

/// A node's place in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

impl NodeId {
    /// The node's index in execution order.
    pub fn index(self) -> usize {
        self.0
    }
}

/// One step of a model.
#[derive(Debug, Clone)]
pub struct Node {
    /// A path such as `conv2d` or `timbre.conv1`, unique in the graph.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// The nodes it reads, all earlier.
    pub inputs: Vec<NodeId>,
    /// The shape of one sample of its output.
    pub shape: Shape,
}

/// What a parameter tensor is to its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Multiplies the input.
    Kernel,
    /// Is added to the sum.
    Bias,
    /// Multiplies what a batch norm has normalised.
    Gamma,
    /// Is added to that.
    Beta,
    /// A batch norm's mean in evaluation.
    MovingMean,
    /// Its variance in evaluation.
    MovingVariance,
}

impl Role {
    /// Whether it is learned by gradient.
    pub fn is_trainable(self) -> bool {
        match self {
            Self::Kernel | Self::Bias | Self::Gamma | Self::Beta => true,
            Self::MovingMean | Self::MovingVariance => false,
        }
    }

    /// What Keras calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Bias => "bias",
            Self::Gamma => "gamma",
            Self::Beta => "beta",
            Self::MovingMean => "moving_mean",
            Self::MovingVariance => "moving_variance",
        }
    }
}

/// A parameter tensor's place in the flat buffer of all parameters.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// `node/kernel`, `node/bias`, `node/gamma`, …, as Keras names them.
    pub name: String,
    /// The node that it belongs to.
    pub node: NodeId,
    /// What it is to that node.
    pub role: Role,
    /// Its shape: conv kernels `[k_h, k_w, c_in, c_out]`, dense `[in, out]`, others `[out]`.
    pub shape: Vec<usize>,
    /// First element in the flat buffer.
    pub offset: usize,
    /// Penalty `l2 · Σ w²`.
    pub l2: f32,
}

impl Parameter {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// True if it has no element (never, in a graph that was accepted).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its elements in the flat buffer.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }
}

/// A model whose shapes are known.
#[derive(Debug, Clone)]
pub struct Graph {
    model: String,
    nodes: Vec<Node>,
    parameters: Vec<Parameter>,
}

impl Graph {
    /// A graph of the input alone. `model` names it in errors.
    pub fn new(model: &str, input: Shape) -> Self {
        let node = Node { name: "input".into(), op: Op::Input, inputs: Vec::new(), shape: input };
        Self { model: model.into(), nodes: vec![node], parameters: Vec::new() }
    }

    /// The input node.
    pub fn input(&self) -> NodeId {
        NodeId(0)
    }

    /// Appends a node and its parameters.
    ///
    /// # Errors
    /// If the name is taken, the op does not fit its inputs, or the graph has ended.
    pub fn push(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId> {
        let fail =
            |problem: String| Error::Node { model: self.model.clone(), node: name.into(), problem };
        if self.find(name).is_some() {
            return Err(fail("this name is taken by an earlier node".into()));
        }
        if self.nodes.last().is_some_and(|last| last.op == Op::Softmax) {
            return Err(fail("nothing may follow the softmax".into()));
        }
        let shapes: Vec<Shape> = inputs.iter().map(|id| self.node(*id).shape).collect();
        // All other shapes were checked when their nodes were pushed.
        let input = self.node(self.input());
        if input.shape.checked_len().is_none() {
            return Err(Error::Node {
                model: self.model.clone(),
                node: input.name.clone(),
                problem: too_large("shape", &input.shape.as_map()),
            });
        }
        let shape = op.output(&shapes).map_err(fail)?;
        let parameters = shapes.first().map_or_else(Vec::new, |input| op.parameters(*input, shape));
        let tensors = parameters.iter().map(|(role, extents, _)| (role.name(), &extents[..]));
        for (what, extents) in std::iter::once(("output", &shape.as_map()[..])).chain(tensors) {
            let count = extents.iter().try_fold(1usize, |product, n| product.checked_mul(*n));
            if count.is_none_or(|count| count > u32::MAX as usize) {
                return Err(fail(too_large(what, extents)));
            }
        }
        let id = NodeId(self.nodes.len());
        for (role, shape, l2) in parameters {
            let offset = self.parameter_count();
            let name = format!("{name}/{}", role.name());
            self.parameters.push(Parameter { name, node: id, role, shape, offset, l2 });
        }
        self.nodes.push(Node { name: name.into(), op, inputs: inputs.to_vec(), shape });
        Ok(id)
    }

    /// Hash of the nodes: differs between networks with equally many weights. Checkpoints have it, so a
    /// network's must stay: a property that is new is left out where it is as it was before.
    pub fn hash(&self) -> String {
        let nodes = format!("{:?}", self.nodes).replace("strides: [1, 1], ", "");
        blake3::hash(nodes.as_bytes()).to_hex()[..32].to_owned()
    }

    /// The model's name, for messages.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// All nodes in execution order; the first is the input.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// All node ids in execution order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The node of that name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|node| node.name == name).map(NodeId)
    }

    /// All parameter tensors, in node order and each node's in the order of [`Role`]: Keras's
    /// `get_weights()` order, for models without branches. Some are not trained: the moving statistics of batch norms.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The parameters of one node.
    pub fn parameters_of(&self, id: NodeId) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(move |p| p.node == id)
    }

    /// Whether any parameter is at or before a node. Each node is looked at once, however many ways
    /// lead to it.
    pub fn learns(&self, id: NodeId) -> bool {
        let mut before = BTreeSet::from([id]);
        while let Some(id) = before.pop_last() {
            if self.parameters_of(id).next().is_some() {
                return true;
            }
            before.extend(&self.node(id).inputs);
        }
        false
    }

    /// Number of scalars in all parameters, trained or not: the length of the flat buffers.
    pub fn parameter_count(&self) -> usize {
        self.parameters.last().map_or(0, |p| p.range().end)
    }

    /// Number of scalars that are learned by gradient.
    pub fn trainable_count(&self) -> usize {
        self.parameters.iter().filter(|p| p.role.is_trainable()).map(Parameter::len).sum()
    }

    /// Whether a node's output comes from a ReLU, a view's being its input's.
    pub fn ends_in_relu(&self, id: NodeId) -> bool {
        let node = self.node(id);
        match node.op {
            Op::Conv2d { activation, .. }
            | Op::DepthwiseConv2d { activation, .. }
            | Op::Dense { activation, .. }
            | Op::BatchNorm { activation, .. } => activation == Activation::Relu,
            _ if node.op.is_view() => node.inputs.iter().any(|input| self.ends_in_relu(*input)),
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
            | Op::Softmax => false,
        }
    }

    /// The nodes that read a node, in execution order.
    pub fn readers(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        self.ids().filter(move |reader| self.node(*reader).inputs.contains(&id))
    }

    /// The last node.
    pub fn output(&self) -> NodeId {
        NodeId(self.nodes.len() - 1)
    }

    /// Number of classes: the width of the last node.
    pub fn classes(&self) -> usize {
        self.node(self.output()).shape.len()
    }
}

fn too_large(what: &str, extents: &[usize]) -> String {
    format!("its {what} {extents:?} would have more than {} elements", u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::op::tests::{MAP, conv};
    use super::*;

    #[test]
    fn a_window_larger_than_its_input_is_told_with_both_sizes() {
        let mut graph = Graph::new("p2.toml", MAP);
        let error = graph.push("pool", Op::MaxPool2d { window: [4, 2] }, &[graph.input()]);
        assert_eq!(
            error.unwrap_err().to_string(),
            "model p2.toml, node \"pool\": window [4, 2] is larger than its input [3, 5, 2]"
        );
    }

    #[test]
    fn parameters_lie_end_to_end_in_keras_order() {
        let mut graph = Graph::new("test", MAP);
        let a = graph.push("a", conv([3, 3], Padding::Same), &[graph.input()]).unwrap();
        let flat = graph.push("flat", Op::Flatten, &[a]).unwrap();
        let dense = Op::Dense { units: 2, bias: false, activation: Activation::Linear, l2: 0.5 };
        graph.push("b", dense, &[flat]).unwrap();
        let names: Vec<_> =
            graph.parameters().iter().map(|p| (p.name.as_str(), p.range())).collect();
        assert_eq!(names, [("a/kernel", 0..72), ("a/bias", 72..76), ("b/kernel", 76..196)]);
        assert_eq!(graph.parameter_count(), 196);
    }

    #[test]
    fn an_input_beyond_32_bits_is_refused_at_the_first_node() {
        for input in [
            Shape::Map { h: usize::MAX, w: usize::MAX, c: 2 },
            Shape::Map { h: 1 << 16, w: 1 << 16, c: 1 },
        ] {
            let mut graph = Graph::new("hostile", input);
            let error = graph.push("flat", Op::Flatten, &[graph.input()]).unwrap_err().to_string();
            assert!(error.starts_with("model hostile, node \"input\": its shape ["), "{error}");
        }
    }

    #[test]
    fn misfits_are_refused() {
        let mut graph = Graph::new("test", MAP);
        let input = graph.input();
        assert!(graph.push("input", Op::Flatten, &[input]).is_err(), "a taken name");
        assert!(graph.push("x", Op::Softmax, &[input]).is_err(), "softmax of a map");
        assert!(graph.push("x", Op::Concat, &[input]).is_err(), "concat of one");
        let flat = graph.push("flat", Op::Flatten, &[input]).unwrap();
        assert!(graph.push("x", Op::Concat, &[flat, input]).is_err(), "concat of unlike shapes");
        graph.push("softmax", Op::Softmax, &[flat]).unwrap();
        assert!(graph.push("x", Op::Flatten, &[input]).is_err(), "a node after the softmax");
    }
}
