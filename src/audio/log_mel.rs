//! The log-mel spectrogram as librosa 0.11 computes it:
//! `power_to_db(melspectrogram(y, sr, n_fft, hop_length, n_mels, fmin, fmax), ref)`.
//!
//! `n_fft / 2` zeros on both sides, a periodic Hann window, |FFT|², the mel
//! filters, decibels. All in f64, as librosa's FFT is: in f32 its rounding
//! would show in quiet bands beside loud ones.

use super::FrontEnd;
use super::mel::{self, Triangle};
use super::one_by_one::OneByOne;
use super::side_by_side::SideBySide;
use crate::error::{Error, Result};
use crate::simd::{choose_level, level, vectorised};

/// The least power (librosa's `amin`): smaller ones are raised to it.
const AMIN: f64 = 1e-10;
/// Range below the maximum in dB (librosa's `top_db`): smaller values are raised to its end.
const TOP_DB: f64 = 80.0;

/// Frames that are handed on together: a multiple of all numbers of lanes. A band's run of them in a long
/// spectrogram is some cache lines.
const FRAMES_AT_ONCE: usize = 64;

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

/// How the power of frames is computed.
enum Frames {
    SideBySide(Box<SideBySide>),
    OneByOne(OneByOne),
}

/// Computes log-mel spectrograms; keeps its FFT's tables, filters and room from one to the next.
pub struct LogMel {
    front_end: FrontEnd,
    filters: Vec<Triangle>,
    frames: Frames,
}

impl LogMel {
    /// Prepares the transform; fails where the front end's numbers are impossible, or the vector level
    /// that the environment asks for is.
    pub fn new(front_end: &FrontEnd) -> Result<Self> {
        front_end.check()?;
        choose_level()?;
        let window = hann(front_end.n_fft);
        let frames = match SideBySide::new(front_end, &window, level()) {
            Some(frames) => Frames::SideBySide(Box::new(frames)),
            None => Frames::OneByOne(OneByOne::new(front_end, window)),
        };
        Ok(Self { filters: mel::filters(front_end), frames, front_end: front_end.clone() })
    }

    /// The parameters of the front end.
    pub fn front_end(&self) -> &FrontEnd {
        &self.front_end
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
        self.each_frames(samples, lead, frames, &mut |first, count, power| {
            for (mel, power) in mel.chunks_exact_mut(frames).zip(power.chunks_exact(count)) {
                mel[first..first + count].copy_from_slice(power);
            }
        })?;
        Ok(mel)
    }

    /// Calls `each` with the number of the first of some frames, their count, and their mel power,
    /// `[n_mels, count]`, in order; frames as in [`LogMel::mel_power_of`]. Long sound needs no memory for
    /// its whole spectrogram.
    ///
    /// # Errors
    /// If there are no samples.
    pub fn each_frames(
        &mut self,
        samples: &[f32],
        lead: usize,
        frames: usize,
        each: &mut dyn FnMut(usize, usize, &[f64]),
    ) -> Result<()> {
        if samples.is_empty() {
            return Err(Error::FrontEnd {
                name: self.front_end.name.clone(),
                problem: "expected at least one sample of sound, found none".into(),
            });
        }
        let FrontEnd { n_mels, hop_samples, .. } = self.front_end;
        let mut mel = vec![0.0; n_mels * FRAMES_AT_ONCE];
        for first in (0..frames).step_by(FRAMES_AT_ONCE) {
            let count = FRAMES_AT_ONCE.min(frames - first);
            let step = match &self.frames {
                Frames::SideBySide(frames) => frames.lanes(),
                Frames::OneByOne(_) => 1,
            };
            for at in (0..count).step_by(step) {
                // Position in `samples` of a frame's first sample, which may lie in the zeros before.
                let start = ((first + at) * hop_samples) as isize - lead as isize;
                let (filters, mel) = (&self.filters, &mut mel[at..]);
                match &mut self.frames {
                    Frames::SideBySide(frames) => {
                        frames.compute(samples, start, filters, mel, FRAMES_AT_ONCE);
                    }
                    Frames::OneByOne(frame) => {
                        frame.compute(samples, start, filters, mel, FRAMES_AT_ONCE);
                    }
                }
            }
            if count < FRAMES_AT_ONCE {
                for band in 0..n_mels {
                    let own = band * FRAMES_AT_ONCE;
                    mel.copy_within(own..own + count, band * count);
                }
            }
            each(first, count, &mel[..n_mels * count]);
        }
        Ok(())
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
        Self::of_loudest(loudest(power), reference)
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
        let mut values = vec![0.0; power.len()];
        vectorised(
            #[inline(always)]
            || {
                for (value, &power) in values.iter_mut().zip(power) {
                    *value = (decibels(power) - self.zero).max(self.floor) as f32;
                }
            },
        );
        values
    }
}

/// The largest of all powers and 0.
pub(super) fn loudest(power: &[f64]) -> f64 {
    let (groups, rest) = power.as_chunks::<8>();
    let mut most = [0.0; 8];
    vectorised(
        #[inline(always)]
        || {
            for group in groups {
                for (most, power) in most.iter_mut().zip(group) {
                    *most = f64::max(*most, *power);
                }
            }
        },
    );
    most.iter().chain(rest).copied().fold(0.0, f64::max)
}

/// `10 log10(max(AMIN, power))`, within 3e-14 dB: plain arithmetic that vectors can do side by side.
#[inline(always)]
fn decibels(power: f64) -> f64 {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    let power = power.max(AMIN);
    // power = 2^exponent · m, with m between √½ and √2
    let bits = power.to_bits();
    let exponent = (bits.wrapping_sub(SQRT_HALF) as i64) >> 52;
    let m = f64::from_bits(bits.wrapping_sub((exponent as u64) << 52));
    // ln m = 2 artanh s = 2 (s + s³ / 3 + s⁵ / 5 + …), where |s| < 0.172
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut sum = 1.0 / 21.0;
    for divisor in [19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        sum = sum * square + 1.0 / divisor;
    }
    let ln = 2.0 * s + 2.0 * s * square * sum;
    let decibels = exponent as f64 * (10.0 * std::f64::consts::LOG10_2)
        + ln * (10.0 / std::f64::consts::LN_10);
    if power < f64::INFINITY { decibels } else { power }
}

/// Power to dB: `10 log10(max(AMIN, p)) − 10 log10(max(AMIN, reference))`, then
/// raised to at least the largest of the results minus `TOP_DB`.
pub fn power_to_db(power: &[f64], reference: Reference) -> Vec<f32> {
    Decibels::of(power, reference).convert(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_are_ten_times_the_logarithm() {
        let mut power = AMIN;
        while power < 1e12 {
            for near in [power, power.next_up(), power.next_down().max(AMIN)] {
                let (got, want) = (decibels(near), 10.0 * near.log10());
                assert!((got - want).abs() < 5e-14, "{near:e}: {got} dB, expected {want}");
            }
            power *= 1.000_37;
        }
        for k in -33..40 {
            let power = 2f64.powi(k);
            assert!((decibels(power) - 10.0 * power.log10()).abs() < 5e-14, "2^{k}");
        }
        assert_eq!(
            (decibels(1.0), decibels(0.0), decibels(f64::MIN_POSITIVE)),
            (0.0, -100.0, -100.0)
        );
        assert_eq!((decibels(f64::NAN), decibels(f64::INFINITY)), (-100.0, f64::INFINITY));
        assert!((decibels(f64::MAX) - 10.0 * f64::MAX.log10()).abs() < 1e-12);
    }

    #[test]
    fn the_loudest_is_found_wherever_it_is() {
        for len in [0, 1, 7, 8, 9, 31] {
            for at in 0..len {
                let mut power: Vec<f64> = (0..len).map(|i| i as f64).collect();
                power[at] = 100.0;
                power[(at + 1) % len] = if len > 1 { f64::NAN } else { 100.0 };
                assert_eq!(loudest(&power), 100.0, "{at} of {len}");
            }
        }
        assert_eq!(loudest(&[]), 0.0);
    }
}
