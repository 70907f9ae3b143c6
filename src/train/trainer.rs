//! The loop: epochs of steps, a checkpoint after each epoch, and a stop that
//! can be gone on from to the same bits.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use super::augment::{Spread, augmentations};
use super::checkpoint::{Checkpoint, Position, graph_hash};
use super::config::{Config, Keep};
use super::feed::Feed;
use super::health::Health;
use super::history::{Epoch, best_epoch};
use super::initial::initial_parameters;
use super::results::Results;
use crate::backend::{Backend, Batches, Sgd, State, StepMetrics, StepsDone};
use crate::data::{Dataset, PartName, ScaleKind};
use crate::error::{Error, Result};
use crate::graph::Op;

/// Listens to a run.
pub trait Watch {
    /// Epoch `epoch` (from 1) of `of` begins or goes on, with `done` of `samples` seen.
    fn epoch_begins(&self, epoch: usize, of: usize, samples: usize, done: usize);
    /// So many samples of the epoch are done; its sums so far, where they are known.
    fn step(&self, done: u64, tally: Option<StepMetrics>);
    /// The epoch is over.
    fn epoch_ends(&self, epoch: usize, of: usize, figures: &Epoch);
    /// Something that the user should know while the run goes on.
    fn note(&self, text: &str);
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs are done.
    Finished,
    /// It was asked to stop; the checkpoint says where it stands.
    Interrupted,
}

/// A run under way.
pub struct Trainer<'a> {
    backend: &'a mut dyn Backend,
    data: &'a Dataset,
    pub(super) feed: Feed<'a>,
    config: &'a Config,
    checkpoint: PathBuf,
    position: Position,
    best: Option<Vec<f32>>,
    health: Health,
    /// Of the scaled training set.
    spread: Spread,
    /// That the run goes on on another device, until it is told.
    moved: Option<String>,
}

impl<'a> Trainer<'a> {
    /// A fresh run. `data` is scaled; checkpoints go to the file `checkpoint`.
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
        let graph_hash = graph_hash(backend.plan().graph());
        let (data_hash, device) = (data.hash.clone(), backend.identity());
        let position = Position { data_hash, graph_hash, device, ..Position::default() };
        let health = Health::default();
        Ok(Self {
            backend,
            data,
            feed: Feed::new(data),
            config,
            checkpoint,
            position,
            best: None,
            health,
            spread: Spread::of(data, config.augment)?,
            moved: None,
        })
    }

    /// A run that stopped, from its checkpoint.
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
        let same_network = position.graph_hash == graph_hash(graph)
            && state.parameters.len() == graph.parameter_count();
        if position.data_hash != data.hash {
            return Err(Error::Run {
                path: checkpoint,
                problem: format!(
                    "the run is on data with hash {}, but {} has {}; give the same data with --data",
                    position.data_hash, data.source, data.hash
                ),
            });
        }
        if !same_network {
            return Err(Error::Run {
                path: checkpoint,
                problem: format!(
                    "the run is of another network: model {} has changed since; restore it, or \
                     start a new run",
                    config.model
                ),
            });
        }
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
        backend.set_state(&state)?;
        let device = backend.identity();
        let moved = (!position.device.is_empty() && position.device != device).then(|| {
            format!(
                "this run was trained on {} up to here and goes on on {device}: its bits will be \
                 others than on either alone",
                position.device
            )
        });
        position.device = device;
        let health = Health::default();
        let (feed, spread) = (Feed::new(data), Spread::of(data, config.augment)?);
        Ok(Self { backend, data, feed, config, checkpoint, position, best, health, spread, moved })
    }

    /// The epochs that are done.
    pub fn history(&self) -> &[Epoch] {
        &self.position.history
    }

    /// Trains until all epochs are done or `stop` says so between two steps.
    ///
    /// # Errors
    /// If the loss is not finite, the device fails or a checkpoint cannot be written.
    pub fn run(&mut self, watch: &dyn Watch, stop: &dyn Fn() -> bool) -> Result<Outcome> {
        let goes_on = self.position.history.len() < self.config.epochs;
        if let Some(moved) = self.moved.take().filter(|_| goes_on) {
            watch.note(&moved);
        }
        // What does not fit the device is known before the first epoch.
        self.feed.prepare(self.backend)?;
        while self.position.history.len() < self.config.epochs {
            if !self.train_epoch(watch, stop)? {
                self.write_checkpoint()?;
                return Ok(Outcome::Interrupted);
            }
            self.end_epoch(watch)?;
            self.write_checkpoint()?;
        }
        Ok(Outcome::Finished)
    }

    /// The rest of the epoch's steps; false if stopped.
    fn train_epoch(&mut self, watch: &dyn Watch, stop: &dyn Fn() -> bool) -> Result<bool> {
        let config = self.config;
        let epoch = self.position.history.len();
        let n = self.data.train.len();
        let order = config.shuffle.order(config.seed, n, epoch);
        let sgd = Sgd {
            learning_rate: self.rate(epoch),
            momentum: config.momentum,
            nesterov: config.nesterov,
        };
        let augmentations =
            augmentations(config.augment, self.data, self.spread, config.seed, epoch);
        let (before, seen) = (self.position.seconds, self.position.tally);
        let start = Instant::now();
        let done = (self.position.step * config.batch_size).min(n);
        watch.epoch_begins(epoch + 1, config.epochs, n, done);
        if stop() {
            return Ok(false);
        }
        let mut between = |now: StepsDone| {
            let tally = now.metrics.map(|tally| seen + tally);
            watch.step(done as u64 + now.samples, tally);
            let diverged = now.metrics.is_some_and(|tally| !tally.loss.is_finite());
            if diverged || stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let steps = n.div_ceil(config.batch_size);
        let batches = Batches {
            order: &order[done..],
            augmentations: augmentations.get(done..).unwrap_or_default(),
            seed: config.seed,
            first_step: (epoch * steps + self.position.step) as u32,
        };
        let tallies = self.feed.train(self.backend, &batches, sgd, &mut between)?;
        for tally in tallies {
            self.position.step += 1;
            if !tally.loss.is_finite() {
                return Err(self.diverged(epoch));
            }
            self.position.tally += tally;
        }
        self.position.seconds = before + start.elapsed().as_secs_f64();
        Ok(self.position.step == steps)
    }

    /// Validates and closes the epoch.
    fn end_epoch(&mut self, watch: &dyn Watch) -> Result<()> {
        let start = Instant::now();
        let mut probabilities = Vec::new();
        let val = self.feed.evaluate(self.backend, PartName::Val, &mut probabilities)?;
        if !val.loss.is_finite() {
            return Err(self.diverged(self.position.history.len()));
        }
        let Position { history, tally, step, seconds, .. } = &mut self.position;
        let figures = Epoch {
            loss: tally.mean_loss(),
            accuracy: tally.accuracy(),
            val_loss: val.mean_loss(),
            val_accuracy: val.accuracy(),
            seconds: *seconds + start.elapsed().as_secs_f64(),
        };
        history.push(figures);
        (*tally, *step, *seconds) = (StepMetrics::default(), 0, 0.0);
        let epoch = history.len();
        if self.config.keep == Keep::Best && best_epoch(history) == Some(epoch - 1) {
            self.best = Some(self.backend.state()?.parameters);
        }
        watch.epoch_ends(epoch, self.config.epochs, &figures);
        let classes = self.backend.plan().graph().classes();
        let trouble = self.health.look(&self.position.history, &probabilities, classes);
        if let Some(trouble) = trouble {
            watch.note(&format!("{trouble} {}", self.advice()));
        }
        Ok(())
    }

    fn write_checkpoint(&mut self) -> Result<()> {
        let (best, position) = (self.best.clone(), self.position.clone());
        Checkpoint { state: self.backend.state()?, best, position }.write(&self.checkpoint)
    }

    /// The weights that the run ends with, now also the backend's, and how many epochs they saw.
    ///
    /// # Errors
    /// If the device fails.
    pub fn finish(&mut self) -> Result<(Vec<f32>, usize)> {
        let mut state = self.backend.state()?;
        let mut epochs = self.position.history.len();
        if let (Some(best), Some(epoch)) = (self.best.take(), best_epoch(&self.position.history)) {
            state.parameters = best;
            epochs = epoch + 1;
            self.backend.set_state(&state)?;
        }
        Ok((state.parameters, epochs))
    }

    /// What the backend makes of each part with the weights that it has now.
    ///
    /// # Errors
    /// If the device fails.
    pub fn results(&mut self) -> Result<Vec<Results>> {
        let classes = self.backend.plan().graph().classes();
        let of = |name: PartName| {
            let mut probabilities = Vec::new();
            let tally = self.feed.evaluate(self.backend, name, &mut probabilities)?;
            Results::new(name, self.data.part(name), classes, tally, probabilities)
        };
        PartName::ALL.into_iter().map(of).collect()
    }

    fn diverged(&self, epoch: usize) -> Error {
        Error::Diverged {
            epoch: epoch + 1,
            step: self.position.step,
            learning_rate: self.rate(epoch),
            help: self.advice(),
        }
    }

    /// The learning rate of an epoch, from 0.
    fn rate(&self, epoch: usize) -> f32 {
        let Config { schedule, learning_rate, epochs, .. } = self.config;
        schedule.rate(*learning_rate, epoch, *epochs)
    }

    /// What to try, from what is known of the inputs.
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
                let mut advice =
                    format!("try --learning-rate {}", self.config.learning_rate / 10.0);
                if !self.config.augment.is_none() {
                    advice += ", or --augment none";
                }
                let nodes = self.backend.plan().graph().nodes();
                if nodes.iter().any(|node| matches!(node.op, Op::BatchNorm { .. })) {
                    advice += ", or wait: the moving figures of batch norms lag behind at first";
                }
                advice + ", or check that labels belong to their samples"
            }
        }
    }
}
