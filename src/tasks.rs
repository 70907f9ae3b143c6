//! The assignment: P1 on the CPU, as it is required, and P2 on a GPU where there is one.

use std::path::{Path, PathBuf};

use crate::data::PartName;
use crate::device::Device;
use crate::error::Result;
use crate::explain::listen::{self, Listener};
use crate::explain::{ExplainFolder, ExplainOptions, explain};
use crate::gpu::{self, Kind};
use crate::models::Model;
use crate::plot::ColourMap;
use crate::progress::Progress;
use crate::train::run_folder::RunFolder;
use crate::train::runs::Job;
use crate::train::settings::{Config, Recipe, Settings};
use crate::train::{LoadedRun, data_stem};

/// The runs of the assignment.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// Folder of the runs and the report.
    pub folder: PathBuf,
    /// P1, then P2, in the folders `p1` and `p2`.
    pub jobs: [Job; 2],
    /// P2's device, and why it was chosen.
    pub p2_device: String,
}

impl Assignment {
    /// Two runs with these settings; device and adapter are those of P2. The default folder is
    /// `runs/assignment-DATA-seedSEED`, so that the same command resumes.
    ///
    /// # Errors
    /// If a setting is out of range, or there are runs with other settings in the folder.
    pub fn new(settings: &Settings, folder: Option<&Path>) -> Result<Self> {
        let p1 = Model::open("p1")?;
        let on_cpu = Settings { device: Some(Device::Cpu), adapter: None, ..settings.clone() };
        let p1_config = config(&p1, on_cpu)?;
        let folder = folder.map_or_else(
            || {
                let data = data_stem(p1_config.data.as_deref());
                Path::new("runs").join(format!("assignment-{data}-seed{}", p1_config.seed))
            },
            Path::to_path_buf,
        );
        let p2 = Model::open("p2")?;
        let (device, adapter, p2_device) = p2_device(settings, &folder.join("p2"));
        let p2_config =
            config(&p2, Settings { device: Some(device), adapter, ..settings.clone() })?;
        let job = |name: &str, model: Model, config: Config| {
            let job = Job { model, config, folder: folder.join(name), overwrite: false };
            job.check()?;
            Ok(job)
        };
        let jobs = [job("p1", p1, p1_config)?, job("p2", p2, p2_config)?];
        Ok(Self { folder, jobs, p2_device })
    }
}

/// Explains a complete run, with sound where that is known; false if it was explained before with
/// the same weights.
///
/// # Errors
/// If the data are gone, the device fails or a file cannot be written.
pub fn explain_run(job: &Job, cache_dir: Option<&Path>, progress: &dyn Progress) -> Result<bool> {
    let folder = RunFolder::open(&job.folder)?;
    let out = ExplainFolder::of(&folder);
    if out.read(&folder).is_ok_and(|explanation| explanation.asked == ExplainOptions::default()) {
        return Ok(false);
    }
    let _lock = out.lock()?;
    let (config, wanted) = (job.config.clone(), ExplainOptions::default());
    let mut run = LoadedRun::open(folder, config, cache_dir, &PartName::ALL, progress)?;
    run.scale();
    let mut explanation = explain(&run, &wanted, progress)?;
    out.replace(|staged| {
        let written = Listener::open(&run.source).and_then(|listener| match listener {
            Some(listener) => {
                let folder = staged.path();
                listen::write(&listener, &run, &wanted, &mut explanation, folder, progress)
            }
            None => Ok(()),
        });
        if let Err(e) = written {
            // The rest does not depend on sound.
            progress.warn(&format!("the explanation has no sound: {e}"));
            explanation.shown.iter_mut().for_each(|shown| shown.sound = None);
        }
        staged.write(&explanation, ColourMap::Viridis, progress)
    })?;
    Ok(true)
}

fn config(model: &Model, settings: Settings) -> Result<Config> {
    let settings = Settings { model: Some(model.name.clone()), ..settings };
    Ok(settings.resolve(Recipe::of(model)?)?.anchored())
}

/// P2's device: that of the settings; else that of its run if it was started, since another device
/// makes another run; else a GPU; else the CPU, which is faster than a software GPU.
fn p2_device(settings: &Settings, run: &Path) -> (Device, Option<String>, String) {
    let adapter = settings.adapter.clone();
    let given = settings.device.or(adapter.as_ref().map(|_| Device::Gpu));
    if let Some(device) = given {
        return (device, adapter, format!("{} (--device)", name(device)));
    }
    let started = RunFolder::open(run).and_then(|folder| Config::read(&folder.config()));
    if let Ok(Config { device, adapter, .. }) = started {
        return (device, adapter, format!("{}, where it was started", name(device)));
    }
    match gpu::find(None) {
        Ok(facts) if facts.kind != Kind::Software => (Device::Gpu, None, format!("GPU: {facts}")),
        Ok(facts) => {
            let reason = format!(
                "CPU: the only GPU is {facts}, which is slower; use --device gpu to force it"
            );
            (Device::Cpu, None, reason)
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
