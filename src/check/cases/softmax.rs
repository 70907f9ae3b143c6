//! softmax and the cross-entropy.

use super::{Case, conv, dense};
use crate::graph::{Activation, Graph, Op, Padding, Shape};

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    vec![of_dense("softmax of two classes", 2), of_dense("softmax of 67 classes", 67), of_a_map()]
}

/// The softmax of a dense layer.
pub fn of_dense(name: &'static str, classes: usize) -> Case {
    let mut graph = Graph::new(name, Shape::Map { h: 3, w: 5, c: 1 });
    let flat = graph.push("flat", Op::Flatten, &[graph.input()]).unwrap();
    let logits = graph.push("logits", dense(classes, Activation::Linear, 0.0), &[flat]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case { name, graph, batch: 7, partial: 1, ties: false }
}

/// Logits that no dense layer makes.
fn of_a_map() -> Case {
    let mut graph = Graph::new("softmax of a map", Shape::Map { h: 1, w: 5, c: 1 });
    let stem_op = conv(1, [1, 3], Padding::Same, Activation::Linear);
    let stem = graph.push("stem", stem_op, &[graph.input()]).unwrap();
    let flat = graph.push("flat", Op::Flatten, &[stem]).unwrap();
    graph.push("softmax", Op::Softmax, &[flat]).unwrap();
    Case { name: "softmax of a map", graph, batch: 5, partial: 4, ties: false }
}
