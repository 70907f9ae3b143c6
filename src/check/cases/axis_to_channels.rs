//! axis_to_channels. That of the time axis is a view of its input; that of mel moves elements.

use super::{Case, one};
use crate::graph::{Axis, Op};

/// All cases of this op.
pub fn cases() -> Vec<Case> {
    let to = |axis| Op::AxisToChannels { axis };
    vec![
        one("mel to channels", [5, 7, 3], 4, 3, to(Axis::Mel)),
        one("time to channels", [5, 7, 3], 4, 3, to(Axis::Time)),
    ]
}
