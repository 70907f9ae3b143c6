//! dropout.

use super::{Case, one};
use crate::graph::Op;

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    vec![
        one("dropout", [5, 7, 3], 4, 3, Op::Dropout { rate: 0.4 }),
        one("dropout of nothing", [3, 2, 2], 4, 3, Op::Dropout { rate: 0.0 }),
    ]
}
