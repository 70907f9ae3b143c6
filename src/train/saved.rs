//! A trained model as a file: weights under Keras's names and in its layout, and all that is needed
//! to use them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::settings::Recipe;
use super::tensors::{Tensors, read_tensors, write_tensors};
use crate::audio::{Cutting, FrontEnd};
use crate::data::{Scale, Spectra, Typical};
use crate::error::{Error, Result};
use crate::graph::Graph;
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
    #[serde(default)]
    pub typical: Option<Typical>,
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
    /// Checks numbers that are computed with.
    fn check(&self) -> Result<(), String> {
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
        let tensors: Vec<_> = (graph.parameters().iter())
            .map(|p| (p.name.clone(), p.shape.clone(), &self.parameters[p.range()]))
            .collect();
        let facts = serde_json::to_string(&self.facts)
            .map_err(|e| Error::Weights { path: path.into(), problem: e.to_string() })?;
        write_tensors(path, &tensors, KEY, facts)
    }

    /// Reads a file and makes its graph.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or a tensor is missing or of another shape.
    pub fn read(path: &Path) -> Result<(Self, Graph)> {
        let Tensors { mut tensors, metadata } = read_tensors(path, KEY)?;
        let fail = |problem: String| Error::Weights { path: path.into(), problem };
        let facts: ModelFacts = serde_json::from_str(&metadata).map_err(|e| fail(e.to_string()))?;
        facts
            .front_end
            .as_ref()
            .map_or(Ok(()), FrontEnd::check)
            .map_err(|e| fail(e.to_string()))?;
        facts.check().map_err(fail)?;
        let model = Model::parse(&facts.name, &facts.model)?;
        Recipe::of(&model)?;
        let graph = model.graph(facts.sample_shape, facts.classes.len())?;
        let mut parameters = Vec::with_capacity(graph.parameter_count());
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
