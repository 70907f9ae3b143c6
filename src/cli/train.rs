//! `genre-gpu train`.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::ProgressBar;

use super::bars::{Bars, EPOCH, bar, heading, show_metrics};
use super::choice;
use super::data_args::DataArgs;
use super::device_args::{DeviceArgs, ready, tuned_devices};
use super::lines::{calibration, line, temperatures};
use super::out_file::{check_folder_of, is_dash};
use super::run_input::{moved, prepare_data};
use super::say::{Output, quoted, say, tell, warn_of};
use super::stop::interruption;
use crate::backend::{Backend, StepMetrics};
use crate::data::{DataFrom, PartName};
use crate::error::{Error, Result};
use crate::files::FolderLock;
use crate::models::Model;
use crate::models::summary::capacity;
use crate::plot::undrawn;
use crate::text::fold;
use crate::train::checkpoint::Checkpoint;
use crate::train::ending::{Ending, ending};
use crate::train::history::{Epoch, seconds_per_epoch};
use crate::train::logs::{End, EventLog, LineLog, Logs, Start};
use crate::train::run_folder::RunFolder;
use crate::train::runs::{
    Job, PlannedRun, PreparedData, RunObserver, RunOutcome, RunState, TrainedRun, execute,
};
use crate::train::settings::{Config, Recipe, Settings};
use crate::train::{TrainObserver, run_name, source, words};

const EXAMPLES: &str = "\
Examples:
  genre-gpu train
      the assignment's run: P1 on the CPU, 20 epochs, seed 42, demo corpus
  genre-gpu train --data course/ --out runs/mine
      on a folder with X_train.npy, y_train.npy, X_val.npy, ...
  genre-gpu train --device gpu --adapter nvidia
      on the first GPU of that name; `genre-gpu adapters` lists them
  genre-gpu train --optimizer adamw --warmup 1 --early-stopping 5
      another optimiser; ends when the validation loss no longer falls
  genre-gpu train --shuffle keras3 --keep best
      Keras 3's order of samples; keep the epoch with the lowest validation loss
  genre-gpu train --data all.npz --split song
      on one x, y and song ids, split here into training, validation and test
  genre-gpu train --data large/ --data-from disk
      on arrays larger than memory (.npy files in C order); bit-identical. That is
      the default if they would take over half of the available memory
  genre-gpu train --data course/ --front-end librosa-2s,hop=1024
      axes in Hz and seconds for arrays that you know: librosa-2s or bristol-80,
      with changes of sample-rate, n-fft, hop, f-min, f-max or mels
  genre-gpu train --out runs/mine --log-dir logs/mine --jsonl log.jsonl
      curves in TensorBoard while it trains, and JSON lines
  genre-gpu train --resume runs/mine --epochs 40
      resume a run; bit-identical to one that was never stopped (except with a
      cosine schedule, which depends on --epochs)";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    settings: Settings,

    #[command(flatten)]
    device: DeviceArgs,

    /// Where training reads samples from
    #[arg(long, value_name = "FROM", default_value = "auto", value_parser = choice::data_from())]
    data_from: DataFrom,

    /// TOML file with the same keys; flags override it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Folder of the run [default: runs/NAME, a new one]
    #[arg(long, short, value_name = "DIR", value_parser = choice::folder())]
    out: Option<PathBuf>,

    /// Replace the run in --out
    #[arg(long, requires = "out")]
    overwrite: bool,

    /// Resume a run; only epochs, threads, data, data-from, front-end and device may change
    // Settings that may not change have their own conflicts.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["config", "out", "overwrite", "class_names", "split"])]
    resume: Option<PathBuf>,

    /// TensorBoard event files: DIR/train, DIR/validation
    #[arg(long, value_name = "DIR", value_parser = choice::folder())]
    log_dir: Option<PathBuf>,

    /// JSON lines of all epochs; - is standard output
    #[arg(long, value_name = "FILE")]
    jsonl: Option<PathBuf>,

    /// Print one JSON document (the metrics)
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    data: DataArgs,
}

impl Args {
    fn settings(&self) -> Settings {
        self.settings.clone().or(self.device.settings()).or(self.data.settings())
    }

    /// Whether standard output has JSON lines.
    fn prints_lines(&self) -> bool {
        self.jsonl.as_deref().is_some_and(is_dash)
    }

    /// Opens the logs, so that one that cannot be written fails before the data are read.
    fn logs(&self) -> Result<Logs> {
        let mut logs = Logs::default();
        let resumed = self.resume.is_some();
        if let Some(folder) = &self.log_dir {
            let log = EventLog::new(folder, resumed, self.overwrite)?;
            if resumed && !log.has_files() {
                let folder = folder.display();
                tell(&format!("{folder} has no event files yet: they begin where the run resumes"));
            }
            logs.push(log);
        }
        match &self.jsonl {
            Some(path) if is_dash(path) => {
                logs.push(LineLog::to_stream(Path::new("standard output"), std::io::stdout()));
            }
            Some(path) => {
                check_folder_of(path)?;
                logs.push(LineLog::to_file(path)?);
            }
            None => {}
        }
        Ok(logs)
    }

    fn cache(&self) -> Option<&Path> {
        self.data.cache.cache_dir.as_deref()
    }
}

pub(super) fn run(args: &Args, output: Output) -> Result<ExitCode> {
    if args.json && args.prints_lines() {
        let expected = "a file, because with --json standard output is one document";
        return Err(Error::Setting { name: "jsonl", expected, found: "-".into() });
    }
    let output = output.with_json(args.json || args.prints_lines());
    match &args.resume {
        Some(path) => resume(args, output, path),
        None => begin(args, output),
    }
}

fn begin(args: &Args, output: Output) -> Result<ExitCode> {
    let logs = args.logs()?;
    let mut file = args.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
    let given = args.settings();
    let of_file = given.left_out("the config file's", &file);
    if let Some(fold) = file.fold.take_if(|_| given.data.is_some()) {
        tell(&format!(
            "the config file's fold, {fold}, is of its own data and not taken with --data"
        ));
    }
    let settings = given.or(file);
    let model = Model::open(settings.model.as_deref().unwrap_or("p1"))?;
    let recipe = Recipe::of(&model)?;
    let of_model = settings.left_out_of(&recipe);
    let config = settings.resolve(recipe)?.anchored();
    for left_out in of_file.into_iter().chain(of_model) {
        tell(&left_out);
    }
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| RunFolder::unused(&Path::new("runs").join(run_name(&config))));
    // Before the data, so that an unusable folder fails at once. Until training starts, nothing of it
    // is left, however the program ends.
    let lock = FolderLock::acquire(&folder)?;
    settle(&folder)?;
    let had_config = folder.join("config.toml").exists();
    RunFolder::create(&folder, args.overwrite)?;
    let job = Job { model, config, folder, overwrite: args.overwrite };
    let run = PlannedRun { job: &job, state: RunState::New, lock: Some(&lock) };
    train(args, output, &run, logs).inspect_err(|_| {
        // A run without an epoch cannot be resumed.
        let kept = ["checkpoint.safetensors", "history.csv"].map(|name| job.folder.join(name));
        if !had_config && !kept.iter().any(|file| file.exists()) {
            let _ = std::fs::remove_file(job.folder.join("config.toml"));
        }
    })
}

/// Brings back an older run whose replacement was killed before its first checkpoint.
fn settle(folder: &Path) -> Result<()> {
    let run = RunFolder::at(folder);
    let was_aside = run.is_older_aside();
    match run.settle()? {
        true => {
            tell(
                "the run that was to be replaced is in place again: the new one had no checkpoint",
            );
        }
        false if was_aside => {
            tell("the older run, which this one replaced with --overwrite, is removed now");
        }
        false => {}
    }
    Ok(())
}

fn resume(args: &Args, output: Output, path: &Path) -> Result<ExitCode> {
    // Before the lock, which would create it.
    if !path.is_dir() {
        RunFolder::open(path)?;
    }
    let lock = FolderLock::acquire(path)?;
    settle(path)?;
    let folder = &RunFolder::open(path)?;
    let mut config = Config::read(&folder.config())?;
    let given = args.settings();
    let planned = config.epochs;
    config.epochs = given.epochs.unwrap_or(planned);
    config.threads = given.threads.unwrap_or(config.threads);
    config.run_on(given.device, given.adapter.clone());
    // Other data, such as those that were moved, are split as the run's were.
    let (split, fold) = (config.split, config.fold.take());
    config.read_from(given);
    (config.split, config.fold) = (split, fold);
    config.check()?;
    folder.check_resumable()?;
    let history = Checkpoint::read(&folder.checkpoint())?.position.history;
    if let Some(Ending::Early(early)) =
        ending(&Config { epochs: planned, ..config.clone() }, &history)
        && (early.epochs..planned).contains(&config.epochs)
    {
        // Its rates, and that it ended early, are those of a run of the planned epochs.
        tell(&format!("{early}; --epochs {} changes nothing of that", config.epochs));
        config.epochs = planned;
    }
    if config.epochs != planned && config.schedule.depends_on_total_epochs() {
        tell(&format!(
            "warning: the learning rates of a {} schedule depend on the number of epochs: this run \
             was started for {planned}, so it will differ from one of {} epochs from the start",
            config.schedule, config.epochs
        ));
    }
    if let (true, Some(Ending::Early(early))) = (config.epochs > planned, ending(&config, &history))
    {
        let problem = format!(
            "{}; more epochs would not be trained: start a new run with a longer --early-stopping, or \
             with --early-stopping none",
            early.of(planned)
        );
        return Err(Error::Run { path: folder.path().into(), problem });
    }
    let model = Model::open(&config.model)?;
    Recipe::of(&model)?;
    let job = Job { model, config, folder: folder.path().into(), overwrite: false };
    let run = PlannedRun { job: &job, state: RunState::Started, lock: Some(&lock) };
    train(args, output, &run, args.logs()?)
}

/// Loads the data, executes the run and prints its results.
fn train(args: &Args, output: Output, run: &PlannedRun<'_>, logs: Logs) -> Result<ExitCode> {
    let Job { config, folder, .. } = run.job;
    let data = load(args, output, config)?;
    let (run_folder, resume) = (RunFolder::at(folder), resume_command(args, folder));
    let stop = interruption(move || {
        if run_folder.checkpoint().exists() {
            return format!("resume from the last one with\n  {resume}");
        }
        // Nothing that could be resumed is left.
        match run_folder.settle() {
            Ok(true) => "the first epoch was not finished, and the older run is in place again",
            _ => {
                let _ = std::fs::remove_file(run_folder.config());
                "the first epoch was not finished, and nothing of the run is left"
            }
        }
        .into()
    })?;
    let observer = TrainOutput::new(args, output, &data, logs);
    let mut devices = tuned_devices([run.job], &data.data, args.cache(), &Bars::new(output))?;
    let outcomes = execute(std::slice::from_ref(run), &data, &mut devices, &observer, &stop)
        .inspect_err(|error| observer.end_logs(End::Failed { error }))?;
    match outcomes.first() {
        Some(RunOutcome::Trained(trained)) => {
            let (folder, metrics) = (&RunFolder::at(folder), &trained.metrics);
            observer.end_logs(End::Completed { folder, metrics, epochs: trained.history.len() });
            print_results(args, output, run.job, trained)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(RunOutcome::Stopped { epochs }) => {
            // The bar of the epoch that was stopped.
            if let Some(bar) = observer.bar.borrow_mut().take() {
                bar.finish_and_clear();
            }
            observer.end_logs(End::Stopped { epochs: *epochs });
            tell(&format!(
                "stopped in epoch {} of {}; resume with\n  {}",
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

fn load(args: &Args, output: Output, config: &Config) -> Result<PreparedData> {
    let bars = Bars::new(output);
    ready(config, args.cache(), &bars)?;
    let own = args.resume.is_some() && args.data.is_default();
    let source = source::open(config, args.cache(), &PartName::ALL, args.data_from, &bars)
        .map_err(|error| if own { moved(error) } else { error })?;
    prepare_data(source, config.scale, output)
}

fn print_results(args: &Args, output: Output, job: &Job, trained: &TrainedRun) -> Result<()> {
    let folder = job.folder.as_path();
    if args.json {
        let path = RunFolder::open(folder)?.metrics();
        return say(std::fs::read_to_string(&path).map_err(Error::io(&path, "read"))?.trim_end());
    }
    output.say(&format!("\nTest set:\n{}", trained.report))?;
    for result in &trained.results {
        output.say(&line(result))?;
    }
    if let Some(found) = &trained.metrics.temperatures {
        output.say(&fold(&format!("Test set, {}:", temperatures(found))))?;
    }
    let test = trained.metrics.parts.get(PartName::Test.as_str());
    if let Some(text) = test.and_then(calibration) {
        output.say(&format!("  {text}"))?;
    }
    let run = quoted(folder);
    // A report is of a run on all data, and those of folds have no pictures.
    let (files, report) = match job.config.fold {
        None => ("curves.png, confusion.png, ...", format!("\n  genre-gpu report {run}")),
        Some(_) => ("history.csv, metrics.json, ...", String::new()),
    };
    output.say(&format!(
        "\n{}\n\n{:.2} s per epoch on {}\nThe run is in {} ({files}). \
         Next:\n  genre-gpu explain {run}{report}",
        trained.outcome,
        seconds_per_epoch(&trained.history),
        trained.device,
        folder.display()
    ))
}

/// The command that resumes the run.
fn resume_command(args: &Args, folder: &Path) -> String {
    let cache = args.cache();
    let cache = cache.map_or_else(String::new, |path| format!(" --cache-dir {}", quoted(path)));
    format!("genre-gpu train --resume {}{cache}", quoted(folder))
}

/// `20 epochs, batch 32, SGD, learning rate 0.01, seed 42`, and what else is not the default.
fn setup(config: &Config) -> String {
    let Config { epochs, batch_size, optimizer, learning_rate, seed, .. } = config;
    let mut text =
        format!("{epochs} epochs, batch {batch_size}, {optimizer}, learning rate {learning_rate}");
    for detail in config.optimizer_details() {
        text.push_str(&format!(", {detail}"));
    }
    for (name, value, usual) in [
        ("schedule", config.schedule.to_string(), "constant"),
        ("warm-up epochs", config.warmup.to_string(), "0"),
        ("early stopping", config.early_stopping.to_string(), "none"),
        ("label smoothing", config.label_smoothing.to_string(), "0"),
        ("class weights", config.class_weights.to_string(), "none"),
        ("augmentation", config.augment.to_string(), "none"),
    ] {
        if value != usual {
            text.push_str(&format!(", {name} {value}"));
        }
    }
    let fold = config.fold.as_ref().map_or(String::new(), |fold| format!(", without fold {fold}"));
    format!("{text}, seed {seed}{fold}")
}

/// Prints a run: a bar for the current epoch, a line for each that is done.
struct TrainOutput<'a> {
    args: &'a Args,
    output: Output,
    data: &'a PreparedData,
    /// Whether the device was opened: a failure after that can be resumed from.
    opened: Cell<bool>,
    bar: RefCell<Option<ProgressBar>>,
    logs: RefCell<Logs>,
}

impl<'a> TrainOutput<'a> {
    fn new(args: &'a Args, output: Output, data: &'a PreparedData, logs: Logs) -> Self {
        let (opened, bar) = (Cell::new(false), RefCell::default());
        Self { args, output, data, opened, bar, logs: RefCell::new(logs) }
    }

    fn end_logs(&self, end: End<'_>) {
        let given_up = self.logs.borrow_mut().end(end);
        self.tell_of(&given_up);
    }

    /// What could not be written into logs. That nobody reads standard output is no problem.
    fn tell_of(&self, given_up: &[Error]) {
        for error in given_up {
            let closed =
                matches!(error, Error::Io { source, .. } if source.kind() == ErrorKind::BrokenPipe);
            if !closed {
                self.note(&format!("warning: {error}; the run goes on without this log"));
            }
        }
    }
}

impl RunObserver for TrainOutput<'_> {
    fn device_opened(&self, run: &PlannedRun<'_>, backend: &dyn Backend) -> Result<()> {
        self.opened.set(true);
        warn_of(backend);
        let (output, Job { config, folder, .. }) = (self.output, run.job);
        let graph = backend.plan().graph();
        let PreparedData { data, scale, .. } = self.data;
        let assumed = match data.assumed_classes {
            false => "",
            true => " (assumed; set --class-names)",
        };
        output.say(&format!("Classes: {}{assumed}", data.classes.join(", ")))?;
        if let Some(note) = undrawn(&data.classes) {
            output.say(&fold(&note))?;
        }
        output.say(&format!("Inputs: {scale}"))?;
        let songs = words::songs(&data.train);
        output.say(&fold(&format!("Model: {}", capacity(graph, data.train.len(), songs))))?;
        output.say(&fold(&format!("Training: {}", setup(config))))?;
        let device = backend.describe();
        let start = Start { folder, config, device: &device };
        let given_up = self.logs.borrow_mut().start(start);
        self.tell_of(&given_up);
        output.say(&format!("Device: {device}\nRun folder: {}\n", folder.display()))
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
                "the last checkpoint is in epoch {}, after {} steps; resume with\n  {}",
                position.history.len() + 1,
                position.step,
                resume_command(self.args, folder)
            ),
            None => "no epoch was finished; try a smaller --batch-size, or --device cpu".into(),
        };
        Error::WithHelp { source: Box::new(error), help }
    }
}

impl TrainObserver for TrainOutput<'_> {
    fn already_trained(&self, epochs: usize) {
        // If standard output is closed, the run still computes its results.
        let _ = self.output.say(&format!(
            "All {epochs} epochs are done; only the results are computed again. To train further, \
             raise --epochs.\n"
        ));
    }

    fn epoch_begins(&self, epoch: usize, epochs: usize, samples: usize, done: usize) {
        if !self.output.quiet {
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

    fn steps_end(&self, first: usize, learning_rate: f32, steps: &[StepMetrics]) {
        self.logs.borrow_mut().steps(first, learning_rate, steps);
    }

    fn epoch_ends(&self, epoch: usize, epochs: usize, e: &Epoch) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
        // A closed standard output must not end a run.
        let _ = self.output.say(&format!(
            "{}  {:.2}s  loss {:.4}  acc {:.4}  val_loss {:.4}  val_acc {:.4}",
            heading(epoch, epochs),
            e.seconds,
            e.loss,
            e.accuracy,
            e.val_loss,
            e.val_accuracy
        ));
        let given_up = self.logs.borrow_mut().epoch(epoch, epochs, e);
        self.tell_of(&given_up);
    }

    fn note(&self, text: &str) {
        match &*self.bar.borrow() {
            Some(bar) => bar.suspend(|| tell(text)),
            None => tell(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;
    use crate::backend::{Batches, DatasetRef, Optimizer, State, StepsDone, Tensor};
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
            optimizer: Optimizer,
            watch: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
        ) -> Result<Vec<StepMetrics>> {
            if self.epochs == 0 {
                return Err(Error::Gpu { adapter: "this".into(), problem: "was lost".into() });
            }
            self.inner.train(samples, batches, optimizer, watch)
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
        let cli = ["genre-gpu", "train", "--cache-dir", "here"];
        let Command::Train(args) = Cli::try_parse_from(cli).unwrap().command else {
            panic!("no train")
        };
        let quiet = Output::new(true);
        let model = Model::open("p1").unwrap();
        let settings = Settings { data: Some(work.path().into()), ..Settings::default() };
        let config = settings.resolve(Recipe::of(&model).unwrap()).unwrap();
        let data = load(&args, quiet, &config).unwrap();
        let path = work.path().join("run");
        let job = Job { model, config, folder: path.clone(), overwrite: false };
        let run = PlannedRun { job: &job, state: RunState::New, lock: None };
        let output = TrainOutput::new(&args, quiet, &data, Logs::default());
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
        let help = "this: was lost\n  help: the last checkpoint is in epoch 3, after 0 steps; resume with\n  \
                    genre-gpu train --resume RUN --cache-dir here";
        assert_eq!((text.as_str(), kept), (help, 2));
        let (text, kept) = error_after(0);
        assert!(text.contains("no epoch was finished; try a smaller --batch-size"), "{text}");
        assert_eq!(kept, 0);
    }
}
