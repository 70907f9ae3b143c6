//! dense.

use crate::common::cases;

op_tests! {
    "dense",
    cases::dense::cases,
    [forward, backward_input, backward_weight, update, evaluate, logit_gradients, partial_batch]
}
