//! flatten, a view of its input.

use crate::common::cases;

op_tests! {
    "flatten",
    cases::flatten::cases,
    [forward, backward_input, evaluate, logit_gradients, partial_batch]
}
