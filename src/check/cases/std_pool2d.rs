//! std_pool2d.

use super::{Case, conv, head, norm, one};
use crate::backend::Loss;
use crate::graph::{Activation, Graph, Op, Padding, Shape};

fn std(window: [usize; 2]) -> Op {
    Op::StdPool2d { window, epsilon: 1e-3 }
}

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    vec![
        one("deviation with a rest at the border", [7, 9, 3], 4, 3, std([2, 4])),
        one("deviation of wide windows with a rest", [5, 25, 4], 4, 3, std([2, 11])),
        one("deviation of a channel's wide windows", [4, 70, 1], 3, 2, std([2, 35])),
        one("deviation over time", [5, 11, 4], 4, 3, std([1, 11])),
        one("deviation over time of 16 channels", [3, 25, 16], 4, 3, std([1, 25])),
        one("deviation over mel", [11, 5, 2], 4, 1, std([11, 1])),
        one("deviation over all", [6, 5, 17], 3, 2, std([6, 5])),
        one("deviation of single elements", [3, 4, 2], 3, 2, std([1, 1])),
        Case { ties: true, ..one("deviation of ties", [6, 6, 2], 4, 3, std([1, 3])) },
        statistics(),
    ]
}

/// A ReLU's output, of which mean, maximum and deviation over time are taken.
fn statistics() -> Case {
    let mut graph = Graph::new("statistics", Shape::Map { h: 4, w: 9, c: 1 });
    let op = conv(8, [1, 3], Padding::Same, Activation::Linear);
    let stem = graph.push("stem", op, &[graph.input()]).unwrap();
    let norm = graph.push("norm", norm(Activation::Relu), &[stem]).unwrap();
    let window = [1, 9];
    let pools = [
        ("mean", Op::AvgPool2d { window }),
        ("max", Op::MaxPool2d { window }),
        ("std", std(window)),
    ];
    let ends = pools.map(|(name, op)| graph.push(name, op, &[norm]).unwrap());
    let joined = graph.push("joined", Op::Concat, &ends).unwrap();
    head(&mut graph, joined);
    Case { name: "statistics", graph, batch: 5, partial: 3, ties: false, loss: Loss::default() }
}
