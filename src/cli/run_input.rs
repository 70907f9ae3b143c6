//! What commands on runs begin with: data for training, or a finished run with its data.

use super::audit;
use super::bars::Bars;
use super::data_args::DataArgs;
use super::device_args::DeviceArgs;
use super::say::{Output, tell};
use crate::data::{PartName, ScaleKind};
use crate::error::Result;
use crate::train::LoadedRun;
use crate::train::run_folder::RunFolder;
use crate::train::runs::PreparedData;
use crate::train::settings::Config;
use crate::train::source::Source;

/// Prints the data and their audit, and scales them.
pub(super) fn prepare_data(
    source: Source,
    scale: ScaleKind,
    output: Output,
) -> Result<PreparedData> {
    let data = &source.data;
    output.say(&format!("Data: {}\n{}", data.source, data.describe().trim_end()))?;
    let audit = audit::quick(data, output)?;
    PreparedData::new(source, scale, &audit)
}

/// A finished run's settings, with the data and the device of the flags.
pub(super) fn run_config(run: &RunFolder, data: &DataArgs, device: &DeviceArgs) -> Result<Config> {
    let mut config = data.config_of(run)?;
    device.apply(&mut config)?;
    Ok(config)
}

/// Loads a finished run and its data. Prints a warning if the run's own data have changed since.
pub(super) fn load_run(
    folder: RunFolder,
    config: Config,
    data: &DataArgs,
    parts: &[PartName],
    bars: &Bars,
) -> Result<LoadedRun> {
    let run = LoadedRun::open(folder, config, data.cache.cache_dir.as_deref(), parts, bars)?;
    if let Some(behind) = run.folder.is_behind(&run.saved) {
        tell(&behind);
    }
    if let (true, Some(change)) = (data.is_default(), run.data_change(parts)) {
        tell(&change);
    }
    Ok(run)
}
