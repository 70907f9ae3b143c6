//! Checkpoints: all that a run needs to resume bit-identically.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::history::Epoch;
use super::settings::{Config, Recipe, Settings};
use super::tensors::{Tensors, difference, hash_of, hash_of_text, read_tensors, write_tensors};
use crate::backend::{State, StepMetrics};
use crate::error::{Error, Result};

/// Weights and position of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Weights and moments.
    pub state: State,
    /// The weights after the best epoch so far, where they are kept.
    pub best: Option<Vec<f32>>,
    /// The position in the run.
    pub position: Position,
}

/// The part of a checkpoint that is not weights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Steps done in the current epoch.
    pub step: usize,
    /// Their metrics.
    #[serde(rename = "tally")]
    pub metrics: StepMetrics,
    /// Their wall time.
    pub seconds: f64,
    /// The epochs that are done.
    pub history: Vec<Epoch>,
    /// The data that the run is on.
    pub data_hash: String,
    /// The network that it trains, as [`Graph::hash`](crate::graph::Graph::hash) has it.
    pub graph_hash: String,
    /// Device of the last step ([`crate::backend::Backend::identity`]); empty in older checkpoints.
    #[serde(default)]
    pub device: String,
    /// The settings that may not change ([`super::settings::Config::binding`]); empty in older
    /// checkpoints.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// In the file: BLAKE3 of each tensor and, under `position`, of this text without them; none in
    /// older checkpoints.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) blake3: BTreeMap<String, String>,
}

impl Position {
    /// Checks that the run's settings are still those that it was trained with.
    pub(super) fn check_settings(&self, config: &Config) -> Result<(), String> {
        let now = config.binding();
        let edited = self.settings.iter().find(|(key, value)| now.get(*key) != Some(*value));
        // What a checkpoint lacks had no value, or the default: an older version did not know it. Still older
        // ones have no settings.
        let usual = Settings::default().resolve(Recipe::default()).map(|config| config.binding());
        let usual = usual.unwrap_or_default();
        let absent = |(key, value): &(&String, &String)| {
            !self.settings.contains_key(*key) && usual.get(*key) != Some(*value)
        };
        let added = now.iter().find(absent).map(|(key, _)| key);
        let added = added.filter(|_| !self.settings.is_empty());
        match (edited, added) {
            (Some((key, value)), _) => Err(format!(
                "the run was trained with {key} = {value}, but its config.toml has {}; put {key} = \
                 {value} back, or start a new run",
                now.get(key).map_or("none", String::as_str)
            )),
            (None, Some(key)) => Err(format!(
                "the run was trained without {key}, but its config.toml has {key} = {}; remove it, or \
                 start a new run",
                now.get(key).map_or("none", String::as_str)
            )),
            (None, None) => Ok(()),
        }
    }

    /// Checks the position in the current epoch against the `n` samples of the training set.
    pub(super) fn check(&self, n: usize, batch_size: usize) -> Result<(), String> {
        let steps = n.div_ceil(batch_size);
        if self.step > steps {
            return Err(format!("expected at most {steps} steps in an epoch, found {}", self.step));
        }
        let done = (self.step * batch_size).min(n) as u64;
        let StepMetrics { samples, correct, .. } = self.metrics;
        if samples != done || correct > samples {
            return Err(format!(
                "expected metrics of {done} samples after {} steps, found {correct} correct of \
                 {samples}",
                self.step
            ));
        }
        Ok(())
    }
}

const KEY: &str = "genre_gpu_checkpoint";
/// What the hash of the position is called among those of the tensors.
const POSITION: &str = "position";

impl Checkpoint {
    /// Writes the checkpoint; an older one at `path` is replaced whole.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let count = self.state.parameters.len();
        let mut tensors = vec![
            ("parameters".to_owned(), vec![count], self.state.parameters.as_slice()),
            ("velocity".to_owned(), vec![count], self.state.velocity.as_slice()),
        ];
        if !self.state.second_moment.is_empty() {
            let second =
                ("second_moment".to_owned(), vec![count], self.state.second_moment.as_slice());
            tensors.push(second);
        }
        if let Some(best) = &self.best {
            tensors.push(("best".to_owned(), vec![count], best));
        }
        let json = |position: &Position| {
            serde_json::to_string(position)
                .map_err(|e| Error::Weights { path: path.into(), problem: e.to_string() })
        };
        let mut position = Position { blake3: BTreeMap::new(), ..self.position.clone() };
        let text = hash_of_position(&json(&position)?)
            .map_err(|e| Error::Weights { path: path.into(), problem: e.to_string() })?;
        let hashes = tensors.iter().map(|(name, _, values)| (name.clone(), hash_of(values)));
        position.blake3 = hashes.chain([(POSITION.to_owned(), text)]).collect();
        let position = json(&position)?;
        write_tensors(path, &tensors, KEY, position)
    }

    /// Reads a checkpoint; its tensors are of one length.
    ///
    /// # Errors
    /// If the file cannot be read or is not such a checkpoint.
    pub fn read(path: &Path) -> Result<Self> {
        let Tensors { mut tensors, metadata } = read_tensors(path, KEY)?;
        let fail = |problem: String| Error::Weights { path: path.into(), problem };
        let mut position: Position =
            serde_json::from_str(&metadata).map_err(|e| fail(e.to_string()))?;
        let hashes = std::mem::take(&mut position.blake3);
        let text = hash_of_position(&metadata).map_err(|e| fail(e.to_string()))?;
        let found = tensors.iter().map(|(name, (_, values))| (name.clone(), hash_of(values)));
        let found: BTreeMap<String, String> = found.chain([(POSITION.to_owned(), text)]).collect();
        if let Some(problem) = difference(&hashes, &found) {
            return Err(fail(problem));
        }
        let mut take = |name: &str| tensors.remove(name).map(|(_, tensor)| tensor);
        let (now, velocity, best) = (take("parameters"), take("velocity"), take("best"));
        let (Some(parameters), Some(velocity)) = (now, velocity) else {
            return Err(fail("expected tensors \"parameters\" and \"velocity\"".into()));
        };
        let count = parameters.len();
        let second = take("second_moment");
        let others = [Some(&velocity), best.as_ref(), second.as_ref()];
        if let Some(other) = others.into_iter().flatten().find(|other| other.len() != count) {
            let found = other.len();
            return Err(fail(format!("expected tensors of {count} values, found one of {found}")));
        }
        let second_moment = second.unwrap_or_default();
        Ok(Self { state: State { parameters, velocity, second_moment }, best, position })
    }
}

/// The hash of a position's JSON, whatever fields it has, but for the hashes in it.
fn hash_of_position(text: &str) -> serde_json::Result<String> {
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text)?;
    fields.remove("blake3");
    Ok(hash_of_text(serde_json::Value::Object(fields).to_string()))
}
