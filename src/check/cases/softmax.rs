//! softmax and the cross-entropy.

use super::{Case, conv, dense};
use crate::backend::Loss;
use crate::graph::{Activation, Graph, Op, Padding, Shape};

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    vec![
        of_dense("softmax of two classes", 2),
        of_dense("softmax of 67 classes", 67),
        of_a_map("softmax of a map", Activation::Linear),
        // Many logits are 0: the first of them is the largest, and none of those passes a gradient.
        Case { ties: true, ..dense_ending_in("softmax of a ReLU", 5, Activation::Relu) },
        Case { ties: true, ..of_a_map("softmax of a map's ReLU", Activation::Relu) },
        Case { loss: loss(0.1, &[]), ..of_dense("label smoothing", 6) },
        Case { loss: loss(0.0, &[0.25, 2.0, 0.0, 1.5, 1.0]), ..of_dense("weights of classes", 5) },
        Case {
            loss: loss(0.3, &[2.0, 0.5, 1.0, 0.75, 3.0]),
            ..of_a_map("smoothing and weights of a map", Activation::Relu)
        },
        Case { loss: loss(0.2, &[0.5; 67]), ..of_dense("smoothing and weights of 67 classes", 67) },
    ]
}

fn loss(label_smoothing: f32, class_weights: &[f32]) -> Loss {
    Loss { label_smoothing, class_weights: class_weights.to_vec() }
}

/// The softmax of a dense layer.
pub fn of_dense(name: &'static str, classes: usize) -> Case {
    dense_ending_in(name, classes, Activation::Linear)
}

fn dense_ending_in(name: &'static str, classes: usize, activation: Activation) -> Case {
    let mut graph = Graph::new(name, Shape::Map { h: 3, w: 5, c: 1 });
    let flat = graph.push("flat", Op::Flatten, &[graph.input()]).unwrap();
    let logits = graph.push("logits", dense(classes, activation, 0.0), &[flat]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case { name, graph, batch: 7, partial: 1, ties: false, loss: Loss::default() }
}

/// Logits that no dense layer makes.
fn of_a_map(name: &'static str, activation: Activation) -> Case {
    let mut graph = Graph::new(name, Shape::Map { h: 1, w: 5, c: 1 });
    let stem_op = conv(1, [1, 3], Padding::Same, activation);
    let stem = graph.push("stem", stem_op, &[graph.input()]).unwrap();
    let flat = graph.push("flat", Op::Flatten, &[stem]).unwrap();
    graph.push("softmax", Op::Softmax, &[flat]).unwrap();
    Case { name, graph, batch: 5, partial: 4, ties: false, loss: Loss::default() }
}
