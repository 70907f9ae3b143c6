//! The numbers that say how sound becomes a spectrogram, and their named presets.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How sound becomes a log-mel spectrogram of shape `[n_mels, frames]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontEnd {
    /// The preset's name, or the user's own.
    pub name: String,
    /// Sample rate of the mono sound, in Hz.
    pub sample_rate_hz: u32,
    /// Length of the FFT and of its periodic Hann window, in samples.
    pub n_fft: usize,
    /// From one frame to the next, in samples.
    pub hop_samples: usize,
    /// Number of mel bands.
    pub n_mels: usize,
    /// Lower edge of the lowest band, in Hz.
    pub f_min_hz: f64,
    /// Upper edge of the highest band, in Hz; at most half the sample rate.
    pub f_max_hz: f64,
    /// Width of one spectrogram as the classifier sees it, in frames.
    pub frames: usize,
}

impl FrontEnd {
    /// The presets' names.
    pub const PRESETS: [&str; 2] = ["librosa-2s", "bristol-80"];

    /// librosa's defaults on 2 s cuts at 22,050 Hz: 128 bands × 87 frames.
    pub fn librosa_2s() -> Self {
        Self {
            name: "librosa-2s".into(),
            sample_rate_hz: 22_050,
            n_fft: 2048,
            hop_samples: 512,
            n_mels: 128,
            f_min_hz: 0.0,
            f_max_hz: 11_025.0,
            frames: 87,
        }
    }

    /// Windows of 1,024 samples at 44,100 Hz: 80 bands × 80 frames (0.93 s).
    pub fn bristol_80() -> Self {
        Self {
            name: "bristol-80".into(),
            sample_rate_hz: 44_100,
            n_fft: 1024,
            hop_samples: 512,
            n_mels: 80,
            f_min_hz: 0.0,
            f_max_hz: 22_050.0,
            frames: 80,
        }
    }

    /// The preset called `name`.
    pub fn preset(name: &str) -> Result<Self> {
        match name {
            "librosa-2s" => Ok(Self::librosa_2s()),
            "bristol-80" => Ok(Self::bristol_80()),
            _ => Err(Error::FrontEnd {
                name: name.into(),
                problem: format!("no such preset; there are {}", Self::PRESETS.join(" and ")),
            }),
        }
    }

    /// Frames that librosa makes of `samples` samples: `1 + samples / hop` for an even `n_fft`.
    pub fn frames_of(&self, samples: usize) -> usize {
        // n_fft / 2 zeros on both sides, so an odd n_fft lacks one sample.
        1 + samples.saturating_sub(self.n_fft % 2) / self.hop_samples
    }

    /// The fewest samples of which librosa makes [`frames`](Self::frames) frames.
    pub fn cut_samples(&self) -> usize {
        (self.frames - 1) * self.hop_samples + self.n_fft % 2
    }

    /// Length of one spectrogram in seconds, as `frames` hops.
    pub fn seconds(&self) -> f64 {
        (self.frames * self.hop_samples) as f64 / f64::from(self.sample_rate_hz)
    }

    /// Says what is impossible about these numbers, if anything is.
    pub fn check(&self) -> Result<()> {
        let fail = |problem: String| Err(Error::FrontEnd { name: self.name.clone(), problem });
        for (what, value) in [
            ("sample_rate_hz", self.sample_rate_hz as usize),
            ("hop_samples", self.hop_samples),
            ("n_mels", self.n_mels),
            ("frames", self.frames),
        ] {
            if value == 0 {
                return fail(format!("{what} must be at least 1, found 0"));
            }
        }
        if self.n_fft < 2 {
            return fail(format!("n_fft must be at least 2, found {}", self.n_fft));
        }
        let nyquist = f64::from(self.sample_rate_hz) / 2.0;
        if !(0.0 <= self.f_min_hz && self.f_min_hz < self.f_max_hz && self.f_max_hz <= nyquist) {
            return fail(format!(
                "expected 0 <= f_min_hz < f_max_hz <= {nyquist} (half the sample rate), \
                 found f_min_hz = {} and f_max_hz = {}",
                self.f_min_hz, self.f_max_hz
            ));
        }
        Ok(())
    }
}
