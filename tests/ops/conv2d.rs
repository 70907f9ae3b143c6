//! conv2d, alone and with the 2×2 max-pooling that devices fuse it with.

use crate::common::cases;

op_tests! {
    "conv2d",
    cases::conv2d::cases,
    [forward, backward_input, backward_weight, update, evaluate, logit_gradients, partial_batch]
}

mod nan {
    on_all! { crate::harness::nans, super::cases::conv2d::with_nans() }
}
