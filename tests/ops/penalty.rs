//! The L2 penalty: its share of the loss and of the gradients of the kernels that have one.

use crate::common::cases;

op_tests! {
    "dense",
    cases::penalty::cases,
    [forward, backward_input, backward_weight, update, evaluate, logit_gradients, partial_batch]
}
