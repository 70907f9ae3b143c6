//! All that is found about a run, as plain values: what `explain` writes and `report` reads.

use serde::{Deserialize, Serialize};

use super::cells::Place;
use super::means::MeanMap;
use super::occlusion::ClassOcclusion;
use super::run::Wanted;
use super::trust::Trust;

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
    /// What was asked for.
    pub asked: Wanted,
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
    /// Mean maps of the part by layer and class, right and wrong.
    pub means: Vec<MeanMap>,
    /// Samples with spectrogram and maps: the twelve of each class first.
    pub shown: Vec<Shown>,
    /// Wall time of it all, in seconds.
    pub seconds: f64,
}

/// Units of the axes, known where the front end is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Axes {
    /// Centre of each band in Hz, lowest first.
    pub band_hz: Option<Vec<f64>>,
    /// From one frame to the next.
    pub frame_seconds: Option<f64>,
}

/// A layer that is explained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerFacts {
    /// The node's name.
    pub name: String,
    /// `[h, w, c]` of its output.
    pub shape: [usize; 3],
    /// Where its cells lie on the input.
    pub place: Place,
}

/// A part of the data by class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedPart {
    /// `train`, `val` or `test`.
    pub part: String,
    /// By label.
    pub classes: Vec<Class>,
}

/// Which samples of a class are predicted rightly and wrongly, in index order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Indices in the part.
    pub right: Vec<usize>,
    /// The others, with what they were taken for.
    pub wrong: Vec<Wrong>,
}

/// A wrong prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wrong {
    /// Index in the part.
    pub index: usize,
    /// Its song, where known.
    pub song: Option<i64>,
    /// Label of what it was taken for.
    pub predicted: u32,
    /// How sure the network was of that.
    pub probability: f32,
}

/// A sample with all that is shown of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// `train`, `val` or `test`.
    pub part: String,
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

/// A spectrogram in 256 steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// What 0 stands for, in the unit of the arrays.
    pub low: f32,
    /// What 255 stands for.
    pub high: f32,
    /// Base64 of one byte for each of `[bands, frames]`, lowest band first.
    pub bytes: String,
}

/// A sample's maps at one layer. Signed: ReLU and division by the maximum make the heatmap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapOf {
    /// Σ over channels of (mean over positions of the gradient) · output.
    pub grad_cam: SignedMap,
    /// Σ over channels of gradient · output, position by position.
    pub hires_cam: SignedMap,
}

/// A signed map in steps: a byte `b` from -127 to 127 stands for `high · b / 127` where it is
/// positive and for `low · -b / 127` where it is negative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignedMap {
    /// The largest value; 0 where none is positive: the heatmap is empty.
    pub high: f32,
    /// The smallest value; 0 where none is negative.
    pub low: f32,
    /// Base64 of one signed byte for each of `[h, w]`.
    pub bytes: String,
}
