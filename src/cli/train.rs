//! `genre-gpu train`.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::ProgressBar;

use super::bars::{Bars, EPOCH, bar, heading, show_metrics};
use super::choice;
use super::data_args::DataArgs;
use super::lines::line;
use super::run_input::prepare_data;
use super::say::{quoted, say, tell, warn_of};
use super::stop::interruption;
use crate::backend::{Backend, StepMetrics};
use crate::data::{DataFrom, PartName};
use crate::device;
use crate::error::{Error, Result};
use crate::models::Model;
use crate::models::summary::{LayerTable, capacity};
use crate::text::fold;
use crate::train::checkpoint::Checkpoint;
use crate::train::history::{Epoch, seconds_per_epoch};
use crate::train::run_folder::RunFolder;
use crate::train::runs::{
    Job, PlannedRun, PreparedData, RunObserver, RunOutcome, RunState, TrainedRun, execute,
};
use crate::train::settings::{Config, Recipe, Settings};
use crate::train::{TrainObserver, run_name, source, words};

const EXAMPLES: &str = "\
Examples:
  genre-gpu train
      the mandated run: P1 on the CPU, 20 epochs, seed 42, on the demo corpus
  genre-gpu train --data course/ --out runs/mine
      on a folder with X_train.npy, y_train.npy, X_val.npy, …
  genre-gpu train --device gpu --adapter nvidia
      on the first GPU of that name; `genre-gpu adapters` lists them
  genre-gpu train --shuffle keras3 --keep best
      the order of samples that Keras 3 makes; end with the lowest validation loss
  genre-gpu train --data large/ --data-from disk
      on arrays that memory does not hold, to the same bits as if it did
  genre-gpu train --resume runs/mine --epochs 40
      go on where a run stopped, to the same bits as if it had not (a cosine schedule
      depends on --epochs: a run lengthened under it is another one)";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    settings: Settings,

    /// Where samples are taken from, step by step; changes no result
    ///
    /// From disk they are read as they are needed, window after window, so a data set may be
    /// larger than memory: .npy files in C order, not an .npz. With auto that is so where they
    /// would take more than half of the memory that is available.
    #[arg(long, value_name = "FROM", default_value = "auto", value_parser = choice::data_from())]
    data_from: DataFrom,

    /// A TOML file with the same keys as these flags; flags go before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Folder that the run leaves its files in [default: runs/NAME, a new one each time]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Replace the run that --out holds
    #[arg(long, requires = "out")]
    overwrite: bool,

    /// Go on with the run in this folder; only --epochs, --threads, --data, --data-from
    /// and the device may change
    // Settings that may not change say so themselves.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["config", "out", "overwrite", "class_names"])]
    resume: Option<PathBuf>,

    /// Print nothing but warnings and errors
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    data: DataArgs,
}

impl Args {
    fn settings(&self) -> Settings {
        let flags = self.settings.clone();
        // Without the flag clap sets false, which would override the config file.
        let nesterov = flags.nesterov.filter(|given| *given);
        Settings { nesterov, ..flags }.or(self.data.settings())
    }

    fn say(&self, text: &str) -> Result<()> {
        if self.quiet { Ok(()) } else { say(text) }
    }
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    match &args.resume {
        Some(path) => resume(args, &RunFolder::open(path)?),
        None => begin(args),
    }
}

fn begin(args: &Args) -> Result<ExitCode> {
    let file = args.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
    let settings = args.settings().or(file);
    let model = Model::open(settings.model.as_deref().unwrap_or("p1"))?;
    let config = settings.resolve(Recipe::of(&model)?)?.anchored();
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| RunFolder::unused(&Path::new("runs").join(run_name(&config))));
    let is_new_folder = !folder.exists();
    // Before the data, so that an unusable folder fails at once.
    RunFolder::create(&folder, args.overwrite)?;
    let job = Job { model, config, folder, overwrite: args.overwrite };
    train(args, &PlannedRun { job: &job, state: RunState::New }).inspect_err(|_| {
        if is_new_folder {
            // Succeeds only if the folder is empty.
            let _ = std::fs::remove_dir(&job.folder);
        }
    })
}

fn resume(args: &Args, folder: &RunFolder) -> Result<ExitCode> {
    let mut config = Config::read(&folder.config())?;
    let given = args.settings();
    let planned = config.epochs;
    config.epochs = given.epochs.unwrap_or(config.epochs);
    if config.epochs != planned && config.schedule.depends_on_total_epochs() {
        tell(&format!(
            "genre-gpu: the learning rates of a {} schedule depend on the number of epochs: this \
             run, begun for {planned}, will not be that of {} epochs from the start",
            config.schedule, config.epochs
        ));
    }
    config.threads = given.threads.unwrap_or(config.threads);
    config.run_on(given.device, given.adapter.clone());
    config.read_from(given);
    config.check()?;
    folder.check_resumable()?;
    let model = Model::open(&config.model)?;
    Recipe::of(&model)?;
    let job = Job { model, config, folder: folder.path().into(), overwrite: false };
    train(args, &PlannedRun { job: &job, state: RunState::Started })
}

/// Loads the data, executes the run and prints its results.
fn train(args: &Args, run: &PlannedRun<'_>) -> Result<ExitCode> {
    let Job { config, folder, .. } = run.job;
    let data = load(args, config)?;
    let stop = interruption()?;
    let output = TrainOutput::new(args, &data);
    let outcomes = execute(std::slice::from_ref(run), &data, &output, &stop)?;
    match outcomes.first() {
        Some(RunOutcome::Trained(trained)) => {
            print_results(args, folder, trained)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(RunOutcome::Stopped { epochs }) => {
            tell(&format!(
                "genre-gpu: stopped in epoch {} of {}; go on with\n  {}",
                epochs + 1,
                config.epochs,
                resume_command(args, folder)
            ));
            Ok(ExitCode::FAILURE)
        }
        // Only complete runs, which are not among them, are skipped.
        Some(RunOutcome::AlreadyComplete) | None => Ok(ExitCode::SUCCESS),
    }
}

fn load(args: &Args, config: &Config) -> Result<PreparedData> {
    device::find(config.device, config.device_options())?;
    let bars = Bars::new(args.quiet);
    let cache = args.data.cache_dir.as_deref();
    let source = source::open(config, cache, &PartName::ALL, args.data_from, &bars)?;
    prepare_data(source, config.scale, args.quiet)
}

fn print_results(args: &Args, folder: &Path, trained: &TrainedRun) -> Result<()> {
    args.say(&format!("\nTest set:\n{}", trained.report))?;
    for result in &trained.results {
        args.say(&line(result))?;
    }
    let files = RunFolder::open(folder)?;
    args.say(&format!(
        "\n{}\n\n{:.2} s per epoch on {}. The run is in {}: see {} and {}.",
        trained.paragraph,
        seconds_per_epoch(&trained.history),
        trained.device,
        folder.display(),
        files.curves().display(),
        files.confusion().display()
    ))
}

/// The command that resumes the run.
fn resume_command(args: &Args, folder: &Path) -> String {
    let cache = args.data.cache_dir.as_deref();
    let cache = cache.map_or_else(String::new, |path| format!(" --cache-dir {}", quoted(path)));
    format!("genre-gpu train --resume {}{cache}", quoted(folder))
}

/// Prints a run: a bar for the current epoch, a line for each that is done.
struct TrainOutput<'a> {
    args: &'a Args,
    data: &'a PreparedData,
    /// Whether the device was opened: a failure after that can be resumed from.
    opened: Cell<bool>,
    bar: RefCell<Option<ProgressBar>>,
}

impl<'a> TrainOutput<'a> {
    fn new(args: &'a Args, data: &'a PreparedData) -> Self {
        Self { args, data, opened: Cell::new(false), bar: RefCell::default() }
    }
}

impl RunObserver for TrainOutput<'_> {
    fn device_opened(&self, run: &PlannedRun<'_>, backend: &dyn Backend) -> Result<()> {
        self.opened.set(true);
        warn_of(backend);
        let (args, config, graph) = (self.args, &run.job.config, backend.plan().graph());
        let PreparedData { data, scale, front_end, .. } = self.data;
        // Data of prepare and of the demo come with classes and a front end.
        let assumed =
            config.class_names.is_none() && front_end.is_none() && data.classes.len() == 4;
        let assumed = if assumed { " (assumed of four; --class-names says otherwise)" } else { "" };
        args.say(&format!("Classes: {}{assumed}", data.classes.join(", ")))?;
        let (offset, factor, kind) = (scale.offset, scale.factor, scale.kind);
        args.say(&format!("Scale: x' = (x - {offset}) * {factor} ({kind})"))?;
        args.say(&format!("\n{}", LayerTable(graph)))?;
        let songs = words::songs(&data.train);
        args.say(&fold(&capacity(graph, data.train.len(), songs)))?;
        args.say(&format!("\nDevice: {}\n\n{}", backend.describe(), config.to_toml()))
    }

    /// A device's failure, and the command that resumes from the last checkpoint.
    fn failed(&self, run: &PlannedRun<'_>, error: Error) -> Error {
        if !self.opened.get() || !matches!(error, Error::Gpu { .. }) {
            return error;
        }
        let folder = &run.job.folder;
        let checkpoint = Checkpoint::read(&folder.join("checkpoint.safetensors")).ok();
        let help = match checkpoint {
            Some(Checkpoint { position, .. }) => format!(
                "the last checkpoint stands in epoch {}, {} steps done; go on with\n  {}",
                position.history.len() + 1,
                position.step,
                resume_command(self.args, folder)
            ),
            None => "no epoch was done; try a smaller --batch-size, or --device cpu".into(),
        };
        Error::RunInterrupted { source: Box::new(error), help }
    }
}

impl TrainObserver for TrainOutput<'_> {
    fn already_trained(&self, epochs: usize) {
        // If standard output is closed, the run still computes its results.
        let _ = self.args.say(&format!(
            "All {epochs} epochs are done already: only the figures are made again. For more \
             epochs add --epochs.\n"
        ));
    }

    fn epoch_begins(&self, epoch: usize, epochs: usize, samples: usize, done: usize) {
        if !self.args.quiet {
            let bar = bar(samples as u64, EPOCH).with_prefix(heading(epoch, epochs));
            bar.set_position(done as u64);
            // The rate must not count samples from before a resume.
            bar.reset_eta();
            *self.bar.borrow_mut() = Some(bar);
        }
    }

    fn step(&self, done: u64, metrics: Option<StepMetrics>) {
        if let Some(bar) = &*self.bar.borrow() {
            show_metrics(bar, done, metrics);
        }
    }

    fn epoch_ends(&self, epoch: usize, epochs: usize, e: &Epoch) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
        // A closed standard output must not end a run.
        let _ = self.args.say(&format!(
            "{} - {:.2}s - loss: {:.4} - accuracy: {:.4} - val_loss: {:.4} - val_accuracy: {:.4}",
            heading(epoch, epochs),
            e.seconds,
            e.loss,
            e.accuracy,
            e.val_loss,
            e.val_accuracy
        ));
    }

    fn note(&self, text: &str) {
        let text = format!("genre-gpu: {text}");
        match &*self.bar.borrow() {
            Some(bar) => bar.suspend(|| tell(&text)),
            None => tell(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;
    use crate::backend::{Batches, DatasetRef, Sgd, State, StepsDone, Tensor};
    use crate::graph::NodeId;
    use crate::plan::Plan;

    /// Fails after the validation of a number of epochs.
    struct Fragile {
        inner: Box<dyn Backend>,
        epochs: usize,
    }

    impl Backend for Fragile {
        fn plan(&self) -> &Plan {
            self.inner.plan()
        }
        fn describe(&self) -> String {
            self.inner.describe()
        }
        fn train(
            &mut self,
            samples: DatasetRef<'_>,
            batches: &Batches<'_>,
            sgd: Sgd,
            watch: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
        ) -> Result<Vec<StepMetrics>> {
            if self.epochs == 0 {
                return Err(Error::Gpu { adapter: "this".into(), problem: "was lost".into() });
            }
            self.inner.train(samples, batches, sgd, watch)
        }
        fn evaluate(
            &mut self,
            samples: DatasetRef<'_>,
            rows: &mut Vec<f32>,
        ) -> Result<Vec<StepMetrics>> {
            self.epochs -= 1;
            self.inner.evaluate(samples, rows)
        }
        fn logit_gradients(&mut self, samples: DatasetRef<'_>, batch: &[u32]) -> Result<()> {
            self.inner.logit_gradients(samples, batch)
        }
        fn state(&mut self) -> Result<State> {
            self.inner.state()
        }
        fn set_state(&mut self, state: &State) -> Result<()> {
            self.inner.set_state(state)
        }
        fn tensor(&mut self, node: NodeId, what: Tensor) -> Result<Vec<f32>> {
            self.inner.tensor(node, what)
        }
        fn parameter_gradients(&mut self) -> Result<Vec<f32>> {
            self.inner.parameter_gradients()
        }
    }

    /// The error of a run whose device fails after a number of epochs, and the epochs in its history.
    fn error_after(epochs: usize) -> (String, usize) {
        let work = tempfile::tempdir().unwrap();
        for part in ["train", "val", "test"] {
            let x = ndarray::Array3::from_shape_fn((8, 16, 12), |(i, h, w)| {
                ((i * 5 + h * w) % 7) as f32
            });
            let y = ndarray::Array1::from_shape_fn(8, |i| (i % 2) as i64);
            ndarray_npy::write_npy(work.path().join(format!("x_{part}.npy")), &x).unwrap();
            ndarray_npy::write_npy(work.path().join(format!("y_{part}.npy")), &y).unwrap();
        }
        let cli = ["genre-gpu", "train", "--quiet", "--cache-dir", "here"];
        let Command::Train(args) = Cli::try_parse_from(cli).unwrap().command else {
            panic!("no train")
        };
        let model = Model::open("p1").unwrap();
        let settings = Settings { data: Some(work.path().into()), ..Settings::default() };
        let config = settings.resolve(Recipe::of(&model).unwrap()).unwrap();
        let data = load(&args, &config).unwrap();
        let path = work.path().join("run");
        let job = Job { model, config, folder: path.clone(), overwrite: false };
        let run = PlannedRun { job: &job, state: RunState::New };
        let output = TrainOutput::new(&args, &data);
        let mut backend = Fragile { inner: job.open(&data.data).unwrap(), epochs };
        output.device_opened(&run, &backend).unwrap();
        let error = run.train_on(&mut backend, &data, &output, &|| false).unwrap_err();
        let error = output.failed(&run, error);
        let text = error.to_string().replace(&path.display().to_string(), "RUN");
        let history = RunFolder::open(&path).unwrap().history();
        let history = std::fs::read_to_string(history).unwrap_or_default();
        (text, history.lines().count().saturating_sub(1))
    }

    #[test]
    fn a_device_failure_says_how_to_resume() {
        let (text, kept) = error_after(2);
        let help = "this: was lost\n  help: the last checkpoint stands in epoch 3, 0 steps done; go on with\n  \
                    genre-gpu train --resume RUN --cache-dir here";
        assert_eq!((text.as_str(), kept), (help, 2));
        let (text, kept) = error_after(0);
        assert!(text.contains("no epoch was done; try a smaller --batch-size"), "{text}");
        assert_eq!(kept, 0);
    }
}
