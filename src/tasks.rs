//! The assignment as a whole: P1 on the CPU, as it is mandated, and P2 on a GPU where there is one.

use std::path::{Path, PathBuf};

use crate::compare::Job;
use crate::data::PartName;
use crate::device::Device;
use crate::error::Result;
use crate::explain::listen::{self, Listener};
use crate::explain::{ExplainFolder, ExplainOptions, explain};
use crate::gpu::{self, Kind};
use crate::models::Model;
use crate::progress::Progress;
use crate::report::ColourMap;
use crate::train::Opened;
use crate::train::config::{Config, Settings};
use crate::train::data_stem;
use crate::train::run_folder::RunFolder;

/// One of the two runs.
#[derive(Debug, Clone)]
pub struct Task {
    /// The model as text.
    pub model: Model,
    /// Its settings, and its folder `p1` or `p2`.
    pub job: Job,
}

/// What there is to do.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// Where the runs and the report lie.
    pub folder: PathBuf,
    /// P1, then P2.
    pub tasks: [Task; 2],
    /// Where P2 runs, and why there.
    pub place: String,
}

impl Assignment {
    /// Two runs with these settings; device and adapter are P2's alone. Without a folder they lie
    /// in `runs/assignment-DATA-seedSEED`, the same each time, so that the same words go on.
    ///
    /// # Errors
    /// If a setting is out of range, or there are runs with other settings in the folder.
    pub fn new(settings: &Settings, folder: Option<&Path>) -> Result<Self> {
        let p1 = Model::open("p1")?;
        let mandated = Settings { device: Some(Device::Cpu), adapter: None, ..settings.clone() };
        let p1_config = config(&p1, mandated)?;
        let folder = folder.map_or_else(
            || {
                let data = data_stem(p1_config.data.as_deref());
                Path::new("runs").join(format!("assignment-{data}-seed{}", p1_config.seed))
            },
            Path::to_path_buf,
        );
        let p2 = Model::open("p2")?;
        let (device, adapter, place) = second_place(settings, &folder.join("p2"));
        let p2_config =
            config(&p2, Settings { device: Some(device), adapter, ..settings.clone() })?;
        let task = |name: &str, model: Model, config: Config| {
            let job = Job { config, folder: folder.join(name) };
            job.check()?;
            Ok(Task { model, job })
        };
        let tasks = [task("p1", p1, p1_config)?, task("p2", p2, p2_config)?];
        Ok(Self { folder, tasks, place })
    }
}

impl Task {
    /// Explains its run, which is done, with sound where that is known; false where it was
    /// explained before under the weights that it has now.
    ///
    /// # Errors
    /// If the data are gone, the device fails or a file cannot be written.
    pub fn explain(&self, cache_dir: Option<&Path>, progress: &dyn Progress) -> Result<bool> {
        let folder = RunFolder::open(&self.job.folder)?;
        let out = ExplainFolder::of(&folder);
        if out.read(&folder).is_ok_and(|found| found.asked == ExplainOptions::default()) {
            return Ok(false);
        }
        out.create()?;
        let (config, wanted) = (self.job.config.clone(), ExplainOptions::default());
        let mut opened = Opened::open(folder, config, cache_dir, &PartName::ALL, progress)?;
        opened.scale();
        let mut explanation = explain(&opened, &wanted, progress)?;
        out.clear()?;
        let listener = Listener::open(&opened.source);
        let heard = listener.and_then(|listener| match listener {
            Some(listener) => {
                listen::write(&listener, &opened, &wanted, &mut explanation, out.path(), progress)
            }
            None => Ok(()),
        });
        if let Err(e) = heard {
            // The rest does not depend on it.
            progress.warn(&format!("the explanation has no sound: {e}"));
            explanation.shown.iter_mut().for_each(|shown| shown.sound = None);
        }
        out.write(&explanation, ColourMap::Jet, progress)?;
        Ok(true)
    }
}

fn config(model: &Model, settings: Settings) -> Result<Config> {
    let named = Settings { model: Some(model.name.clone()), ..settings };
    Ok(named.resolve(model.recipe)?.anchored())
}

/// Where P2 runs: as it is told; where its run was begun, as that is another run elsewhere; on a
/// GPU; or, as a processor that plays one is slower than the CPU path, there.
fn second_place(settings: &Settings, run: &Path) -> (Device, Option<String>, String) {
    let adapter = settings.adapter.clone();
    let told = settings.device.or(adapter.as_ref().map(|_| Device::Gpu));
    if let Some(device) = told {
        return (device, adapter, format!("{}, as --device says", name(device)));
    }
    let begun = RunFolder::open(run).and_then(|folder| Config::read(&folder.config()));
    if let Ok(Config { device, adapter, .. }) = begun {
        return (device, adapter, format!("{}, where it was begun", name(device)));
    }
    match gpu::find(None) {
        Ok(facts) if facts.kind != Kind::Software => (Device::Gpu, None, format!("GPU: {facts}")),
        Ok(facts) => {
            let place = format!(
                "CPU: there is no GPU but {facts}, which is slower; --device gpu takes it all the \
                 same"
            );
            (Device::Cpu, None, place)
        }
        Err(_) => (Device::Cpu, None, "CPU: no GPU was found".into()),
    }
}

fn name(device: Device) -> &'static str {
    match device {
        Device::Cpu => "CPU",
        Device::Gpu => "GPU",
    }
}
