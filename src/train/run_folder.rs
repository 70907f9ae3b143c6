//! What a run leaves: one folder, each file written whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::config::Config;
use super::history::{self, Epoch, best_epoch, seconds_per_epoch};
use super::names::{data_name, model_name};
use super::results::{PartMetrics, Results};
use crate::data::{Dataset, PartName};
use crate::error::{Error, Result};
use crate::files::{create_folder, write_atomic};
use crate::metrics::SongVotes;
use crate::report::{EpochRow, NamedMatrix, confusion, curves, write_png};

/// A run's folder.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

/// `metrics.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The model's name.
    pub model: String,
    /// What the data are.
    pub data: String,
    /// The device.
    pub device: String,
    /// Number of trainable parameters.
    pub parameters: usize,
    /// Epochs that the weights have seen.
    pub epochs: usize,
    /// The epoch (from 1) with the lowest validation loss.
    pub best_epoch: Option<usize>,
    /// Median wall time of an epoch, training and validation.
    pub seconds_per_epoch: f64,
    /// The classes' names, by label.
    pub classes: Vec<String>,
    /// What the quick audit of the data said; results on other arrays and older runs have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<String>,
    /// `train`, `val` and `test`.
    #[serde(flatten)]
    pub parts: BTreeMap<String, PartMetrics>,
}

impl RunFolder {
    /// A folder for a fresh run, created now, so that a bad place is known before training.
    ///
    /// # Errors
    /// If it cannot be written to, or holds a run and `overwrite` is false.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        let folder = Self { path: path.to_path_buf() };
        let taken = folder.files().into_iter().find(|file| file.exists());
        if let (Some(file), false) = (taken, overwrite) {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            return Err(Error::Run {
                path: folder.path,
                problem: format!(
                    "holds a {name} already; give another --out, go on with the run that it may \
                     be of with --resume, or replace it with --overwrite"
                ),
            });
        }
        create_folder(path)?;
        // A folder that exists may still refuse files.
        tempfile::Builder::new()
            .prefix(".partial-")
            .tempfile_in(path)
            .map_err(Error::io(path, "write into the folder"))?;
        Ok(folder)
    }

    /// A folder that only takes results, created now.
    ///
    /// # Errors
    /// If it cannot be, or holds a run, whose own figures would be replaced.
    pub fn for_results(path: &Path) -> Result<Self> {
        let folder = Self { path: path.to_path_buf() };
        if folder.config().exists() {
            let problem = "holds a run with figures of its own; give another --out".into();
            return Err(Error::Run { path: folder.path, problem });
        }
        create_folder(path)?;
        Ok(folder)
    }

    /// The folder of a run that was begun.
    ///
    /// # Errors
    /// If there is none at `path`.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self { path: path.to_path_buf() };
        if !folder.config().exists() {
            return Err(Error::Run {
                path: folder.path,
                problem: "expected a run (with a config.toml), found none; runs are made by \
                          genre-gpu train --out"
                    .into(),
            });
        }
        Ok(folder)
    }

    /// The first of `base`, `base-2`, `base-3`, … that holds nothing.
    pub fn unused(base: &Path) -> PathBuf {
        let name = base.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let numbered = |i: u32| match i {
            1 => base.to_path_buf(),
            _ => base.with_file_name(format!("{name}-{i}")),
        };
        (1..).map(numbered).find(|path| !path.exists()).unwrap_or_else(|| base.to_path_buf())
    }

    /// Removes the files of an older run, which must not stand beside those of a new one.
    ///
    /// # Errors
    /// If one cannot be removed.
    pub fn clear(&self) -> Result<()> {
        for file in self.files() {
            if file.exists() {
                std::fs::remove_file(&file).map_err(Error::io(&file, "remove"))?;
            }
        }
        Ok(())
    }

    /// All files of a run.
    pub fn files(&self) -> Vec<PathBuf> {
        let files = [self.config(), self.checkpoint(), self.model(), self.history()];
        let more = [self.metrics(), self.curves(), self.confusion(), self.summary()];
        let parts = PartName::ALL.map(|part| self.predictions(part));
        let songs = PartName::ALL.map(|part| self.songs(part));
        files.into_iter().chain(more).chain(parts).chain(songs).collect()
    }

    /// Makes sure that there are weights to use.
    ///
    /// # Errors
    /// If there are none.
    pub fn check_finished(&self) -> Result<()> {
        if self.model().exists() {
            return Ok(());
        }
        let problem = format!(
            "holds no model.safetensors: the run is not finished; go on with genre-gpu train \
             --resume {}",
            self.path.display()
        );
        Err(Error::Run { path: self.path.clone(), problem })
    }

    /// Makes sure that there is something to go on from.
    ///
    /// # Errors
    /// If there is nothing.
    pub fn check_begun(&self) -> Result<()> {
        if self.checkpoint().exists() {
            return Ok(());
        }
        let problem = "holds no checkpoint.safetensors to go on from: its first epoch never \
                       ended; begin again with --out and --overwrite";
        Err(Error::Run { path: self.path.clone(), problem: problem.into() })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The effective configuration.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// Where the run stands.
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint.safetensors")
    }

    /// The weights.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// Loss and accuracy by epoch.
    pub fn history(&self) -> PathBuf {
        self.path.join("history.csv")
    }

    /// All final figures.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.json")
    }

    /// The picture of loss and accuracy.
    pub fn curves(&self) -> PathBuf {
        self.path.join("curves.png")
    }

    /// The picture of the confusion matrices.
    pub fn confusion(&self) -> PathBuf {
        self.path.join("confusion.png")
    }

    /// Layer table and what the figures say, for reading.
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.txt")
    }

    /// Probabilities of each sample of a part.
    pub fn predictions(&self, part: PartName) -> PathBuf {
        self.path.join(format!("predictions_{part}.csv"))
    }

    /// What the samples of each song of a part vote for.
    pub fn songs(&self, part: PartName) -> PathBuf {
        self.path.join(format!("songs_{part}.csv"))
    }

    /// Writes `config.toml`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_config(&self, config: &Config) -> Result<()> {
        let text = config.to_toml();
        write_atomic(&self.config(), |to| to.write_all(text.as_bytes()))
    }

    /// Writes `history.csv` and the picture of it.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_history(&self, history: &[Epoch], title: &str) -> Result<()> {
        write_atomic(&self.history(), |to| history::write_csv(history, to))?;
        let row = |(i, e): (usize, &Epoch)| EpochRow {
            epoch: i as u32 + 1,
            train_loss: e.loss.into(),
            train_accuracy: e.accuracy.into(),
            val_loss: e.val_loss.into(),
            val_accuracy: e.val_accuracy.into(),
        };
        let rows: Vec<EpochRow> = history.iter().enumerate().map(row).collect();
        let best = best_epoch(history).map(|i| i as u32 + 1);
        write_png(&self.curves(), &curves(&rows, best, title)?)
    }

    /// Writes predictions of each part by sample and, where songs are known, by song,
    /// and the matrices of training and test as a picture.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_results(&self, results: &[Results], data: &Dataset, title: &str) -> Result<()> {
        for result in results {
            self.write_predictions(result, data)?;
            if let Some(songs) = &result.song_votes {
                self.write_songs(result.part, songs, &data.classes)?;
            }
        }
        let shown = results.iter().filter(|result| result.part != PartName::Val);
        let matrices: Vec<NamedMatrix<'_>> = shown
            .map(|result| NamedMatrix {
                name: match result.part {
                    PartName::Train => "training set",
                    PartName::Val => "validation set",
                    PartName::Test => "test set",
                },
                unit: "samples",
                counts: &result.confusion,
            })
            .collect();
        write_png(&self.confusion(), &confusion(&matrices, &data.classes, title)?)
    }

    fn write_predictions(&self, result: &Results, data: &Dataset) -> Result<()> {
        let part = data.part(result.part);
        let name = |label: u32| data.classes[label as usize].as_str();
        write_atomic(&self.predictions(result.part), |to| {
            let mut csv = csv::Writer::from_writer(to);
            let head = ["index", "song", "true", "predicted"].map(String::from);
            csv.write_record(
                head.into_iter().chain(data.classes.iter().map(|class| format!("p_{class}"))),
            )?;
            let rows = result.probabilities.chunks_exact(data.classes.len());
            for (i, row) in rows.enumerate() {
                let song = part.song.as_ref().map_or(String::new(), |song| song[i].to_string());
                let words = [name(part.y[i]), name(result.predicted[i])].map(String::from);
                let probabilities = row.iter().map(ToString::to_string);
                csv.write_record(
                    [i.to_string(), song].into_iter().chain(words).chain(probabilities),
                )?;
            }
            csv.flush()
        })
    }

    fn write_songs(&self, part: PartName, songs: &[SongVotes], classes: &[String]) -> Result<()> {
        let name = |label: u32| classes[label as usize].clone();
        write_atomic(&self.songs(part), |to| {
            let mut csv = csv::Writer::from_writer(to);
            let head = ["song", "true", "mean", "majority", "product", "segments"];
            let probabilities = classes.iter().map(|class| format!("p_{class}"));
            csv.write_record(head.map(String::from).into_iter().chain(probabilities))?;
            for song in songs {
                let votes = [song.label, song.mean, song.majority, song.product].map(name);
                let row = [song.song.to_string()].into_iter().chain(votes);
                let row = row.chain([song.segments.to_string()]);
                csv.write_record(row.chain(song.probabilities.iter().map(f64::to_string)))?;
            }
            csv.flush()
        })
    }

    /// Reads `metrics.json`.
    ///
    /// # Errors
    /// If it cannot be read or is not one.
    pub fn read_metrics(&self) -> Result<Metrics> {
        let path = self.metrics();
        let text = std::fs::read_to_string(&path).map_err(Error::io(&path, "read"))?;
        serde_json::from_str(&text)
            .map_err(|e| Error::Run { path, problem: format!("is no metrics.json: {e}") })
    }

    /// Writes `metrics.json`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_metrics(&self, metrics: &Metrics) -> Result<()> {
        let path = self.metrics();
        write_atomic(&path, |to| {
            serde_json::to_writer_pretty(&mut *to, metrics)?;
            writeln!(to)
        })
    }

    /// Writes `summary.txt`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_summary(&self, text: &str) -> Result<()> {
        write_atomic(&self.summary(), |to| to.write_all(text.as_bytes()))
    }
}

/// Gathers `metrics.json`.
pub fn metrics(
    config: &Config,
    device: &str,
    parameters: usize,
    epochs: usize,
    history: &[Epoch],
    data: &Dataset,
    results: &[Results],
) -> Metrics {
    Metrics {
        model: model_name(&config.model),
        data: data_name(data),
        device: device.to_owned(),
        parameters,
        epochs,
        best_epoch: best_epoch(history).map(|i| i + 1),
        seconds_per_epoch: seconds_per_epoch(history),
        classes: data.classes.clone(),
        audit: None,
        parts: results.iter().map(|result| (result.part.to_string(), result.metrics())).collect(),
    }
}
