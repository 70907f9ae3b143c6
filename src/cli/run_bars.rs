//! Progress of several runs: a bar over all of them and one for the current epoch.

use std::cell::RefCell;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};

use super::bars::{EPOCH, bar, heading, show_metrics};
use super::say::{Output, tell};
use crate::backend::StepMetrics;
use crate::device::Devices;
use crate::error::{Error, Result};
use crate::train::TrainObserver;
use crate::train::history::Epoch;
use crate::train::runs::{self, Job, PlannedRun, PreparedData, RunObserver, RunOutcome, RunState};

const ALL: &str = "{prefix} {wide_bar} {pos}/{len} epochs, {eta} left  {msg}";

/// What a command prints about its runs.
pub(super) trait RunText {
    /// Name of a run.
    fn name(&self, job: &Job) -> String;
    /// The line for a complete run; `time` is how long it took, or that it was complete before.
    ///
    /// # Errors
    /// If the run's files cannot be read.
    fn completed(&self, job: &Job, time: &str) -> Result<String>;
    /// What the user can do about a run that failed.
    fn help(&self, job: &Job) -> String;
}

/// Executes runs under bars, with a line for each that is complete; false if it was stopped.
pub(super) fn execute(
    runs: &[PlannedRun<'_>],
    data: &PreparedData,
    devices: &mut Devices,
    text: &dyn RunText,
    output: Output,
    stop: &dyn Fn() -> bool,
) -> Result<bool> {
    let bars = RunBars::new(output, runs, text);
    let done = bars.execute(runs, data, devices, stop);
    bars.end();
    done
}

/// Draws many runs. Where standard error is no terminal, nothing moves and lines stay plain.
pub(super) struct RunBars<'a> {
    output: Output,
    text: &'a dyn RunText,
    bars: MultiProgress,
    all: ProgressBar,
    epoch: RefCell<Option<ProgressBar>>,
}

impl<'a> RunBars<'a> {
    /// Over these runs, of which [`RunBars::execute`] may be given some at a time.
    pub(super) fn new<'r>(
        output: Output,
        runs: impl IntoIterator<Item = &'r PlannedRun<'r>>,
        text: &'a dyn RunText,
    ) -> Self {
        let incomplete = runs.into_iter().filter(|run| run.state != RunState::Complete);
        let epochs: usize = incomplete.map(|run| run.job.config.epochs).sum();
        let target =
            if output.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bars = MultiProgress::with_draw_target(target);
        let all = bars.add(bar(epochs as u64, ALL).with_prefix("All"));
        Self { output, text, bars, all, epoch: RefCell::default() }
    }

    /// Executes runs; false if it was stopped.
    pub(super) fn execute(
        &self,
        runs: &[PlannedRun<'_>],
        data: &PreparedData,
        devices: &mut Devices,
        stop: &dyn Fn() -> bool,
    ) -> Result<bool> {
        let outcomes = runs::execute(runs, data, devices, self, stop)?;
        Ok(!outcomes.iter().any(|outcome| matches!(outcome, RunOutcome::Stopped { .. })))
    }

    /// Removes the bars.
    pub(super) fn end(&self) {
        if let Some(bar) = self.epoch.borrow_mut().take() {
            bar.finish_and_clear();
        }
        self.all.finish_and_clear();
    }
}

impl RunObserver for RunBars<'_> {
    fn run_begins(&self, run: &PlannedRun<'_>) {
        self.all.set_message(self.text.name(run.job));
        self.all.tick();
    }

    fn runs_begin(&self, runs: &[&PlannedRun<'_>]) {
        let first = runs.first().map_or_else(String::new, |run| self.text.name(run.job));
        let others = runs.len().saturating_sub(1);
        self.all.set_message(format!("{first} and {others} more"));
        self.all.tick();
    }

    fn note_of(&self, run: &PlannedRun<'_>, text: &str) {
        let text = format!("{}: {text}", self.text.name(run.job));
        self.bars.suspend(|| tell(&text));
    }

    fn run_completed(&self, run: &PlannedRun<'_>, seconds: f64) -> Result<()> {
        let time = match run.state {
            RunState::Complete => "already done".into(),
            RunState::New | RunState::WithoutCheckpoint => format!("{seconds:.0} s"),
            RunState::Started => format!("{seconds:.0} s, resumed"),
        };
        let line = self.text.completed(run.job, &time)?;
        self.bars.suspend(|| self.output.say(&line))
    }

    fn failed(&self, run: &PlannedRun<'_>, error: Error) -> Error {
        Error::WithHelp { source: Box::new(error), help: self.text.help(run.job) }
    }
}

impl TrainObserver for RunBars<'_> {
    fn epoch_begins(&self, epoch: usize, epochs: usize, samples: usize, done: usize) {
        let bar = bar(samples as u64, EPOCH).with_prefix(heading(epoch, epochs));
        let bar = self.bars.add(bar);
        bar.set_position(done as u64);
        bar.reset_eta();
        *self.epoch.borrow_mut() = Some(bar);
    }

    fn step(&self, done: u64, metrics: Option<StepMetrics>) {
        if let Some(bar) = &*self.epoch.borrow() {
            show_metrics(bar, done, metrics);
        }
    }

    fn epoch_ends(&self, _epoch: usize, _epochs: usize, _metrics: &Epoch) {
        if let Some(bar) = self.epoch.borrow_mut().take() {
            bar.finish_and_clear();
        }
        self.all.inc(1);
    }

    fn note(&self, text: &str) {
        let text = format!("{}: {text}", self.all.message());
        self.bars.suspend(|| tell(&text));
    }
}
