//! softmax and the cross-entropy.

use genre_gpu::backend::DatasetRef;
use genre_gpu::graph::{Activation, Graph, Op, Padding, Shape};

use crate::common::backend::{Implementation, evaluate};
use crate::common::cases::{self, Case, conv, dense};
use crate::common::plan;

op_tests! {
    "softmax",
    cases,
    [forward, backward_input, evaluate, logit_gradients, partial_batch]
}

/// All logits are the same: the first class is predicted, and the loss is the entropy.
mod equal_logits {
    on_all! { super::equal_logits }
}

fn cases() -> Vec<Case> {
    vec![of_dense("softmax of two classes", 2), of_dense("softmax of 67 classes", 67), of_a_map()]
}

fn of_dense(name: &'static str, classes: usize) -> Case {
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

fn equal_logits(on: Implementation) {
    let case = of_dense("equal logits", 5);
    let Some(mut device) = on.open(plan::of(&case.graph, case.batch)) else { return };
    let (x, y, parameters) = cases::fill(&case, case.batch);
    device.set_parameters(&vec![0.0; parameters.len()]);
    let (metrics, probabilities) = evaluate(device.backend(), DatasetRef::new(&x, &y));
    let first = y.iter().filter(|label| **label == 0).count();
    assert_eq!(metrics.correct, first as u64);
    assert!(probabilities.iter().all(|p| (p - 0.2).abs() < 1e-7), "{probabilities:?}");
    let loss = metrics.loss / y.len() as f64;
    assert!((loss - 5f64.ln()).abs() < 1e-6, "{loss}");
}
