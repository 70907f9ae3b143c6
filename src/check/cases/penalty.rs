//! The L2 penalty: its share of the loss and of the gradients of the kernels that have one.

use super::{Case, dense};
use crate::backend::Loss;
use crate::graph::{Activation, Graph, Op, Shape};

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    vec![dense_in_a_row()]
}

/// Dense layers, one with ReLU and a penalty, one with a penalty and no bias.
fn dense_in_a_row() -> Case {
    let mut graph = Graph::new("dense", Shape::Map { h: 1, w: 37, c: 1 });
    let flat = graph.push("flat", Op::Flatten, &[graph.input()]).unwrap();
    let hidden = graph.push("hidden", dense(53, Activation::Relu, 0.02), &[flat]).unwrap();
    let middle = graph.push("middle", dense(21, Activation::Relu, 0.0), &[hidden]).unwrap();
    let op = Op::Dense { units: 5, bias: false, activation: Activation::Linear, l2: 0.1 };
    let logits = graph.push("logits", op, &[middle]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case { name: "dense", graph, batch: 9, partial: 5, ties: false, loss: Loss::default() }
}
