//! axis_to_channels. That of the time axis is a view of its input; that of mel moves elements.

use crate::common::cases;

op_tests! {
    "axis_to_channels",
    cases::axis_to_channels::cases,
    [forward, backward_input, evaluate, logit_gradients, partial_batch]
}
