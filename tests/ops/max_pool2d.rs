//! max_pool2d.

use crate::common::cases;

op_tests! {
    "max_pool2d",
    cases::max_pool2d::cases,
    [forward, backward_input, evaluate, logit_gradients, partial_batch]
}

mod nan {
    on_all! { crate::harness::nans, super::cases::max_pool2d::with_nans() }
}
