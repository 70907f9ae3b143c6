//! Progress on a terminal: bars with rate and time left, gone when done.
//! Where standard error is no terminal, nothing moves and lines stay plain.

use std::cell::RefCell;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::say::{say, tell};
use crate::backend::StepMetrics;
use crate::progress::Progress;
use crate::train::Watch;
use crate::train::history::Epoch;

pub(super) fn bar(total: u64, template: &str) -> ProgressBar {
    // Hidden by itself where standard error is no terminal.
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    // The templates are constants; if one were wrong, the plain style would show.
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("rate", |state: &ProgressState, to: &mut dyn Write| {
            let _ = write!(to, "{:.0}/s", state.per_sec());
        })
        .progress_chars("━╸ ");
    bar.with_style(style)
}

/// Draws the progress of data work. Notes go to standard error.
#[derive(Debug, Default)]
pub(super) struct Bars {
    quiet: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Bars {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, bar: Mutex::default() }
    }

    fn bar(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints above any bar.
    pub(super) fn above<T>(&self, print: impl FnOnce() -> T) -> T {
        match &*self.bar() {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Progress for Bars {
    fn begin(&self, label: &str, total: u64, unit: &'static str) {
        if self.quiet {
            return;
        }
        let template = format!("{{msg}} {{bar:30}} {{pos}}/{{len}} {unit}, {{rate}}, {{eta}} left");
        *self.bar() = Some(bar(total, &template).with_message(label.to_owned()));
    }

    fn advance(&self, by: u64) {
        if let Some(bar) = &*self.bar() {
            bar.inc(by);
        }
    }

    fn end(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }

    fn note(&self, text: &str) {
        if !self.quiet {
            self.warn(text);
        }
    }

    fn warn(&self, text: &str) {
        let text = format!("genre-gpu: {text}");
        match &*self.bar() {
            Some(bar) => bar.suspend(|| tell(&text)),
            None => tell(&text),
        }
    }
}

/// Draws a run: a bar for the epoch at hand, a line for each that is done.
#[derive(Debug)]
pub(super) struct EpochBars {
    quiet: bool,
    bar: RefCell<Option<ProgressBar>>,
}

pub(super) const EPOCH: &str = "{prefix} {bar:24} {pos}/{len} samples, {rate}, {eta} left - {msg}";

impl EpochBars {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, bar: RefCell::default() }
    }
}

pub(super) fn heading(epoch: usize, of: usize) -> String {
    format!("Epoch {epoch:>width$}/{of}", width = of.to_string().len())
}

impl Watch for EpochBars {
    fn epoch_begins(&self, epoch: usize, of: usize, samples: usize, done: usize) {
        if !self.quiet {
            let bar = bar(samples as u64, EPOCH).with_prefix(heading(epoch, of));
            bar.set_position(done as u64);
            // Samples of before a resume say nothing of the rate.
            bar.reset_eta();
            *self.bar.borrow_mut() = Some(bar);
        }
    }

    fn step(&self, done: u64, tally: Option<StepMetrics>) {
        if let Some(bar) = &*self.bar.borrow() {
            bar.set_position(done);
            if let Some(tally) = tally {
                let (loss, accuracy) = (tally.mean_loss(), tally.accuracy());
                bar.set_message(format!("loss: {loss:.4} - accuracy: {accuracy:.4}"));
            }
        }
    }

    fn epoch_ends(&self, epoch: usize, of: usize, e: &Epoch) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
        if !self.quiet {
            // A closed pipe must not end a run, and a full one cannot be told better here.
            let _ = say(&format!(
                "{} - {:.2}s - loss: {:.4} - accuracy: {:.4} - val_loss: {:.4} - val_accuracy: {:.4}",
                heading(epoch, of),
                e.seconds,
                e.loss,
                e.accuracy,
                e.val_loss,
                e.val_accuracy
            ));
        }
    }

    fn note(&self, text: &str) {
        let text = format!("genre-gpu: {text}");
        match &*self.bar.borrow() {
            Some(bar) => bar.suspend(|| tell(&text)),
            None => tell(&text),
        }
    }
}
