//! Which device, and opening it.

use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::cpu::Cpu;
use crate::error::Result;
use crate::plan::Plan;

/// Where steps run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// The processor's cores.
    #[default]
    Cpu,
}

/// Opens a plan on a device; `threads` 0 means one for each core.
///
/// # Errors
/// If the device cannot be had.
pub fn open(device: Device, plan: Plan, threads: usize) -> Result<Box<dyn Backend>> {
    match device {
        Device::Cpu => Ok(Box::new(Cpu::new(plan, threads)?)),
    }
}
