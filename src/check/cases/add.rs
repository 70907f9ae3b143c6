//! add.

use super::{Case, conv, dense, head};
use crate::backend::Loss;
use crate::graph::{Activation, Graph, Op, Padding, Shape};

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    vec![residual(), twice(), of_vectors(), of_one_element()]
}

/// A stem with a ReLU, read by a branch and by the sum, which a pooling and a second sum read.
fn residual() -> Case {
    let relu = |kernel| conv(3, kernel, Padding::Same, Activation::Relu);
    let mut graph = Graph::new("residual", Shape::Map { h: 5, w: 7, c: 1 });
    let stem = graph.push("stem", relu([3, 3]), &[graph.input()]).unwrap();
    let branch = conv(3, [1, 5], Padding::Same, Activation::Linear);
    let branch = graph.push("branch", branch, &[stem]).unwrap();
    let sum = graph.push("sum", Op::Add, &[branch, stem]).unwrap();
    let pool = graph.push("pool", Op::MaxPool2d { window: [2, 2] }, &[sum]).unwrap();
    let second = graph.push("second", relu([2, 2]), &[pool]).unwrap();
    let sum = graph.push("second.sum", Op::Add, &[pool, second]).unwrap();
    head(&mut graph, sum);
    Case { name: "residual", graph, batch: 5, partial: 3, ties: false, loss: Loss::default() }
}

/// One node as both inputs, and the samples, which have no gradient, as one of them.
fn twice() -> Case {
    let mut graph = Graph::new("twice", Shape::Map { h: 3, w: 4, c: 2 });
    let op = conv(2, [1, 3], Padding::Same, Activation::Relu);
    let stem = graph.push("stem", op, &[graph.input()]).unwrap();
    let double = graph.push("double", Op::Add, &[stem, stem]).unwrap();
    let sum = graph.push("sum", Op::Add, &[graph.input(), double]).unwrap();
    head(&mut graph, sum);
    Case { name: "one node twice", graph, batch: 4, partial: 1, ties: false, loss: Loss::default() }
}

/// Two dense layers of one vector, one of them with a ReLU.
fn of_vectors() -> Case {
    let mut graph = Graph::new("vectors", Shape::Map { h: 1, w: 19, c: 1 });
    let flat = graph.push("flat", Op::Flatten, &[graph.input()]).unwrap();
    let left = graph.push("left", dense(67, Activation::Relu, 0.01), &[flat]).unwrap();
    let right = graph.push("right", dense(67, Activation::Linear, 0.0), &[flat]).unwrap();
    let sum = graph.push("sum", Op::Add, &[left, right]).unwrap();
    let logits = graph.push("logits", dense(3, Activation::Linear, 0.0), &[sum]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case { name: "sum of vectors", graph, batch: 3, partial: 2, ties: false, loss: Loss::default() }
}

fn of_one_element() -> Case {
    let mut graph = Graph::new("one", Shape::Map { h: 1, w: 1, c: 1 });
    let op = conv(1, [1, 1], Padding::Same, Activation::Linear);
    let stem = graph.push("stem", op, &[graph.input()]).unwrap();
    let sum = graph.push("sum", Op::Add, &[stem, graph.input()]).unwrap();
    head(&mut graph, sum);
    Case {
        name: "sum of one element",
        graph,
        batch: 2,
        partial: 1,
        ties: false,
        loss: Loss::default(),
    }
}
