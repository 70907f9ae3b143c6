//! batch_norm, alone and with the poolings that devices fuse it with.

use super::nan::{Compare, Poisoned};
use super::{Case, conv, dense, head, norm, one};
use crate::backend::Loss;
use crate::graph::{Activation, Axis, Graph, Op, Padding, Shape};
use Activation::{Linear, Relu};
use Padding::{Same, Valid};

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        one("batch norm", [5, 7, 3], 5, 3, norm(Linear)),
        one("batch norm, relu", [13, 17, 8], 6, 5, norm(Relu)),
        one("batch norm of many channels", [2, 3, 70], 4, 3, norm(Relu)),
        one("batch norm of one position", [1, 1, 5], 7, 4, norm(Linear)),
        vector_norm(),
        bands_as_channels(),
    ];
    cases.extend(pooled());
    cases.extend(convolved());
    cases
}

/// A batch norm of fours of channels that nothing but poolings reads: one pass with them where a
/// device fuses. Windows with a rest at the border, over all frames, and of both kinds at once.
fn pooled() -> Vec<Case> {
    let max = |window| Op::MaxPool2d { window };
    let avg = |window| Op::AvgPool2d { window };
    [
        ("norm, then pool with a rest", [7, 9], 8, Linear, Relu, vec![max([2, 2])]),
        ("norm without relu, then pool", [9, 5], 4, Relu, Linear, vec![max([4, 1])]),
        ("norm, then mean with a rest", [5, 7], 4, Relu, Relu, vec![avg([2, 3])]),
        ("norm, then max and mean", [6, 11], 12, Linear, Relu, vec![max([1, 11]), avg([1, 11])]),
        (
            "norm, then max and mean of blocks",
            [9, 12],
            4,
            Relu,
            Relu,
            vec![avg([3, 4]), max([3, 4])],
        ),
        ("norm, then other windows", [6, 6], 4, Linear, Relu, vec![max([2, 2]), avg([3, 3])]),
        ("norm, then wide means", [4, 12], 4, Linear, Relu, vec![avg([1, 12]), avg([2, 12])]),
        ("norm, then pool twice", [4, 6], 4, Linear, Relu, vec![max([2, 2]), max([2, 2])]),
    ]
    .map(|(name, [h, w], c, below, activation, pools)| {
        let mut graph = Graph::new(name, Shape::Map { h, w, c: 1 });
        let stem_op = conv(c, [1, 3], Same, below);
        let stem = graph.push("stem", stem_op, &[graph.input()]).unwrap();
        let norm = graph.push("norm", norm(activation), &[stem]).unwrap();
        // The norm adds to what another reader of its input writes.
        let mut ends = vec![graph.push("stem.flat", Op::Flatten, &[stem]).unwrap()];
        for (i, pool) in pools.into_iter().enumerate() {
            let pool = graph.push(&format!("pool{i}"), pool, &[norm]).unwrap();
            ends.push(graph.push(&format!("pool{i}.flat"), Op::Flatten, &[pool]).unwrap());
        }
        let joined = graph.push("joined", Op::Concat, &ends).unwrap();
        let logits = graph.push("logits", dense(3, Linear, 0.0), &[joined]).unwrap();
        graph.push("softmax", Op::Softmax, &[logits]).unwrap();
        Case { name, graph, batch: 5, partial: 3, ties: false, loss: Loss::default() }
    })
    .into()
}

/// A convolution of the samples, a batch norm and poolings over whole rows, in one pass where a device
/// fuses them: kernels along one axis and along both, channels that fill one vector and more.
fn convolved() -> Vec<Case> {
    let max = |w| Op::MaxPool2d { window: [1, w] };
    let avg = |w| Op::AvgPool2d { window: [1, w] };
    [
        ("conv along time, norm, max and mean", [6, 21], 8, [1, 5], Same, vec![max(21), avg(21)]),
        ("conv along bands, norm, mean, max", [11, 19], 16, [9, 1], Same, vec![avg(19), max(19)]),
        ("conv along bands, norm, then max", [12, 9], 24, [9, 1], Valid, vec![max(9)]),
        ("conv along time, norm, then mean", [5, 18], 8, [1, 5], Valid, vec![avg(14)]),
        ("square conv, norm, max and mean", [7, 13], 8, [5, 5], Same, vec![max(13), avg(13)]),
        ("even conv, norm, then mean", [5, 10], 16, [2, 4], Same, vec![avg(10)]),
        ("conv of twelve, norm, max and mean", [4, 9], 12, [1, 5], Same, vec![max(9), avg(9)]),
    ]
    .map(|(name, [h, w], c, kernel, padding, pools)| Case {
        name,
        graph: conv_norm_pools(name, [h, w], no_bias(c, kernel, padding), &pools),
        batch: 5,
        partial: 3,
        ties: false,
        loss: Loss::default(),
    })
    .into()
}

fn no_bias(filters: usize, kernel: [usize; 2], padding: Padding) -> Op {
    let (strides, bias) = ([1, 1], false);
    Op::Conv2d { filters, kernel, strides, padding, bias, activation: Linear }
}

/// input → convolution → norm → poolings → head.
fn conv_norm_pools(name: &str, [h, w]: [usize; 2], conv: Op, pools: &[Op]) -> Graph {
    let mut graph = Graph::new(name, Shape::Map { h, w, c: 1 });
    let conv = graph.push("conv", conv, &[graph.input()]).unwrap();
    let norm = graph.push("norm", norm(Relu), &[conv]).unwrap();
    let mut ends = Vec::new();
    for (i, pool) in pools.iter().enumerate() {
        ends.push(graph.push(&format!("pool{i}"), *pool, &[norm]).unwrap());
    }
    if ends.len() > 1 {
        ends = vec![graph.push("joined", Op::Concat, &ends).unwrap()];
    }
    head(&mut graph, ends[0]);
    graph
}

/// Sums over more outputs than the iterations that some drivers allow a loop (llvmpipe: 65,535).
pub fn long_sums() -> Case {
    let mut graph = Graph::new("long sums", Shape::Map { h: 48, w: 48, c: 1 });
    let op = conv(6, [1, 5], Same, Linear);
    let node = graph.push("conv", op, &[graph.input()]).unwrap();
    let norm = graph.push("norm", norm(Relu), &[node]).unwrap();
    let mean = graph.push("mean", Op::AvgPool2d { window: [48, 48] }, &[norm]).unwrap();
    head(&mut graph, mean);
    Case { name: "long sums", graph, batch: 32, partial: 30, ties: false, loss: Loss::default() }
}

/// A batch norm and a dropout of vectors behind a ReLU.
fn vector_norm() -> Case {
    let mut graph = Graph::new("vector norm", Shape::Map { h: 3, w: 5, c: 1 });
    let flat = graph.push("flat", Op::Flatten, &[graph.input()]).unwrap();
    let hidden = graph.push("hidden", dense(19, Relu, 0.01), &[flat]).unwrap();
    let norm = graph.push("norm", norm(Relu), &[hidden]).unwrap();
    let drop = graph.push("drop", Op::Dropout { rate: 0.25 }, &[norm]).unwrap();
    let logits = graph.push("logits", dense(3, Linear, 0.0), &[drop]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case { name: "vector norm", graph, batch: 8, partial: 5, ties: false, loss: Loss::default() }
}

/// Convolutions over time with mel bands as channels, normalised before their ReLU.
fn bands_as_channels() -> Case {
    let mut graph = Graph::new("bands as channels", Shape::Map { h: 6, w: 13, c: 1 });
    let mel = graph.push("mel", Op::AxisToChannels { axis: Axis::Mel }, &[graph.input()]).unwrap();
    let level = graph.push("level", norm(Linear), &[mel]).unwrap();
    let conv = graph.push("conv", no_bias(8, [1, 5], Same), &[level]).unwrap();
    let norm = graph.push("norm", norm(Relu), &[conv]).unwrap();
    let pool = graph.push("pool", Op::MaxPool2d { window: [1, 2] }, &[norm]).unwrap();
    let max = graph.push("max", Op::MaxPool2d { window: [1, 6] }, &[pool]).unwrap();
    let mean = graph.push("mean", Op::AvgPool2d { window: [1, 6] }, &[pool]).unwrap();
    let both = graph.push("both", Op::Concat, &[max, mean]).unwrap();
    head(&mut graph, both);
    Case {
        name: "bands as channels",
        graph,
        batch: 5,
        partial: 4,
        ties: false,
        loss: Loss::default(),
    }
}

/// Below the norm another norm, whose gradient shows where that of the pooling goes, each channel
/// by itself. In training a NaN makes its whole channel NaN; in inference mode it may do so with its
/// own gradient only.
pub fn with_nans() -> Vec<Poisoned> {
    let max = |window| Op::MaxPool2d { window };
    let avg = |window| Op::AvgPool2d { window };
    let case = |name, extents: [usize; 3], activation, window, pools: &[Op]| {
        let [h, w, c] = extents;
        let mut graph = Graph::new(name, Shape::Map { h, w, c });
        let stem = graph.push("stem", norm(Linear), &[graph.input()]).unwrap();
        let norm = graph.push("norm", norm(activation), &[stem]).unwrap();
        let mut ends = Vec::new();
        for (i, pool) in pools.iter().enumerate() {
            let pool = graph.push(&format!("pool{i}"), *pool, &[norm]).unwrap();
            ends.push(graph.push(&format!("pool{i}.flat"), Op::Flatten, &[pool]).unwrap());
        }
        if ends.len() > 1 {
            ends = vec![graph.push("joined", Op::Concat, &ends).unwrap()];
        }
        let logits = graph.push("logits", dense(3, Linear, 0.0), &ends).unwrap();
        graph.push("softmax", Op::Softmax, &[logits]).unwrap();
        let case = Case { name, graph, batch: 1, partial: 1, ties: false, loss: Loss::default() };
        Poisoned { gradients: Compare::LogitsAtNumbers, ..Poisoned::new(case, extents, window) }
    };
    let both = [max([1, 11]), avg([1, 11])];
    let convolved = |name, extents: [usize; 2], kernel| {
        let [h, w] = extents;
        let pools = [max([1, w]), avg([1, w])];
        let graph = conv_norm_pools(name, extents, no_bias(8, kernel, Same), &pools);
        let case = Case { name, graph, batch: 1, partial: 1, ties: false, loss: Loss::default() };
        Poisoned { gradients: Compare::None, ..Poisoned::new(case, [h, w, 1], [1, w]) }
    };
    let relu = case("NaNs in norm, relu, then pool", [4, 6, 4], Relu, [2, 2], &[max([2, 2])]);
    vec![
        case("NaNs in norm, then pool", [5, 7, 8], Linear, [2, 2], &[max([2, 2])]),
        case("NaNs in norm, then max over time", [3, 11, 4], Linear, [1, 11], &[max([1, 11])]),
        case("NaNs in norm, then max and mean", [3, 11, 4], Linear, [1, 11], &both),
        case("NaNs in norm, then mean", [4, 6, 4], Linear, [2, 3], &[avg([2, 3])]),
        Poisoned { gradients: Compare::None, ..relu },
        convolved("NaNs in conv along time, norm, then max and mean", [3, 11], [1, 5]),
        convolved("NaNs in conv along bands, norm, then max and mean", [10, 9], [9, 1]),
        convolved("NaNs in square conv, norm, then max and mean", [4, 9], [3, 3]),
    ]
}
