//! avg_pool2d.

use crate::common::cases;

op_tests! {
    "avg_pool2d",
    cases::avg_pool2d::cases,
    [forward, backward_input, evaluate, logit_gradients, partial_batch]
}
