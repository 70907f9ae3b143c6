//! max_pool2d.

use super::nan::{Compare, Poisoned};
use super::{Case, head, norm, one};
use crate::backend::Loss;
use crate::graph::{Activation, Graph, Op, Shape};

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    let pool = |window| Op::MaxPool2d { window };
    let mut cases = vec![
        one("pool 2×2", [6, 8, 3], 5, 4, pool([2, 2])),
        one("pool 2×2 of odd extents", [7, 9, 2], 3, 2, pool([2, 2])),
        one("pool 4×1", [9, 5, 2], 3, 2, pool([4, 1])),
        one("pool 1×3", [3, 7, 2], 3, 2, pool([1, 3])),
        one("pool the whole map", [5, 3, 4], 3, 2, pool([5, 3])),
        one("max over time", [5, 11, 4], 4, 3, pool([1, 11])),
        one("max over mel", [11, 5, 2], 4, 1, pool([11, 1])),
        one("max over all", [6, 5, 17], 3, 2, pool([6, 5])),
    ];
    let ties = [
        one("pool of ties", [6, 6, 2], 4, 3, pool([3, 2])),
        one("pool of wide windows of ties", [5, 25, 4], 4, 3, pool([2, 11])),
        one("pool of a channel's wide windows of ties", [5, 75, 1], 3, 2, pool([2, 35])),
        one("pool of 32 channels of ties", [2, 5, 32], 3, 2, pool([2, 2])),
    ];
    cases.extend(ties.map(|case| Case { ties: true, ..case }));
    cases
}

/// Behind a 1×1 convolution a NaN is in all channels; behind a batch norm, which in inference
/// mode treats each element by itself, each channel has its own.
pub fn with_nans() -> Vec<Poisoned> {
    let behind_conv = |name, extents: [usize; 3], window| {
        let [h, w, _] = extents;
        Poisoned::new(one(name, extents, 1, 1, Op::MaxPool2d { window }), [h, w, 1], window)
    };
    let behind_norm = |name, extents: [usize; 3], window| {
        let [h, w, c] = extents;
        let mut graph = Graph::new(name, Shape::Map { h, w, c });
        let stem = graph.push("stem", norm(Activation::Linear), &[graph.input()]).unwrap();
        let pool = graph.push("pool", Op::MaxPool2d { window }, &[stem]).unwrap();
        head(&mut graph, pool);
        let case = Case { name, graph, batch: 1, partial: 1, ties: false, loss: Loss::default() };
        Poisoned { gradients: Compare::Logits, ..Poisoned::new(case, extents, window) }
    };
    vec![
        behind_conv("NaNs in pool 2×2", [6, 8, 3], [2, 2]),
        behind_conv("NaNs in pool 3×2 with a rest", [7, 9, 2], [3, 2]),
        behind_conv("NaNs in pool of 32 channels", [2, 5, 32], [2, 2]),
        behind_conv("NaNs in max over time", [5, 11, 4], [1, 11]),
        behind_conv("NaNs in pool of wide windows", [5, 25, 4], [2, 11]),
        behind_conv("NaNs in pool of a channel's wide windows", [5, 75, 1], [2, 35]),
        behind_norm("NaNs of channels in pool 2×2", [6, 8, 3], [2, 2]),
        behind_norm("NaNs of channels in max over time", [3, 11, 5], [1, 11]),
        behind_norm("NaNs of 17 channels in the whole map", [3, 5, 17], [3, 5]),
    ]
}
