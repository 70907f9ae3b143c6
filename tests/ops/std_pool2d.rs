//! std_pool2d.

use crate::common::cases;

op_tests! {
    "std_pool2d",
    cases::std_pool2d::cases,
    [forward, backward_input, evaluate, logit_gradients, partial_batch]
}
