//! `genre-gpu assignment`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use super::bars::Bars;
use super::data_args::DataArgs;
use super::lines::title;
use super::run_bars::RunBars;
use super::say::{say, tell, this_command, warn_of};
use super::session::stop_flag;
use super::{audit, choice};
use crate::compare::State;
use crate::data::{Dataset, PartName};
use crate::device::{self, Device};
use crate::error::{Error, Result};
use crate::files::create_folder;
use crate::page::Runs;
use crate::tasks::{Assignment, Task};
use crate::train::config::Settings;
use crate::train::session::{Scaled, open};
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
    let [p1, p2] = &assignment.tasks;
    // A run that is done needs none to be read.
    if !p2.job.folder.join("model.safetensors").exists() {
        device::find(p2.job.config.device, p2.job.config.device_options())?;
    }
    let stopped = stop_flag();
    let stop = || stopped.load(Ordering::Relaxed);
    let bars = Bars::new(args.quiet);
    let cache = args.data.cache_dir.as_deref();
    let source = source::load(&p1.job.config, cache, &PartName::ALL, &bars)?;
    args.say(&format!("Data: {}\n{}", source.data.source, source.data.describe().trim_end()))?;
    audit::tell_of(&source.data, args.quiet)?;
    args.say(&format!("P1 runs on the CPU, as it must. P2 runs on the {}.", assignment.place))?;
    let scaled = Scaled::new(source, p1.job.config.scale)?;
    create_folder(&assignment.folder)?;
    let states = [state(p1, &scaled.data)?, state(p2, &scaled.data)?];
    if !train(args, &assignment, states, &scaled, &stop)? {
        tell(&format!("genre-gpu: stopped; go on with\n  {}", this_command()));
        return Ok(ExitCode::FAILURE);
    }
    // Loaded again for each run, as `explain` does.
    drop(scaled);
    for task in &assignment.tasks {
        let start = Instant::now();
        let explained = task.explain(cache, &bars).map_err(|e| failed(task, e))?;
        let time = match explained {
            true => format!("{:.0} s", start.elapsed().as_secs_f64()),
            false => "done before".into(),
        };
        let (name, folder) = (task.model.name.to_uppercase(), task.job.folder.join("explain"));
        args.say(&format!("{name}: explained; {time}, in {}", folder.display()))?;
    }
    let report = assignment.folder.join("report.html");
    // Always: whether it is of what lies there now is dearer to find out.
    let folders = assignment.tasks.each_ref().map(|task| task.job.folder.clone());
    Runs::read(&folders)?.write(&report, SystemTime::now())?;
    args.say(&format!("The report is in {}: open it in any browser.", report.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn state(task: &Task, data: &Dataset) -> Result<State> {
    let graph = task.model.graph(data.sample_shape, data.classes.len())?;
    task.job.state(data, &graph)
}

/// Makes what is missing, with a line for each run; false where it was stopped.
fn train(
    args: &Args,
    assignment: &Assignment,
    states: [State; 2],
    scaled: &Scaled,
    stop: &dyn Fn() -> bool,
) -> Result<bool> {
    let waiting = || assignment.tasks.iter().zip(states).filter(|(_, state)| *state != State::Done);
    // A device that cannot be had is known before the first run.
    for (task, _) in waiting() {
        let (_, backend) = open(&task.job.config, &task.model, &scaled.data)?;
        args.say(&format!("{}: {}", task.model.name.to_uppercase(), backend.describe()))?;
        warn_of(backend.as_ref());
    }
    let bars = RunBars::new(args.quiet, waiting().map(|(task, _)| task.job.config.epochs).sum());
    for (task, state) in assignment.tasks.iter().zip(states) {
        let name = task.model.name.to_uppercase();
        bars.begin(&name);
        let start = Instant::now();
        if state != State::Done {
            let heading = title(&task.model.name, &scaled.data);
            let trained = task.job.train(state, &task.model, scaled, &heading, &bars, stop);
            let trained = trained.inspect_err(|_| bars.end()).map_err(|e| failed(task, e))?;
            if !trained {
                bars.end();
                return Ok(false);
            }
        }
        let scores = scores(task, &scaled.data).inspect_err(|_| bars.end())?;
        let seconds = start.elapsed().as_secs_f64();
        let time = match state {
            State::Done => "done before".into(),
            State::New => format!("{seconds:.0} s"),
            State::Begun => format!("{seconds:.0} s, gone on with"),
        };
        bars.say(&format!("{name}: {scores}; {time}, in {}", task.job.folder.display()))?;
    }
    bars.end();
    Ok(true)
}

/// `test accuracy 80.67 % of samples, 89.17 % of songs`.
fn scores(task: &Task, data: &Dataset) -> Result<String> {
    let report = task.job.read(data)?.report(data, &[PartName::Test])?;
    let Some(test) = report.parts.get(PartName::Test.as_str()) else { return Ok(String::new()) };
    let songs = test.songs.map_or_else(String::new, |votes| {
        format!(", {:.2} % of songs", 100.0 * votes.mean_probability)
    });
    Ok(format!("test accuracy {:.2} % of samples{songs}", 100.0 * test.accuracy))
}

/// A run's failure, and the way on.
fn failed(task: &Task, error: Error) -> Error {
    let help = format!(
        "this was {}; what is done is kept, and the same command goes on",
        task.job.folder.display()
    );
    Error::Broken { source: Box::new(error), help }
}
