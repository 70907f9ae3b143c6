//! dense.

use super::{Case, dense};
use crate::backend::Loss;
use crate::graph::{Activation, Graph, Op, Shape};

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    vec![two_of_one_input(), beyond_a_workgroup()]
}

/// More samples, inputs and outputs than a workgroup has at a time, and none of them a multiple of that.
fn beyond_a_workgroup() -> Case {
    let mut graph = Graph::new("wide dense", Shape::Map { h: 1, w: 259, c: 1 });
    let flat = graph.push("flat", Op::Flatten, &[graph.input()]).unwrap();
    let hidden = graph.push("hidden", dense(61, Activation::Relu, 0.1), &[flat]).unwrap();
    let next = graph.push("next", dense(33, Activation::Linear, 0.0), &[hidden]).unwrap();
    let logits = graph.push("logits", dense(5, Activation::Linear, 0.0), &[next]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case { name: "wide dense", graph, batch: 35, partial: 33, ties: false, loss: Loss::default() }
}

fn two_of_one_input() -> Case {
    let mut graph = Graph::new("dense branches", Shape::Map { h: 1, w: 19, c: 1 });
    let flat = graph.push("flat", Op::Flatten, &[graph.input()]).unwrap();
    let left = graph.push("left", dense(7, Activation::Relu, 0.0), &[flat]).unwrap();
    let right = graph.push("right", dense(5, Activation::Linear, 0.1), &[flat]).unwrap();
    let both = graph.push("both", Op::Concat, &[left, right]).unwrap();
    let logits = graph.push("logits", dense(3, Activation::Linear, 0.0), &[both]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case { name: "dense branches", graph, batch: 5, partial: 3, ties: false, loss: Loss::default() }
}
