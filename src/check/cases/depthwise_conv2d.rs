//! depthwise_conv2d.

use super::conv2d::pooled_behind;
use super::nan::{Compare, Poisoned};
use super::{Case, conv, head, one};
use crate::backend::Loss;
use crate::graph::{Activation, Graph, Op, Padding, Shape};
use Activation::{Linear, Relu};
use Padding::{Same, Valid};

fn depthwise(
    kernel: [usize; 2],
    multiplier: usize,
    padding: Padding,
    activation: Activation,
) -> Op {
    Op::DepthwiseConv2d { kernel, multiplier, strides: [1, 1], padding, bias: true, activation }
}

fn strided(kernel: [usize; 2], multiplier: usize, strides: [usize; 2], padding: Padding) -> Op {
    Op::DepthwiseConv2d { kernel, multiplier, strides, padding, bias: false, activation: Relu }
}

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    vec![
        one("depthwise 3×3 of 16 channels", [6, 11, 16], 4, 3, depthwise([3, 3], 1, Same, Relu)),
        one("depthwise 5×5 of 3 channels", [7, 13, 3], 5, 3, depthwise([5, 5], 1, Same, Linear)),
        one("depthwise 1×9 of 6 channels", [3, 17, 6], 4, 3, depthwise([1, 9], 1, Same, Relu)),
        one("depthwise 3×2 valid, twice", [7, 9, 5], 3, 2, depthwise([3, 2], 2, Valid, Relu)),
        one("depthwise even kernel, thrice", [6, 5, 4], 3, 2, depthwise([4, 2], 3, Same, Linear)),
        one("depthwise of one channel", [5, 40, 1], 3, 2, depthwise([3, 3], 1, Same, Relu)),
        one("depthwise of one column", [19, 1, 6], 4, 3, depthwise([9, 1], 1, Same, Relu)),
        one("depthwise of 37 channels", [4, 3, 37], 3, 1, depthwise([3, 3], 1, Same, Linear)),
        one("depthwise 1×1 on one value", [1, 1, 1], 2, 1, depthwise([1, 1], 1, Valid, Linear)),
        one("depthwise, as large as its input", [5, 7, 2], 3, 2, depthwise([5, 7], 4, Valid, Relu)),
        one("depthwise, strides 2×2", [9, 14, 8], 5, 3, strided([3, 3], 1, [2, 2], Same)),
        one("depthwise, strides 2×1", [9, 14, 3], 4, 3, strided([3, 4], 2, [2, 1], Same)),
        one("depthwise, strides 3×2, valid", [11, 12, 5], 3, 2, strided([2, 3], 1, [3, 2], Valid)),
        separable(),
    ]
}

/// One NaN in each sample, in all channels, and the 2×2 pooling behind the op. Channels that fill no whole
/// block of lanes have others beside them, whose NaN is not theirs.
pub fn with_nans() -> Vec<Poisoned> {
    let linear = |kernel, multiplier, strides| Op::DepthwiseConv2d {
        kernel,
        multiplier,
        strides,
        padding: Same,
        bias: true,
        activation: Linear,
    };
    let nan = |name, extents: [usize; 3], op| {
        let [h, w, _] = extents;
        let case = pooled_behind(name, extents, Linear, op);
        Poisoned { gradients: Compare::All, ..Poisoned::one_by_one(case, [h, w]) }
    };
    vec![
        nan("NaN under depthwise 3×3", [6, 7, 3], linear([3, 3], 1, [1, 1])),
        nan("NaN under depthwise 1×3, twice", [4, 9, 5], linear([1, 3], 2, [1, 1])),
        nan("NaN under depthwise, strides 2×2", [6, 9, 3], linear([3, 2], 1, [2, 2])),
        nan("NaN under depthwise of 20 channels", [4, 5, 20], linear([2, 3], 1, [1, 1])),
    ]
}

/// Depthwise, then pointwise, of a stem with a ReLU that the sum reads too.
fn separable() -> Case {
    let mut graph = Graph::new("separable", Shape::Map { h: 6, w: 10, c: 1 });
    let stem = graph.push("stem", conv(8, [3, 3], Same, Relu), &[graph.input()]).unwrap();
    let depth = graph.push("depth", depthwise([3, 3], 1, Same, Linear), &[stem]).unwrap();
    let point = graph.push("point", conv(8, [1, 1], Same, Relu), &[depth]).unwrap();
    let sum = graph.push("sum", Op::Add, &[point, stem]).unwrap();
    let samples =
        graph.push("samples", strided([3, 3], 4, [2, 2], Same), &[graph.input()]).unwrap();
    let flats = [("sum.flat", sum), ("samples.flat", samples)]
        .map(|(name, node)| graph.push(name, Op::Flatten, &[node]).unwrap());
    let joined = graph.push("joined", Op::Concat, &flats).unwrap();
    head(&mut graph, joined);
    Case { name: "separable", graph, batch: 5, partial: 3, ties: false, loss: Loss::default() }
}
