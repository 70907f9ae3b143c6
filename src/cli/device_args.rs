//! Flags that say where a finished run's network runs again.

use clap::Args;

use super::choice;
use crate::device::{self, Device};
use crate::error::Result;
use crate::train::settings::Config;

#[derive(Debug, Args)]
pub(super) struct DeviceArgs {
    /// Where the network runs [default: the run's]
    #[arg(long, value_name = "DEVICE", value_parser = choice::device())]
    device: Option<Device>,

    /// Part of the GPU's name, interface, driver or kind [default: the run's, or the best]
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,

    /// CPU threads; changes no result [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl DeviceArgs {
    /// Changes a run's configuration, and makes sure that there is such a device.
    ///
    /// # Errors
    /// If there is none, or the configuration is out of range.
    pub(super) fn apply(&self, config: &mut Config) -> Result<()> {
        config.run_on(self.device, self.adapter.clone());
        config.threads = self.threads.unwrap_or(config.threads);
        config.check()?;
        device::find(config.device, config.device_options())
    }
}
