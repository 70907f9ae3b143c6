//! conv2d, alone and with the 2×2 max-pooling that devices fuse it with.

use super::nan::{Compare, Poisoned};
use super::{Case, conv, dense, head, one};
use crate::backend::Loss;
use crate::graph::{Activation, Graph, Op, Padding, Shape};
use Activation::{Linear, Relu};
use Padding::{Same, Valid};

fn no_bias(filters: usize, kernel: [usize; 2]) -> Op {
    Op::Conv2d { filters, kernel, strides: [1, 1], padding: Same, bias: false, activation: Relu }
}

fn strided(filters: usize, kernel: [usize; 2], strides: [usize; 2], padding: Padding) -> Op {
    Op::Conv2d { filters, kernel, strides, padding, bias: true, activation: Relu }
}

/// A residual connection that halves the map: the stem, which ends in a ReLU, is read by three
/// strided convolutions, one of them of the samples, and a 2×2 pooling behind one is not fused.
fn strided_branch() -> Case {
    let mut graph = Graph::new("strided branch", Shape::Map { h: 9, w: 12, c: 1 });
    let stem = graph.push("stem", conv(4, [3, 3], Same, Relu), &[graph.input()]).unwrap();
    let op = |kernel| Op::Conv2d {
        filters: 8,
        kernel,
        strides: [2, 2],
        padding: Same,
        bias: false,
        activation: Linear,
    };
    let main = graph.push("main", op([3, 3]), &[stem]).unwrap();
    let short = graph.push("short", op([1, 1]), &[stem]).unwrap();
    let first = graph.push("first", op([5, 5]), &[graph.input()]).unwrap();
    let sum = graph.push("sum", Op::Add, &[main, short]).unwrap();
    let sum = graph.push("sum.first", Op::Add, &[sum, first]).unwrap();
    let last = graph.push("last", strided(4, [2, 2], [1, 2], Valid), &[sum]).unwrap();
    let pool = graph.push("pool", Op::MaxPool2d { window: [2, 2] }, &[last]).unwrap();
    head(&mut graph, pool);
    Case { name: "strided branch", graph, batch: 5, partial: 3, ties: false, loss: Loss::default() }
}

/// Cases with many partial sums of weight gradients beside few activations.
pub fn many_sums() -> [Case; 2] {
    let op = || conv(16, [5, 5], Same, Relu);
    let pooled = pooled("many sums, then pool", [8, 8, 8], op());
    [one("many sums", [8, 8, 8], 16, 13, op()), Case { batch: 16, partial: 13, ..pooled }]
}

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        one("conv 5×5 same", [7, 11, 3], 5, 3, conv(4, [5, 5], Same, Relu)),
        one("conv 5×5 valid", [7, 11, 3], 3, 1, conv(8, [5, 5], Valid, Linear)),
        one("conv kernel as large as its input", [5, 7, 2], 3, 2, conv(3, [5, 7], Valid, Relu)),
        one(
            "conv kernel larger than its input, same",
            [3, 2, 2],
            3,
            2,
            conv(2, [5, 7], Same, Relu),
        ),
        one("conv even kernel, same", [6, 5, 1], 3, 2, conv(2, [4, 2], Same, Linear)),
        one("conv 9×3 tall", [13, 6, 2], 4, 3, conv(5, [9, 3], Same, Relu)),
        one("conv 1×9 long", [3, 17, 2], 4, 3, conv(17, [1, 9], Same, Relu)),
        one("conv 1×1 on one value", [1, 1, 1], 2, 1, conv(1, [1, 1], Valid, Linear)),
        one("conv 29 filters over 19 columns", [2, 19, 5], 7, 5, conv(29, [3, 3], Same, Relu)),
        one("conv without bias", [5, 5, 2], 3, 2, no_bias(4, [3, 3])),
        one("conv of one column", [19, 1, 6], 4, 3, conv(16, [9, 1], Same, Relu)),
        // Tiles of columns, of rows, and of channels, and remainders of each.
        one("conv 1×5 over many columns", [3, 151, 1], 3, 2, conv(12, [1, 5], Same, Relu)),
        one("conv even kernel of 11 channels", [13, 22, 11], 3, 2, conv(4, [4, 2], Same, Linear)),
        one("conv 3×3 of 48 channels", [4, 9, 48], 3, 2, conv(4, [3, 3], Same, Relu)),
        one("conv of many weights", [3, 4, 32], 2, 1, conv(24, [5, 5], Same, Relu)),
        one("conv 3×3, strides 2×2, same", [9, 14, 5], 5, 3, strided(8, [3, 3], [2, 2], Same)),
        one("conv 5×4, strides 3×2, same", [10, 11, 3], 4, 3, strided(5, [5, 4], [3, 2], Same)),
        one("conv 3×3, strides 2×3, valid", [8, 12, 2], 4, 1, strided(17, [3, 3], [2, 3], Valid)),
        one("conv that skips columns", [3, 17, 4], 4, 3, strided(4, [1, 2], [2, 5], Same)),
        one(
            "conv with strides beyond its input",
            [3, 4, 2],
            3,
            2,
            strided(4, [5, 3], [7, 9], Same),
        ),
        one("conv of one column, strides 2", [19, 1, 6], 4, 3, strided(16, [5, 1], [2, 1], Same)),
        strided_branch(),
        uneven_kernels(),
        pooled("conv 5×5 same, then pool", [7, 11, 3], conv(8, [5, 5], Same, Relu)),
        pooled("conv 3×2 valid, then pool", [8, 9, 2], conv(4, [3, 2], Valid, Linear)),
        pooled(
            "conv 20 filters of many rows, then pool",
            [23, 21, 2],
            conv(20, [5, 7], Same, Relu),
        ),
        pooled("conv 1×1, then pool", [2, 3, 1], conv(4, [1, 1], Same, Relu)),
        pooled("conv without bias, then pool", [5, 6, 2], no_bias(4, [2, 3])),
        pooled("conv of a channel over many columns, then pool", [9, 75, 1], {
            conv(4, [5, 5], Same, Relu)
        }),
        pooled("conv 3 filters of a channel, then pool", [6, 41, 1], conv(3, [3, 3], Same, Linear)),
        pooled("conv 4 to 8 channels, then pool", [8, 14, 4], conv(8, [5, 5], Same, Relu)),
        pooled("conv 8 to 16 channels, then pool", [8, 20, 8], conv(16, [5, 5], Same, Relu)),
        pooled("conv 11 to 8 channels of many rows, then pool", [15, 35, 11], {
            conv(8, [5, 5], Same, Relu)
        }),
        pooled("conv 16 to 28 channels, then pool", [6, 8, 16], conv(28, [3, 3], Same, Relu)),
        // Rows of three and of six vectors of the input's gradient, one window after another by each number.
        pooled("conv 12 to 8 channels, then pool", [7, 10, 12], conv(8, [3, 3], Same, Relu)),
        pooled(
            "conv of 8 channels by 2 columns, then pool",
            [6, 9, 8],
            conv(5, [3, 2], Same, Relu),
        ),
        pooled("conv of 16 channels by 2 columns, then pool", [6, 7, 16], {
            conv(4, [2, 2], Same, Linear)
        }),
        pooled("conv of 4 channels by 10 columns, then pool", [5, 23, 4], {
            conv(9, [2, 10], Valid, Relu)
        }),
        pooled("conv 3 to 70 channels, then pool", [5, 7, 3], conv(70, [3, 1], Same, Relu)),
    ];
    let ties = [
        pooled("conv 12 filters, then pool, of ties", [6, 10, 2], conv(12, [3, 3], Same, Relu)),
        pooled("conv of a channel, then pool, of ties", [6, 38, 1], conv(4, [3, 3], Same, Relu)),
    ];
    cases.extend(ties.map(|case| Case { ties: true, ..case }));
    cases
}

/// input → 1×1 stem of `c` channels → the convolution → 2×2 pooling → head.
fn pooled(name: &'static str, extents: [usize; 3], op: Op) -> Case {
    pooled_behind(name, extents, Relu, op)
}

pub(super) fn pooled_behind(
    name: &'static str,
    [h, w, c]: [usize; 3],
    stem: Activation,
    op: Op,
) -> Case {
    let mut graph = Graph::new(name, Shape::Map { h, w, c: 1 });
    let stem_op = conv(c, [1, 1], Same, stem);
    let stem = graph.push("stem", stem_op, &[graph.input()]).unwrap();
    let node = graph.push("op", op, &[stem]).unwrap();
    let pool = graph.push("pool", Op::MaxPool2d { window: [2, 2] }, &[node]).unwrap();
    head(&mut graph, pool);
    Case { name, graph, batch: 5, partial: 3, ties: false, loss: Loss::default() }
}

/// Even kernels with and without padding, no pooling behind them, reading one stem of many channels.
fn uneven_kernels() -> Case {
    let mut graph = Graph::new("uneven kernels", Shape::Map { h: 5, w: 7, c: 1 });
    let stem_op = conv(17, [1, 1], Same, Relu);
    let stem = graph.push("stem", stem_op, &[graph.input()]).unwrap();
    let wide = conv(3, [2, 4], Valid, Linear);
    let tall = conv(6, [3, 2], Same, Relu);
    let ends = [("wide", wide), ("tall", tall)].map(|(name, op)| {
        let node = graph.push(name, op, &[stem]).unwrap();
        graph.push(&format!("{name}.flat"), Op::Flatten, &[node]).unwrap()
    });
    let joined = graph.push("joined", Op::Concat, &ends).unwrap();
    let logits = graph.push("logits", dense(3, Linear, 0.0), &[joined]).unwrap();
    graph.push("softmax", Op::Softmax, &[logits]).unwrap();
    Case { name: "uneven kernels", graph, batch: 4, partial: 1, ties: false, loss: Loss::default() }
}

/// Convolutions and the 2×2 pooling behind them. A 1×1 kernel keeps a NaN where it is in all
/// channels; a larger one spreads it, also over parts of windows.
pub fn with_nans() -> Vec<Poisoned> {
    // In training the loss is NaN, and the CPU multiplies its gradient by zeros beside a kernel.
    let nans = |name, extents: [usize; 3], op| {
        let [h, w, _] = extents;
        let case = pooled_behind(name, extents, Linear, op);
        Poisoned { gradients: Compare::Logits, ..Poisoned::new(case, [h, w, 1], [2, 2]) }
    };
    let one_by_one = |name, extents: [usize; 3], op| {
        let [h, w, _] = extents;
        Poisoned::one_by_one(pooled_behind(name, extents, Linear, op), [h, w])
    };
    let relu = nans("NaNs under conv 1×1, relu", [4, 6, 3], conv(8, [1, 1], Same, Relu));
    vec![
        nans("NaNs under conv 1×1", [4, 10, 3], conv(8, [1, 1], Same, Linear)),
        nans("NaNs under conv 1×1 of a channel", [5, 9, 1], conv(3, [1, 1], Valid, Linear)),
        nans("NaNs under conv 1×1, 20 filters", [2, 34, 8], conv(20, [1, 1], Same, Linear)),
        one_by_one("NaN under conv 3×3", [6, 6, 4], conv(4, [3, 3], Same, Linear)),
        one_by_one("NaN under conv 2×3 of a channel", [5, 8, 1], conv(5, [2, 3], Valid, Linear)),
        Poisoned { gradients: Compare::None, ..relu },
    ]
}
