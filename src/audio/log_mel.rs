//! The log-mel spectrogram as librosa 0.11 computes it:
//! `power_to_db(melspectrogram(y, sr, n_fft, hop_length, n_mels, fmin, fmax), ref)`.
//!
//! `n_fft / 2` zeros on both sides, a periodic Hann window, |FFT|², the mel
//! filters, decibels. All in f64, as librosa's FFT is: in f32 its rounding
//! would show in quiet bands beside loud ones.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::FrontEnd;
use super::mel::{self, Triangle};
use crate::error::{Error, Result};

/// The least power (librosa's `amin`): smaller ones are raised to it.
const AMIN: f64 = 1e-10;
/// Range below the maximum in dB (librosa's `top_db`): smaller values are raised to its end.
const TOP_DB: f64 = 80.0;

/// The power that is 0 dB.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reference {
    /// This power.
    Fixed(f64),
    /// The largest power of the array (librosa's `ref=np.max`).
    Max,
}

/// Mel bands over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrogram {
    /// `[n_mels, frames]` row-major, band 0 lowest.
    pub values: Vec<f32>,
    /// Number of mel bands.
    pub n_mels: usize,
    /// Number of frames.
    pub frames: usize,
}

impl Spectrogram {
    /// Each band's values over time, from the lowest band up.
    pub fn bands(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.frames)
    }
}

/// Computes log-mel spectrograms; keeps its FFT plan, filters and scratch from one to the next.
pub struct LogMel {
    front_end: FrontEnd,
    fft: Arc<dyn RealToComplex<f64>>,
    window: Vec<f64>,
    filters: Vec<Triangle>,
    frame: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    fft_scratch: Vec<Complex<f64>>,
    power: Vec<f64>,
}

impl LogMel {
    /// Plans the transform; fails where the front end's numbers are impossible.
    pub fn new(front_end: &FrontEnd) -> Result<Self> {
        front_end.check()?;
        let n_fft = front_end.n_fft;
        let fft = RealFftPlanner::new().plan_fft_forward(n_fft);
        Ok(Self {
            window: hann(n_fft),
            filters: mel::filters(front_end),
            frame: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            fft_scratch: fft.make_scratch_vec(),
            power: vec![0.0; n_fft / 2 + 1],
            fft,
            front_end: front_end.clone(),
        })
    }

    /// The parameters of the front end.
    pub fn front_end(&self) -> &FrontEnd {
        &self.front_end
    }

    /// The number of mel bands in which no bin of the FFT lies, and which are silent therefore.
    pub fn empty_bands(&self) -> usize {
        self.filters.iter().filter(|triangle| triangle.weights.is_empty()).count()
    }

    /// The log-mel spectrogram of `samples` (mono, ±1, at the front end's rate), in dB.
    pub fn transform(&mut self, samples: &[f32], reference: Reference) -> Result<Spectrogram> {
        let mel = self.mel_power(samples)?;
        let values = power_to_db(&mel, reference);
        let frames = self.front_end.frames_of(samples.len());
        Ok(Spectrogram { values, n_mels: self.front_end.n_mels, frames })
    }

    /// Mel power of `samples` before it becomes dB, `[n_mels, frames]`.
    pub fn mel_power(&mut self, samples: &[f32]) -> Result<Vec<f64>> {
        let (lead, frames) = (self.front_end.n_fft / 2, self.front_end.frames_of(samples.len()));
        self.mel_power_of(samples, lead, frames)
    }

    /// Mel power of `frames` frames, the first of which begins `lead` samples before `samples` do:
    /// `[n_mels, frames]`. Samples outside are zero.
    ///
    /// # Errors
    /// If there are no samples.
    pub fn mel_power_of(
        &mut self,
        samples: &[f32],
        lead: usize,
        frames: usize,
    ) -> Result<Vec<f64>> {
        let mut mel = vec![0.0; self.front_end.n_mels * frames];
        self.each_frame(samples, lead, frames, &mut |t, power| {
            for (band, &power) in power.iter().enumerate() {
                mel[band * frames + t] = power;
            }
        })?;
        Ok(mel)
    }

    /// Calls `each` with every frame's number and mel power, `[n_mels]`, in order; frames as in
    /// [`LogMel::mel_power_of`]. Long sound needs no memory for its whole spectrogram.
    ///
    /// # Errors
    /// If there are no samples.
    pub fn each_frame(
        &mut self,
        samples: &[f32],
        lead: usize,
        frames: usize,
        each: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<()> {
        if samples.is_empty() {
            return Err(Error::FrontEnd {
                name: self.front_end.name.clone(),
                problem: "expected at least one sample of sound, found none".into(),
            });
        }
        let mut mel = vec![0.0; self.front_end.n_mels];
        for t in 0..frames {
            // Position in `samples` of the frame's first sample, which may lie in the zeros before.
            self.frame_power(samples, (t * self.front_end.hop_samples) as isize - lead as isize);
            for (mel, triangle) in mel.iter_mut().zip(&self.filters) {
                let power = &self.power[triangle.first_bin..];
                *mel = triangle.weights.iter().zip(power).map(|(w, p)| w * p).sum();
            }
            each(t, &mel);
        }
        Ok(())
    }

    /// |FFT|² of the windowed frame that begins at `start`, into `self.power`.
    fn frame_power(&mut self, samples: &[f32], start: isize) {
        for (i, (x, w)) in self.frame.iter_mut().zip(&self.window).enumerate() {
            let sample = usize::try_from(start + i as isize).ok().and_then(|i| samples.get(i));
            *x = w * sample.copied().map_or(0.0, f64::from);
        }
        // Cannot fail: all three buffers were made by the plan itself, and the
        // ends of a real signal's spectrum are real by construction.
        let done = self.fft.process_with_scratch(
            &mut self.frame,
            &mut self.spectrum,
            &mut self.fft_scratch,
        );
        debug_assert!(done.is_ok());
        for (p, x) in self.power.iter_mut().zip(&self.spectrum) {
            *p = x.norm_sqr();
        }
    }
}

/// The periodic Hann window: the sample after the last would be 0 again.
pub fn hann(n_fft: usize) -> Vec<f64> {
    let turn = |i: usize| std::f64::consts::TAU * i as f64 / n_fft as f64;
    (0..n_fft).map(|i| 0.5 - 0.5 * turn(i).cos()).collect()
}

/// A conversion from power to dB with the zero and the floor of one array, which can be applied to
/// another one, such as a part of the same sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decibels {
    /// The level of 0 dB, in dB above a power of 1.
    zero: f64,
    /// The least value, in dB above `zero`.
    floor: f64,
}

impl Decibels {
    /// The scale of an array: its floor is `TOP_DB` below its largest power.
    pub fn of(power: &[f64], reference: Reference) -> Self {
        Self::of_loudest(power.iter().copied().fold(0.0, f64::max), reference)
    }

    /// The scale of an array whose largest power is `loudest`.
    pub(super) fn of_loudest(loudest: f64, reference: Reference) -> Self {
        let zero = decibels(match reference {
            Reference::Fixed(power) => power,
            Reference::Max => loudest,
        });
        Self { zero, floor: decibels(loudest) - zero - TOP_DB }
    }

    /// `10 log10(max(AMIN, p)) − zero`, then raised to at least the floor.
    pub fn convert(&self, power: &[f64]) -> Vec<f32> {
        power.iter().map(|&p| (decibels(p) - self.zero).max(self.floor) as f32).collect()
    }
}

fn decibels(power: f64) -> f64 {
    10.0 * power.max(AMIN).log10()
}

/// Power to dB: `10 log10(max(AMIN, p)) − 10 log10(max(AMIN, reference))`, then
/// raised to at least the largest of the results minus `TOP_DB`.
pub fn power_to_db(power: &[f64], reference: Reference) -> Vec<f32> {
    Decibels::of(power, reference).convert(power)
}
