//! What commands on runs begin with: data for training, or a finished run with its data.

use std::path::Path;

use super::audit;
use super::bars::Bars;
use super::data_args::DataArgs;
use super::device_args::DeviceArgs;
use super::say::{Output, quoted, tell};
use crate::data::{ArrayName, PartName, Role, ScaleKind};
use crate::error::{DataProblem, Error, Result};
use crate::progress::Progress;
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

/// Adds the way out to the error of a run's own data that are no longer there.
pub(super) fn moved(error: Error) -> Error {
    match &error {
        Error::Data { problem: DataProblem::NoSuchPath, .. } => Error::WithHelp {
            source: Box::new(error),
            help: "the run was trained on data that were there; if they have moved, give their new place \
                   with --data PATH"
                .into(),
        },
        _ => error,
    }
}

/// The parts whose samples and labels are among arrays of these names.
fn parts_of(found: &[String]) -> Vec<PartName> {
    let known =
        found.iter().filter_map(|name| ArrayName::of(name.strip_suffix(".npy").unwrap_or(name)));
    let known: Vec<ArrayName> = known.collect();
    let has = |part, role| known.contains(&ArrayName { role, part });
    let parts = PartName::ALL.into_iter();
    parts.filter(|part| has(*part, Role::X) && has(*part, Role::Y)).collect()
}

/// Adds to the error of missing parts what works with those that are there.
fn partly(
    error: Error,
    run: &Path,
    data: &DataArgs,
    wanted: &[PartName],
    present: &[PartName],
) -> Error {
    if present.is_empty() || wanted.iter().all(|part| present.contains(part)) {
        return error;
    }
    let flags: String = present.iter().map(|part| format!(" --part {part}")).collect();
    let words: Vec<&str> = present.iter().map(|part| part.word()).collect();
    let data = data.path().map_or(String::new(), |path| format!(" --data {}", quoted(path)));
    let help = format!(
        "the {} part alone can be evaluated (explain compares all three):\n  genre-gpu evaluate {}{data}{flags}",
        words.join(" and "),
        quoted(run),
    );
    Error::WithHelp { source: Box::new(error), help }
}

/// Of sound arrays are to be made as those of the run were, and the run evaluated on them.
fn of_sound(error: Error, run: &Path) -> Error {
    match error {
        Error::Data { place, problem: DataProblem::OtherFiles { found, help } } => {
            let train = "genre-gpu train --data arrays";
            let evaluate = format!(
                "genre-gpu evaluate {} --data arrays\nwith the flags of prepare that the run's own arrays \
                 were made with; to hear what the run makes of songs without labels:\n  genre-gpu predict \
                 {} SONG...",
                quoted(run),
                quoted(run)
            );
            let help = help.replace("train on those", "evaluate the run on those");
            let help = help.replace(train, &evaluate);
            Error::Data { place, problem: DataProblem::OtherFiles { found, help } }
        }
        error => error,
    }
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
    let (cache, path) = (data.cache.cache_dir.as_deref(), folder.path().to_path_buf());
    let run = LoadedRun::open(folder, config, cache, parts, bars).map_err(|error| {
        match (&error, data.is_default()) {
            (
                Error::Data {
                    problem:
                        DataProblem::Missing { found, .. } | DataProblem::NoValidation { found, .. },
                    ..
                },
                _,
            ) => {
                let present = parts_of(found);
                partly(error, &path, data, parts, &present)
            }
            (Error::Data { problem: DataProblem::OtherFiles { .. }, .. }, false) => {
                of_sound(error, &path)
            }
            (_, true) => moved(error),
            _ => error,
        }
    })?;
    if let Some(behind) = &run.behind {
        tell(behind);
    }
    if let (true, Some(change)) = (data.is_default(), run.data_change(parts)) {
        tell(&change);
        return Ok(run);
    }
    match run.trained_on(cache, parts) {
        Ok(found) => found.iter().for_each(|found| tell(&found.to_string())),
        // Its own data were audited when it was trained.
        Err(_) if data.is_default() => {}
        Err(why) => {
            bars.note(&format!("whether the run was trained on these samples is unknown: {why}"));
        }
    }
    Ok(run)
}
