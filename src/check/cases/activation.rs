//! activation.

use super::{Case, conv, dense, head, one};
use crate::backend::Loss;
use crate::graph::{Activation, Function, Graph, Op, Padding, Shape};

/// Every function.
pub const FUNCTIONS: [Function; 5] = [
    Function::Elu,
    Function::Gelu,
    Function::LeakyRelu { slope: 0.3 },
    Function::Sigmoid,
    Function::Tanh,
];

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    let of = |function| Op::Activation { function };
    vec![
        one("elu", [5, 7, 3], 5, 3, of(Function::Elu)),
        one("gelu", [5, 7, 3], 5, 3, of(Function::Gelu)),
        one("leaky relu", [5, 7, 3], 5, 3, of(Function::LeakyRelu { slope: 0.3 })),
        one("leaky relu of slope 0", [1, 1, 1], 3, 2, of(Function::LeakyRelu { slope: 0.0 })),
        one("sigmoid", [13, 17, 8], 4, 3, of(Function::Sigmoid)),
        one("tanh", [5, 7, 3], 5, 3, of(Function::Tanh)),
        Case { ties: true, ..one("elu at 0", [3, 4, 2], 4, 3, of(Function::Elu)) },
        Case { ties: true, ..one("leaky relu at 0", [3, 4, 2], 4, 3, of(FUNCTIONS[2])) },
        gate(),
        of_vectors(),
    ]
}

/// A stem with a ReLU, read by two activations, another node and what adds to its gradient.
fn gate() -> Case {
    let mut graph = Graph::new("activations of a relu", Shape::Map { h: 4, w: 6, c: 1 });
    let op = conv(3, [3, 3], Padding::Same, Activation::Relu);
    let stem = graph.push("stem", op, &[graph.input()]).unwrap();
    let ends = FUNCTIONS
        .map(|function| graph.push(function.name(), Op::Activation { function }, &[stem]).unwrap());
    let mut all = ends.to_vec();
    all.push(stem);
    let joined = graph.push("joined", Op::Concat, &all).unwrap();
    head(&mut graph, joined);
    Case {
        name: "activations of a relu",
        graph,
        batch: 4,
        partial: 3,
        ties: false,
        loss: Loss::default(),
    }
}

/// Behind a dense layer, and of the samples, which have no gradient.
fn of_vectors() -> Case {
    let mut graph = Graph::new("activations of vectors", Shape::Map { h: 3, w: 5, c: 1 });
    let op = |function| Op::Activation { function };
    let squashed = graph.push("squashed", op(Function::Tanh), &[graph.input()]).unwrap();
    let flat = graph.push("flat", Op::Flatten, &[squashed]).unwrap();
    let hidden = graph.push("hidden", dense(67, Activation::Linear, 0.01), &[flat]).unwrap();
    let gelu = graph.push("gelu", op(Function::Gelu), &[hidden]).unwrap();
    let drop = graph.push("drop", Op::Dropout { rate: 0.25 }, &[gelu]).unwrap();
    let logits = graph.push("logits", dense(3, Activation::Linear, 0.0), &[drop]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case {
        name: "activations of vectors",
        graph,
        batch: 7,
        partial: 4,
        ties: false,
        loss: Loss::default(),
    }
}
