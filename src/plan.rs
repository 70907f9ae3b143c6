//! What a backend needs to know before the first step: buffers, and what
//! backward does to each gradient. Made once from a graph and a batch size.

use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId, Op};

/// What a node's backward pass does with the gradient of one of its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gradient {
    /// Nothing upstream learns from it: it is not computed.
    Skip,
    /// It is the first to write the buffer, whatever was in it.
    Set,
    /// Another reader of the same node has written before: it is added.
    Add,
}

/// A buffer of activations (or their gradients), by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot(pub usize);

/// The buffers and gradient rules of a graph at a batch size.
#[derive(Debug, Clone)]
pub struct Plan {
    graph: Graph,
    batch: usize,
    slots: Vec<Slot>,
    slot_len: Vec<usize>,
    has_gradient: Vec<bool>,
    input_gradients: Vec<Vec<Gradient>>,
}

impl Plan {
    /// Plans steps of up to `batch` samples.
    ///
    /// # Errors
    /// If the batch is 0 or a buffer would have more elements than 32 bits can index.
    pub fn new(graph: Graph, batch: usize) -> Result<Self> {
        let mut slots = Vec::<Slot>::new();
        let mut slot_len = Vec::new();
        for node in graph.nodes() {
            let slot = if node.op.is_view() {
                slots[node.inputs[0].index()]
            } else {
                slot_len.push(node.shape.len());
                Slot(slot_len.len() - 1)
            };
            slots.push(slot);
            let elements = batch.checked_mul(node.shape.len());
            if batch == 0 || elements.is_none_or(|n| n > u32::MAX as usize) {
                return Err(Error::Node {
                    model: graph.model().into(),
                    node: node.name.clone(),
                    problem: format!(
                        "a batch of {batch} samples of {} has no place in 1 to {} elements; \
                         choose another --batch-size",
                        node.shape,
                        u32::MAX
                    ),
                });
            }
        }
        let (has_gradient, input_gradients) = plan_gradients(&graph, &slots, slot_len.len());
        Ok(Self { graph, batch, slots, slot_len, has_gradient, input_gradients })
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Most samples in a step.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Makes sure that a batch of `n` samples fits.
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

    /// The buffer that holds a node's output; its gradient has the same index.
    pub fn slot(&self, id: NodeId) -> Slot {
        self.slots[id.index()]
    }

    /// Elements per sample of each buffer.
    pub fn slot_lens(&self) -> &[usize] {
        &self.slot_len
    }

    /// Whether the buffer's gradient is ever computed.
    pub fn has_gradient(&self, slot: Slot) -> bool {
        self.has_gradient[slot.0]
    }

    /// The max-pooling that alone reads a convolution: the two can be one pass.
    pub fn pooled_by(&self, id: NodeId) -> Option<NodeId> {
        let graph = &self.graph;
        let mut readers = graph.ids().filter(|reader| graph.node(*reader).inputs.contains(&id));
        let (reader, others) = (readers.next()?, readers.next());
        let pools = matches!(graph.node(reader).op, Op::MaxPool2d { .. });
        let convolves = matches!(graph.node(id).op, Op::Conv2d { .. });
        (pools && convolves && others.is_none()).then_some(reader)
    }

    /// What backward of a node does with its inputs' gradients, in order.
    pub fn input_gradients(&self, id: NodeId) -> &[Gradient] {
        &self.input_gradients[id.index()]
    }
}

/// Walks the list backward. The rule is by buffer, not by node: a view
/// shares its input's, and so has nothing to pass on.
fn plan_gradients(
    graph: &Graph,
    slots: &[Slot],
    buffers: usize,
) -> (Vec<bool>, Vec<Vec<Gradient>>) {
    let mut learns = vec![false; graph.nodes().len()];
    for id in graph.ids() {
        learns[id.index()] = graph.parameters_of(id).next().is_some()
            || graph.node(id).inputs.iter().any(|input| learns[input.index()]);
    }
    let mut written = vec![false; buffers];
    let mut rules = vec![Vec::new(); graph.nodes().len()];
    for id in graph.ids().rev() {
        let node = graph.node(id);
        rules[id.index()] = (node.inputs.iter())
            .map(|input| {
                let slot = slots[input.index()].0;
                if node.op.is_view() || !learns[input.index()] {
                    Gradient::Skip
                } else if written[slot] {
                    Gradient::Add
                } else {
                    written[slot] = true;
                    Gradient::Set
                }
            })
            .collect();
    }
    (written, rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Activation, Padding, Shape};

    fn conv() -> Op {
        Op::Conv2d {
            filters: 2,
            kernel: [3, 3],
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
    fn a_batch_of_none_is_refused() {
        let graph = Graph::new("test", Shape::Flat(1));
        assert!(Plan::new(graph, 0).is_err());
    }
}
