//! Which device, and opening it.

use serde::{Deserialize, Serialize};

use crate::backend::{Backend, Replicas};
pub use crate::cpu::MOST_THREADS;
use crate::cpu::{self, Cpu};
use crate::error::{Error, Result};
#[cfg(feature = "gpu")]
use crate::gpu::{self, AdapterFacts, Gpu, GpuOptions, KernelVariant, Tiles};
use crate::memory;
use crate::plan::{Buffer, Plan};
#[cfg(feature = "gpu")]
use crate::tune::Known;

/// Where steps run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// The processor's cores.
    #[default]
    Cpu,
    /// A graphics card, through wgpu.
    Gpu,
}

/// Options for opening a device.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Threads of the CPU; 0 means one for each core.
    pub threads: usize,
    /// Part of the GPU's name; none takes the best.
    pub adapter: Option<&'a str>,
    /// Tiles of the GPU's kernels as text; none takes those that were chosen by measuring, or those of
    /// the adapter's kind.
    pub tiles: Option<&'a str>,
}

/// Most samples in a batch where nothing is trained: a run may have been trained in batches of any
/// size, and every sample of a batch has its own activations. What a sample gives is the same in any
/// batch.
pub const INFERENCE_SAMPLES: usize = 256;

/// Samples in a batch where nothing is trained, for a run in batches of `batch_size`, of `samples`.
pub fn inference_batch(batch_size: usize, samples: usize) -> usize {
    batch_size.min(samples).clamp(1, INFERENCE_SAMPLES)
}

/// Checks early that the device exists.
///
/// # Errors
/// If there is none.
pub fn find(device: Device, options: Options<'_>) -> Result<()> {
    match device {
        Device::Cpu => Ok(()),
        #[cfg(feature = "gpu")]
        Device::Gpu => gpu::find(options.adapter).map(drop),
        #[cfg(not(feature = "gpu"))]
        Device::Gpu => Err(no_gpu(options)),
    }
}

/// Bytes that a plan takes at least: weights, velocity, gradients and what kernels pack of them, the
/// activations of a batch and, for training, their gradients.
fn bytes(plan: &Plan) -> u64 {
    let per_parameter = if plan.trains() { 4 } else { 2 };
    let per_activation = if plan.trains() { 2 } else { 1 };
    let len = |buffer: &Buffer| (buffer.len as u64).saturating_mul(per_activation);
    let sample = plan.buffers().iter().map(len).fold(0, u64::saturating_add);
    let parameters = (plan.graph().parameter_count() as u64).saturating_mul(per_parameter);
    parameters.saturating_add(sample.saturating_mul(plan.batch() as u64)).saturating_mul(4)
}

/// Opens a plan on a device.
///
/// # Errors
/// If the device cannot be had, or the plan does not fit it.
pub fn open(device: Device, plan: Plan, options: Options<'_>) -> Result<Box<dyn Backend>> {
    Ok(match device {
        Device::Cpu => Box::new(open_cpu(plan, options)?),
        #[cfg(feature = "gpu")]
        Device::Gpu => Box::new(open_gpu(plan, options, |_| Ok(None), 1)?),
        #[cfg(not(feature = "gpu"))]
        Device::Gpu => return Err(no_gpu(options)),
    })
}

/// How many runs train at once, each step of theirs in one go, where a GPU can do that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtOnce {
    /// As many as the GPU has room for; one after another on a software GPU and on one in a processor.
    Auto,
    /// At most so many.
    Most(usize),
}

impl Default for AtOnce {
    fn default() -> Self {
        Self::Most(1)
    }
}

/// Opens plans one after another. A GPU, its compiled kernels and the data sets that were uploaded to
/// it are kept from one plan to the next.
#[derive(Debug, Default)]
pub struct Devices {
    at_once: AtOnce,
    cpu: Option<Cpu>,
    /// Tiles that were chosen before.
    #[cfg(feature = "gpu")]
    known: Known,
    /// With the adapter that was asked for.
    #[cfg(feature = "gpu")]
    gpu: Option<(Gpu, Option<String>)>,
}

impl Devices {
    /// GPUs take the tiles that are known for a plan, where no others are asked for.
    #[cfg(feature = "gpu")]
    pub fn with_known(known: Known) -> Self {
        Self { known, ..Self::default() }
    }

    /// Lets runs train at once.
    pub fn train_at_once(&mut self, at_once: AtOnce) {
        self.at_once = at_once;
    }

    /// As [`open`]; ends what was opened on the device before.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(
        &mut self,
        device: Device,
        plan: Plan,
        options: Options<'_>,
    ) -> Result<&mut dyn Backend> {
        self.cpu = None;
        match device {
            Device::Cpu => Ok(self.cpu.insert(open_cpu(plan, options)?)),
            #[cfg(feature = "gpu")]
            Device::Gpu => Ok(self.open_gpu(plan, options, 1)?),
            #[cfg(not(feature = "gpu"))]
            Device::Gpu => Err(no_gpu(options)),
        }
    }

    /// What fails leaves no device behind: the next plan opens it anew.
    #[cfg(feature = "gpu")]
    fn open_gpu(&mut self, plan: Plan, options: Options<'_>, replicas: usize) -> Result<&mut Gpu> {
        let wanted = options.adapter.map(str::to_owned);
        let (graph, batch) = (plan.graph().clone(), plan.batch());
        let known = |facts: &AdapterFacts| self.known.tiles(facts, &graph, batch);
        let gpu = match self.gpu.take().filter(|(_, adapter)| *adapter == wanted) {
            Some((gpu, _)) => {
                let tiles = match tiles(options.tiles)? {
                    None => known(gpu.adapter())?,
                    given => given,
                };
                gpu.with_all(plan, KernelVariant::default(), tiles.as_ref(), replicas)?
            }
            None => open_gpu(plan, options, known, replicas)?,
        };
        Ok(&mut self.gpu.insert((gpu, wanted)).0)
    }

    /// Most runs of equal settings that are to train at once on a device.
    ///
    /// # Errors
    /// If there is no such device.
    pub fn most(&self, device: Device, options: Options<'_>) -> Result<usize> {
        match (device, self.at_once) {
            (Device::Cpu, _) => Ok(1),
            (Device::Gpu, AtOnce::Most(most)) => Ok(most),
            #[cfg(feature = "gpu")]
            (Device::Gpu, AtOnce::Auto) => match gpu::find(options.adapter)?.kind {
                // One run fills it (docs/performance.md).
                gpu::Kind::Software | gpu::Kind::Integrated => Ok(1),
                gpu::Kind::Discrete | gpu::Kind::Virtual | gpu::Kind::Other => Ok(usize::MAX),
            },
            #[cfg(not(feature = "gpu"))]
            (Device::Gpu, AtOnce::Auto) => Err(no_gpu(options)),
        }
    }

    /// Opens a plan on a GPU for several runs at once, or for as many of them as it has room for.
    ///
    /// # Errors
    /// As [`open`].
    #[cfg(feature = "gpu")]
    pub fn open_replicas(
        &mut self,
        plan: &Plan,
        options: Options<'_>,
        wanted: usize,
    ) -> Result<&mut dyn Replicas> {
        self.cpu = None;
        // What else is needed is less than a quarter.
        let room = memory::available().unwrap_or(u64::MAX) / 4 * 3 / bytes(plan).max(1);
        let mut count = wanted.min(usize::try_from(room).unwrap_or(wanted)).max(1);
        // Memory that cannot be had, or another limit: fewer may fit. Other faults would come again.
        while let Err(error) = self.open_gpu(plan.clone(), options, count) {
            if count == 1 || !matches!(error, Error::DeviceLimit { .. } | Error::Gpu { .. }) {
                return Err(error);
            }
            count /= 2;
        }
        match &mut self.gpu {
            Some((gpu, _)) => Ok(gpu),
            None => Err(Error::NoAdapter),
        }
    }

    /// The same without GPUs.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(feature = "gpu"))]
    pub fn open_replicas(
        &mut self,
        _: &Plan,
        options: Options<'_>,
        _: usize,
    ) -> Result<&mut dyn Replicas> {
        Err(no_gpu(options))
    }
}

fn open_cpu(plan: Plan, options: Options<'_>) -> Result<Cpu> {
    let what = format!("model {} in batches of {}", plan.graph().model(), plan.batch());
    let help = "use a smaller --batch-size, or a smaller model";
    // What the fusions leave out takes no memory.
    let plan = plan.fused(&cpu::FUSIONS);
    memory::check(&what, bytes(&plan), help)?;
    Cpu::new(plan, options.threads)
}

/// The tiles that were asked for.
///
/// # Errors
/// If the text is none.
#[cfg(feature = "gpu")]
pub fn tiles(text: Option<&str>) -> Result<Option<Tiles>> {
    let parse = |text: &str| {
        text.parse().map_err(|found| Error::Setting {
            name: "tiles",
            expected: "wide, narrow or small, or a line that genre-gpu tune printed",
            found,
        })
    };
    text.map(parse).transpose()
}

/// Opens a plan with the tiles that were asked for, or those that are known for the adapter.
#[cfg(feature = "gpu")]
fn open_gpu(
    plan: Plan,
    options: Options<'_>,
    known: impl Fn(&AdapterFacts) -> Result<Option<Tiles>>,
    replicas: usize,
) -> Result<Gpu> {
    let tiles = match tiles(options.tiles)? {
        None => known(&gpu::find(options.adapter)?)?,
        given => given,
    };
    let adapter = options.adapter;
    let tiles = tiles.as_ref();
    Gpu::new(plan, GpuOptions { adapter, tiles, replicas, ..GpuOptions::default() })
}

#[cfg(not(feature = "gpu"))]
fn no_gpu(_: Options<'_>) -> Error {
    Error::Feature { what: "GPU support", feature: "gpu" }
}

#[cfg(test)]
mod tests {
    use super::inference_batch;

    #[test]
    fn a_run_of_large_batches_predicts_in_small_ones() {
        assert_eq!(inference_batch(100_000, usize::MAX), 256);
        assert_eq!(inference_batch(32, usize::MAX), 32);
        assert_eq!(inference_batch(100_000, 15), 15);
        assert_eq!(inference_batch(32, 0), 1);
    }
}
