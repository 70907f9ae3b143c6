//! `genre-gpu assignment`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use super::bars::Bars;
use super::choice;
use super::data_args::DataArgs;
use super::run_bars::{self, RunText};
use super::run_input::prepare_data;
use super::say::{say, tell, this_command, warn_of};
use super::stop::interruption;
use crate::compare::RunFigures;
use crate::data::{Dataset, PartName};
use crate::device::{self, Device};
use crate::error::{Error, Result};
use crate::files::create_folder;
use crate::report::Runs;
use crate::tasks::{Assignment, explain_run};
use crate::train::run_folder::RunFolder;
use crate::train::runs::{Job, PlannedRun, RunState};
use crate::train::settings::Settings;
use crate::train::source;

const EXAMPLES: &str = "\
Examples:
  genre-gpu assignment
      all of it on the demo corpus: P1 on the CPU, P2 on the GPU if there is one
  genre-gpu assignment --data gtzan.npz --out gtzan
      on data of your own; the same command again goes on where it stopped
  genre-gpu assignment --epochs 3 --device cpu
      a short look; P2 on the CPU too

DIR takes report.html, which answers everything, and the runs p1 and p2 as `genre-gpu train`
and `genre-gpu explain` leave them. What is done is not done again.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Passes over the training set, for both models [default: each model's, 20]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,

    /// Seed of weights and orders, in the sense of keras.utils.set_random_seed [default: 42]
    #[arg(long, value_name = "N")]
    seed: Option<u32>,

    /// Folder for the runs and what comes of them [default: runs/assignment-DATA-seedSEED]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Where P2 runs; P1 runs on the CPU, as the assignment has it [default: gpu, or cpu where
    /// there is none but a software one]
    #[arg(long, value_name = "DEVICE", value_parser = choice::device())]
    device: Option<Device>,

    /// Part of the name, interface, driver or kind of P2's GPU, in any case of letters
    /// [default: the best]
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,

    /// CPU threads; changes no result [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// Print nothing but warnings and errors
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    data: DataArgs,
}

impl Args {
    fn settings(&self) -> Settings {
        Settings {
            epochs: self.epochs,
            seed: self.seed,
            device: self.device,
            adapter: self.adapter.clone(),
            threads: self.threads,
            ..self.data.settings()
        }
    }

    fn say(&self, text: &str) -> Result<()> {
        if self.quiet { Ok(()) } else { say(text) }
    }
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let assignment = Assignment::new(&args.settings(), args.out.as_deref())?;
    let [p1, p2] = &assignment.jobs;
    // A complete run needs no device.
    if !p2.folder.join("model.safetensors").exists() {
        device::find(p2.config.device, p2.config.device_options())?;
    }
    let stop = interruption()?;
    let bars = Bars::new(args.quiet);
    let cache = args.data.cache_dir.as_deref();
    let source = source::load(&p1.config, cache, &PartName::ALL, &bars)?;
    let data = prepare_data(source, p1.config.scale, args.quiet)?;
    args.say(&format!("P1 runs on the CPU, as it must. P2 runs on the {}.", assignment.p2_device))?;
    create_folder(&assignment.folder)?;
    let runs = [p1.plan(&data.data)?, p2.plan(&data.data)?];
    open_devices(args, &runs, &data.data)?;
    let text = AssignmentText { data: &data.data };
    if !run_bars::execute(&runs, &data, &text, args.quiet, &stop)? {
        tell(&format!("genre-gpu: stopped; go on with\n  {}", this_command()));
        return Ok(ExitCode::FAILURE);
    }
    // `explain` loads them again for each run.
    drop(data);
    for job in &assignment.jobs {
        let start = Instant::now();
        let explained = explain_run(job, cache, &bars).map_err(|source| Error::RunInterrupted {
            source: Box::new(source),
            help: help(job),
        })?;
        let time = match explained {
            true => format!("{:.0} s", start.elapsed().as_secs_f64()),
            false => "done before".into(),
        };
        let (name, folder) = (name(job), job.folder.join("explain"));
        args.say(&format!("{name}: explained; {time}, in {}", folder.display()))?;
    }
    let report = assignment.folder.join("report.html");
    // Always written: to check whether it is up to date would cost more.
    let folders = assignment.jobs.each_ref().map(|job| job.folder.clone());
    Runs::read(&folders)?.write(&report, SystemTime::now())?;
    args.say(&format!("The report is in {}: open it in any browser.", report.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Opens the devices of all runs that are not complete, so that one that cannot be opened fails
/// before the first run.
fn open_devices(args: &Args, runs: &[PlannedRun<'_>], data: &Dataset) -> Result<()> {
    for run in runs.iter().filter(|run| run.state != RunState::Complete) {
        let backend = run.job.open(data)?;
        args.say(&format!("{}: {}", name(run.job), backend.describe()))?;
        warn_of(backend.as_ref());
    }
    Ok(())
}

fn name(job: &Job) -> String {
    job.model.name.to_uppercase()
}

fn help(job: &Job) -> String {
    format!("this was {}; what is done is kept, and the same command goes on", job.folder.display())
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
        Ok(format!("{}: {scores}; {time}, in {}", name(job), job.folder.display()))
    }

    fn help(&self, job: &Job) -> String {
        help(job)
    }
}

/// `test accuracy 80.67 % of samples, 89.17 % of songs`.
fn scores(job: &Job, data: &Dataset) -> Result<String> {
    let folder = RunFolder::open(&job.folder)?;
    let figures = RunFigures::read(&folder, job.config.seed, &data.classes, data)?;
    let report = figures.report(data, &[PartName::Test])?;
    let Some(test) = report.parts.get(PartName::Test.as_str()) else { return Ok(String::new()) };
    let songs = test.songs.map_or_else(String::new, |votes| {
        format!(", {:.2} % of songs", 100.0 * votes.mean_probability)
    });
    Ok(format!("test accuracy {:.2} % of samples{songs}", 100.0 * test.accuracy))
}
