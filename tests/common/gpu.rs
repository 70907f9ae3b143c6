//! Opening a GPU in tests: any adapter will do, a software one too.

use genre_gpu::error::{Error, Result};
use genre_gpu::gpu::{Gpu, GpuOptions, KernelVariant, TileConfig};
use genre_gpu::plan::Plan;

/// The best adapter with a plan on it; `None` if `GENRE_GPU_TESTS=skip` says that
/// none is to be looked for.
pub fn open(plan: Plan, form: KernelVariant) -> Option<Gpu> {
    let options = GpuOptions { variant: form, ..GpuOptions::default() };
    open_with(plan, options).map(|gpu| gpu.unwrap_or_else(|e| panic!("{e}")))
}

/// Likewise with tiles that another adapter would have.
pub fn open_tiled(plan: Plan, form: KernelVariant, tiles: TileConfig) -> Option<Gpu> {
    let options = GpuOptions { variant: form, tiles: Some(tiles), ..GpuOptions::default() };
    open_with(plan, options).map(|gpu| gpu.unwrap_or_else(|e| panic!("{e}")))
}

/// Likewise with other options; that there is no adapter at all fails here.
pub fn open_with(plan: Plan, options: GpuOptions<'_>) -> Option<Result<Gpu>> {
    if skipped() {
        return None;
    }
    let gpu = Gpu::new(plan, options);
    if let Err(e @ Error::NoAdapter) = &gpu {
        panic!(
            "{e}\n(tests/run installs a software adapter; GENRE_GPU_TESTS=skip skips these tests)"
        );
    }
    Some(gpu)
}

/// Whether whoever runs the tests has no adapter and knows it.
pub fn skipped() -> bool {
    std::env::var("GENRE_GPU_TESTS").is_ok_and(|word| word == "skip")
}
