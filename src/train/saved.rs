//! A trained model as a file: weights under Keras's names and in its layout, and all that is needed
//! to use them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::settings::Recipe;
#[cfg(feature = "formats")]
use super::tensors::parse_any_tensors;
use super::tensors::{
    NamedTensors, Tensors, difference, hash_of, hash_of_text, parse_tensors, tensor_bytes,
};
use crate::audio::{Cutting, FrontEnd};
use crate::data::{Scale, Spectra, Typical};
use crate::error::{Error, Result};
use crate::files::{read_regular, write_atomic};
use crate::graph::Graph;
use crate::metrics::Temperatures;
use crate::models::Model;

/// A trained model.
#[derive(Debug, Clone)]
pub struct SavedModel {
    /// All weights in one flat buffer, in the graph's order.
    pub parameters: Vec<f32>,
    /// Facts about the model and its training.
    pub facts: ModelFacts,
}

/// Facts stored in a file of weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// Version of the program that wrote it.
    pub version: String,
    /// The model's name.
    pub name: String,
    /// The model's TOML.
    pub model: String,
    /// `[h, w, c]` of a sample.
    pub sample_shape: [usize; 3],
    /// The classes' names, by label.
    pub classes: Vec<String>,
    /// How inputs are scaled.
    pub scale: Scale,
    /// How sound became spectrograms, where that is known.
    pub front_end: Option<FrontEnd>,
    /// How songs were cut, where that is known; absent in older files.
    #[serde(default)]
    pub cutting: Option<Cutting>,
    /// The training set's average spectra; absent in older files.
    #[serde(default)]
    pub spectra: Option<Spectra>,
    /// Which songs are like the training songs; absent in older files.
    #[serde(default, rename = "typical_songs")]
    pub typical: Option<Typical>,
    /// What calibrates its probabilities; absent in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperatures: Option<Temperatures>,
    /// Seed of the run.
    pub seed: u32,
    /// Epochs that the weights were trained for.
    pub epochs: usize,
    /// Name of the training data.
    pub data_source: String,
    /// Their hash.
    pub data_hash: String,
}

impl ModelFacts {
    /// Reads and checks them; `text` is JSON that a file of weights has.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self> {
        let fail = |problem: String| Error::Weights { path: path.into(), problem };
        let facts: Self = serde_json::from_str(text).map_err(|e| fail(e.to_string()))?;
        facts.check().map_err(fail)?;
        Ok(facts)
    }

    /// Whether the model was trained by another program, so that its data and its training are unknown.
    pub fn is_foreign(&self) -> bool {
        self.data_hash.is_empty()
    }

    /// Checks what is computed with.
    fn check(&self) -> Result<(), String> {
        self.front_end.as_ref().map_or(Ok(()), FrontEnd::check).map_err(|e| e.to_string())?;
        let shape = self.sample_shape;
        let len = shape.into_iter().try_fold(1, usize::checked_mul);
        if len.is_none_or(|len| len == 0 || len > u32::MAX as usize) {
            return Err(format!("sample_shape: expected [h, w, c] above 0, found {shape:?}"));
        }
        let Scale { offset, factor, .. } = self.scale;
        // Values in the unit of the arrays are x / factor + offset.
        if !offset.is_finite() || !factor.is_finite() || factor == 0.0 {
            return Err(format!(
                "scale: expected a finite offset and a finite factor other than 0, found {offset} \
                 and {factor}"
            ));
        }
        let invalid = |t: &f64| !t.is_finite() || *t <= 0.0;
        let temperatures = self
            .temperatures
            .iter()
            .flat_map(|t| [Some(t.segments.value), t.songs.map(|songs| songs.temperature.value)]);
        if let Some(found) = temperatures.flatten().find(invalid) {
            return Err(format!("temperatures: expected numbers above 0, found {found}"));
        }
        Ok(())
    }
}

const KEY: &str = "genre_gpu";

impl SavedModel {
    /// Writes the file.
    ///
    /// # Errors
    /// If it cannot be written, or the graph is not the weights'.
    pub fn write(&self, path: &Path, graph: &Graph) -> Result<()> {
        let bytes = self.to_bytes(graph)?;
        write_atomic(path, |to| to.write_all(&bytes))
    }

    /// The bytes of the file: equal models are equal bytes.
    ///
    /// # Errors
    /// If the graph is not the weights'.
    pub fn to_bytes(&self, graph: &Graph) -> Result<Vec<u8>> {
        let fail = |problem: String| Error::Weights { path: "model.safetensors".into(), problem };
        let tensors = graph
            .parameters()
            .iter()
            .map(|p| Some((p.name.clone(), p.shape.clone(), self.parameters.get(p.range())?)))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| {
                let (expected, found) = (graph.parameter_count(), self.parameters.len());
                fail(format!("expected {expected} weights, as its model has, found {found}"))
            })?;
        let facts = serde_json::to_string(&self.facts).map_err(|e| fail(e.to_string()))?;
        tensor_bytes(&tensors, KEY, facts).map_err(fail)
    }

    /// Reads a file and makes its graph.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or a tensor is missing or of another shape.
    pub fn read(path: &Path) -> Result<(Self, Graph)> {
        Self::parse(path, &read_regular(path).map_err(Error::io(path, "read"))?)
    }

    /// As [`SavedModel::read`], from the file's bytes.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<(Self, Graph)> {
        let Tensors { tensors, metadata } = parse_tensors(path, bytes, KEY)?;
        Self::of_tensors(path, ModelFacts::parse(path, &metadata)?, tensors)
    }

    /// The tensors of any safetensors file, and the facts of one that this program wrote.
    #[cfg(feature = "formats")]
    pub(crate) fn parse_tensors(
        path: &Path,
        bytes: &[u8],
    ) -> Result<(NamedTensors, Option<ModelFacts>)> {
        let (tensors, metadata) = parse_any_tensors(path, bytes, KEY)?;
        Ok((tensors, metadata.map(|text| ModelFacts::parse(path, &text)).transpose()?))
    }

    /// Puts a model together; `path` is the file that is to blame.
    pub(crate) fn of_tensors(
        path: &Path,
        facts: ModelFacts,
        mut tensors: NamedTensors,
    ) -> Result<(Self, Graph)> {
        let fail = |problem: String| Error::Weights { path: path.into(), problem };
        facts.check().map_err(fail)?;
        let model = Model::parse(&facts.name, &facts.model)?;
        Recipe::of(&model)?;
        let graph = model.graph(facts.sample_shape, facts.classes.len())?;
        // A few words in the metadata can claim any size.
        let held: usize = tensors.values().map(|(_, values)| values.len()).sum();
        let claimed = graph.parameter_count();
        let mut parameters = Vec::with_capacity(claimed.min(held));
        for p in graph.parameters() {
            match tensors.remove(&p.name) {
                Some((shape, values)) if shape == p.shape => parameters.extend(values),
                Some((shape, _)) => {
                    let (name, want) = (&p.name, &p.shape);
                    let problem =
                        format!("tensor \"{name}\": expected shape {want:?}, found {shape:?}");
                    return Err(fail(problem));
                }
                None => return Err(fail(format!("tensor \"{}\" is missing", p.name))),
            }
        }
        if let Some(name) = tensors.keys().next() {
            return Err(fail(format!("tensor \"{name}\" belongs to no node of its model")));
        }
        Ok((Self { parameters, facts }, graph))
    }
}

/// `weights.json`, beside a run's weights: by it any changed bit of them is found. It is a file of its
/// own so that equal weights are equal files, whichever version wrote them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WeightsHashes {
    /// BLAKE3 of the whole file, 32 hex characters.
    file: String,
    /// Of each tensor.
    tensors: BTreeMap<String, String>,
}

impl WeightsHashes {
    /// Those of weights that were written to `model`.
    pub(super) fn of(model: &Path, saved: &SavedModel, graph: &Graph) -> Result<Self> {
        let bytes = read_regular(model).map_err(Error::io(model, "read"))?;
        Ok(Self { file: hash_of_text(bytes), tensors: hashes(saved, graph) })
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        write_atomic(path, |to| {
            serde_json::to_writer_pretty(&mut *to, self)?;
            writeln!(to)
        })
    }

    /// None if there are none: the run is of an older version.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let bytes = match read_regular(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io(path, "read")(e)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|e| Error::Weights {
            path: path.into(),
            problem: format!(
                "damaged: {e}; restore it from a copy, or make it again with train --resume"
            ),
        })
    }

    /// Checks the bytes of `model` and what was read from them.
    pub(super) fn check(
        &self,
        model: &Path,
        bytes: &[u8],
        (saved, graph): (&SavedModel, &Graph),
    ) -> Result<()> {
        if hash_of_text(bytes) == self.file {
            return Ok(());
        }
        let problem = difference(&self.tensors, &hashes(saved, graph)).unwrap_or_else(|| {
            "damaged: its facts about model and inputs have changed since it was written; restore the \
             file from a copy, or train again"
                .into()
        });
        Err(Error::Weights { path: model.into(), problem })
    }
}

fn hashes(saved: &SavedModel, graph: &Graph) -> BTreeMap<String, String> {
    let hash = |values: Option<&[f32]>| values.map_or_else(String::new, hash_of);
    let parameters = graph.parameters().iter();
    parameters.map(|p| (p.name.clone(), hash(saved.parameters.get(p.range())))).collect()
}
