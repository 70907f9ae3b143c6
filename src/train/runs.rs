//! The executor of runs: from prepared data to complete run folders. It prints nothing; `train`,
//! `compare` and `assignment` call [`execute`] with one, many and two runs.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use super::checkpoint::Checkpoint;
use super::ending::{Ending, ending};
use super::history::Epoch;
use super::loader::samples_of;
use super::lockstep::{Event, together};
use super::results::{Results, temperatures};
use super::run_folder::{self, Metrics, RunFolder};
use super::saved::{ModelFacts, SavedModel};
use super::settings::Config;
use super::source::Source;
use super::trainer::{Outcome, TrainObserver, Trainer};
use super::{data_name, run_title, words};
use crate::audio::{Cutting, FrontEnd};
use crate::audit::Quick;
use crate::backend::{Backend, DatasetRef};
use crate::data::{Dataset, PartName, Scale, ScaleKind, known_songs};
use crate::device::{self, Device, Devices};
use crate::error::{Error, Result};
use crate::files::FolderLock;
use crate::graph::Graph;
use crate::metrics::ClassificationReport;
use crate::models::summary::{LayerTable, capacity};
use crate::models::{Model, model_name};
use crate::plan::Plan;
use crate::text::fold;

/// A scaled data set; several runs may share one.
#[derive(Debug)]
pub struct PreparedData {
    /// The scaled data.
    pub data: Dataset,
    /// How sound became spectrograms, where that is known.
    pub front_end: Option<FrontEnd>,
    /// How songs were cut, where the front end is known.
    pub cutting: Option<Cutting>,
    /// The scale that was fitted and applied.
    pub scale: Scale,
    /// Line of the quick audit of the data.
    pub audit: String,
}

impl PreparedData {
    /// Fits the scale to the training set and applies it to all parts. `audit` is that of the data
    /// before they are scaled.
    ///
    /// # Errors
    /// If the training samples are constant, or cannot be read from disk.
    pub fn new(source: Source, kind: ScaleKind, audit: &Quick) -> Result<Self> {
        let Source { data, front_end, cutting, .. } = source;
        Self::scaled(data, front_end, cutting, kind, audit)
    }

    /// The same of a fold of the data of `source`, which stay as they are.
    ///
    /// # Errors
    /// As there.
    pub fn of_fold(data: Dataset, source: &Source, kind: ScaleKind, audit: &Quick) -> Result<Self> {
        Self::scaled(data, source.front_end.clone(), source.cutting, kind, audit)
    }

    fn scaled(
        mut data: Dataset,
        front_end: Option<FrontEnd>,
        cutting: Option<Cutting>,
        kind: ScaleKind,
        audit: &Quick,
    ) -> Result<Self> {
        let scale = data.fit(kind)?;
        data.apply(&scale);
        Ok(Self { data, front_end, cutting, scale, audit: audit.line() })
    }
}

/// One run: what is trained, and where its files go.
#[derive(Debug, Clone)]
pub struct Job {
    /// The model as text.
    pub model: Model,
    /// The settings, seed included.
    pub config: Config,
    /// The run's folder.
    pub folder: PathBuf,
    /// Whether a new run replaces files of another run in the folder.
    pub overwrite: bool,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// There is no run in the folder.
    New,
    /// The run was stopped before its first checkpoint; it is trained from its beginning.
    WithoutCheckpoint,
    /// There is a checkpoint to resume from, but not all files of a complete run.
    Started,
    /// All epochs and all files are there.
    Complete,
}

/// A run that [`execute`] brings from its state to completion.
#[derive(Debug, Clone, Copy)]
pub struct PlannedRun<'a> {
    /// The run.
    pub job: &'a Job,
    /// Its state before.
    pub state: RunState,
    /// The lock of its folder, where that is held already; else it is taken for the training.
    pub lock: Option<&'a FolderLock>,
}

/// Is called while runs are executed.
pub trait RunObserver: TrainObserver {
    /// The next run; it may be complete already.
    fn run_begins(&self, _run: &PlannedRun<'_>) {}
    /// The next runs, which train at once: their epochs begin together, each of them ends for every run.
    fn runs_begin(&self, _runs: &[&PlannedRun<'_>]) {}
    /// [`TrainObserver::note`] of one of the runs that train at once.
    fn note_of(&self, _run: &PlannedRun<'_>, text: &str) {
        self.note(text);
    }
    /// The device of a run is open; its folder is not changed yet.
    ///
    /// # Errors
    /// If the observer cannot continue; the run is not executed then.
    fn device_opened(&self, _run: &PlannedRun<'_>, _backend: &dyn Backend) -> Result<()> {
        Ok(())
    }
    /// The run is complete, `seconds` after it began.
    ///
    /// # Errors
    /// If the observer cannot continue; no further run is executed then.
    fn run_completed(&self, _run: &PlannedRun<'_>, _seconds: f64) -> Result<()> {
        Ok(())
    }
    /// Adds to a run's error what the user can do about it.
    fn failed(&self, _run: &PlannedRun<'_>, error: Error) -> Error {
        error
    }
}

/// How the execution of a run ended.
#[derive(Debug)]
pub enum RunOutcome {
    /// It was trained to its end.
    Trained(Box<TrainedRun>),
    /// It was complete before.
    AlreadyComplete,
    /// `stop` was true; a checkpoint was written.
    Stopped {
        /// Epochs that are done.
        epochs: usize,
    },
}

/// Results of a run that was trained to its end.
#[derive(Debug)]
pub struct TrainedRun {
    /// The device, for people.
    pub device: String,
    /// Metrics of each epoch.
    pub history: Vec<Epoch>,
    /// Of each part, under the final weights.
    pub results: Vec<Results>,
    /// As `metrics.json` has them.
    pub metrics: Metrics,
    /// The classification report of the test set.
    pub report: String,
    /// What the metrics show about overfitting, folded.
    pub outcome: String,
}

/// Brings runs to completion: trains those that are new from their beginning, resumes those that were
/// started, skips those that are complete. Runs on one device share it, and one copy of the data on
/// it. They are executed one after another; neighbours that differ in the seed alone train at once
/// where [`Devices::train_at_once`] allows it, which changes no result. If `stop` becomes true, the current
/// runs write a checkpoint, their outcomes are the last, and those after them are not executed. A run
/// that fails ends the execution when those that train with it have ended.
///
/// # Errors
/// If a device fails, a loss is not finite, a file cannot be written or the observer returns an
/// error.
pub fn execute(
    runs: &[PlannedRun<'_>],
    data: &PreparedData,
    devices: &mut Devices,
    observer: &dyn RunObserver,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<RunOutcome>> {
    let mut outcomes = Vec::with_capacity(runs.len());
    let samples = samples_of(&data.data);
    let mut rest = runs;
    while let Some(run) = rest.first() {
        let start = Instant::now();
        let mut done = 1;
        match run.state {
            RunState::Complete => {
                observer.run_begins(run);
                outcomes.push(RunOutcome::AlreadyComplete);
                observer.run_completed(run, start.elapsed().as_secs_f64())?;
            }
            RunState::New | RunState::WithoutCheckpoint | RunState::Started => {
                let most = devices.most(run.job.config.device, run.job.config.device_options())?;
                let group = &rest[..neighbours(rest, most, &data.data)];
                if group.len() > 1 {
                    let of_group = train_at_once(group, data, samples, devices, observer, stop)?;
                    done = of_group.len();
                    outcomes.extend(of_group);
                } else {
                    observer.run_begins(run);
                    let outcome = open_and_train(run, data, samples, devices, observer, stop);
                    let outcome = outcome.map_err(|error| observer.failed(run, error))?;
                    let stopped = matches!(outcome, RunOutcome::Stopped { .. });
                    outcomes.push(outcome);
                    if !stopped {
                        observer.run_completed(run, start.elapsed().as_secs_f64())?;
                    }
                }
            }
        }
        if outcomes.iter().any(|outcome| matches!(outcome, RunOutcome::Stopped { .. })) {
            break;
        }
        rest = &rest[done..];
    }
    Ok(outcomes)
}

/// How many runs from the first on may train at once: those that differ in the seed alone and are at
/// the same step, at most `most`, and complete ones between them.
fn neighbours(runs: &[PlannedRun<'_>], most: usize, data: &Dataset) -> usize {
    let Some((first, others)) = runs.split_first() else { return 0 };
    let Config { schedule, device, .. } = first.job.config;
    // Windows of samples from disk are in the order of one run; all replicas have one rate.
    if most < 2 || data.disk.is_some() || device == Device::Cpu || schedule.depends_on_losses() {
        return 1;
    }
    let (position, mut count, mut len) = (first.position(), 1, 1);
    let Ok(job) = first.as_begun() else { return 1 };
    for (i, run) in others.iter().enumerate() {
        if run.state == RunState::Complete {
            continue;
        }
        let fits = run.as_begun().is_ok_and(|other| other.differs_in_seed(&job));
        if count == most || !fits || position.is_none() || run.position() != position {
            break;
        }
        (count, len) = (count + 1, i + 2);
    }
    len
}

/// Trains runs at once, or as many of them as the device has room for; returns the outcomes of these.
fn train_at_once(
    runs: &[PlannedRun<'_>],
    data: &PreparedData,
    samples: [DatasetRef<'_>; 3],
    devices: &mut Devices,
    observer: &dyn RunObserver,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<RunOutcome>> {
    let start = Instant::now();
    let mut trained: Vec<&PlannedRun<'_>> =
        runs.iter().filter(|run| run.state != RunState::Complete).collect();
    let wanted = trained.len();
    let failed = |error| observer.failed(&runs[0], error);
    let job = runs[0].as_begun().map_err(failed)?;
    let plan = job.lowered(&data.data).map_err(failed)?;
    let options = job.config.device_options();
    let device = devices.open_replicas(&plan, options, wanted).map_err(failed)?;
    let room = device.replicas();
    if room < wanted {
        observer.note(&format!("the GPU has room for {room} of {wanted} runs at once"));
        trained.truncate(room);
    }
    let last = trained.last().copied();
    let end = runs.iter().position(|run| last.is_some_and(|last| std::ptr::eq(run, last)));
    let runs = &runs[..end.map_or(runs.len(), |end| end + 1)];
    observer.runs_begin(&trained);
    for run in &trained {
        observer.device_opened(run, device)?;
    }
    let train = |number: usize,
                 backend: &mut dyn Backend,
                 observer: &dyn TrainObserver,
                 stop: &dyn Fn() -> bool| {
        trained[number].train_on_samples(backend, data, samples, observer, stop)
    };
    // The epoch and the step in it are shown once for all.
    let mut shown = (0, 0);
    let mut tell = |number: usize, event| match event {
        Event::AlreadyTrained { epochs } => observer.already_trained(epochs),
        Event::EpochBegins { epoch, epochs, samples, done } => {
            if epoch != shown.0 {
                shown = (epoch, done as u64);
                observer.epoch_begins(epoch, epochs, samples, done);
            }
        }
        Event::Step { done, metrics } => {
            if done > shown.1 {
                shown.1 = done;
                observer.step(done, metrics);
            }
        }
        Event::EpochEnds { epoch, epochs, figures } => {
            observer.epoch_ends(epoch, epochs, &figures);
        }
        Event::Note(text) => observer.note_of(trained[number], &text),
    };
    let results = together(trained.len(), device, &samples, &train, &mut tell, stop);
    let seconds = start.elapsed().as_secs_f64() / trained.len() as f64;
    let (mut results, mut outcomes, mut first_error) = (results.into_iter(), Vec::new(), None);
    for run in runs {
        let outcome = match run.state {
            RunState::Complete => Ok(RunOutcome::AlreadyComplete),
            RunState::New | RunState::WithoutCheckpoint | RunState::Started => {
                match results.next() {
                    Some(result) => result,
                    None => break,
                }
            }
        };
        match outcome {
            Ok(outcome) => {
                observer.run_begins(run);
                let stopped = matches!(outcome, RunOutcome::Stopped { .. });
                outcomes.push(outcome);
                if !stopped {
                    observer.run_completed(run, seconds)?;
                }
            }
            Err(error) if first_error.is_none() => first_error = Some(observer.failed(run, error)),
            Err(error) => observer.note_of(run, &error.to_string()),
        }
    }
    first_error.map_or(Ok(outcomes), Err)
}

fn open_and_train(
    run: &PlannedRun<'_>,
    data: &PreparedData,
    samples: [DatasetRef<'_>; 3],
    devices: &mut Devices,
    observer: &dyn RunObserver,
    stop: &dyn Fn() -> bool,
) -> Result<RunOutcome> {
    // First: a model or device that cannot be opened leaves no folder.
    let backend = run.as_begun()?.open_on(devices, &data.data)?;
    observer.device_opened(run, backend)?;
    run.train_on_samples(backend, data, samples, observer, stop)
}

impl Job {
    /// Checks that its folder holds no run with other settings.
    ///
    /// # Errors
    /// If it does, or what is there is no run.
    pub fn check(&self) -> Result<()> {
        let Ok(folder) = RunFolder::open(&self.folder) else { return Ok(()) };
        let existing = Config::read(&folder.config())?;
        if let (Some(own), Some(wanted)) = (&existing.fold, &self.config.fold)
            && let Some([list, given]) = own.other_lists(wanted)
        {
            let (list, given) = (list.display(), given.display());
            let problem = format!(
                "holds a run whose folds were made of the list of groups {list}, not of {given}; give --group \
                 {list} (copy the list there if it has moved), or another --out"
            );
            return Err(Error::Run { path: self.folder.clone(), problem });
        }
        let differences = differences(&existing, &self.config);
        if differences.is_empty() {
            return Ok(());
        }
        Err(self.other_run(&format!("with other settings ({})", differences.join("; "))))
    }

    /// `what` may have changed.
    fn other_folds(&self, what: &str) -> Error {
        let problem = format!(
            "holds a run of other folds: {what} is not what it was when this run was made; bring it back as it \
             was, or use another --out"
        );
        Error::Run { path: self.folder.clone(), problem }
    }

    fn other_run(&self, what: &str) -> Error {
        let problem = format!(
            "holds a run {what}; use the settings that it was made with or another --out, or \
             remove this folder"
        );
        Error::Run { path: self.folder.clone(), problem }
    }

    /// The network for these data.
    ///
    /// # Errors
    /// If the model does not fit the data.
    pub fn graph(&self, data: &Dataset) -> Result<Graph> {
        self.model.graph(data.sample_shape, data.classes.len())
    }

    /// Opens the network on the device that the settings name.
    ///
    /// # Errors
    /// If the model does not fit the data, or the device is absent or too small.
    pub fn open(&self, data: &Dataset) -> Result<Box<dyn Backend>> {
        device::open(self.config.device, self.lowered(data)?, self.config.device_options())
    }

    /// The same on devices that may have served other runs.
    ///
    /// # Errors
    /// As there.
    pub fn open_on<'a>(
        &self,
        devices: &'a mut Devices,
        data: &Dataset,
    ) -> Result<&'a mut dyn Backend> {
        devices.open(self.config.device, self.lowered(data)?, self.config.device_options())
    }

    /// Samples in a step: as many as the settings say, if the data have them.
    pub fn batch(&self, data: &Dataset) -> usize {
        self.config.batch_size.min(data.longest_part())
    }

    fn lowered(&self, data: &Dataset) -> Result<Plan> {
        Plan::new(self.graph(data)?, self.batch(data))?
            .with_loss(&self.config.loss(&data.train.y, &data.classes)?)
    }

    /// Whether it is another run only in its seed.
    fn differs_in_seed(&self, other: &Self) -> bool {
        let settings = |job: &Self| {
            let mut table = job.config.table();
            table.remove("seed");
            table
        };
        self.model.text == other.model.text && settings(self) == settings(other)
    }

    /// Determines how far the run is on these data.
    ///
    /// # Errors
    /// If its folder holds a run with other settings, on other data or of another network, or a
    /// damaged one.
    pub fn plan(&self, data: &Dataset) -> Result<PlannedRun<'_>> {
        Ok(PlannedRun { job: self, state: self.state(data)?, lock: None })
    }

    /// The parts whose predictions its folder has. A cross-validation has many runs, of which it needs
    /// little: no pictures, and no predictions of what they were trained on.
    fn parts(&self, data: &Dataset) -> &'static [PartName] {
        match (&self.config.fold, data.val_is_test) {
            (None, _) => &PartName::ALL,
            (Some(_), true) => &[PartName::Test],
            (Some(_), false) => &[PartName::Val, PartName::Test],
        }
    }

    fn state(&self, data: &Dataset) -> Result<RunState> {
        self.check()?;
        // A model that does not fit the data is known before any run is trained.
        let graph = self.graph(data)?;
        let Ok(folder) = RunFolder::open(&self.folder) else { return Ok(RunState::New) };
        if !folder.checkpoint().exists() {
            return Ok(RunState::WithoutCheckpoint);
        }
        let Checkpoint { state, best, position } = Checkpoint::read(&folder.checkpoint())?;
        if position.data_hash != data.hash {
            let (trained_on, given) = (&position.data_hash, &data.hash);
            let what = format!("on data with hash {trained_on}, but {} has {given}", data.source);
            return Err(match &self.config.fold {
                Some(fold) => self.other_folds(&fold.made_of(&data.source)),
                None => self.other_run(&what),
            });
        }
        if position.graph_hash != graph.hash() {
            return Err(self.other_run("of another network: the model has changed since"));
        }
        let parts = self.parts(data).iter().map(|part| folder.predictions(*part));
        // Without hashes of its weights a run was written by an older version, or killed at the end.
        let files = [folder.model(), folder.metrics(), folder.history(), folder.summary()];
        let pictures = [folder.curves(), folder.confusion()];
        let pictures = pictures.into_iter().filter(|_| self.config.fold.is_none());
        let mut all = files.into_iter().chain([folder.weights()]).chain(parts).chain(pictures);
        let all_exist = all.all(|file| file.exists());
        let is_done = ending(&self.config, &position.history).is_some();
        if !is_done || position.step > 0 || !all_exist {
            return Ok(RunState::Started);
        }
        // A run that was extended may have weights and results of fewer epochs. Weights are
        // written last, so if they are those of the last epoch, so is all else.
        let (saved, _) = folder.read_model()?;
        let last = best.unwrap_or(state.parameters);
        Ok(if saved.parameters == last { RunState::Complete } else { RunState::Started })
    }
}

impl PlannedRun<'_> {
    /// Epochs and steps that are done, where they are known.
    fn position(&self) -> Option<(usize, usize)> {
        match self.state {
            RunState::New | RunState::WithoutCheckpoint => Some((0, 0)),
            RunState::Started => {
                let folder = RunFolder::open(&self.job.folder).ok()?;
                let position = Checkpoint::read(&folder.checkpoint()).ok()?.position;
                Some((position.history.len(), position.step))
            }
            RunState::Complete => None,
        }
    }

    /// The job as it was begun, where that was on a GPU: its tiles are kept to the last step.
    fn as_begun(&self) -> Result<Cow<'_, Job>> {
        if self.state != RunState::Started || self.job.config.tiles.is_some() {
            return Ok(Cow::Borrowed(self.job));
        }
        let existing = Config::read(&RunFolder::open(&self.job.folder)?.config())?;
        if existing.device != self.job.config.device {
            return Ok(Cow::Borrowed(self.job));
        }
        let config = Config { tiles: existing.tiles, ..self.job.config.clone() };
        Ok(Cow::Owned(Job { config, ..self.job.clone() }))
    }

    /// The folder, without files of an older run if the run is new.
    fn folder(&self) -> Result<RunFolder> {
        let Job { folder: path, overwrite, .. } = self.job;
        let replaces = match self.state {
            RunState::New => *overwrite,
            RunState::WithoutCheckpoint => {
                // The runs of a comparison are planned long before the last one is executed.
                if RunFolder::open(path)?.checkpoint().exists() {
                    let problem = "was trained by another process in the meantime; run the same \
                                   command again, which resumes it";
                    return Err(Error::Run { path: path.clone(), problem: problem.into() });
                }
                true
            }
            RunState::Started | RunState::Complete => return RunFolder::open(path),
        };
        let folder = RunFolder::create(path, replaces)?;
        match self.state {
            RunState::New => folder.set_aside()?,
            // Nothing that could be brought back.
            _ => folder.clear()?,
        }
        Ok(folder)
    }

    /// Trains on an open backend and writes all files of the run.
    ///
    /// # Errors
    /// As [`execute`].
    pub fn train_on(
        &self,
        backend: &mut dyn Backend,
        prepared: &PreparedData,
        observer: &dyn TrainObserver,
        stop: &dyn Fn() -> bool,
    ) -> Result<RunOutcome> {
        self.train_on_samples(backend, prepared, samples_of(&prepared.data), observer, stop)
    }

    /// The same; a device that has the samples already does not upload them again.
    fn train_on_samples(
        &self,
        backend: &mut dyn Backend,
        prepared: &PreparedData,
        samples: [DatasetRef<'_>; 3],
        observer: &dyn TrainObserver,
        stop: &dyn Fn() -> bool,
    ) -> Result<RunOutcome> {
        let _lock = match self.lock {
            Some(_) => None,
            None => Some(FolderLock::acquire(&self.job.folder)?),
        };
        let folder = self.folder()?;
        let outcome = self.train_into(&folder, backend, prepared, samples, observer, stop);
        let settled = folder.settle();
        if matches!(settled, Ok(true)) {
            observer.note("the run that was in its folder before is in place again");
        }
        // Why training failed is reported first.
        let outcome = outcome?;
        settled.map(|_| outcome)
    }

    fn train_into(
        &self,
        folder: &RunFolder,
        backend: &mut dyn Backend,
        prepared: &PreparedData,
        samples: [DatasetRef<'_>; 3],
        observer: &dyn TrainObserver,
        stop: &dyn Fn() -> bool,
    ) -> Result<RunOutcome> {
        let PreparedData { data, front_end, cutting, scale, audit } = prepared;
        let Job { config, model, .. } = self.job;
        // As the device chose them, so that the run can be had again.
        let config = &Config { tiles: backend.tiles(), ..config.clone() };
        let title = run_title(&config.model, data);
        let (graph, device) = (backend.plan().graph().clone(), backend.describe());
        let begin = match self.state {
            RunState::New | RunState::WithoutCheckpoint => Trainer::new,
            RunState::Started | RunState::Complete => Trainer::resume,
        };
        let mut trainer = begin(backend, data, config, folder.checkpoint())?;
        trainer.share(samples);
        // After resuming, because a resume that is refused leaves the run as it was.
        folder.write_config(config)?;
        let outcome = trainer.run(observer, stop);
        let history = trainer.history().to_vec();
        // Also of a run that diverged: its curves show how. Training's error is returned first.
        let written = match (history.is_empty(), &config.fold) {
            (true, _) => Ok(()),
            (false, None) => folder.write_history(&history, &title),
            (false, Some(_)) => folder.write_history_table(&history),
        };
        let outcome = outcome?;
        written?;
        if outcome == Outcome::Interrupted {
            return Ok(RunOutcome::Stopped { epochs: history.len() });
        }
        let (parameters, epochs) = trainer.finish()?;
        let results = trainer.results()?;
        match config.fold {
            None => folder.write_results(&results, data, &title)?,
            Some(_) => {
                let parts = self.job.parts(data);
                let mut kept = results.iter().filter(|result| parts.contains(&result.part));
                kept.try_for_each(|result| folder.write_result(result, data))?;
            }
        }
        let count = graph.trainable_count();
        let mut metrics =
            run_folder::metrics(config, &device, count, epochs, &history, data, &results);
        // Where the validation part is the held-out fold, or there is none, nothing is fitted on it.
        if !data.val_is_test && !data.val.is_empty() {
            metrics.calibrate(temperatures(&results, data)?, &results, data)?;
        }
        metrics.audit = Some(audit.clone());
        folder.write_metrics(&metrics)?;

        let report = report_of_test(&results, &data.classes)?;
        let accuracy = |name: PartName| {
            let result = results.iter().find(|result| result.part == name)?;
            Some(result.confusion.accuracy())
        };
        let (samples, songs) = (data.train.len(), words::songs(&data.train));
        let accuracies = PartName::ALL.map(accuracy);
        let early = match ending(config, &history) {
            Some(Ending::Early(early)) => Some(early),
            Some(Ending::AllEpochs) | None => None,
        };
        let outcome = words::outcome(&history, early, accuracies);
        let paragraph = fold(&format!("{} {outcome}", capacity(&graph, samples, songs)));
        let outcome = fold(&outcome);
        let table = LayerTable(&graph);
        folder.write_summary(&format!("{title}\n\n{table}\n{paragraph}\n\nTest set:\n{report}"))?;

        let (spectra, typical) = known_songs(data)?;
        let facts = ModelFacts {
            version: env!("CARGO_PKG_VERSION").into(),
            name: model_name(&config.model),
            model: model.text.clone(),
            sample_shape: data.sample_shape,
            classes: data.classes.clone(),
            scale: *scale,
            front_end: front_end.clone(),
            cutting: *cutting,
            spectra: Some(spectra),
            typical: Some(typical),
            temperatures: metrics.temperatures,
            seed: config.seed,
            epochs,
            data_source: data_name(data),
            data_hash: data.hash.clone(),
        };
        // Last: if a folder has these weights, all its other files belong to them.
        folder.write_model(&SavedModel { parameters, facts }, &graph)?;
        let trained = TrainedRun { device, history, results, metrics, report, outcome };
        Ok(RunOutcome::Trained(Box::new(trained)))
    }
}

fn report_of_test(results: &[Results], classes: &[String]) -> Result<String> {
    let test = results.iter().find(|result| result.part == PartName::Test);
    let report = test.map(|test| ClassificationReport::new(&test.confusion, classes));
    Ok(report.transpose()?.map_or_else(String::new, |report| report.to_string()))
}

/// The settings of `existing` that differ from `wanted`, except those that change no result:
/// threads, and the paths of data and model, whose contents are compared by hash. Tiles are the
/// device's choice unless they are wanted.
fn differences(existing: &Config, wanted: &Config) -> Vec<String> {
    let (existing, wanted) = (existing.clone().normal().table(), wanted.clone().normal().table());
    let keys: BTreeSet<&String> = existing.keys().chain(wanted.keys()).collect();
    let text = |value: Option<&toml::Value>| value.map_or("none".into(), ToString::to_string);
    let chosen = |key: &&String| *key != "tiles" || wanted.contains_key("tiles");
    keys.into_iter()
        .filter(chosen)
        .filter(|key| !["threads", "data", "model"].contains(&key.as_str()))
        .filter(|key| existing.get(*key) != wanted.get(*key))
        .map(|key| format!("{key} {}, not {}", text(existing.get(key)), text(wanted.get(key))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::settings::{Recipe, Settings};

    #[test]
    fn settings_that_change_no_result_may_differ() {
        let config = |settings: Settings| settings.resolve(Recipe::default()).unwrap();
        let one = config(Settings { threads: Some(1), ..Settings::default() });
        let other = config(Settings {
            threads: Some(7),
            data: Some("moved".into()),
            model: Some("elsewhere/p1.toml".into()),
            ..Settings::default()
        });
        assert!(differences(&one, &other).is_empty());
        let longer = config(Settings { epochs: Some(3), ..Settings::default() });
        assert_eq!(differences(&one, &longer), ["epochs 20, not 3"]);
    }

    #[test]
    fn a_run_that_appeared_after_the_planning_is_kept() {
        let work = tempfile::tempdir().unwrap();
        let model = Model::open("p1").unwrap();
        let config = Settings::default().resolve(Recipe::of(&model).unwrap()).unwrap();
        let job = Job { model, config, folder: work.path().join("run"), overwrite: false };
        let run = |state| PlannedRun { job: &job, state, lock: None }.folder();
        let folder = run(RunState::New).unwrap();
        std::fs::write(folder.config(), "").unwrap();
        assert!(run(RunState::New).is_err(), "a config.toml appeared");
        assert!(run(RunState::WithoutCheckpoint).is_ok());
        assert!(!folder.config().exists(), "what was stopped before its checkpoint is replaced");

        std::fs::write(folder.config(), "").unwrap();
        std::fs::write(folder.checkpoint(), "").unwrap();
        let error = run(RunState::WithoutCheckpoint).unwrap_err().to_string();
        assert!(error.contains("was trained by another process"), "{error}");
        assert!(folder.config().exists() && folder.checkpoint().exists());
    }
}
