//! axis_to_channels. That of the time axis is a view of its input; that of mel moves elements.

use genre_gpu::graph::{Axis, Op};

use crate::common::cases::{Case, one};

op_tests! {
    "axis_to_channels",
    cases,
    [forward, backward_input, evaluate, logit_gradients, partial_batch]
}

fn cases() -> Vec<Case> {
    let to = |axis| Op::AxisToChannels { axis };
    vec![
        one("mel to channels", [5, 7, 3], 4, 3, to(Axis::Mel)),
        one("time to channels", [5, 7, 3], 4, 3, to(Axis::Time)),
    ]
}
