//! depthwise_conv2d.

use crate::common::cases;

op_tests! {
    "depthwise_conv2d",
    cases::depthwise_conv2d::cases,
    [forward, backward_input, backward_weight, update, evaluate, logit_gradients, partial_batch]
}

mod nan {
    on_all! { crate::harness::nans, super::cases::depthwise_conv2d::with_nans() }
}
