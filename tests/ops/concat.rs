//! concat, and the branches that it joins: several readers of one node, whose gradients are added.

use crate::common::cases;

op_tests! {
    "concat",
    cases::concat::cases,
    [forward, backward_input, evaluate, logit_gradients, partial_batch]
}
