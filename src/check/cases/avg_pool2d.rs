//! avg_pool2d.

use super::{Case, one};
use crate::graph::Op;

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    let avg = |window| Op::AvgPool2d { window };
    vec![
        one("avg pool with a rest at the border", [7, 9, 3], 4, 3, avg([2, 4])),
        one("avg pool of wide windows with a rest", [5, 25, 4], 4, 3, avg([2, 11])),
        one("avg pool of a channel's wide windows", [4, 70, 1], 3, 2, avg([2, 35])),
        one("mean over time", [5, 11, 4], 4, 3, avg([1, 11])),
        one("mean over mel", [11, 5, 2], 4, 1, avg([11, 1])),
        one("mean over all", [6, 5, 17], 3, 2, avg([6, 5])),
    ]
}
