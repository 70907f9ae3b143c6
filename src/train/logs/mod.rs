//! Logs of a run that other tools read while it trains.
//!
//! ```text
//! events.rs  TensorBoard's event files
//! record.rs  their frames and messages
//! lines.rs   one JSON object per line
//! ```
//!
//! A log is written after each epoch and at the end. One that cannot be written is given up, and the run
//! goes on: its own files are what counts.

mod events;
mod lines;
mod record;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::history::Epoch;
use super::run_folder::{Metrics, RunFolder};
use super::settings::Config;
use crate::backend::StepMetrics;
use crate::error::{Error, Result};
use crate::files::PARTIAL;

pub use events::EventLog;
pub use lines::LineLog;
pub use record::{Image, Value, crc32c, event, framed};

/// What a log is told of its run.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The run's folder.
    pub folder: &'a Path,
    /// Its settings.
    pub config: &'a Config,
    /// The device, for people.
    pub device: &'a str,
}

/// How a run ended.
#[derive(Debug, Clone, Copy)]
pub enum End<'a> {
    /// All its files are written.
    Completed {
        /// Its folder.
        folder: &'a RunFolder,
        /// Its metrics.
        metrics: &'a Metrics,
        /// Epochs that it was trained for.
        epochs: usize,
    },
    /// It was stopped and can be resumed.
    Stopped {
        /// Epochs that are done.
        epochs: usize,
    },
    /// It failed.
    Failed {
        /// Why.
        error: &'a Error,
    },
}

/// A log of one run.
pub trait Log {
    /// The run starts or resumes.
    ///
    /// # Errors
    /// If the log cannot be written.
    fn start(&mut self, start: Start<'_>) -> Result<()>;
    /// Steps are done, the first of which has this number, counted from 0 at the start of the run. They are
    /// told of when their epoch ends or is stopped.
    fn steps(&mut self, _first: usize, _steps: &[StepMetrics]) {}
    /// Epoch `epoch` (from 1) of `epochs` is done.
    ///
    /// # Errors
    /// If the log cannot be written.
    fn epoch(&mut self, epoch: usize, epochs: usize, rate: f32, figures: &Epoch) -> Result<()>;
    /// The run has ended.
    ///
    /// # Errors
    /// If the log cannot be written.
    fn end(&mut self, end: End<'_>) -> Result<()>;
}

/// The logs of one run.
#[derive(Default)]
pub struct Logs {
    open: Vec<Box<dyn Log>>,
    /// Of the current epoch.
    rate: f32,
}

impl Logs {
    /// Adds a log.
    pub fn push(&mut self, log: impl Log + 'static) {
        self.open.push(Box::new(log));
    }

    /// The run starts or resumes; errors of logs that are given up.
    #[must_use]
    pub fn start(&mut self, start: Start<'_>) -> Vec<Error> {
        self.each(|log| log.start(start))
    }

    /// Steps at a learning rate are done.
    pub fn steps(&mut self, first: usize, rate: f32, steps: &[StepMetrics]) {
        self.rate = rate;
        self.open.iter_mut().for_each(|log| log.steps(first, steps));
    }

    /// An epoch is done; errors of logs that are given up.
    #[must_use]
    pub fn epoch(&mut self, epoch: usize, epochs: usize, figures: &Epoch) -> Vec<Error> {
        let rate = self.rate;
        self.each(|log| log.epoch(epoch, epochs, rate, figures))
    }

    /// The run has ended; errors of logs that could not be finished.
    #[must_use]
    pub fn end(&mut self, end: End<'_>) -> Vec<Error> {
        self.each(|log| log.end(end))
    }

    fn each(&mut self, mut act: impl FnMut(&mut dyn Log) -> Result<()>) -> Vec<Error> {
        let mut errors = Vec::new();
        self.open.retain_mut(|log| match act(log.as_mut()) {
            Ok(()) => true,
            Err(error) => {
                errors.push(error);
                false
            }
        });
        errors
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// Checks that a folder can be made or written into, and leaves nothing.
fn check_folder(folder: &Path) -> Result<()> {
    let there = folder.ancestors().find(|path| path.symlink_metadata().is_ok());
    let there = there.map_or(PathBuf::from("."), Path::to_path_buf);
    tempfile::Builder::new()
        .prefix(PARTIAL)
        .tempfile_in(&there)
        .map_err(Error::io(&there, "write into the folder"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::history::of_losses;

    /// Fails in its second epoch.
    struct Full(usize);

    impl Log for Full {
        fn start(&mut self, _: Start<'_>) -> Result<()> {
            Ok(())
        }
        fn epoch(&mut self, epoch: usize, _: usize, _: f32, _: &Epoch) -> Result<()> {
            self.0 += 1;
            assert_eq!(self.0, epoch, "no more is asked of a log that failed");
            match epoch {
                1 => Ok(()),
                _ => Err(Error::io(Path::new("log"), "write")(
                    std::io::ErrorKind::StorageFull.into(),
                )),
            }
        }
        fn end(&mut self, _: End<'_>) -> Result<()> {
            panic!("it was given up")
        }
    }

    #[test]
    fn a_log_that_fails_is_given_up_and_told_of_once() {
        let mut logs = Logs::default();
        logs.push(Full(0));
        logs.push(Full(0));
        let figures = of_losses(&[(1.0, 1.0)])[0];
        let errors: Vec<usize> = (1..5).map(|epoch| logs.epoch(epoch, 4, &figures).len()).collect();
        assert_eq!(errors, [0, 2, 0, 0]);
        assert!(logs.end(End::Stopped { epochs: 4 }).is_empty());
    }

    #[test]
    fn a_folder_is_looked_at_and_not_made() {
        let work = tempfile::tempdir().unwrap();
        check_folder(&work.path().join("a/b/c")).unwrap();
        assert!(work.path().read_dir().unwrap().next().is_none());
        std::fs::write(work.path().join("file"), "").unwrap();
        assert!(check_folder(&work.path().join("file/b")).is_err());
    }
}
