//! Flags for the device that a network runs on.

use std::path::Path;

use clap::Args;

use super::choice;
use crate::check;
use crate::device::{self, Device};
use crate::error::Result;
use crate::progress::Progress;
use crate::train::settings::{Config, Settings};
use crate::train::source::cache_folder;

/// Makes sure that the device of a configuration exists, and that a GPU computes right before it is
/// trained on for the first time.
///
/// # Errors
/// If there is none, or it computes wrong results.
pub(super) fn ready(config: &Config, cache: Option<&Path>, progress: &dyn Progress) -> Result<()> {
    match config.device {
        Device::Cpu => Ok(()),
        Device::Gpu => {
            let cache = cache_folder(cache).ok();
            check::once(config.adapter.as_deref(), cache.as_deref(), progress)
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct DeviceArgs {
    /// Where the network runs [default: cpu, or that of the run]
    #[arg(long, value_name = "DEVICE", value_parser = choice::device())]
    pub(super) device: Option<Device>,

    /// Part of the GPU's name, driver or kind, case-insensitive [default: the best]
    #[arg(long, value_name = "NAME")]
    pub(super) adapter: Option<String>,

    /// CPU threads; same result for any number [default: one per core]
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<usize>,
}

impl DeviceArgs {
    pub(super) fn settings(&self) -> Settings {
        let Self { device, adapter, threads } = self;
        Settings {
            device: *device,
            adapter: adapter.clone(),
            threads: *threads,
            ..Settings::default()
        }
    }

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
