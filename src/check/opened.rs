//! A device with a plan, as the checks use it.

use crate::backend::{Backend, DatasetRef, State, StepMetrics, Tensor};
use crate::cpu::Cpu;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::graph::NodeId;

/// An open device.
#[derive(Debug)]
pub enum Opened {
    /// The processor.
    Cpu(Box<Cpu>),
    /// A GPU with one form of its kernels.
    Gpu(Box<Gpu>),
}

/// By node; `None` where the device fuses a node with the next and keeps no tensor: what comes of
/// it is then compared behind the pooling.
#[derive(Debug)]
pub struct Tensors {
    /// Outputs.
    pub values: Vec<Option<Vec<f32>>>,
    /// Gradients.
    pub gradients: Vec<Option<Vec<f32>>>,
}

impl Opened {
    /// What trains and evaluates.
    pub fn backend(&mut self) -> &mut dyn Backend {
        match self {
            Self::Cpu(cpu) => cpu.as_mut(),
            Self::Gpu(gpu) => gpu.as_mut(),
        }
    }

    /// Sets the weights, with a velocity of zero.
    ///
    /// # Errors
    /// If the device fails.
    pub fn set_parameters(&mut self, parameters: &[f32]) -> Result<()> {
        self.backend().set_state(&State::new(parameters.to_vec()))
    }

    /// The weights.
    ///
    /// # Errors
    /// If the device fails.
    pub fn parameters(&mut self) -> Result<Vec<f32>> {
        Ok(self.backend().state()?.parameters)
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

    /// Sums over all samples, and the probabilities, `[n, classes]`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn evaluate(&mut self, samples: DatasetRef<'_>) -> Result<(StepMetrics, Vec<f32>)> {
        let mut probabilities = Vec::new();
        let steps = self.backend().evaluate(samples, &mut probabilities)?;
        Ok((steps.into_iter().sum(), probabilities))
    }

    /// All nodes' outputs and gradients after a step.
    ///
    /// # Errors
    /// If the device fails.
    pub fn tensors(&mut self) -> Result<Tensors> {
        let ids: Vec<NodeId> = self.backend().plan().graph().ids().collect();
        let backend = self.backend();
        let mut all = |what| {
            let kept = |id: &NodeId| match backend.tensor(*id, what) {
                Ok(tensor) => Ok(Some(tensor)),
                Err(Error::TensorNotMaterialized { .. }) => Ok(None),
                Err(error) => Err(error),
            };
            ids.iter().map(kept).collect::<Result<Vec<_>>>()
        };
        Ok(Tensors { values: all(Tensor::Value)?, gradients: all(Tensor::Gradient)? })
    }
}
