//! A device with a plan, as the checks use it.

use crate::backend::{Backend, State, Tensor};
use crate::cpu::Cpu;
use crate::error::Result;
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
            Self::Gpu(gpu) => gpu.descriptions().iter().map(|(desc, _)| desc.kernel.name).collect(),
        }
    }

    /// All nodes' outputs and gradients after a step.
    ///
    /// # Errors
    /// If the device fails.
    pub fn tensors(&mut self) -> Result<Tensors> {
        let plan = self.backend().plan();
        let ids: Vec<NodeId> = plan.graph().ids().collect();
        let kept: Vec<NodeId> =
            ids.iter().copied().filter(|id| plan.is_materialized(*id)).collect();
        let wanted: Vec<(NodeId, Tensor)> = [Tensor::Value, Tensor::Gradient]
            .into_iter()
            .flat_map(|what| kept.iter().map(move |id| (*id, what)))
            .collect();
        let read = match self {
            Self::Cpu(cpu) => {
                wanted.iter().map(|(id, what)| cpu.tensor(*id, *what)).collect::<Result<_>>()?
            }
            Self::Gpu(gpu) => gpu.tensors(&wanted)?,
        };
        let mut tensors =
            Tensors { values: vec![None; ids.len()], gradients: vec![None; ids.len()] };
        for ((id, what), tensor) in wanted.into_iter().zip(read) {
            let of = match what {
                Tensor::Value => &mut tensors.values,
                Tensor::Gradient => &mut tensors.gradients,
            };
            of[id.index()] = Some(tensor);
        }
        Ok(tensors)
    }
}
