//! JSON lines: an object when a run starts or resumes, after each epoch, and at the end.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use super::{End, Log, Start, check_folder};
use crate::error::{Error, Result};
use crate::text::json_shown;
use crate::train::history::Epoch;
use crate::train::run_folder::Metrics;

/// A log of JSON lines; an older one is continued.
pub struct LineLog {
    name: PathBuf,
    to: Option<Box<dyn Write>>,
    run: String,
}

/// What all lines have.
#[derive(Serialize)]
struct Line<'a> {
    run: &'a str,
    time: String,
    #[serde(flatten)]
    event: Event<'a>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event<'a> {
    Start {
        version: &'static str,
        device: &'a str,
        config: toml::Table,
    },
    Epoch {
        epoch: usize,
        epochs: usize,
        loss: f32,
        accuracy: f32,
        val_loss: f32,
        val_accuracy: f32,
        learning_rate: f32,
        seconds: f64,
    },
    End {
        outcome: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        epochs: Option<usize>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        metrics: Option<&'a Metrics>,
    },
}

impl LineLog {
    /// A log that goes to a file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn to_file(path: &Path) -> Result<Self> {
        match std::fs::metadata(path) {
            Ok(found) if found.is_file() || found.is_dir() => {
                File::options().append(true).open(path).map_err(Error::io(path, "write"))?;
            }
            // Opening a pipe waits for its reader: here Ctrl-C still ends that, and nothing is begun yet.
            Ok(found) if is_pipe(&found) => {
                let pipe = open(path).map_err(Error::io(path, "write"))?;
                return Ok(Self::to_stream(path, pipe));
            }
            // A device is opened when there is something to write.
            Ok(_) => {}
            Err(_) => check_folder(path.parent().unwrap_or(Path::new("")))?,
        }
        Ok(Self { name: path.into(), to: None, run: String::new() })
    }

    /// A log that goes to a stream of this name.
    pub fn to_stream(name: &Path, stream: impl Write + 'static) -> Self {
        Self { name: name.into(), to: Some(Box::new(stream)), run: String::new() }
    }

    fn write(&mut self, event: Event<'_>) -> Result<()> {
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let line = Line { run: &self.run, time, event };
        let text = serde_json::to_string(&line).map_err(std::io::Error::from);
        let text = json_shown(&text.map_err(Error::io(&self.name, "write JSON to"))?) + "\n";
        let mut write = || -> std::io::Result<()> {
            let to = match &mut self.to {
                Some(to) => to,
                closed => closed.insert(Box::new(open(&self.name)?)),
            };
            to.write_all(text.as_bytes())?;
            to.flush()
        };
        write().map_err(Error::io(&self.name, "write"))
    }
}

#[cfg(unix)]
fn is_pipe(found: &std::fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&found.file_type())
}

#[cfg(not(unix))]
fn is_pipe(_: &std::fs::Metadata) -> bool {
    false
}

/// Opens a file so that the next line begins one, even if an older process was killed in the middle of its
/// last.
fn open(path: &Path) -> std::io::Result<File> {
    let is_file = std::fs::metadata(path).is_ok_and(|found| found.is_file());
    let mut file = File::options().append(true).read(is_file).create(true).open(path)?;
    if is_file && file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

impl Log for LineLog {
    fn start(&mut self, start: Start<'_>) -> Result<()> {
        self.run = start.folder.display().to_string();
        let (device, config) = (start.device, start.config.table());
        self.write(Event::Start { version: env!("CARGO_PKG_VERSION"), device, config })
    }

    fn epoch(&mut self, epoch: usize, epochs: usize, rate: f32, figures: &Epoch) -> Result<()> {
        let &Epoch { loss, accuracy, val_loss, val_accuracy, seconds } = figures;
        let learning_rate = rate;
        self.write(Event::Epoch {
            epoch,
            epochs,
            loss,
            accuracy,
            val_loss,
            val_accuracy,
            learning_rate,
            seconds,
        })
    }

    fn end(&mut self, end: End<'_>) -> Result<()> {
        // Before its start a run has no line.
        if self.run.is_empty() {
            return Ok(());
        }
        let (outcome, epochs, error, metrics) = match end {
            End::Completed { metrics, epochs, .. } => {
                ("completed", Some(epochs), None, Some(metrics))
            }
            End::Stopped { epochs } => ("stopped", Some(epochs), None, None),
            End::Failed { error } => ("failed", None, Some(error.to_string()), None),
        };
        self.write(Event::End { outcome, epochs, error, metrics })
    }
}
