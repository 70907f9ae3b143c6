//! crop.

use crate::common::cases;

op_tests! {
    "crop",
    cases::crop::cases,
    [forward, backward_input, evaluate, logit_gradients, partial_batch]
}
