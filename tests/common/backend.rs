//! The implementations of the engine that the tests compare with the reference.

use genre_gpu::backend::{Backend, DatasetRef, StepMetrics};
use genre_gpu::check::Opened;
use genre_gpu::cpu::Cpu;
use genre_gpu::plan::Plan;

use super::gpu::{TileSize, Variant, open, open_tiled};

/// A device with the kernels that it uses. The names are those of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Implementation {
    Cpu,
    GpuPlain,
    GpuTiled,
    GpuFused,
    GpuSparse,
    /// With the tiles of hardware adapters, on any adapter.
    GpuTiledNarrow,
    GpuFusedNarrow,
    GpuFusedSmall,
}

impl Implementation {
    pub const ALL: [Self; 8] = [
        Self::Cpu,
        Self::GpuPlain,
        Self::GpuTiled,
        Self::GpuFused,
        Self::GpuSparse,
        Self::GpuTiledNarrow,
        Self::GpuFusedNarrow,
        Self::GpuFusedSmall,
    ];

    /// One for each kernel variant, plainest first.
    pub const VARIANTS: [Self; 4] =
        [Self::GpuPlain, Self::GpuTiled, Self::GpuFused, Self::GpuSparse];

    /// `None` for a GPU if `GENRE_GPU_TESTS=skip`.
    pub fn open(self, plan: Plan) -> Option<Opened> {
        let wide = TileSize::Wide;
        let gpu = match self {
            Self::Cpu => return Some(Opened::Cpu(Box::new(Cpu::new(plan, 2).unwrap()))),
            Self::GpuPlain => open_tiled(plan, Variant::Plain, wide),
            Self::GpuTiled => open_tiled(plan, Variant::Tiled, wide),
            Self::GpuFused => open_tiled(plan, Variant::Fused, wide),
            Self::GpuSparse => open_tiled(plan, Variant::Sparse, wide),
            Self::GpuTiledNarrow => open_tiled(plan, Variant::Tiled, TileSize::Narrow),
            Self::GpuFusedNarrow => open_tiled(plan, Variant::Fused, TileSize::Narrow),
            // Convolutions without a pooling are those of the tiled variant.
            Self::GpuFusedSmall => open_tiled(plan, Variant::Fused, TileSize::Small),
        };
        gpu.map(|gpu| Opened::Gpu(Box::new(gpu)))
    }
}

/// The GPU as users open it.
pub fn default_gpu(plan: Plan) -> Option<Opened> {
    open(plan, Variant::default()).map(|gpu| Opened::Gpu(Box::new(gpu)))
}

/// Sums over all samples, and the probabilities, `[n, classes]`.
pub fn evaluate(backend: &mut dyn Backend, samples: DatasetRef<'_>) -> (StepMetrics, Vec<f32>) {
    genre_gpu::check::evaluate(backend, samples).unwrap()
}
