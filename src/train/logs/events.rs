//! TensorBoard's event files, with the folders and tags of Keras's callback.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use sysinfo::System;

use super::record::{Image, Value, event, framed};
use super::{End, Log, Start, check_folder, now};
use crate::backend::StepMetrics;
use crate::error::{Error, Result};
use crate::files::{create_folder, read_regular};
use crate::text::shell;
use crate::train::history::Epoch;

/// How TensorBoard knows its files.
const NAME: &str = "events.out.tfevents.";

/// Event files below a folder: `train` and `validation`, one file of each for a run and for each time that
/// it is resumed. The files are made when the first epoch is done.
#[derive(Debug)]
pub struct EventLog {
    resumed: bool,
    /// Whether older files there are of a run that is replaced.
    replaces: bool,
    train: EventFile,
    validation: EventFile,
}

#[derive(Debug)]
struct EventFile {
    folder: PathBuf,
    file: Option<(File, PathBuf)>,
    /// Not written yet.
    waiting: Vec<u8>,
}

impl EventLog {
    /// A log below `folder`, for a new run, or one that is resumed or replaces another.
    ///
    /// # Errors
    /// If files cannot be written there, or a new run would be mixed with another.
    pub fn new(folder: &Path, resumed: bool, replaces: bool) -> Result<Self> {
        let log = Self {
            resumed,
            replaces,
            train: EventFile::new(folder.join("train")),
            validation: EventFile::new(folder.join("validation")),
        };
        if log.has_files() && !resumed && !replaces {
            let problem = format!(
                "holds the event files of another run; use another --log-dir, remove them (rm -r {}), or let \
                 TensorBoard forget them with --overwrite",
                ["train", "validation"]
                    .map(|name| shell(&folder.join(name).display().to_string()))
                    .join(" ")
            );
            return Err(Error::Run { path: folder.into(), problem });
        }
        for file in [&log.train, &log.validation] {
            check_folder(&file.folder)?;
        }
        Ok(log)
    }

    /// Whether there are event files of this or another run.
    pub fn has_files(&self) -> bool {
        let names = [&self.train, &self.validation]
            .into_iter()
            .flat_map(|file| std::fs::read_dir(&file.folder).into_iter().flatten().flatten());
        names.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(NAME))
    }

    fn flush(&mut self) -> Result<()> {
        self.train.flush()?;
        self.validation.flush()
    }
}

impl EventFile {
    fn new(folder: PathBuf) -> Self {
        Self { folder, file: None, waiting: Vec::new() }
    }

    fn add(&mut self, step: usize, value: &Value<'_>) {
        self.waiting.extend(framed(&event(now(), step as u64, value)));
    }

    fn flush(&mut self) -> Result<()> {
        let (file, path) = match &mut self.file {
            Some(open) => open,
            closed => closed.insert(create(&self.folder)?),
        };
        file.write_all(&self.waiting).map_err(Error::io(path, "write"))?;
        self.waiting.clear();
        Ok(())
    }
}

/// A file of a new name: its time, host, process and a number.
fn create(folder: &Path) -> Result<(File, PathBuf)> {
    create_folder(folder)?;
    let of_name = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let host: String = System::host_name().unwrap_or_default().chars().map(of_name).collect();
    let host = if host.is_empty() { "localhost".into() } else { host };
    let (seconds, process) = (now() as u64, std::process::id());
    let mut number = 0_u32;
    loop {
        let path = folder.join(format!("{NAME}{seconds}.{host}.{process}.{number}.v2"));
        match File::options().append(true).create_new(true).open(&path) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => number += 1,
            file => return Ok((file.map_err(Error::io(&path, "write"))?, path)),
        }
    }
}

impl Log for EventLog {
    fn start(&mut self, start: Start<'_>) -> Result<()> {
        // TensorBoard takes the first one in a folder for its beginning, and by each further one forgets what
        // was there before. The replaced run may be another program's, without any.
        let starts = match (self.resumed, self.replaces) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        };
        for file in [&mut self.train, &mut self.validation] {
            file.add(0, &Value::Version);
            (0..starts).for_each(|_| file.add(0, &Value::Start));
        }
        let Start { folder, config, device } = start;
        let toml: String = config.to_toml().lines().map(|line| format!("    {line}\n")).collect();
        let text = format!("run `{}` on {device}\n\n{toml}", folder.display());
        self.train.add(0, &Value::Text("config", &text));
        Ok(())
    }

    fn steps(&mut self, first: usize, steps: &[StepMetrics]) {
        // Keras counts batches from 1.
        for (step, metrics) in (first + 1..).zip(steps) {
            self.train.add(step, &Value::Scalar("batch_loss", metrics.mean_loss()));
            self.train.add(step, &Value::Scalar("batch_accuracy", metrics.accuracy()));
        }
    }

    fn epoch(&mut self, epoch: usize, _: usize, rate: f32, figures: &Epoch) -> Result<()> {
        // … and epochs from 0.
        let step = epoch.saturating_sub(1);
        let Epoch { loss, accuracy, val_loss, val_accuracy, .. } = figures;
        self.train.add(step, &Value::Scalar("epoch_loss", *loss));
        self.train.add(step, &Value::Scalar("epoch_accuracy", *accuracy));
        self.train.add(step, &Value::Scalar("epoch_learning_rate", rate));
        self.validation.add(step, &Value::Scalar("epoch_loss", *val_loss));
        self.validation.add(step, &Value::Scalar("epoch_accuracy", *val_accuracy));
        self.flush()
    }

    fn end(&mut self, end: End<'_>) -> Result<()> {
        match end {
            End::Completed { folder, epochs, .. } => {
                for (tag, path) in [("curves", folder.curves()), ("confusion", folder.confusion())]
                {
                    // A build without pictures has none.
                    let Ok(png) = read_regular(&path) else { continue };
                    if let Some(image) = Image::of_png(&png) {
                        self.train.add(epochs.saturating_sub(1), &Value::Image(tag, image));
                    }
                }
                self.flush()
            }
            End::Stopped { .. } => self.flush(),
            // Of a run that fails in its first epoch nothing is left.
            End::Failed { .. } if self.train.file.is_none() => Ok(()),
            End::Failed { .. } => self.flush(),
        }
    }
}
