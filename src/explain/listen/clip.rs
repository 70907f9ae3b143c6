//! The stretch of sound that a sample was cut from.

use std::ops::Range;

use crate::audio::{CutFrom, Decibels, FrontEnd, LogMel};
use crate::error::Result;

/// All the sound that a sample's frames see.
#[derive(Debug, Clone)]
pub struct Clip {
    /// The song: a file's name, or what the demo corpus calls it.
    pub song: String,
    /// Which of the song's samples at the front end's rate.
    pub span: Range<usize>,
    /// The sound, mono, ±1.
    pub samples: Vec<f32>,
    /// The song's samples just before, where the sample was cut from its spectrogram; windows
    /// that reach over the clip's edges need them to put it together again.
    pub(super) before: Vec<f32>,
    /// Likewise after.
    pub(super) after: Vec<f32>,
    /// The first frame begins so many samples before the clip does.
    pub(super) lead: usize,
    /// What the sample's power became dB by.
    scale: Decibels,
}

impl Clip {
    /// The clip of the cut that covers `cut` of a song, as `audio::cut` says it.
    pub(super) fn new(
        name: &str,
        song: &[f32],
        cut: &Range<usize>,
        from: CutFrom,
        scale: Decibels,
        front_end: &FrontEnd,
    ) -> Self {
        let FrontEnd { n_fft, hop_samples, frames, .. } = front_end;
        let half = n_fft / 2;
        let span = match from {
            CutFrom::Sound => cut.clone(),
            CutFrom::Spectrogram => {
                // From the first window's beginning to the last one's end.
                let end = cut.start + frames.saturating_sub(1) * hop_samples + n_fft - half;
                cut.start.saturating_sub(half)..end.min(song.len())
            }
        };
        let lead = half - (cut.start - span.start);
        let around = match from {
            // The front end had zeros there.
            CutFrom::Sound => [span.start..span.start, span.end..span.end],
            CutFrom::Spectrogram => {
                let (before, after) = (span.start.saturating_sub(*n_fft), span.end + n_fft);
                [before..span.start, span.end..after.min(song.len())]
            }
        };
        let [before, after] = around.map(|range| song[range].to_vec());
        let samples = song[span.clone()].to_vec();
        Self { song: name.into(), span, samples, before, after, lead, scale }
    }

    /// The sample that the front end makes of these samples in the clip's place, `[n_mels,
    /// frames]` in dB. What 0 dB is and where the floor lies is what it was for the song: of the
    /// clip's own samples this is the very sample of the arrays.
    ///
    /// # Errors
    /// If there are no samples.
    pub fn sample(&self, samples: &[f32], log_mel: &mut LogMel) -> Result<Vec<f32>> {
        let frames = log_mel.front_end().frames;
        Ok(self.scale.convert(&log_mel.mel_power_of(samples, self.lead, frames)?))
    }
}
