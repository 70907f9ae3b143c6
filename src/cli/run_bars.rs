//! Progress of a comparison: a bar over all runs and one for the epoch at hand.

use std::cell::RefCell;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};

use super::bars::{EPOCH, bar, heading};
use super::say::{say, tell};
use crate::backend::StepMetrics;
use crate::error::Result;
use crate::train::Watch;
use crate::train::history::Epoch;

const ALL: &str = "{prefix} {bar:24} {pos}/{len} epochs, {eta} left - {msg}";

/// Draws many runs. Where standard error is no terminal, nothing moves and lines stay plain.
#[derive(Debug)]
pub(super) struct RunBars {
    quiet: bool,
    bars: MultiProgress,
    all: ProgressBar,
    epoch: RefCell<Option<ProgressBar>>,
}

impl RunBars {
    /// Over runs that have `epochs` still to do.
    pub(super) fn new(quiet: bool, epochs: usize) -> Self {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bars = MultiProgress::with_draw_target(target);
        let all = bars.add(bar(epochs as u64, ALL).with_prefix("All"));
        Self { quiet, bars, all, epoch: RefCell::default() }
    }

    /// The run at hand.
    pub(super) fn begin(&self, name: &str) {
        self.all.set_message(name.to_owned());
        self.all.tick();
    }

    /// A line for the user, above the bars.
    pub(super) fn say(&self, text: &str) -> Result<()> {
        if self.quiet { Ok(()) } else { self.bars.suspend(|| say(text)) }
    }

    /// The bars may go.
    pub(super) fn end(&self) {
        if let Some(bar) = self.epoch.borrow_mut().take() {
            bar.finish_and_clear();
        }
        self.all.finish_and_clear();
    }
}

impl Watch for RunBars {
    fn epoch_begins(&self, epoch: usize, of: usize, samples: usize, done: usize) {
        let bar = bar(samples as u64, EPOCH).with_prefix(heading(epoch, of));
        let bar = self.bars.add(bar);
        bar.set_position(done as u64);
        bar.reset_eta();
        *self.epoch.borrow_mut() = Some(bar);
    }

    fn step(&self, done: u64, tally: Option<StepMetrics>) {
        if let Some(bar) = &*self.epoch.borrow() {
            bar.set_position(done);
            if let Some(tally) = tally {
                let (loss, accuracy) = (tally.mean_loss(), tally.accuracy());
                bar.set_message(format!("loss: {loss:.4} - accuracy: {accuracy:.4}"));
            }
        }
    }

    fn epoch_ends(&self, _epoch: usize, _of: usize, _figures: &Epoch) {
        if let Some(bar) = self.epoch.borrow_mut().take() {
            bar.finish_and_clear();
        }
        self.all.inc(1);
    }

    fn note(&self, text: &str) {
        let text = format!("genre-gpu: {}: {text}", self.all.message());
        self.bars.suspend(|| tell(&text));
    }
}
