//! concat, and the branches that it joins: several readers of one node, whose gradients are added.

use super::{Case, conv, dense, head, norm};
use crate::backend::Loss;
use crate::graph::{Activation, Axis, Graph, Op, Padding, Shape};

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    vec![branches(), concat_of_many(), many_readers_of_one_node()]
}

/// A stem read by two branches and by the concat itself.
fn branches() -> Case {
    let relu = |filters, kernel| conv(filters, kernel, Padding::Same, Activation::Relu);
    let mut graph = Graph::new("branches", Shape::Map { h: 5, w: 7, c: 1 });
    let stem = graph.push("stem", relu(3, [3, 3]), &[graph.input()]).unwrap();
    let tall = graph.push("tall", relu(4, [5, 1]), &[stem]).unwrap();
    let long = graph.push("long", relu(2, [1, 5]), &[stem]).unwrap();
    let both = graph.push("both", Op::Concat, &[tall, stem, long]).unwrap();
    let pooled = graph.push("pool", Op::MaxPool2d { window: [2, 3] }, &[both]).unwrap();
    head(&mut graph, pooled);
    Case { name: "branches", graph, batch: 4, partial: 3, ties: false, loss: Loss::default() }
}

/// More inputs than one dispatch joins, one of them twice in a row and once more.
fn concat_of_many() -> Case {
    let relu = |filters| conv(filters, [1, 3], Padding::Same, Activation::Relu);
    let mut graph = Graph::new("concat of many", Shape::Map { h: 3, w: 5, c: 1 });
    let input = graph.input();
    let [a, b, c] = [("a", 2), ("b", 3), ("c", 5)]
        .map(|(name, n)| graph.push(name, relu(n), &[input]).unwrap());
    let many = graph.push("many", Op::Concat, &[a, a, b, c, input, a]).unwrap();
    head(&mut graph, many);
    Case { name: "concat of many", graph, batch: 4, partial: 3, ties: false, loss: Loss::default() }
}

/// Ops without a ReLU of their own as readers of one node with one, so that gradients are added
/// and masked.
pub fn many_readers_of_one_node() -> Case {
    let relu = |filters, kernel| conv(filters, kernel, Padding::Same, Activation::Relu);
    let mut graph = Graph::new("aids on a branch", Shape::Map { h: 5, w: 6, c: 1 });
    let stem = graph.push("stem", relu(3, [3, 3]), &[graph.input()]).unwrap();
    let mut readers = Vec::new();
    for (name, op) in [
        ("norm", norm(Activation::Linear)),
        ("drop", Op::Dropout { rate: 0.5 }),
        ("avg", Op::AvgPool2d { window: [2, 2] }),
        ("max", Op::MaxPool2d { window: [5, 6] }),
        ("crop", Op::Crop { bands: 2 }),
        ("mel", Op::AxisToChannels { axis: Axis::Mel }),
        ("time", Op::AxisToChannels { axis: Axis::Time }),
    ] {
        let node = graph.push(name, op, &[stem]).unwrap();
        readers.push(graph.push(&format!("{name}.flat"), Op::Flatten, &[node]).unwrap());
    }
    let joined = graph.push("joined", Op::Concat, &readers).unwrap();
    let logits = graph.push("logits", dense(3, Activation::Linear, 0.0), &[joined]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case {
        name: "aids on a branch",
        graph,
        batch: 4,
        partial: 3,
        ties: false,
        loss: Loss::default(),
    }
}
