//! Trained models in the formats of other programs.
//!
//! ```text
//! keras/   .keras and .weights.h5 of Keras 3
//! onnx/    ONNX, for ONNX Runtime and others
//! npz.rs   arrays of numpy
//! ```
//!
//! [`export`] makes the bytes of a file, [`import`] a model of a file. What a format cannot say of a model
//! (classes, input scale, front end, calibration) lies beside it in the file, where its own programs do not
//! look; so a model that was exported and imported is the same in every bit.
//!
//! ```no_run
//! use std::path::Path;
//! use genre_gpu::formats::{self, Format, ImportOptions};
//! use genre_gpu::train::SavedModel;
//!
//! let (saved, graph) = SavedModel::read(Path::new("runs/mine/model.safetensors"))?;
//! genre_gpu::files::write_output(Path::new("mine.onnx"), {
//!     let bytes = formats::export(&saved, &graph, Format::Onnx)?;
//!     move |file| file.write_all(&bytes)
//! })?;
//! let imported = formats::import(Path::new("mine.keras"), &ImportOptions::default())?;
//! println!("{} weights", imported.saved.parameters.len());
//! # Ok::<(), genre_gpu::Error>(())
//! ```

mod keras;
mod npz;
mod onnx;

use std::path::Path;

use crate::audio::FrontEndSpec;
use crate::data::{Scale, ScaleKind};
use crate::error::{Error, Result};
use crate::files::read_regular;
use crate::graph::Graph;
use crate::models::Model;
use crate::text::shown;
use crate::train::{ModelFacts, NamedTensors, SavedModel};

/// A format of a trained model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A whole model of Keras 3: layers and weights.
    Keras,
    /// Weights for a model of Keras 3 that has the same layers.
    KerasWeights,
    /// ONNX, operator set 18.
    Onnx,
    /// Arrays of numpy.
    Npz,
    /// The file of a run.
    Safetensors,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Keras, Self::KerasWeights, Self::Onnx, Self::Npz, Self::Safetensors];

    /// Its word in flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keras => "keras",
            Self::KerasWeights => "keras-weights",
            Self::Onnx => "onnx",
            Self::Npz => "npz",
            Self::Safetensors => "safetensors",
        }
    }

    /// The usual name of its files.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Keras => "model.keras",
            Self::KerasWeights => "model.weights.h5",
            Self::Onnx => "model.onnx",
            Self::Npz => "model.npz",
            Self::Safetensors => "model.safetensors",
        }
    }

    /// That of a file's name, by its ending; none if it is no format's.
    pub fn of_name(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_string_lossy().to_lowercase();
        Some(match ending.as_str() {
            "keras" => Self::Keras,
            "h5" | "hdf5" => Self::KerasWeights,
            "onnx" => Self::Onnx,
            "npz" => Self::Npz,
            "safetensors" => Self::Safetensors,
            _ => return None,
        })
    }
}

/// The bytes of a model's file. Equal models are equal bytes.
///
/// Inputs are spectrograms `[n, mel bands, frames, channels]` in the unit of the arrays that the model was
/// trained on: [`Format::Keras`] and [`Format::Onnx`] begin with the model's scale. The others are weights
/// alone, of a model whose inputs are scaled.
///
/// # Errors
/// If the graph is not that of the weights.
pub fn export(saved: &SavedModel, graph: &Graph, format: Format) -> Result<Vec<u8>> {
    let found = saved.parameters.len();
    if graph.parameter_count() != found {
        return Err(Error::Mismatch {
            what: "weights of the model",
            expected: graph.parameter_count().to_string(),
            found: found.to_string(),
        });
    }
    match format {
        Format::Keras => keras::write(saved, graph),
        Format::KerasWeights => keras::write_weights(saved, graph),
        Format::Onnx => onnx::write(saved, graph),
        Format::Npz => npz::write(saved, graph),
        Format::Safetensors => saved.to_bytes(graph),
    }
}

/// What a file does not say. What it says itself may be changed, but for its layers.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The layers of weights alone. Other files have their own, and take none.
    pub model: Option<Model>,
    /// Mel bands and frames of a sample, of weights alone or where a Keras model leaves them open.
    pub input: Option<[usize; 2]>,
    /// The model's name [default: that in the file, or the file's].
    pub name: Option<String>,
    /// The classes' names, by label [default: those in the file, or "0", "1", …].
    pub classes: Option<Vec<String>>,
    /// How samples are scaled [default: as in the file, or not at all].
    pub scale: Option<Scale>,
    /// How sound becomes spectrograms, for `predict` [default: as in the file, or unknown].
    pub front_end: Option<FrontEndSpec>,
}

/// A model of a file.
#[derive(Debug)]
pub struct Imported {
    /// Weights and facts.
    pub saved: SavedModel,
    /// The network.
    pub graph: Graph,
    /// What a user should know: what was left out, added or assumed.
    pub notes: Vec<String>,
}

/// Reads a model from a file; its format is that of its name's ending.
///
/// # Errors
/// If it cannot be read, is damaged, has a layer or setting that there is no operation for, or lacks what the
/// options do not say either.
pub fn import(path: &Path, options: &ImportOptions) -> Result<Imported> {
    let format = Format::of_name(path).ok_or_else(|| Error::Weights {
        path: path.into(),
        problem:
            "expected a file whose name ends in .keras, .weights.h5, .npz, .safetensors or .onnx"
                .into(),
    })?;
    let bytes = read_regular(path).map_err(Error::io(path, "read"))?;
    let file = File { path, options };
    match format {
        Format::Keras => file.keras(&bytes),
        Format::KerasWeights => {
            let (facts, weights) = keras::read_weights(path, bytes)?;
            file.weights(facts, |graph| weights.tensors_of(path, graph))
        }
        Format::Onnx => {
            let (facts, tensors) = onnx::read(path, &bytes)?;
            file.weights(Some(facts), |_| Ok(tensors))
        }
        Format::Npz => {
            let (tensors, facts) = npz::read(path, &bytes)?;
            file.weights(facts, |_| Ok(tensors))
        }
        Format::Safetensors => {
            let (tensors, facts) = SavedModel::parse_tensors(path, &bytes)?;
            file.weights(facts, |_| Ok(tensors))
        }
    }
}

/// Of a model, in bytes: file systems take 255, with an ending.
const LONGEST_NAME: usize = 200;

/// A file that is read, and what is said of it.
struct File<'a> {
    path: &'a Path,
    options: &'a ImportOptions,
}

impl File<'_> {
    fn fail(&self, problem: impl Into<String>) -> Error {
        Error::Weights { path: self.path.into(), problem: problem.into() }
    }

    /// `mine` of `mine.keras` and `mine.weights.h5`.
    fn stem(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.rsplit_once('.').map_or(&*name, |(stem, _)| stem);
        let stem = stem.strip_suffix(".weights").unwrap_or(stem);
        if stem.is_empty() { "model".into() } else { stem.into() }
    }

    fn without_layers(&self) -> Result<()> {
        match self.options.model {
            None => Ok(()),
            Some(_) => Err(Error::Setting {
                name: "model",
                expected: "weights alone with it",
                found: format!("{}, which has its own layers; leave it out", self.path.display()),
            }),
        }
    }

    fn keras(&self, bytes: &[u8]) -> Result<Imported> {
        self.without_layers()?;
        let name = self.options.name.clone().unwrap_or_else(|| self.stem());
        let found = keras::read(self.path, bytes, &name, self.options.input)?;
        let keras::KerasModel { graph, scale, tensors, facts, notes } = found;
        let facts = match facts {
            Some(facts) => {
                let own = Model::parse(&facts.name, &facts.model)?
                    .graph(facts.sample_shape, facts.classes.len())?;
                let numbers = |scale: Scale| match scale.kind {
                    ScaleKind::None => (0.0, 1.0),
                    ScaleKind::Standard | ScaleKind::MinMax => (scale.offset, scale.factor),
                };
                let same_scale = numbers(scale.unwrap_or(Scale::NONE)) == numbers(facts.scale);
                if !same_scale || !keras::same_but_for_names(&own, &graph) {
                    return Err(self.fail(
                        "its layers are not those of the model that was exported: another program changed \
                         them; save it in Keras again, which leaves out what this program added",
                    ));
                }
                // Keras allows fewer names: tensors have those of the exported model.
                let tensors = renamed(tensors, &graph, &own);
                return self.finish(facts, tensors, notes);
            }
            None => {
                let from = format!("Imported from {}.", self.path.display());
                let model = Model::of_graph(&name, &graph, &from)?;
                self.facts(name, &model, &graph, scale.unwrap_or(Scale::NONE))
            }
        };
        self.finish(facts, tensors, notes)
    }

    /// A model of weights alone: of a file with facts, or with the layers of the options.
    fn weights(
        &self,
        facts: Option<ModelFacts>,
        tensors_of: impl FnOnce(&Graph) -> Result<NamedTensors>,
    ) -> Result<Imported> {
        if let Some(facts) = facts {
            self.without_layers()?;
            let graph = Model::parse(&facts.name, &facts.model)?
                .graph(facts.sample_shape, facts.classes.len())?;
            let tensors = tensors_of(&graph)?;
            return self.finish(facts, tensors, Vec::new());
        }
        let model = self.options.model.as_ref().ok_or_else(|| {
            self.fail("has weights alone: say of which layers with --model NAME or FILE.toml")
        })?;
        let [h, w] = self.options.input.ok_or_else(|| {
            self.fail(
                "has weights alone: say the size of a sample with --input HxW (mel bands x frames)",
            )
        })?;
        // Names and order of layers depend on no number of classes.
        let of = |classes: usize| model.graph([h, w, 1], classes);
        let given = self.options.classes.as_ref().map(Vec::len);
        let tensors = tensors_of(&of(given.unwrap_or(2))?)?;
        let classes = match given {
            Some(classes) => classes,
            None => classes_in(&tensors, &of(2)?, &of(3)?).ok_or_else(|| {
                self.fail("how many classes it has is unknown: name them with --classes A,B,...")
            })?,
        };
        let name = crate::models::model_name(&model.name);
        let facts = self.facts(name, model, &of(classes)?, Scale::NONE);
        self.finish(facts, tensors, Vec::new())
    }

    /// The facts of a model that another program trained.
    fn facts(&self, name: String, model: &Model, graph: &Graph, scale: Scale) -> ModelFacts {
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        ModelFacts {
            version: env!("CARGO_PKG_VERSION").into(),
            name,
            model: model.text.clone(),
            sample_shape: graph.node(graph.input()).shape.as_map(),
            classes: (0..graph.classes()).map(|label| label.to_string()).collect(),
            scale,
            front_end: None,
            cutting: None,
            spectra: None,
            typical: None,
            temperatures: None,
            seed: 0,
            epochs: 0,
            data_source: format!("unknown data (imported from {})", shown(&file)),
            data_hash: String::new(),
        }
    }

    /// Lays the options over the facts, and puts the model together.
    fn finish(
        &self,
        mut facts: ModelFacts,
        tensors: NamedTensors,
        mut notes: Vec<String>,
    ) -> Result<Imported> {
        let ImportOptions { model: _, input, name, classes, scale, front_end } = self.options;
        if let Some(name) = name {
            facts.name.clone_from(name);
        }
        // It becomes the name of a file.
        let is_file_name = !facts.name.is_empty()
            && facts.name.len() <= LONGEST_NAME
            && !facts.name.starts_with('.')
            && !facts.name.contains(|c: char| c == '/' || c == '\\' || c.is_control());
        if !is_file_name {
            let name = shown(&facts.name);
            return Err(self.fail(format!(
                "its model's name \"{name}\" is no name of a file; give one with --name"
            )));
        }
        match classes {
            Some(classes) if classes.len() == facts.classes.len() => {
                facts.classes.clone_from(classes);
            }
            Some(classes) => {
                return Err(Error::Setting {
                    name: "classes",
                    expected: "a name for each class of the model",
                    found: format!("{} names of {} classes", classes.len(), facts.classes.len()),
                });
            }
            None if facts.is_foreign() => notes.push(format!(
                "the file has no names of its {} classes; they are 0, 1, ... here, and --classes A,B,... \
                 names them",
                facts.classes.len()
            )),
            None => {}
        }
        let twice =
            |(i, name): (usize, &String)| name.is_empty() || facts.classes[..i].contains(name);
        if facts.classes.iter().enumerate().any(twice) {
            return Err(Error::Setting {
                name: "classes",
                expected: "different names",
                found: facts.classes.join(","),
            });
        }
        let [h, w, _] = facts.sample_shape;
        if let Some([given_h, given_w]) = input.filter(|input| *input != [h, w]) {
            return Err(Error::Setting {
                name: "input",
                expected: "the size of the model's samples",
                found: format!("{given_h}x{given_w}, of a model of {h}x{w}"),
            });
        }
        match scale {
            Some(scale) => facts.scale = *scale,
            None if facts.is_foreign() && facts.scale == Scale::NONE => notes.push(
                "the file has no input scale: samples are taken as they are in the arrays; where they were \
                 standardised before training, --mean M --deviation S of the training set does that here"
                    .into(),
            ),
            None => {}
        }
        if let Some(front_end) = front_end {
            facts.front_end = Some(front_end.of_samples([h, w])?);
        }
        let (saved, graph) = SavedModel::of_tensors(self.path, facts, tensors)?;
        Ok(Imported { saved, graph, notes })
    }
}

/// The tensors of `from` under the names of `to`, a graph of the same nodes.
fn renamed(mut tensors: NamedTensors, from: &Graph, to: &Graph) -> NamedTensors {
    let pairs = from.parameters().iter().zip(to.parameters());
    pairs.filter_map(|(a, b)| Some((b.name.clone(), tensors.remove(&a.name)?))).collect()
}

/// The number of classes that weights have, by the tensor that has an extent more with a class more.
fn classes_in(tensors: &NamedTensors, two: &Graph, three: &Graph) -> Option<usize> {
    two.parameters().iter().zip(three.parameters()).find_map(|(two, three)| {
        let (shape, values) = tensors.get(&two.name)?;
        let differs = two.shape.iter().zip(&three.shape).position(|(a, b)| a != b)?;
        shape.get(differs).copied().filter(|classes| (2..=values.len()).contains(classes))
    })
}
