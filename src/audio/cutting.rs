//! How songs are cut into samples.

use serde::{Deserialize, Serialize};

/// What is cut into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CutFrom {
    /// The sound: each spectrogram is computed from its own samples with zeros at both ends, as
    /// librosa computes it from a piece of sound.
    Sound,
    /// The spectrogram of the whole song: no zeros but at the song's ends.
    Spectrogram,
}

impl CutFrom {
    /// The default for a preset, or for a front end whose name begins with a preset's.
    pub fn usual(preset: &str) -> Self {
        if preset.starts_with("bristol-80") { Self::Spectrogram } else { Self::Sound }
    }
}

/// The power that is 0 dB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZeroDb {
    /// The loudest band and frame of the song (of its cuts, where they are cut from the sound).
    Song,
    /// The loudest band and frame of each cut.
    Cut,
    /// A power of 1.
    Fixed,
}

/// How songs are cut into samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cutting {
    /// Spectrograms from each song, at least 1.
    pub segments: usize,
    /// What is cut.
    pub from: CutFrom,
    /// The power that is 0 dB.
    pub zero_db: ZeroDb,
}
