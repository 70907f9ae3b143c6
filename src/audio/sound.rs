//! Decoded sound.

use crate::simd::vectorised;

/// Sound of one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Samples, ±1; the mean of several channels. 16-bit samples are divided by 32,768.
    pub samples: Vec<f32>,
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// What could not be decoded, if the file was not decoded completely.
    pub damage: Option<String>,
    /// What its samples are like.
    pub levels: Levels,
}

impl Sound {
    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.sample_rate_hz)
    }
}

/// No sample is louder in silence: four steps of 16 bits, which dither may use.
const SILENT: f32 = 4.0 / 32_768.0;
/// Less of the channels' energy than this is left in the mean of channels that cancel …
const CANCELLED: f64 = 0.01;
/// … and less than this in that of channels that are mostly out of phase.
const OUT_OF_PHASE: f64 = 0.1;
/// The height of one step of 16 bits, within which samples are as loud as the loudest.
const STEP: f32 = 1.0 / 32_768.0;
/// A larger share of samples as loud as the loudest is clipped: of a sine it is less than this.
const CLIPPED: f64 = 0.01;
/// A lower peak is not that of a clipped recording.
const LEAST_CLIPPED_PEAK: f32 = 0.25;

/// Frames whose levels are taken together.
const FRAMES_AT_ONCE: usize = 1024;

/// The least and the largest of finite samples and of two values.
fn range(samples: &[f32], least: f32, most: f32) -> (f32, f32) {
    let (groups, rest) = samples.as_chunks::<16>();
    let (mut low, mut high) = ([least; 16], [most; 16]);
    vectorised(
        #[inline(always)]
        || {
            for group in groups {
                for ((low, high), &x) in low.iter_mut().zip(&mut high).zip(group) {
                    *low = if x < *low { x } else { *low };
                    *high = if x > *high { x } else { *high };
                }
            }
        },
    );
    let least = low.iter().chain(rest).copied().fold(least, f32::min);
    (least, high.iter().chain(rest).copied().fold(most, f32::max))
}

/// What the samples of a file are like, before resampling.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Levels {
    /// The largest absolute sample of any channel.
    pub peak: f32,
    /// That of the mean of channels.
    pub mono_peak: f32,
    /// The range of the mean of channels: its least and largest sample.
    mono_range: Option<(f32, f32)>,
    /// Mean over channels of the sum of squares.
    energy: f64,
    /// The sum of squares of the mean of channels.
    mono_energy: f64,
    /// Samples of all channels.
    samples: u64,
    /// Those as loud as the loudest, or at full scale.
    at_peak: u64,
}

impl Levels {
    /// Adds a block of finite samples, and the mean of the channels of its frames.
    pub(super) fn add(&mut self, interleaved: &[f32], channels: usize, mono: &[f32]) {
        let channels = channels.max(1);
        let blocks = interleaved.chunks(FRAMES_AT_ONCE * channels).zip(mono.chunks(FRAMES_AT_ONCE));
        for (interleaved, mono) in blocks {
            let interleaved = &interleaved[..mono.len() * channels];
            self.add_peaks(interleaved);
            let (least, most) = self.mono_range.unwrap_or((mono[0], mono[0]));
            let (least, most) = range(mono, least, most);
            self.mono_peak = self.mono_peak.max(most.abs()).max(least.abs());
            self.mono_range = Some((least, most));
            self.add_energy(interleaved, channels, mono);
        }
        self.samples += interleaved.len() as u64;
    }

    fn add_peaks(&mut self, samples: &[f32]) {
        let (least, most) = range(samples, 0.0, 0.0);
        if most.max(-least) <= self.peak {
            // As below, where the peak stays what it is.
            let loud = (self.peak - STEP).min(1.0 - STEP);
            self.at_peak += vectorised(
                #[inline(always)]
                || samples.iter().map(|x| u64::from(x.abs() >= loud)).sum::<u64>(),
            );
            return;
        }
        for x in samples {
            let loud = x.abs();
            // Samples at full scale stay counted: a decoder of lossy files overshoots.
            if loud > self.peak + STEP && self.peak < 1.0 - STEP {
                self.at_peak = 0;
            }
            self.peak = self.peak.max(loud);
            self.at_peak += u64::from(loud >= (self.peak - STEP).min(1.0 - STEP));
        }
    }

    fn add_energy(&mut self, interleaved: &[f32], channels: usize, mono: &[f32]) {
        let square = |x: f32| f64::from(x * x);
        self.energy = match channels {
            1 => interleaved.iter().fold(self.energy, |energy, &x| energy + square(x)),
            2 => {
                let (frames, _) = interleaved.as_chunks::<2>();
                let both = |&[a, b]: &[f32; 2]| (square(a) + square(b)) / 2.0;
                frames.iter().map(both).fold(self.energy, |energy, both| energy + both)
            }
            _ => {
                let all = |frame: &[f32]| frame.iter().map(|&x| square(x)).sum::<f64>();
                let frames = interleaved.chunks_exact(channels).map(all);
                frames.fold(self.energy, |energy, all| energy + all / channels as f64)
            }
        };
        self.mono_energy = mono.iter().fold(self.mono_energy, |energy, &x| energy + square(x));
    }

    /// Why there is nothing to hear in the mean of channels, if so.
    pub fn nothing(&self) -> Option<String> {
        if self.peak <= SILENT {
            return Some(match self.peak {
                0.0 => "it is silent: all samples are 0".into(),
                peak => format!("it is silent: its peak is {:.0} dBFS", 20.0 * peak.log10()),
            });
        }
        if self.mono_peak <= SILENT || self.left() < CANCELLED {
            return Some(
                "its channels are out of phase: their mean, which is used, is next to silent"
                    .into(),
            );
        }
        let (least, most) = self.mono_range?;
        (most - least <= 2.0 * SILENT).then(|| {
            format!("it is silent: all samples are {most:.3}, a constant offset (direct current)")
        })
    }

    /// The share of the channels' energy that is left in their mean.
    fn left(&self) -> f64 {
        if self.energy > 0.0 { self.mono_energy / self.energy } else { 1.0 }
    }

    /// What a training song should not be like: silent, out of phase, or clipped.
    pub fn remark(&self) -> Option<String> {
        if let Some(nothing) = self.nothing() {
            return Some(nothing);
        }
        if self.left() < OUT_OF_PHASE {
            return Some(format!(
                "its channels are out of phase: {:.0} % of their energy is lost in their mean, \
                 which is used",
                100.0 * (1.0 - self.left())
            ));
        }
        let share = self.at_peak as f64 / self.samples.max(1) as f64;
        (self.peak >= LEAST_CLIPPED_PEAK && share > CLIPPED).then(|| {
            format!("it is clipped: {:.1} % of its samples are at its peak", 100.0 * share)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(interleaved: &[f32], channels: usize) -> Levels {
        let mut levels = Levels::default();
        // In blocks, as a decoder makes them.
        interleaved.chunks(10 * channels).for_each(|block| add(&mut levels, block, channels));
        levels
    }

    fn add(levels: &mut Levels, block: &[f32], channels: usize) {
        let mean = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
        let mono: Vec<f32> = block.chunks_exact(channels).map(mean).collect();
        levels.add(block, channels, &mono);
    }

    /// Blocks of any length, which are taken side by side where no sample is louder than those before,
    /// give what one frame after the other gives.
    #[test]
    fn levels_do_not_depend_on_blocks() {
        for channels in [1, 2, 3] {
            // Louder and quieter again; a short and a long stay at full scale.
            let sample = |i: usize| {
                let swell = 1.3 * (i as f32 * 3e-4).sin();
                (swell * (i as f32 * 0.7).sin()).clamp(-1.0, if i > 9000 { 1.02 } else { 0.8 })
            };
            let samples: Vec<f32> = (0..channels * 7001).map(sample).collect();
            let mut by_frame = Levels::default();
            for frame in samples.chunks_exact(channels) {
                add(&mut by_frame, frame, channels);
            }
            assert!(by_frame.at_peak > 0 && by_frame.peak > 0.8);
            for frames in [7, 999, 1024, 1025, 7001] {
                let mut by_block = Levels::default();
                for block in samples.chunks(frames * channels) {
                    add(&mut by_block, block, channels);
                }
                assert_eq!(by_block, by_frame, "{channels} channels, {frames} frames");
            }
        }
    }

    fn sine(amplitude: f32) -> Vec<f32> {
        (0..20_000).map(|i| amplitude * (i as f32 * 0.0571).sin()).collect()
    }

    fn stereo(left: &[f32], right: impl Fn(f32) -> f32) -> Vec<f32> {
        left.iter().flat_map(|&x| [x, right(x)]).collect()
    }

    #[test]
    fn silence_is_named() {
        assert!(levels(&[0.0; 99], 1).nothing().unwrap().contains("all samples are 0"));
        let dithered: Vec<f32> = (0..999).map(|i| (i % 3) as f32 / 32_768.0).collect();
        assert!(levels(&dithered, 1).remark().unwrap().contains("its peak is -84 dBFS"));
        assert_eq!(levels(&sine(0.001), 1).remark(), None, "quiet is not silent");
        assert_eq!(levels(&sine(0.7), 1).remark(), None);
    }

    #[test]
    fn a_constant_offset_is_silence_and_not_clipped() {
        for (offset, hiss) in [(0.5, 0.0), (-0.9, 0.0), (1.0, 0.0), (0.3, 2.0)] {
            let samples: Vec<f32> =
                (0..999).map(|i| offset + hiss * (i % 2) as f32 / 32_768.0).collect();
            let remark = levels(&samples, 1).remark().unwrap();
            assert!(remark.contains("silent") && remark.contains("offset"), "{remark}");
        }
        let music: Vec<f32> = sine(0.2).iter().map(|x| x + 0.5).collect();
        assert_eq!(levels(&music, 1).remark(), None, "a song with an offset is a song");
    }

    #[test]
    fn channels_that_cancel_are_named() {
        let sine = sine(0.5);
        assert!(levels(&stereo(&sine, |x| -x), 2).nothing().unwrap().contains("out of phase"));
        let nearly = levels(&stereo(&sine, |x| -0.6 * x), 2);
        assert_eq!(nearly.nothing(), None);
        assert!(nearly.remark().unwrap().contains("94 % of their energy is lost"), "{nearly:?}");
        for right in [0.0, 0.3, 1.0] {
            assert_eq!(levels(&stereo(&sine, |x| right * x), 2).remark(), None, "{right}");
        }
    }

    #[test]
    fn clipping_is_named() {
        for most in [0.6, 1.0] {
            let clipped: Vec<f32> = sine(1.3 * most).iter().map(|x| x.clamp(-most, most)).collect();
            let remark = levels(&clipped, 1).remark().unwrap();
            assert!(remark.contains("clipped: 4"), "{most}: {remark}");
        }
        // Overshoot of a lossy decoder.
        let over: Vec<f32> =
            sine(1.3).iter().map(|x| x.clamp(-1.0, 1.0) * (1.0 + 0.05 * x)).collect();
        assert!(levels(&over, 1).remark().is_some());
    }
}
