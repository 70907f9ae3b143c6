//! Opening a GPU in tests: any adapter is used, a software one too. `GENRE_GPU_TEST_ADAPTER` chooses
//! one as `--adapter` does, by a part of its name.

use std::sync::LazyLock;
use std::time::Duration;

use genre_gpu::error::{Error, Result};
use genre_gpu::gpu::{Caps, Gpu, GpuOptions, KernelVariant, TileConfig};
use genre_gpu::plan::Plan;

/// The GPU's kernels for an op come in variants.
pub type Variant = KernelVariant;

/// How much of a convolution one thread owns.
pub type TileSize = TileConfig;

/// All kernel variants, plainest first.
pub const VARIANTS: [Variant; 4] = Variant::ALL;

/// The adapter that `GENRE_GPU_TEST_ADAPTER` names, if it does.
pub fn wanted() -> Option<&'static str> {
    static WANTED: LazyLock<Option<String>> = LazyLock::new(|| {
        std::env::var("GENRE_GPU_TEST_ADAPTER").ok().filter(|name| !name.is_empty())
    });
    WANTED.as_deref()
}

/// The options of a test: the adapter that is wanted.
fn options() -> GpuOptions<'static> {
    GpuOptions { adapter: wanted(), ..GpuOptions::default() }
}

/// The best adapter with a plan on it; `None` if `GENRE_GPU_TESTS=skip` says that
/// none is to be looked for.
pub fn open(plan: Plan, variant: KernelVariant) -> Option<Gpu> {
    let options = GpuOptions { variant, ..options() };
    open_with(plan, options).map(|gpu| gpu.unwrap_or_else(|e| panic!("{e}")))
}

/// The same with the tiles that another adapter would have.
pub fn open_tiled(plan: Plan, variant: KernelVariant, tiles: TileConfig) -> Option<Gpu> {
    let tiles = tiles.into();
    let options = GpuOptions { variant, tiles: Some(&tiles), ..options() };
    open_with(plan, options).map(|gpu| gpu.unwrap_or_else(|e| panic!("{e}")))
}

/// The same with other options; that there is no adapter at all fails here.
fn open_with(plan: Plan, options: GpuOptions<'_>) -> Option<Result<Gpu>> {
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

/// The best adapter; no buffer has more than `cap` bytes.
pub fn open_capped(plan: Plan, cap: Option<u64>) -> Option<Result<Gpu>> {
    open_with(plan, GpuOptions { buffer_bytes: cap, ..options() })
}

/// The best adapter, which is waited for no longer than a moment.
pub fn open_impatient(plan: Plan) -> Option<Result<Gpu>> {
    open_with(plan, GpuOptions { patience: Some(Duration::ZERO), ..options() })
}

/// The best adapter with lower limits.
pub fn open_limited(plan: Plan, caps: Caps) -> Option<Result<Gpu>> {
    open_with(plan, GpuOptions { caps, ..options() })
}

/// The plain kernels, in buffers of at most `cap` bytes: they need no more than the plan's tensors.
pub fn open_plain_capped(plan: Plan, cap: u64) -> Option<Result<Gpu>> {
    let options =
        GpuOptions { buffer_bytes: Some(cap), variant: KernelVariant::Plain, ..options() };
    open_with(plan, options)
}

/// Whether the tests that need an adapter are left out (`GENRE_GPU_TESTS=skip`).
pub fn skipped() -> bool {
    std::env::var("GENRE_GPU_TESTS").is_ok_and(|word| word == "skip")
}
