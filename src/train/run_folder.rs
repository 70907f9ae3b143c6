//! The folder of a run and its files, each written atomically.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::ser::{Formatter, PrettyFormatter};

use super::checkpoint::Checkpoint;
use super::ending::{Ending, ending};
use super::history::{self, Epoch, best_epoch, seconds_per_epoch};
use super::names::data_name;
use super::results::{PartMetrics, Results};
use super::saved::{SavedModel, WeightsHashes};
use super::settings::Config;
use crate::data::{Dataset, PartName};
use crate::error::{Error, Result};
use crate::files::{
    FolderLock, PARTIAL, create_folder, is_own_folder, is_unused, open_regular, read_regular,
    sync_folder, write_atomic,
};
use crate::graph::Graph;
use crate::metrics::{SongVotes, Temperatures};
use crate::models::model_name;
#[cfg(feature = "pictures")]
use crate::plot::{EpochRow, NamedMatrix, confusion, curves, png_names, write_png};
use crate::text::{cell, of_cell, shell};

/// In a run's folder: a whole older run that is being replaced.
const OLDER: &str = ".older-run";
/// Likewise while its files are moved there or back.
const MOVING: &str = ".older-run-moving";

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
    /// Name of the data.
    pub data: String,
    /// The device.
    pub device: String,
    /// Number of trainable parameters.
    pub parameters: usize,
    /// Epochs that the weights were trained for.
    pub epochs: usize,
    /// The epoch (from 1) with the lowest validation loss.
    pub best_epoch: Option<usize>,
    /// Median wall time of an epoch, training and validation.
    pub seconds_per_epoch: f64,
    /// Why training ended before all epochs; absent if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_early: Option<String>,
    /// The classes' names, by label.
    pub classes: Vec<String>,
    /// What calibrates its probabilities; absent in runs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperatures: Option<Temperatures>,
    /// Line of the quick audit of the data; absent in results on other arrays and in older runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<String>,
    /// `train`, `val` and `test`.
    #[serde(flatten)]
    pub parts: BTreeMap<String, PartMetrics>,
}

/// Contents of `predictions_<part>.csv`.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// True label of each sample.
    pub labels: Vec<u32>,
    /// Song of each sample, where all are known.
    pub songs: Option<Vec<i64>>,
    /// `[n, classes]`. The file has every digit of an f32.
    pub probabilities: Vec<f32>,
}

impl RunFolder {
    /// A folder, whatever it holds.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    /// Creates the folder of a new run, so that an unusable path fails before training.
    ///
    /// # Errors
    /// If it cannot be written to, or holds a run and `overwrite` is false.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        let folder = Self { path: path.to_path_buf() };
        let existing = folder.files().into_iter().find(|file| file.exists());
        if let (Some(file), false) = (existing, overwrite) {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            return Err(Error::Run {
                path: folder.path,
                problem: format!(
                    "holds a {name} already; use another --out, resume its run with --resume, or \
                     replace it with --overwrite"
                ),
            });
        }
        create_folder(path)?;
        // A folder that exists may still refuse files.
        tempfile::Builder::new()
            .prefix(PARTIAL)
            .tempfile_in(path)
            .map_err(Error::io(path, "write into the folder"))?;
        Ok(folder)
    }

    /// Creates a folder for results alone.
    ///
    /// # Errors
    /// If it cannot be created, or holds a run, whose own results would be replaced.
    pub fn for_results(path: &Path) -> Result<Self> {
        let folder = Self { path: path.to_path_buf() };
        if folder.config().exists() {
            let problem = "holds a run with its own results; use another --out".into();
            return Err(Error::Run { path: folder.path, problem });
        }
        create_folder(path)?;
        Ok(folder)
    }

    /// The folder of an existing run.
    ///
    /// # Errors
    /// If `path` holds no run.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self { path: path.to_path_buf() };
        if !folder.config().exists() {
            let problem = match folder.is_older_aside() {
                true => format!(
                    "its run was set aside when another was to replace it, which was stopped: genre-gpu \
                     train --resume {} brings it back",
                    shell(&path.display().to_string())
                ),
                false => no_run(path),
            };
            return Err(Error::Run { path: folder.path, problem });
        }
        Ok(folder)
    }

    /// The first of `base`, `base-2`, `base-3`, … that does not exist.
    pub fn unused(base: &Path) -> PathBuf {
        let name = base.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let numbered = |i: u32| match i {
            1 => base.to_path_buf(),
            _ => base.with_file_name(format!("{name}-{i}")),
        };
        (1..).map(numbered).find(|path| is_unused(path)).unwrap_or_else(|| base.to_path_buf())
    }

    /// Removes the files of an older run, so that they do not mix with those of a new one.
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

    /// Moves the files of an older run aside, for [`RunFolder::settle`]. The folder's lock must be
    /// held.
    ///
    /// # Errors
    /// If one cannot be moved.
    pub fn set_aside(&self) -> Result<()> {
        let files: Vec<PathBuf> = self.files().into_iter().filter(|file| file.exists()).collect();
        if files.is_empty() {
            return Ok(());
        }
        let (moving, older) = (self.path.join(MOVING), self.path.join(OLDER));
        create_folder(&moving)?;
        for file in files {
            let to = moving.join(file.file_name().unwrap_or_default());
            std::fs::rename(&file, to).map_err(Error::io(&file, "move aside"))?;
        }
        std::fs::rename(&moving, &older).map_err(Error::io(&moving, "rename"))?;
        sync_folder(&self.path);
        Ok(())
    }

    /// Ends the replacement of an older run, also one that was killed at any moment: if the new run has
    /// a checkpoint, the older one is removed, else it is brought back, and the result is true. The
    /// folder's lock must be held.
    ///
    /// # Errors
    /// If a file cannot be moved or removed.
    pub fn settle(&self) -> Result<bool> {
        let (moving, older) = (self.path.join(MOVING), self.path.join(OLDER));
        if is_own_folder(&older) {
            if self.checkpoint().exists() {
                std::fs::remove_dir_all(&older).map_err(Error::io(&older, "remove"))?;
                return Ok(false);
            }
            // What is in place is the new run's, until the name changes.
            self.clear()?;
            std::fs::rename(&older, &moving).map_err(Error::io(&older, "rename"))?;
        }
        if !is_own_folder(&moving) {
            return Ok(false);
        }
        for entry in std::fs::read_dir(&moving).map_err(Error::io(&moving, "read"))? {
            let entry = entry.map_err(Error::io(&moving, "read"))?;
            let to = self.path.join(entry.file_name());
            std::fs::rename(entry.path(), &to).map_err(Error::io(&to, "move back"))?;
        }
        std::fs::remove_dir(&moving).map_err(Error::io(&moving, "remove"))?;
        sync_folder(&self.path);
        Ok(true)
    }

    /// All files of a run.
    pub fn files(&self) -> Vec<PathBuf> {
        let weights = [self.model(), self.weights()];
        let files = [self.config(), self.checkpoint(), self.history()];
        let results = [self.metrics(), self.curves(), self.confusion(), self.summary()];
        let parts = PartName::ALL.map(|part| self.predictions(part));
        let songs = PartName::ALL.map(|part| self.songs(part));
        files.into_iter().chain(weights).chain(results).chain(parts).chain(songs).collect()
    }

    /// Checks that there are final weights.
    ///
    /// # Errors
    /// If there are none.
    pub fn check_finished(&self) -> Result<()> {
        if self.model().exists() {
            return Ok(());
        }
        let resume =
            format!("genre-gpu train --resume {}", shell(&self.path.display().to_string()));
        let problem = match FolderLock::holder_of(&self.path) {
            Some(holder) => format!(
                "holds no model.safetensors: {holder} is training the run; wait until that has ended"
            ),
            None if self.is_older_aside() && !self.checkpoint().exists() => format!(
                "holds no model.safetensors: a run that was to replace an older one was stopped in its \
                 first epoch; {resume} brings the older one back"
            ),
            None => format!(
                "holds no model.safetensors: the run is not finished; resume it with {resume}"
            ),
        };
        Err(Error::Run { path: self.path.clone(), problem })
    }

    /// Whether the files of an older run wait to be brought back or removed.
    pub fn is_older_aside(&self) -> bool {
        [OLDER, MOVING].iter().any(|name| is_own_folder(&self.path.join(name)))
    }

    /// Checks that there is a checkpoint to resume from.
    ///
    /// # Errors
    /// If there is none.
    pub fn check_resumable(&self) -> Result<()> {
        if self.checkpoint().exists() {
            return Ok(());
        }
        // An imported run never had a history; of a trained one the checkpoint was removed.
        let problem = match (self.model().exists(), self.history().exists()) {
            (true, false) => {
                "holds no checkpoint.safetensors: it was imported, so there is no history of its training to \
                 resume or to report; evaluate, explain, predict and export take it"
            }
            (true, true) => {
                "holds no checkpoint.safetensors: the file was removed, and a run is resumed and reported from \
                 it; train it again with --out and --overwrite"
            }
            (false, _) => {
                "holds no checkpoint.safetensors: its first epoch was not finished; \
                 start again with --out and --overwrite"
            }
        };
        Err(Error::Run { path: self.path.clone(), problem: problem.into() })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `config.toml`, the effective settings.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// `checkpoint.safetensors`.
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint.safetensors")
    }

    /// `model.safetensors`, the final weights.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// `history.csv`, loss and accuracy by epoch.
    pub fn history(&self) -> PathBuf {
        self.path.join("history.csv")
    }

    /// `metrics.json`, all final metrics.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.json")
    }

    /// `curves.png`, loss and accuracy by epoch.
    pub fn curves(&self) -> PathBuf {
        self.path.join("curves.png")
    }

    /// `confusion.png`, the confusion matrices.
    pub fn confusion(&self) -> PathBuf {
        self.path.join("confusion.png")
    }

    /// `summary.txt`, the table of layers and a summary in words.
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.txt")
    }

    /// `predictions_<part>.csv`, the probabilities of each sample.
    pub fn predictions(&self, part: PartName) -> PathBuf {
        self.path.join(format!("predictions_{part}.csv"))
    }

    /// `songs_<part>.csv`, the votes of each song's samples.
    pub fn songs(&self, part: PartName) -> PathBuf {
        self.path.join(format!("songs_{part}.csv"))
    }

    /// `weights.json`, hashes of the final weights.
    pub fn weights(&self) -> PathBuf {
        self.path.join("weights.json")
    }

    /// Writes the final weights and, beside them, their hashes.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_model(&self, saved: &SavedModel, graph: &Graph) -> Result<()> {
        let (model, weights) = (self.model(), self.weights());
        // A run that is killed in between has weights without hashes, never with those of others.
        match std::fs::remove_file(&weights) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                return Err(Error::io(&weights, "remove")(e));
            }
            _ => {}
        }
        saved.write(&model, graph)?;
        WeightsHashes::of(&model, saved, graph)?.write(&weights)
    }

    /// Reads the final weights, and compares them with their hashes and with the run's settings.
    ///
    /// # Errors
    /// If they are missing, damaged, or of another run.
    pub fn read_model(&self) -> Result<(SavedModel, Graph)> {
        self.read_model_and_age().map(|(saved, graph, _)| (saved, graph))
    }

    /// Like [`RunFolder::read_model`], and which weights these are, if training has gone on since they
    /// were written.
    ///
    /// # Errors
    /// As [`RunFolder::read_model`].
    pub fn read_model_and_age(&self) -> Result<(SavedModel, Graph, Option<String>)> {
        let path = self.model();
        let bytes = read_regular(&path).map_err(Error::io(&path, "read"))?;
        let (saved, graph) = SavedModel::parse(&path, &bytes)?;
        if let Some(hashes) = WeightsHashes::read(&self.weights())? {
            hashes.check(&path, &bytes, (&saved, &graph))?;
        }
        let config = Config::read(&self.config())?;
        let (own, found) = ((model_name(&config.model), config.seed), &saved.facts);
        if own != (found.name.clone(), found.seed) {
            let problem = format!(
                "expected weights of {}, seed {}, as config.toml says, found those of {}, seed {}; put \
                 the run's own back",
                own.0, own.1, found.name, found.seed
            );
            return Err(Error::Weights { path, problem });
        }
        // A damaged checkpoint says nothing of weights that are whole.
        let Ok(checkpoint) = Checkpoint::read(&self.checkpoint()) else {
            return Ok((saved, graph, None));
        };
        let settings = checkpoint.position.check_settings(&config);
        settings.map_err(|problem| Error::Run { path: self.config(), problem })?;
        let behind = self.behind(&saved, checkpoint);
        Ok((saved, graph, behind))
    }

    fn behind(&self, saved: &SavedModel, checkpoint: Checkpoint) -> Option<String> {
        let Checkpoint { state, best, position } = checkpoint;
        if best.unwrap_or(state.parameters) == saved.parameters {
            return None;
        }
        let step = match position.step {
            0 => String::new(),
            step => format!(" and {step} steps"),
        };
        Some(format!(
            "these are the weights of {} epochs; the run has since been trained to {} epochs{step}: \
             genre-gpu train --resume {} finishes it",
            saved.facts.epochs,
            position.history.len(),
            shell(&self.path.display().to_string())
        ))
    }

    /// Writes `config.toml`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_config(&self, config: &Config) -> Result<()> {
        let text = config.to_toml();
        write_atomic(&self.config(), |to| to.write_all(text.as_bytes()))
    }

    /// Writes `history.csv` and, with the feature `pictures`, the picture of it.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_history(&self, history: &[Epoch], title: &str) -> Result<()> {
        self.write_history_table(history)?;
        self.draw_history(history, title)
    }

    /// The same without the picture.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_history_table(&self, history: &[Epoch]) -> Result<()> {
        write_atomic(&self.history(), |to| history::write_csv(history, to))
    }

    #[cfg(feature = "pictures")]
    fn draw_history(&self, history: &[Epoch], title: &str) -> Result<()> {
        let row = |(i, e): (usize, &Epoch)| EpochRow {
            epoch: i as u32 + 1,
            train_loss: e.loss.into(),
            train_accuracy: e.accuracy.into(),
            val_loss: e.val_loss.into(),
            val_accuracy: e.val_accuracy.into(),
        };
        let rows: Vec<EpochRow> = history.iter().enumerate().map(row).collect();
        let best = best_epoch(history).map(|i| i as u32 + 1);
        write_png(&self.curves(), &curves(&rows, best, title))
    }

    #[cfg(not(feature = "pictures"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "nothing is drawn")]
    fn draw_history(&self, _: &[Epoch], _: &str) -> Result<()> {
        Ok(())
    }

    /// Writes predictions of each part by sample and, where songs are known, by song,
    /// and, with the feature `pictures`, the matrices of training and test as a picture.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_results(&self, results: &[Results], data: &Dataset, title: &str) -> Result<()> {
        results.iter().try_for_each(|result| self.write_result(result, data))?;
        self.draw_matrices(results, data, title)
    }

    /// Writes predictions of a part by sample and, where songs are known, by song.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_result(&self, result: &Results, data: &Dataset) -> Result<()> {
        self.write_predictions(result, data)?;
        match &result.song_votes {
            Some(songs) => self.write_songs(result.part, songs, &data.classes),
            None => Ok(()),
        }
    }

    #[cfg(feature = "pictures")]
    fn draw_matrices(&self, results: &[Results], data: &Dataset, title: &str) -> Result<()> {
        let without_val = results.iter().filter(|result| result.part != PartName::Val);
        let matrices: Vec<NamedMatrix<'_>> = without_val
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
        write_png(&self.confusion(), &confusion(&matrices, &png_names(&data.classes), title)?)
    }

    #[cfg(not(feature = "pictures"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "nothing is drawn")]
    fn draw_matrices(&self, _: &[Results], _: &Dataset, _: &str) -> Result<()> {
        Ok(())
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
                let labels = [name(part.y[i]), name(result.predicted[i])].map(cell);
                let probabilities = row.iter().map(ToString::to_string);
                csv.write_record(
                    [i.to_string(), song].into_iter().chain(labels).chain(probabilities),
                )?;
            }
            csv.flush()
        })
    }

    /// Reads `predictions_<part>.csv`.
    ///
    /// # Errors
    /// If it cannot be read, or is not of these classes.
    pub fn read_predictions(&self, part: PartName, classes: &[String]) -> Result<Predictions> {
        let path = self.predictions(part);
        let fail = |problem: String| Error::Run { path: path.clone(), problem };
        let mut csv =
            csv::Reader::from_reader(open_regular(&path).map_err(Error::io(&path, "read"))?);
        let (mut labels, mut songs, mut probabilities) = (Vec::new(), Vec::new(), Vec::new());
        for (i, row) in csv.records().enumerate() {
            let row = row.map_err(|e| fail(format!("damaged: {e}")))?;
            let expected = |what: &str, cell: &str| {
                fail(format!("row {}: expected {what}, found \"{cell}\"", i + 1))
            };
            let cell = |at: usize| row.get(at).unwrap_or_default();
            let (song, class) = (cell(1), cell(2));
            let label = classes.iter().position(|name| name == of_cell(class));
            labels.push(label.ok_or_else(|| expected("a class", class))? as u32);
            if !song.is_empty() {
                songs.push(song.parse().map_err(|_| expected("a song id", song))?);
            }
            for cell in row.iter().skip(row.len().saturating_sub(classes.len())) {
                probabilities.push(cell.parse().map_err(|_| expected("a probability", cell))?);
            }
        }
        let songs = (songs.len() == labels.len()).then_some(songs);
        Ok(Predictions { labels, songs, probabilities })
    }

    fn write_songs(&self, part: PartName, songs: &[SongVotes], classes: &[String]) -> Result<()> {
        let name = |label: u32| cell(&classes[label as usize]);
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
        let text = read_regular(&path).map_err(Error::io(&path, "read"))?;
        serde_json::from_slice(&text)
            .map_err(|e| Error::Run { path, problem: format!("not a valid metrics.json: {e}") })
    }

    /// Writes `metrics.json`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_metrics(&self, metrics: &Metrics) -> Result<()> {
        let path = self.metrics();
        write_atomic(&path, |to| {
            let mut json = serde_json::Serializer::with_formatter(&mut *to, Rows::default());
            metrics.serialize(&mut json)?;
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

/// JSON for people, with a matrix's row on one line: a matrix of 1,000 classes has a million numbers.
#[derive(Default)]
struct Rows {
    pretty: PrettyFormatter<'static>,
    /// Arrays that are open.
    depth: usize,
}

impl Formatter for Rows {
    fn begin_array<W: ?Sized + Write>(&mut self, to: &mut W) -> std::io::Result<()> {
        self.depth += 1;
        if self.depth > 1 { to.write_all(b"[") } else { self.pretty.begin_array(to) }
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        match (self.depth > 1, first) {
            (false, _) => self.pretty.begin_array_value(to, first),
            (true, true) => Ok(()),
            (true, false) => to.write_all(b", "),
        }
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, to: &mut W) -> std::io::Result<()> {
        self.pretty.end_array_value(to)
    }

    fn end_array<W: ?Sized + Write>(&mut self, to: &mut W) -> std::io::Result<()> {
        self.depth -= 1;
        if self.depth > 0 { to.write_all(b"]") } else { self.pretty.end_array(to) }
    }

    fn begin_object<W: ?Sized + Write>(&mut self, to: &mut W) -> std::io::Result<()> {
        self.pretty.begin_object(to)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        self.pretty.begin_object_key(to, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> std::io::Result<()> {
        self.pretty.begin_object_value(to)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> std::io::Result<()> {
        self.pretty.end_object_value(to)
    }

    fn end_object<W: ?Sized + Write>(&mut self, to: &mut W) -> std::io::Result<()> {
        self.pretty.end_object(to)
    }
}

/// What a folder is that is no run.
fn no_run(path: &Path) -> String {
    let is_run = |path: &PathBuf| path.join("config.toml").is_file();
    let within = path.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    match within.filter(is_run).min().filter(|_| path.join("compare.json").is_file()) {
        Some(first) => {
            let of_fold = Config::read(&first.join("config.toml")).is_ok_and(|c| c.fold.is_some());
            format!(
                "expected a run, found a comparison, whose results are in compare.txt; give its runs, folders \
                 such as {}{}",
                shell(&first.display().to_string()),
                if of_fold { "; a report is of runs on all data only" } else { "" }
            )
        }
        None => "expected a run (with a config.toml), found none; create runs with genre-gpu train --out".into(),
    }
}

impl Metrics {
    /// Adds how well probabilities are calibrated with these temperatures.
    ///
    /// # Errors
    /// If the results are not of these data.
    pub fn calibrate(
        &mut self,
        temperatures: Temperatures,
        results: &[Results],
        data: &Dataset,
    ) -> Result<()> {
        self.temperatures = Some(temperatures);
        for result in results {
            if let Some(part) = self.parts.get_mut(result.part.as_str()) {
                let calibrated = result.calibrated(data.part(result.part), &temperatures)?;
                part.calibrated = Some(calibrated);
            }
        }
        Ok(())
    }
}

/// The contents of `metrics.json`.
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
        stopped_early: match ending(config, history) {
            Some(Ending::Early(early)) => Some(early.to_string()),
            Some(Ending::AllEpochs) | None => None,
        },
        classes: data.classes.clone(),
        temperatures: None,
        audit: None,
        parts: results
            .iter()
            .map(|result| {
                let data_hash = data.part_hash(result.part);
                (result.part.to_string(), PartMetrics { data_hash, ..result.metrics() })
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_has_a_line_for_each_row() {
        let value = serde_json::json!({
            "classes": ["a", "b"], "matrix": [[1, 2], [3, 4]], "none": [], "of": [[]], "x": 0.5,
        });
        let mut bytes = Vec::new();
        let mut json = serde_json::Serializer::with_formatter(&mut bytes, Rows::default());
        value.serialize(&mut json).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        let matrix = "  \"matrix\": [\n    [1, 2],\n    [3, 4]\n  ],\n";
        assert!(text.contains(matrix), "{text}");
        assert!(text.contains("  \"classes\": [\n    \"a\",\n    \"b\"\n  ],\n"), "{text}");
    }
}
