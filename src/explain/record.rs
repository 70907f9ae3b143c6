//! Options and results of an explanation as plain values: `explain` writes them, `report` reads
//! them.

use serde::{Deserialize, Serialize};

use super::axes::Axes;
use super::cells::LayerFacts;
use super::means::MeanMap;
use super::occlusion::ClassOcclusion;
use super::quantize::{Picture, SignedMap};
use super::right_wrong::ExplainedPart;
use super::textures::ClassTexture;
use super::trust::Trust;
use crate::data::PartName;

/// Options of [`super::explain`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainOptions {
    /// The part of the data whose samples are explained.
    pub part: PartName,
    /// Names of the layers to map; empty means the last pooling layers.
    pub layers: Vec<String>,
    /// The label whose logit is explained; none means each sample's predicted label.
    pub class: Option<u32>,
    /// Whether to measure how far maps can be trusted.
    pub checks: bool,
    /// Samples that are shown; empty means the first six right and wrong of each class.
    pub indices: Vec<usize>,
}

impl Default for ExplainOptions {
    fn default() -> Self {
        Self { part: PartName::Train, layers: vec![], class: None, checks: true, indices: vec![] }
    }
}

/// `explain.json` in a run's folder `explain`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Version of the program that wrote it.
    pub version: String,
    /// The model's name.
    pub model: String,
    /// What the data are.
    pub data: String,
    /// Their hash.
    pub data_hash: String,
    /// BLAKE3 of `model.safetensors`, 32 hex characters: whose weights are explained.
    pub weights_hash: String,
    /// Its options.
    pub asked: ExplainOptions,
    /// Where the network ran.
    pub device: String,
    /// The classes' names, by label.
    pub classes: Vec<String>,
    /// Bands and frames of a sample.
    pub sample_shape: [usize; 2],
    /// What bands and frames are, where that is known.
    pub axes: Axes,
    /// Whose maps these are: the last pooling layers, or those that were asked for.
    pub layers: Vec<LayerFacts>,
    /// Which indices are right and wrong: the part that is explained, then others.
    pub parts: Vec<ExplainedPart>,
    /// How far maps of each layer can be trusted; empty where that was not asked.
    pub trust: Vec<Trust>,
    /// Occlusion curves by class, of the samples that trust was measured on.
    pub occlusion: Vec<ClassOcclusion>,
    /// Mean maps of the part by layer and class, correct and incorrect.
    pub means: Vec<MeanMap>,
    /// What the training set's spectrograms are like, by class.
    pub textures: Vec<ClassTexture>,
    /// Samples with spectrogram and maps: the twelve of each class first.
    pub shown: Vec<ExplainedSample>,
    /// Wall time of it all, in seconds.
    pub seconds: f64,
}

/// A sample with all that is shown of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedSample {
    /// The part that it is of.
    pub part: PartName,
    /// Index in the part.
    pub index: usize,
    /// Its song, where known.
    pub song: Option<i64>,
    /// Label.
    pub truth: u32,
    /// Label of the most probable class.
    pub predicted: u32,
    /// Label of the class that the maps speak for.
    pub target: u32,
    /// Of each class, by label.
    pub probabilities: Vec<f32>,
    /// The spectrogram in the unit of the arrays.
    pub picture: Picture,
    /// One for each of the explanation's layers, in order.
    pub maps: Vec<MapOf>,
    /// Fall of the target's probability where one band after another is muted; empty if not measured.
    pub band_occlusion: Vec<f32>,
    /// The same for frames.
    pub time_occlusion: Vec<f32>,
    /// Its sound, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound: Option<Heard>,
}

/// A sample as sound: the clip that it was cut from, the part that its map keeps, and the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    /// The song: a file's name, or what the demo corpus calls it.
    pub song: String,
    /// Where the clip begins in the song.
    pub start_seconds: f64,
    /// Where it ends.
    pub end_seconds: f64,
    /// Of all three.
    pub sample_rate_hz: u32,
    /// Whose Grad-CAM is the mask: its positive part over its maximum.
    pub layer: String,
    /// What all three were raised by in their files, and not for the network.
    pub gain_db: f32,
    /// All that the sample's frames see.
    pub clip: Recording,
    /// The clip through the mask.
    pub kept: Recording,
    /// The clip less that: what the mask's complement keeps.
    pub rest: Recording,
}

/// A sound file, and what the network makes of the sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// A 16-bit mono WAV file, by its path from where `explain.json` lies.
    pub file: String,
    /// Of each class, by label.
    pub probabilities: Vec<f32>,
}

/// A sample's maps at one layer. Signed: ReLU and division by the maximum make the heatmap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapOf {
    /// Σ over channels of (mean over positions of the gradient) · output.
    pub grad_cam: SignedMap,
    /// Σ over channels of gradient · output, position by position.
    pub hires_cam: SignedMap,
}
