//! One run of a comparison: whether it is done, and its figures.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::data::{Dataset, PartName};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::models::Model;
use crate::train::checkpoint::{Checkpoint, graph_hash};
use crate::train::config::Config;
use crate::train::history::Epoch;
use crate::train::run_folder::RunFolder;
use crate::train::session::{Run, Scaled, open};
use crate::train::{SavedModel, Trainer, Watch};

/// One run that a comparison needs.
#[derive(Debug, Clone)]
pub struct Job {
    /// What it is told to do, seed included.
    pub config: Config,
    /// Where it lies, or will.
    pub folder: PathBuf,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There is nothing to go on from.
    New,
    /// There is a checkpoint, but not all that a run leaves.
    Begun,
    /// All epochs and all files are there.
    Done,
}

/// What a comparison takes from a run's folder.
#[derive(Debug, Clone)]
pub struct RunFigures {
    /// Its seed.
    pub seed: u32,
    /// What it was trained on.
    pub device: String,
    /// By epoch.
    pub history: Vec<Epoch>,
    /// Of the validation part, `[n, classes]`, in the order of its samples.
    pub val: Vec<f32>,
    /// Of the test part.
    pub test: Vec<f32>,
}

impl Job {
    /// Makes sure that its folder holds no run with other settings.
    ///
    /// # Errors
    /// If it does, or what is there is no run.
    pub fn check(&self) -> Result<()> {
        let Ok(folder) = RunFolder::open(&self.folder) else { return Ok(()) };
        let there = Config::read(&folder.config())?;
        let differences = differences(&there, &self.config);
        if differences.is_empty() {
            return Ok(());
        }
        Err(self.other(&format!("with other settings ({})", differences.join("; "))))
    }

    fn other(&self, what: &str) -> Error {
        let problem = format!(
            "holds a run {what}; give the settings that it was made with, another --out, or \
             remove this folder"
        );
        Error::Run { path: self.folder.clone(), problem }
    }

    /// How far it has come on these data and this network.
    ///
    /// # Errors
    /// If its folder holds a run with other settings, of other data or of another network, or a
    /// damaged one.
    pub fn state(&self, data: &Dataset, graph: &Graph) -> Result<State> {
        self.check()?;
        let Ok(folder) = RunFolder::open(&self.folder) else { return Ok(State::New) };
        if !folder.checkpoint().exists() {
            return Ok(State::New);
        }
        let Checkpoint { state, best, position } = Checkpoint::read(&folder.checkpoint())?;
        if position.data_hash != data.hash {
            let (there, here) = (&position.data_hash, &data.hash);
            let what = format!("on data with hash {there}, but {} has {here}", data.source);
            return Err(self.other(&what));
        }
        if position.graph_hash != graph_hash(graph) {
            return Err(self.other("of another network: the model has changed since"));
        }
        let parts = PartName::ALL.map(|part| folder.predictions(part));
        let files = [folder.model(), folder.metrics(), folder.history(), folder.curves()];
        let more = [folder.confusion(), folder.summary()];
        let whole = files.iter().chain(&more).chain(&parts).all(|file| file.exists());
        if position.history.len() != self.config.epochs || position.step > 0 || !whole {
            return Ok(State::Begun);
        }
        // A run that was made longer may have weights and figures of before; weights are written
        // last, so beside those of the last epoch all else is of it too.
        let (saved, _) = SavedModel::read(&folder.model())?;
        let last = best.unwrap_or(state.parameters);
        Ok(if saved.parameters == last { State::Done } else { State::Begun })
    }

    /// Trains it from its beginning or from where it stopped; false where `stop` said so before
    /// its end, which leaves a checkpoint.
    ///
    /// # Errors
    /// If the device fails, the loss is not finite, or a file cannot be written.
    pub fn train(
        &self,
        state: State,
        model: &Model,
        data: &Scaled,
        title: &str,
        watch: &dyn Watch,
        stop: &dyn Fn() -> bool,
    ) -> Result<bool> {
        let config = &self.config;
        // A model or device that cannot be had leaves no folder.
        let (graph, mut backend) = open(config, model, &data.data)?;
        let folder = match state {
            State::New if self.folder.join("config.toml").exists() => {
                // Of these settings, stopped before there was anything to go on from.
                let folder = RunFolder::create(&self.folder, true)?;
                folder.clear()?;
                folder
            }
            State::New => RunFolder::create(&self.folder, false)?,
            State::Begun | State::Done => RunFolder::open(&self.folder)?,
        };
        let (graph, folder, device) = (&graph, &folder, backend.describe());
        let new = if state == State::New { Trainer::new } else { Trainer::resume };
        let mut trainer = new(backend.as_mut(), &data.data, config, folder.checkpoint())?;
        let run = Run { config, model, data, graph, device: &device, folder, title };
        Ok(run.train(&mut trainer, watch, stop)?.is_some())
    }

    /// The figures of a run that is done.
    ///
    /// # Errors
    /// If a file is missing, damaged or of other data.
    pub fn read(&self, data: &Dataset) -> Result<RunFigures> {
        let folder = RunFolder::open(&self.folder)?;
        let position = Checkpoint::read(&folder.checkpoint())?.position;
        let read = |part: PartName| {
            let path = folder.predictions(part);
            probabilities(&path, data.part(part).len(), data.classes.len())
        };
        let (val, test) = (read(PartName::Val)?, read(PartName::Test)?);
        let (seed, device, history) = (self.config.seed, position.device, position.history);
        Ok(RunFigures { seed, device, history, val, test })
    }
}

/// What differs between two runs' settings, beside what changes no result: threads, and the
/// paths of data and model, whose contents are compared by hash.
fn differences(there: &Config, here: &Config) -> Vec<String> {
    // Plain values: nothing that TOML lacks.
    let table = |config: &Config| toml::Table::try_from(config).unwrap_or_default();
    let (there, here) = (table(there), table(here));
    let keys: BTreeSet<&String> = there.keys().chain(here.keys()).collect();
    let word = |value: Option<&toml::Value>| value.map_or("none".into(), ToString::to_string);
    keys.into_iter()
        .filter(|key| !["threads", "data", "model"].contains(&key.as_str()))
        .filter(|key| there.get(*key) != here.get(*key))
        .map(|key| format!("{key} {}, not {}", word(there.get(key)), word(here.get(key))))
        .collect()
}

/// The last columns of a `predictions_*.csv`, `[n, classes]`. They are written with every digit
/// that an f32 has.
fn probabilities(path: &Path, n: usize, classes: usize) -> Result<Vec<f32>> {
    let fail = |problem: String| Error::Run { path: path.to_path_buf(), problem };
    let mut csv = csv::Reader::from_path(path).map_err(|e| fail(format!("cannot read: {e}")))?;
    let mut all = Vec::with_capacity(n * classes);
    for (i, row) in csv.records().enumerate() {
        let row = row.map_err(|e| fail(format!("damaged: {e}")))?;
        for cell in row.iter().skip(row.len().saturating_sub(classes)) {
            let value: f32 = cell.parse().map_err(|_| {
                fail(format!("row {}: expected a probability, found \"{cell}\"", i + 1))
            })?;
            all.push(value);
        }
    }
    if all.len() != n * classes {
        return Err(fail(format!(
            "expected {classes} probabilities for each of {n} samples, found {}; remove the file \
             and compare again to have it made anew",
            all.len()
        )));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Recipe;
    use crate::train::config::Settings;

    #[test]
    fn settings_that_change_no_result_may_differ() {
        let config = |settings: Settings| settings.resolve(Recipe::default()).unwrap();
        let one = config(Settings { threads: Some(1), ..Settings::default() });
        let other = config(Settings {
            threads: Some(7),
            data: Some("moved".into()),
            model: Some("elsewhere/p1.toml".into()),
            ..Settings::default()
        });
        assert!(differences(&one, &other).is_empty());
        let longer = config(Settings { epochs: Some(3), ..Settings::default() });
        assert_eq!(differences(&one, &longer), ["epochs 20, not 3"]);
    }
}
