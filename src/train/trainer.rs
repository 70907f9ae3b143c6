//! The training loop: epochs of steps, and a checkpoint after each epoch and when stopped. A
//! resumed run is bit-identical to one that was never stopped.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use super::augment::{InputStats, augmentations};
use super::checkpoint::{Checkpoint, Position};
use super::ending::{Ending, ending, kept_epoch};
use super::history::Epoch;
use super::initial::initial_parameters;
use super::loader::DataLoader;
use super::monitor::TrainingMonitor;
use super::rates::{epoch_rate, step_rate};
use super::results::Results;
use super::settings::Config;
use crate::backend::{Backend, Batches, DatasetRef, State, StepMetrics, StepsDone};
use crate::data::{Dataset, PartName, ScaleKind};
use crate::error::{Error, Result};
use crate::graph::Op;
use crate::models::ClassWeights;

/// Is called while a run trains.
pub trait TrainObserver {
    /// The run is resumed after its last epoch: only its results are computed again.
    fn already_trained(&self, _epochs: usize) {}
    /// Epoch `epoch` (from 1) of `epochs` starts or resumes, after `done` of its `samples`.
    fn epoch_begins(&self, epoch: usize, epochs: usize, samples: usize, done: usize);
    /// `done` samples of the epoch are done; its metrics so far, where they are known.
    fn step(&self, done: u64, metrics: Option<StepMetrics>);
    /// Steps are done, the first of which has this number, counted from 0 at the start of the run. Is called
    /// when their epoch's training ends or is stopped, with the learning rate of the last of them.
    fn steps_end(&self, _first: usize, _learning_rate: f32, _steps: &[StepMetrics]) {}
    /// The epoch is done.
    fn epoch_ends(&self, epoch: usize, epochs: usize, figures: &Epoch);
    /// A notice for the user while the run continues.
    fn note(&self, text: &str);
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs are done, or training stopped early.
    Finished,
    /// `stop` was true; the checkpoint has the position.
    Interrupted,
}

/// A run that trains.
pub struct Trainer<'a> {
    backend: &'a mut dyn Backend,
    data: &'a Dataset,
    pub(super) loader: DataLoader<'a>,
    config: &'a Config,
    checkpoint: PathBuf,
    position: Position,
    best: Option<Vec<f32>>,
    monitor: TrainingMonitor,
    /// Of the scaled training set.
    stats: InputStats,
    /// Pending notice that the run resumes on another device.
    device_change: Option<String>,
}

impl<'a> Trainer<'a> {
    /// A new run. `data` is scaled; checkpoints go to the file `checkpoint`.
    ///
    /// # Errors
    /// If the device fails, or samples on disk cannot be read.
    pub fn new(
        backend: &'a mut dyn Backend,
        data: &'a Dataset,
        config: &'a Config,
        checkpoint: PathBuf,
    ) -> Result<Self> {
        let parameters = initial_parameters(backend.plan().graph(), config.seed);
        backend.set_state(&State::new(parameters))?;
        let graph_hash = backend.plan().graph().hash();
        let (data_hash, device) = (data.hash.clone(), backend.identity());
        let settings = config.binding();
        let position = Position { data_hash, graph_hash, device, settings, ..Position::default() };
        Ok(Self {
            backend,
            data,
            loader: DataLoader::new(data),
            config,
            checkpoint,
            position,
            best: None,
            monitor: TrainingMonitor::new(data, config.class_weights != ClassWeights::None),
            stats: InputStats::of(data, config.augment)?,
            device_change: None,
        })
    }

    /// A run that was stopped, from its checkpoint.
    ///
    /// # Errors
    /// If the checkpoint is damaged, of another model or of other data.
    pub fn resume(
        backend: &'a mut dyn Backend,
        data: &'a Dataset,
        config: &'a Config,
        checkpoint: PathBuf,
    ) -> Result<Self> {
        let graph = backend.plan().graph();
        let Checkpoint { state, best, mut position } = Checkpoint::read(&checkpoint)?;
        let same_network = position.graph_hash == graph.hash()
            && state.parameters.len() == graph.parameter_count();
        if position.data_hash != data.hash {
            let mut problem = format!(
                "the run is on data with hash {}, but {} has {}; give the same data with --data",
                position.data_hash, data.source, data.hash
            );
            if let Some(fold) = &config.fold {
                problem = format!(
                    "{} is not what it was when this run was made; bring it back as it was",
                    fold.made_of(&data.source)
                );
            }
            return Err(Error::Run { path: checkpoint, problem });
        }
        if !same_network {
            return Err(Error::Run {
                path: checkpoint,
                problem: format!(
                    "the run is of another network: model {} has changed since; give the former one's file as \
                     model in the run's config.toml (genre-gpu report has its text), or start a new run",
                    config.model
                ),
            });
        }
        position
            .check_settings(config)
            .map_err(|problem| Error::Run { path: checkpoint.clone(), problem })?;
        position.settings = config.binding();
        let done = position.history.len();
        if done > config.epochs || (done == config.epochs && position.step > 0) {
            return Err(Error::Run {
                path: checkpoint,
                problem: format!(
                    "the run has trained beyond epoch {}; give --epochs {} or more",
                    config.epochs,
                    done + usize::from(position.step > 0)
                ),
            });
        }
        position.check(data.train.len(), config.batch_size).map_err(|problem| Error::Weights {
            path: checkpoint.clone(),
            problem: format!("damaged: {problem}"),
        })?;
        backend.set_state(&state)?;
        let device = backend.identity();
        let device_change = (!position.device.is_empty() && position.device != device).then(|| {
            format!(
                "this run was trained on {} up to here and resumes on {device}: its results \
                 will not be bit-identical to a run on one device",
                position.device
            )
        });
        position.device = device;
        Ok(Self {
            backend,
            data,
            loader: DataLoader::new(data),
            config,
            checkpoint,
            position,
            best,
            monitor: TrainingMonitor::new(data, config.class_weights != ClassWeights::None),
            stats: InputStats::of(data, config.augment)?,
            device_change,
        })
    }

    /// Takes the samples by these references, which other runs on the device had, too.
    pub(super) fn share(&mut self, samples: [DatasetRef<'a>; 3]) {
        self.loader.samples = samples;
    }

    /// The epochs that are done.
    pub fn history(&self) -> &[Epoch] {
        &self.position.history
    }

    /// Trains until all epochs are done, or early stopping ends it, or until `stop` is true between two steps.
    ///
    /// # Errors
    /// If the loss is not finite, the device fails or a checkpoint cannot be written.
    pub fn run(
        &mut self,
        observer: &dyn TrainObserver,
        stop: &dyn Fn() -> bool,
    ) -> Result<Outcome> {
        let device_change = self.device_change.take();
        match (ending(self.config, &self.position.history), device_change) {
            (Some(Ending::AllEpochs), _) => observer.already_trained(self.config.epochs),
            (Some(Ending::Early(early)), _) => {
                observer.note(&format!("{early}; only the results are computed again"));
            }
            (None, Some(notice)) => observer.note(&notice),
            (None, None) => {}
        }
        // Data that do not fit the device fail before the first epoch.
        self.loader.prepare(self.backend)?;
        while ending(self.config, &self.position.history).is_none() {
            if !self.train_epoch(observer, stop)? {
                self.write_checkpoint()?;
                return Ok(Outcome::Interrupted);
            }
            self.end_epoch(observer)?;
            self.write_checkpoint()?;
        }
        Ok(Outcome::Finished)
    }

    /// Trains the remaining steps of the epoch; false if stopped.
    fn train_epoch(
        &mut self,
        observer: &dyn TrainObserver,
        stop: &dyn Fn() -> bool,
    ) -> Result<bool> {
        let config = self.config;
        let epoch = self.position.history.len();
        let n = self.data.train.len();
        let order = config.shuffle.order(config.seed, n, epoch);
        let rate = self.learning_rate(epoch);
        let optimizer = config.optimizer(rate);
        let augmentations =
            augmentations(config.augment, self.data, self.stats, config.seed, epoch);
        let (seconds_before, metrics_before) = (self.position.seconds, self.position.metrics);
        let start = Instant::now();
        // The position was checked: this does not overflow.
        let done = (self.position.step * config.batch_size).min(n);
        observer.epoch_begins(epoch + 1, config.epochs, n, done);
        if stop() {
            return Ok(false);
        }
        let mut after_step = |now: StepsDone| {
            let metrics = now.metrics.map(|metrics| metrics_before + metrics);
            observer.step(done as u64 + now.samples, metrics);
            if let Some(seconds) = now.slow_step {
                observer.note(&slow_step(seconds, config.batch_size));
            }
            let diverged = now.metrics.is_some_and(|metrics| !metrics.loss.is_finite());
            if diverged || stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let steps = n.div_ceil(config.batch_size);
        let rates = (self.position.step..steps).map(|i| step_rate(config, (epoch, rate), i, steps));
        let rates: Vec<f32> = rates.collect();
        let batches = Batches {
            order: &order[done..],
            augmentations: augmentations.get(done..).unwrap_or_default(),
            seed: config.seed,
            first_step: step_number(epoch, steps, self.position.step),
            rates: &rates,
        };
        let metrics_by_step =
            self.loader.train(self.backend, &batches, optimizer, &mut after_step)?;
        let first = epoch * steps + self.position.step;
        let last = metrics_by_step.len().saturating_sub(1);
        observer.steps_end(first, rates.get(last).copied().unwrap_or(rate), &metrics_by_step);
        for metrics in metrics_by_step {
            self.position.step += 1;
            if !metrics.loss.is_finite() {
                return Err(self.diverged(epoch));
            }
            self.position.metrics += metrics;
        }
        self.position.seconds = seconds_before + self.seconds_since(start);
        Ok(self.position.step == steps)
    }

    /// Validates and closes the epoch.
    fn end_epoch(&mut self, observer: &dyn TrainObserver) -> Result<()> {
        let start = Instant::now();
        let mut probabilities = Vec::new();
        let (mut val_loss, mut val_accuracy) = (f32::NAN, f32::NAN);
        if !self.data.val.is_empty() {
            let val = self.loader.evaluate(self.backend, PartName::Val, &mut probabilities)?;
            if !val.loss.is_finite() {
                return Err(self.diverged(self.position.history.len()));
            }
            (val_loss, val_accuracy) = (val.mean_loss(), val.accuracy());
        }
        let own_seconds = self.seconds_since(start);
        let Position { history, metrics, step, seconds, .. } = &mut self.position;
        let figures = Epoch {
            loss: metrics.mean_loss(),
            accuracy: metrics.accuracy(),
            val_loss,
            val_accuracy,
            seconds: *seconds + own_seconds,
        };
        history.push(figures);
        (*metrics, *step, *seconds) = (StepMetrics::default(), 0, 0.0);
        let epoch = history.len();
        if kept_epoch(self.config, history) == Some(epoch - 1) {
            self.best = Some(self.backend.state()?.parameters);
        }
        observer.epoch_ends(epoch, self.config.epochs, &figures);
        let classes = self.backend.plan().graph().classes();
        let problem = self.monitor.check(&self.position.history, &probabilities, classes);
        if let Some(problem) = problem {
            observer.note(&format!("{problem} {}", self.advice()));
        }
        Ok(())
    }

    /// Of runs that train at once, this one's share.
    fn seconds_since(&self, start: Instant) -> f64 {
        start.elapsed().as_secs_f64() / self.backend.runs_at_once() as f64
    }

    fn write_checkpoint(&mut self) -> Result<()> {
        let (best, position) = (self.best.clone(), self.position.clone());
        Checkpoint { state: self.backend.state()?, best, position }.write(&self.checkpoint)
    }

    /// The final weights, which the backend has then too, and the number of epochs they were
    /// trained for.
    ///
    /// # Errors
    /// If the device fails.
    pub fn finish(&mut self) -> Result<(Vec<f32>, usize)> {
        let mut state = self.backend.state()?;
        let mut epochs = self.position.history.len();
        let kept = kept_epoch(self.config, &self.position.history);
        if let (Some(best), Some(epoch)) = (self.best.take(), kept) {
            state.parameters = best;
            epochs = epoch + 1;
            self.backend.set_state(&state)?;
        }
        Ok((state.parameters, epochs))
    }

    /// Evaluates each part that has samples with the backend's weights.
    ///
    /// # Errors
    /// If the device fails.
    pub fn results(&mut self) -> Result<Vec<Results>> {
        let classes = self.backend.plan().graph().classes();
        let evaluate = |name: PartName| {
            let mut probabilities = Vec::new();
            let metrics = self.loader.evaluate(self.backend, name, &mut probabilities)?;
            Results::new(name, self.data.part(name), classes, metrics, probabilities)
        };
        let with_samples = |name: &PartName| !self.data.part(*name).is_empty();
        PartName::ALL.into_iter().filter(with_samples).map(evaluate).collect()
    }

    fn diverged(&self, epoch: usize) -> Error {
        Error::Diverged {
            epoch: epoch + 1,
            step: self.position.step,
            learning_rate: {
                let steps = self.data.train.len().div_ceil(self.config.batch_size);
                let step = self.position.step.saturating_sub(1);
                step_rate(self.config, (epoch, self.learning_rate(epoch)), step, steps)
            },
            help: self.advice(),
        }
    }

    /// The learning rate of an epoch, from 0.
    fn learning_rate(&self, epoch: usize) -> f32 {
        epoch_rate(self.config, &self.position.history, epoch)
    }

    /// Suggestions against divergence, by what is known of the inputs.
    fn advice(&self) -> String {
        match self.config.scale {
            ScaleKind::None => {
                let range =
                    self.data.range(PartName::Train).map_or(String::new(), |[low, high]| {
                        format!("the inputs run from {low} to {high} and ")
                    });
                format!("{range}--scale is none; try --scale standard")
            }
            ScaleKind::Standard | ScaleKind::MinMax => {
                // A tenth, to two digits; rates beyond 0.1 diverge in most networks.
                let rate = f64::from(self.config.learning_rate) / 10.0;
                let mut advice = format!("try --learning-rate {}", plain(rate.min(0.1)));
                if !self.config.augment.is_none() {
                    advice += ", or --augment none";
                }
                let nodes = self.backend.plan().graph().nodes();
                if nodes.iter().any(|node| matches!(node.op, Op::BatchNorm { .. })) {
                    advice +=
                        ", or wait: the moving statistics of batch normalisation lag at first";
                }
                advice + ", or check that labels belong to their samples"
            }
        }
    }
}

/// What a step of so many seconds means for people, and what shortens it.
fn slow_step(seconds: f64, batch: usize) -> String {
    let half = (batch / 2).max(1);
    let help = match batch {
        1 => "a smaller model or --device cpu avoids both".to_owned(),
        _ => format!("a smaller --batch-size, e.g. {half}, shortens it and changes the results"),
    };
    format!(
        "warning: a step of {batch} samples takes {seconds:.1} s on this GPU: Ctrl-C waits for some of \
         them, and a system that shows a screen with the same GPU may reset it after 2 s; {help}"
    )
}

/// A rate to two digits, as people write it: `0.001`, `2.5e-7`.
fn plain(rate: f64) -> String {
    let short = format!("{rate:.1e}");
    let (digits, power) = short.split_once('e').unwrap_or((&short, "0"));
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    match power.parse::<i32>() {
        Ok(-6..=0) => short.parse().map_or(short, |rate: f64| rate.to_string()),
        _ => format!("{digits}e{power}"),
    }
}

/// Number of a step, counted from the start of the run; modulo 2^32.
fn step_number(epoch: usize, steps_per_epoch: usize, step: usize) -> u32 {
    (epoch as u32).wrapping_mul(steps_per_epoch as u32).wrapping_add(step as u32)
}

#[cfg(test)]
mod tests {
    use super::{plain, slow_step};

    #[test]
    fn a_slow_step_names_what_shortens_it() {
        let said = slow_step(0.84, 33);
        assert!(said.contains("a step of 33 samples takes 0.8 s"), "{said}");
        assert!(said.contains("--batch-size, e.g. 16"), "{said}");
        let said = slow_step(0.84, 1);
        assert!(said.contains("--device cpu") && !said.contains("--batch-size"), "{said}");
    }

    #[test]
    fn suggested_rates_are_plain_numbers() {
        for (rate, text) in [
            (0.01, "0.001"),
            (0.003, "0.0003"),
            (0.025, "0.0025"),
            (0.007, "0.0007"),
            (0.00033, "0.000033"),
            (1e-5, "0.000001"),
            (2.5e-6, "2.5e-7"),
            (1e-30, "1e-31"),
        ] {
            assert_eq!(plain(f64::from(rate as f32) / 10.0), text);
        }
    }
}
