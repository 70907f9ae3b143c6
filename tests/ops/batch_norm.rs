//! batch_norm, alone and with the poolings that devices fuse it with.

use crate::common::cases;

op_tests! {
    "batch_norm",
    cases::batch_norm::cases,
    [forward, backward_input, backward_weight, update, evaluate, logit_gradients, partial_batch]
}

mod nan {
    on_all! { crate::harness::nans, super::cases::batch_norm::with_nans() }
}

/// Sums over more outputs than the iterations that some drivers allow a loop (llvmpipe: 65,535).
mod long_sums {
    tests_on! { [gpu_plain GpuPlain, gpu_fused GpuFused, gpu_fused_narrow GpuFusedNarrow,] crate::harness::sums, &super::cases::batch_norm::long_sums() }
}
