//! flatten, a view of its input.

use super::{Case, conv, dense};
use crate::backend::Loss;
use crate::graph::{Activation, Graph, Op, Padding, Shape};

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    vec![concat_of_vectors()]
}

/// Two flattened branches joined end to end, one of them twice.
fn concat_of_vectors() -> Case {
    let relu = |filters, kernel| conv(filters, kernel, Padding::Valid, Activation::Relu);
    let mut graph = Graph::new("vectors", Shape::Map { h: 5, w: 7, c: 1 });
    let left = graph.push("left", relu(2, [3, 3]), &[graph.input()]).unwrap();
    let right = graph.push("right", relu(3, [5, 2]), &[graph.input()]).unwrap();
    let a = graph.push("a", Op::Flatten, &[left]).unwrap();
    let b = graph.push("b", Op::Flatten, &[right]).unwrap();
    let joined = graph.push("joined", Op::Concat, &[a, b, a]).unwrap();
    let logits = graph.push("logits", dense(4, Activation::Linear, 0.0), &[joined]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case {
        name: "concat of vectors",
        graph,
        batch: 4,
        partial: 3,
        ties: false,
        loss: Loss::default(),
    }
}
