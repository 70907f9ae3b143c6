//! Training of a run.

use std::path::PathBuf;

use genre_gpu::audit;
use genre_gpu::data::{DataFrom, HELD, PartName};
use genre_gpu::device::Devices;
use genre_gpu::error::Result;
use genre_gpu::files::write_atomic;
use genre_gpu::progress::Progress;
use genre_gpu::train::run_folder::RunFolder;
use genre_gpu::train::runs::{self, Job, PlannedRun, PreparedData, RunOutcome, RunState};
use genre_gpu::train::settings::{Config, Recipe, Settings};
use genre_gpu::train::source;
use pyo3::prelude::*;

use crate::arrays::{Borrowed, Given};
use crate::callbacks::Listener;
use crate::data::settings;
use crate::errors::exception;
use crate::network::model;

/// Trains a run into a folder, as `genre-gpu train` does, on the arrays that are given or else on those
/// that settings name; true if it was trained to its end, false if it was stopped.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one for each setting of fit")]
pub(crate) fn train(
    py: Python<'_>,
    name: Option<&str>,
    text: Option<&str>,
    settings: &str,
    config: Option<PathBuf>,
    arrays: Option<Vec<Given<'_>>>,
    folder: PathBuf,
    overwrite: bool,
    cache_dir: Option<PathBuf>,
    listener: Py<PyAny>,
) -> PyResult<bool> {
    let settings = self::settings(settings, config)?;
    let name = name.or(settings.model.as_deref()).unwrap_or("p1").to_owned();
    let model = model(&name, text).map_err(exception)?;
    let settings = Settings { model: Some(name), ..settings };
    let is_text = text.is_some();
    let arrays = arrays.map(Borrowed::new).transpose()?;
    let held = arrays.as_ref().map(Borrowed::held).transpose()?;
    let listener = Listener::new(py, listener)?;
    let trained = py.detach(|| {
        // No file of this name is there: later commands ask for --data.
        let data = held.as_ref().map(|_| PathBuf::from(HELD)).or(settings.data.clone());
        let mut config = Settings { data, ..settings }.resolve(Recipe::of(&model)?)?.anchored();
        if held.is_some() {
            config.data = Some(PathBuf::from(HELD));
        }
        RunFolder::create(&folder, overwrite)?;
        let cache = cache_dir.as_deref();
        let source = match held {
            Some(held) => source::of_arrays(&config, &held, &listener)?,
            None => source::open(&config, cache, &PartName::ALL, DataFrom::Memory, &listener)?,
        };
        let found = audit::Quick::of(&source.data);
        if found.finds_fault() {
            listener.warn(&found.line());
        }
        let data = PreparedData::new(source, config.scale, &found)?;
        if is_text {
            // Beside config.toml, which names it.
            let file = folder.join(format!("{}.toml", model.name));
            write_atomic(&file, |to| to.write_all(model.text.as_bytes()))?;
        }
        execute(Job { model, config, folder, overwrite }, &data, &listener)
    });
    listener.raised()?;
    trained.map_err(exception)
}

fn execute(job: Job, data: &PreparedData, listener: &Listener) -> Result<bool> {
    let mut devices = Devices::default();
    let mut execute = |job: &Job, state| {
        let run = PlannedRun { job, state, lock: None };
        runs::execute(&[run], data, &mut devices, listener, &|| listener.stops())
    };
    match execute(&job, RunState::New)?.as_slice() {
        // A callback that has seen enough ends the run after as many epochs, with all results.
        [RunOutcome::Stopped { epochs }] if *epochs > 0 && listener.ends_early() => {
            if job.config.schedule.depends_on_total_epochs() {
                listener.warn(&format!(
                    "the run ends after {epochs} epochs, but its learning rates were those of a run of {}, \
                     which its config.toml does not say",
                    job.config.epochs
                ));
            }
            let config = Config { epochs: *epochs, ..job.config.clone() };
            execute(&Job { config, ..job }, RunState::Started)?;
            Ok(true)
        }
        [RunOutcome::Stopped { .. }] => Ok(false),
        _ => Ok(true),
    }
}
