//! Progress on a terminal: bars with rate and time left, gone when done.
//! Where standard error is no terminal, nothing moves and lines stay plain.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::say::{Output, tell};
use crate::backend::StepMetrics;
use crate::progress::Progress;

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
    pub(super) fn new(output: Output) -> Self {
        Self { quiet: output.quiet, bar: Mutex::default() }
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
        let template =
            format!("{{msg}} {{wide_bar}} {{pos}}/{{len}} {unit}, {{rate}}, {{eta}} left");
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
        self.above(|| tell(text));
    }
}

/// Of the bar of an epoch.
pub(super) const EPOCH: &str = "{prefix} {wide_bar} {pos}/{len}, {rate}, {eta} left  {msg}";

/// `Epoch  3/20`.
pub(super) fn heading(epoch: usize, epochs: usize) -> String {
    format!("Epoch {epoch:>width$}/{epochs}", width = epochs.to_string().len())
}

/// Shows the samples of an epoch that are done, and its metrics where they are known.
pub(super) fn show_metrics(bar: &ProgressBar, done: u64, metrics: Option<StepMetrics>) {
    bar.set_position(done);
    if let Some(metrics) = metrics {
        let (loss, accuracy) = (metrics.mean_loss(), metrics.accuracy());
        bar.set_message(format!("loss {loss:.4}  acc {accuracy:.4}"));
    }
}
