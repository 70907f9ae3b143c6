//! softmax and the cross-entropy.

use genre_gpu::backend::DatasetRef;

use crate::common::backend::{Implementation, evaluate};
use crate::common::cases;
use crate::common::plan;

op_tests! {
    "softmax",
    cases::softmax::cases,
    [forward, backward_input, evaluate, logit_gradients, partial_batch]
}

/// All logits are the same: the first class is predicted, and the loss is the entropy.
mod equal_logits {
    on_all! { super::equal_logits }
}

fn equal_logits(on: Implementation) {
    let case = cases::softmax::of_dense("equal logits", 5);
    let Some(mut device) = on.open(plan::of(&case.graph, case.batch)) else { return };
    let (x, y, parameters) = cases::fill(&case, case.batch);
    device.set_parameters(&vec![0.0; parameters.len()]).unwrap();
    let (metrics, probabilities) = evaluate(device.backend(), DatasetRef::new(&x, &y));
    let first = y.iter().filter(|label| **label == 0).count();
    assert_eq!(metrics.correct, first as u64);
    assert!(probabilities.iter().all(|p| (p - 0.2).abs() < 1e-7), "{probabilities:?}");
    let loss = metrics.loss / y.len() as f64;
    assert!((loss - 5f64.ln()).abs() < 1e-6, "{loss}");
}
