//! crop.

use genre_gpu::graph::Op;

use crate::common::cases::{Case, one};

op_tests! {
    "crop",
    cases,
    [forward, backward_input, evaluate, logit_gradients, partial_batch]
}

fn cases() -> Vec<Case> {
    vec![one("lowest bands", [7, 5, 3], 4, 3, Op::Crop { bands: 4 })]
}
