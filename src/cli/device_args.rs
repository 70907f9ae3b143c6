//! Flags for the device that a network runs on.

use std::path::Path;

use clap::Args;

use super::choice;
use crate::check;
use crate::data::Dataset;
use crate::device::{self, Device, Devices};
use crate::error::Result;
use crate::gpu::{self, Kind};
use crate::progress::Progress;
use crate::train::run_folder::RunFolder;
use crate::train::runs::Job;
use crate::train::settings::{Config, Settings};
use crate::train::source::cache_folder;
use crate::tune::{self, Known};

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

/// Devices for some jobs, with the tiles that were chosen before. A GPU of hardware that is new to one
/// of the models is measured briefly; on a software GPU that would say little.
///
/// # Errors
/// If there is no such adapter, or a model does not fit the data or the adapter.
pub(super) fn tuned_devices<'a>(
    jobs: impl IntoIterator<Item = &'a Job>,
    data: &Dataset,
    cache: Option<&Path>,
    progress: &dyn Progress,
) -> Result<Devices> {
    // What is not remembered would be chosen anew, and perhaps otherwise, by the next run.
    let Ok(cache) = cache_folder(cache) else { return Ok(Devices::default()) };
    let known = Known::at(&cache);
    for job in jobs {
        let Config { device, adapter, tiles, .. } = &job.config;
        if *device == Device::Cpu || tiles.is_some() || RunFolder::open(&job.folder).is_ok() {
            continue;
        }
        let (graph, batch) = (job.graph(data)?, job.batch(data));
        let facts = gpu::find(adapter.as_deref())?;
        if facts.kind == Kind::Software || known.tiles(&facts, &graph, batch)?.is_some() {
            continue;
        }
        let options = tune::Options { adapter: adapter.as_deref(), ..tune::Options::BRIEF };
        let tuned = tune::tune(&graph, batch, &options, progress)?;
        let kept = known.remember(&tuned.adapter, &graph, batch, &tuned.tiles);
        match kept {
            Ok(()) => progress.note(&format!(
                "{facts}: {} tiles for {} (`genre-gpu tune` measures longer).",
                tuned.tiles, tuned.model
            )),
            Err(error) => progress.warn(&format!("tiles for this GPU cannot be kept: {error}")),
        }
    }
    Ok(Devices::with_known(known))
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
