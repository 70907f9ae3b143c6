//! Opening a GPU in tests: any adapter will do, a software one too.

use genre_gpu::gpu::{Form, Gpu, GpuOptions};
use genre_gpu::plan::Plan;

/// The best adapter with a plan on it; `None` if `GENRE_GPU_TESTS=skip` says that
/// none is to be looked for.
pub fn open(plan: Plan, form: Form) -> Option<Gpu> {
    if skipped() {
        return None;
    }
    let options = GpuOptions { form, ..GpuOptions::default() };
    Some(Gpu::new(plan, options).unwrap_or_else(|e| {
        panic!(
            "{e}\n(tests/run installs a software adapter; GENRE_GPU_TESTS=skip skips these tests)"
        )
    }))
}

pub fn skipped() -> bool {
    std::env::var("GENRE_GPU_TESTS").is_ok_and(|word| word == "skip")
}
