//! The implementations of the engine that the tests compare with the reference.

use genre_gpu::Error;
use genre_gpu::backend::{Backend, Batches, DatasetRef, State, StepMetrics, Tensor};
use genre_gpu::cpu::Cpu;
use genre_gpu::gpu::Gpu;
use genre_gpu::graph::NodeId;
use genre_gpu::plan::Plan;

use super::gpu::{TileSize, Variant, open, open_tiled};
use super::{naive, plan};

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
    pub fn open(self, plan: Plan) -> Option<Device> {
        let wide = TileSize::Wide;
        let gpu = match self {
            Self::Cpu => return Some(Device::Cpu(Box::new(Cpu::new(plan, 2).unwrap()))),
            Self::GpuPlain => open_tiled(plan, Variant::Plain, wide),
            Self::GpuTiled => open_tiled(plan, Variant::Tiled, wide),
            Self::GpuFused => open_tiled(plan, Variant::Fused, wide),
            Self::GpuSparse => open_tiled(plan, Variant::Sparse, wide),
            Self::GpuTiledNarrow => open_tiled(plan, Variant::Tiled, TileSize::Narrow),
            Self::GpuFusedNarrow => open_tiled(plan, Variant::Fused, TileSize::Narrow),
            // Convolutions without a pooling are those of the tiled variant.
            Self::GpuFusedSmall => open_tiled(plan, Variant::Fused, TileSize::Small),
        };
        gpu.map(|gpu| Device::Gpu(Box::new(gpu)))
    }
}

/// The GPU as users open it.
pub fn default_gpu(plan: Plan) -> Option<Device> {
    open(plan, Variant::default()).map(|gpu| Device::Gpu(Box::new(gpu)))
}

/// An open implementation.
pub enum Device {
    Cpu(Box<Cpu>),
    Gpu(Box<Gpu>),
}

impl Device {
    pub fn backend(&mut self) -> &mut dyn Backend {
        match self {
            Self::Cpu(cpu) => cpu.as_mut(),
            Self::Gpu(gpu) => gpu.as_mut(),
        }
    }

    pub fn set_parameters(&mut self, parameters: &[f32]) {
        self.backend().set_state(&State::new(parameters.to_vec())).unwrap();
    }

    pub fn parameters(&mut self) -> Vec<f32> {
        self.backend().state().unwrap().parameters
    }

    /// Fills a GPU's outputs and gradients, so that an element that is not written differs.
    pub fn poison(&self) {
        match self {
            Self::Cpu(_) => {}
            Self::Gpu(gpu) => gpu.fill(1e9),
        }
    }

    /// The kernels that do the work: none on the CPU.
    pub fn kernels(&self) -> Vec<&'static str> {
        match self {
            Self::Cpu(_) => Vec::new(),
            Self::Gpu(gpu) => gpu.dispatches().iter().map(|(kernel, ..)| kernel.name).collect(),
        }
    }

    /// All nodes' outputs and gradients after a step.
    pub fn tensors(&mut self) -> Tensors {
        let ids: Vec<NodeId> = self.backend().plan().graph().ids().collect();
        let mut all = |what| ids.iter().map(|id| kept(self.backend(), *id, what)).collect();
        Tensors { values: all(Tensor::Value), gradients: all(Tensor::Gradient) }
    }
}

/// By node; `None` where the device fuses a node with the next and keeps no tensor.
pub struct Tensors {
    pub values: Vec<Option<Vec<f32>>>,
    pub gradients: Vec<Option<Vec<f32>>>,
}

/// A tensor, unless the node is a convolution or a batch norm that the device fuses with its
/// pooling: what comes of it is then compared behind the pooling.
fn kept(backend: &mut dyn Backend, id: NodeId, what: Tensor) -> Option<Vec<f32>> {
    let fused = plan::is_fused(backend.plan(), id);
    match backend.tensor(id, what) {
        Ok(tensor) => {
            assert!(!fused);
            Some(tensor)
        }
        Err(Error::TensorNotMaterialized { .. }) => {
            assert!(fused);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Sums over all samples, and the probabilities, `[n, classes]`.
pub fn evaluate(backend: &mut dyn Backend, samples: DatasetRef<'_>) -> (StepMetrics, Vec<f32>) {
    let mut probabilities = Vec::new();
    let steps = backend.evaluate(samples, &mut probabilities).unwrap();
    (steps.into_iter().sum(), probabilities)
}

/// Batches with the dropout masks of the reference.
pub fn batches(order: &[u32]) -> Batches<'_> {
    Batches { seed: naive::SEED, first_step: naive::STEP, ..Batches::plain(order) }
}

/// The inputs and the labels of some samples, as the reference reads them.
pub fn rows(samples: DatasetRef<'_>, batch: &[u32]) -> (Vec<f64>, Vec<u32>) {
    let len = samples.x().len() / samples.y().len();
    let row = |&i: &u32| &samples.x()[i as usize * len..][..len];
    let x = batch.iter().flat_map(row).map(|&v| f64::from(v)).collect();
    (x, batch.iter().map(|&i| samples.y()[i as usize]).collect())
}
