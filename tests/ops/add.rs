//! add.

use crate::common::cases;

op_tests! {
    "add",
    cases::add::cases,
    [forward, backward_input, evaluate, logit_gradients, partial_batch]
}
