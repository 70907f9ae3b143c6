//! crop.

use super::{Case, one};
use crate::graph::Op;

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    vec![one("lowest bands", [7, 5, 3], 4, 3, Op::Crop { bands: 4 })]
}
