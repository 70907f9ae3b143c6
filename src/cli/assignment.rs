//! `genre-gpu assignment`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use super::bars::Bars;
use super::choice;
use super::data_args::DataArgs;
use super::device_args::{DeviceArgs, ready, tuned_devices};
use super::report_args::ReportArgs;
use super::run_bars::{self, RunText};
use super::run_input::prepare_data;
use super::say::{Output, tell, this_command, warn_of};
use super::stop::{interruption, trained};
use crate::audio::FrontEndSpec;
use crate::compare::RunFigures;
use crate::data::{Dataset, PartName};
use crate::device::Devices;
use crate::error::{Error, Result};
use crate::files::FolderLock;
use crate::report::{Format, Runs};
use crate::tasks::{Assignment, explain_run};
use crate::text::fold;
use crate::train::run_folder::RunFolder;
use crate::train::runs::{Job, PlannedRun, RunState};
use crate::train::settings::{Settings, count};
use crate::train::source;

const EXAMPLES: &str = "\
Examples:
  genre-gpu assignment
      on the demo corpus: P1 on the CPU, P2 on the GPU if there is one
  genre-gpu assignment --data gtzan.npz --out gtzan
      on your own data; the same command again resumes
  genre-gpu assignment --epochs 3 --device cpu
      a quick trial; P2 on the CPU too

DIR receives report.html and the runs p1 and p2, as genre-gpu train and explain
write them. Finished work is not repeated.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Epochs of both models [default: each model's: 20]
    #[arg(long, value_name = "N", value_parser = count)]
    epochs: Option<usize>,

    /// Seed, as in keras.utils.set_random_seed [default: 42]
    #[arg(long, value_name = "N")]
    seed: Option<u32>,

    /// Folder of report and runs [default: runs/assignment-DATA-seedSEED]
    #[arg(long, short, value_name = "DIR", value_parser = choice::folder())]
    out: Option<PathBuf>,

    /// Front end of the arrays, for axes in Hz and seconds: see genre-gpu train --help
    #[arg(long, value_name = "NAME,...")]
    front_end: Option<FrontEndSpec>,

    #[command(flatten)]
    device: DeviceArgs,

    #[command(flatten)]
    report: ReportArgs,

    #[command(flatten)]
    data: DataArgs,
}

impl Args {
    fn settings(&self) -> Settings {
        Settings {
            epochs: self.epochs,
            seed: self.seed,
            front_end: self.front_end.clone(),
            ..self.device.settings().or(self.data.settings())
        }
    }
}

pub(super) fn run(args: &Args, output: Output) -> Result<ExitCode> {
    let front = args.report.read()?;
    let assignment = Assignment::new(&args.settings(), args.out.as_deref())?;
    let _lock = FolderLock::acquire(&assignment.folder)?;
    let [p1, p2] = &assignment.jobs;
    let bars = Bars::new(output);
    let cache = args.data.cache.cache_dir.as_deref();
    // A complete run needs no device.
    if !p2.folder.join("model.safetensors").exists() {
        ready(&p2.config, cache, &bars)?;
    }
    let source = source::load(&p1.config, cache, &PartName::ALL, &bars)?;
    let data = prepare_data(source, p1.config.scale, output)?;
    let devices =
        format!("P1 runs on the CPU (required). P2 runs on the {}.", assignment.p2_device);
    let (size, classes) = (data.data.sample_shape, data.data.classes.len());
    let mut jobs = vec![p1];
    match p2.model.graph(size, classes) {
        Ok(_) => {
            jobs.push(p2);
            output.say(&fold(&devices))?;
        }
        // P1 can be trained, and is the required one; if it cannot, its own error tells.
        Err(error) => {
            p1.model.graph(size, classes)?;
            tell(&format!(
                "warning: P2 is left out: {error}; P1 alone is trained, explained and reported. For P2 \
                 make arrays of the sound with more mel bands:\n  genre-gpu prepare SONGS --mels 64 --out \
                 arrays64\n  genre-gpu assignment --data arrays64\nwhere SONGS has a folder of sound \
                 files for each class"
            ));
        }
    }
    let again = format!("resume with\n  {}", this_command());
    let stop = interruption(move || again.clone())?;
    let runs = jobs.iter().map(|job| job.plan(&data.data)).collect::<Result<Vec<_>>>()?;
    let mut devices = tuned_devices(jobs.iter().copied(), &data.data, cache, &bars)?;
    open_devices(output, &runs, &mut devices, &data.data)?;
    let text = AssignmentText { data: &data.data };
    if !run_bars::execute(&runs, &data, &mut devices, &text, output, &stop)? {
        tell(&format!("stopped; resume with\n  {}", this_command()));
        return Ok(ExitCode::FAILURE);
    }
    trained();
    // `explain` loads them again for each run.
    drop((devices, data));
    for job in &jobs {
        let start = Instant::now();
        let explained = explain_run(job, cache, &bars)
            .map_err(|source| Error::WithHelp { source: Box::new(source), help: help(job) })?;
        let time = match explained {
            true => format!("{:.0} s", start.elapsed().as_secs_f64()),
            false => "already done".into(),
        };
        output.say(&format!("{}: explained; {time}", name(job)))?;
    }
    let report = assignment.folder.join("report.html");
    // Always written: checking whether it is up to date would cost more.
    let folders: Vec<PathBuf> = jobs.iter().map(|job| job.folder.clone()).collect();
    Runs::read(&folders)?.write(&report, Format::Html, &front, SystemTime::now())?;
    output.say(&format!("The report is {}: open it in any browser.", report.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Opens the devices of all runs that are not complete, so that one that cannot be opened fails
/// before the first run.
fn open_devices(
    output: Output,
    runs: &[PlannedRun<'_>],
    devices: &mut Devices,
    data: &Dataset,
) -> Result<()> {
    for run in runs.iter().filter(|run| run.state != RunState::Complete) {
        let backend = run.job.open_on(devices, data)?;
        output.say(&format!("{}: {}", name(run.job), backend.describe()))?;
        warn_of(backend);
    }
    Ok(())
}

fn name(job: &Job) -> String {
    job.model.name.to_uppercase()
}

fn help(job: &Job) -> String {
    format!("this was {}; finished work is kept; the same command resumes", job.folder.display())
}

struct AssignmentText<'a> {
    data: &'a Dataset,
}

impl RunText for AssignmentText<'_> {
    fn name(&self, job: &Job) -> String {
        name(job)
    }

    fn completed(&self, job: &Job, time: &str) -> Result<String> {
        let scores = scores(job, self.data)?;
        Ok(format!("{}: {scores}; {time}", name(job)))
    }

    fn help(&self, job: &Job) -> String {
        help(job)
    }
}

/// `test accuracy 80.67 % (samples), 89.17 % (songs)`.
fn scores(job: &Job, data: &Dataset) -> Result<String> {
    let folder = RunFolder::open(&job.folder)?;
    let figures = RunFigures::read(&folder, job.config.seed, &data.classes, data)?;
    let report = figures.report(data, &[PartName::Test])?;
    let Some(test) = report.parts.get(PartName::Test.as_str()) else { return Ok(String::new()) };
    let songs = test.songs.map_or_else(String::new, |votes| {
        format!(", {:.2} % (songs)", 100.0 * votes.mean_probability)
    });
    Ok(format!("test accuracy {:.2} % (samples){songs}", 100.0 * test.accuracy))
}
