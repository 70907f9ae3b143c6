//! A mask of bands and frames, carried to the sound itself.

use std::fmt;
use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::clip::Clip;
use super::mask::Bins;
use crate::audio::{FrontEnd, hann};
use crate::error::{Error, Result};

/// Takes shares of a sound's short-time spectrum: the analysis is the front end's (its window,
/// `n_fft` and hop), phases stay, and windows are added up again, weighted by the window and
/// divided by the sum of its squares (Griffin and Lim 1984).
pub struct Masker {
    front_end: FrontEnd,
    window: Vec<f64>,
    bins: Bins,
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker").field("front_end", &self.front_end).finish_non_exhaustive()
    }
}

impl Masker {
    /// Plans the transforms.
    ///
    /// # Errors
    /// If the front end's numbers are impossible, or its windows overlap by less than half, so
    /// that no sound can be put together from them.
    pub fn new(front_end: &FrontEnd) -> Result<Self> {
        front_end.check()?;
        let FrontEnd { name, n_fft, hop_samples, .. } = front_end;
        if 2 * hop_samples > *n_fft {
            return Err(Error::FrontEnd {
                name: name.clone(),
                problem: format!(
                    "expected a hop of at most half of n_fft = {n_fft} to put sound together from \
                     its windows again, found {hop_samples}; leave out --listen"
                ),
            });
        }
        let mut planner = RealFftPlanner::new();
        Ok(Self {
            window: hann(*n_fft),
            bins: Bins::new(front_end),
            forward: planner.plan_fft_forward(*n_fft),
            inverse: planner.plan_fft_inverse(*n_fft),
            front_end: front_end.clone(),
        })
    }

    /// The part of a clip that a mask `[n_mels, frames]` of 0 to 1 keeps, as long as the clip, and
    /// the rest: what the mask's complement keeps, as all of this is linear. Frames beyond the
    /// sample's, which its windows at the edges share sound with, take the mask's first or last.
    ///
    /// # Errors
    /// If the mask is of another size.
    pub fn split(&self, clip: &Clip, mask: &[f32]) -> Result<(Vec<f32>, Vec<f32>)> {
        let FrontEnd { n_fft, hop_samples, n_mels, frames, .. } = self.front_end;
        if mask.len() != n_mels * frames {
            return Err(Error::Mismatch {
                what: "mask",
                expected: format!("{n_mels} bands x {frames} frames"),
                found: format!("{} values", mask.len()),
            });
        }
        let length = clip.samples.len() as isize;
        let mut frame = self.forward.make_input_vec();
        let mut spectrum = self.forward.make_output_vec();
        let mut scratch = self.forward.make_scratch_vec();
        let mut scratch_back = self.inverse.make_scratch_vec();
        let mut sum = vec![0.0; clip.samples.len()];
        let mut weight = vec![0.0; clip.samples.len()];
        // All windows that touch the clip.
        let (n, hop, lead) = (n_fft as isize, hop_samples as isize, clip.lead as isize);
        let first = (lead - n).div_euclid(hop) + 1;
        for t in (first..).take_while(|t| t * hop - lead < length) {
            let start = t * hop - lead;
            for (i, (x, w)) in frame.iter_mut().zip(&self.window).enumerate() {
                *x = w * clip.at(start + i as isize);
            }
            // Cannot fail: the plans made the buffers, and a real share of a real signal's
            // spectrum is real at its ends.
            let done = self.forward.process_with_scratch(&mut frame, &mut spectrum, &mut scratch);
            debug_assert!(done.is_ok());
            let nearest = t.clamp(0, frames as isize - 1) as usize;
            let shares = self.bins.shares(mask, frames, nearest);
            spectrum.iter_mut().zip(shares).for_each(|(x, share)| *x *= share);
            let done =
                self.inverse.process_with_scratch(&mut spectrum, &mut frame, &mut scratch_back);
            debug_assert!(done.is_ok());
            for (i, (x, w)) in frame.iter().zip(&self.window).enumerate() {
                let Ok(at) = usize::try_from(start + i as isize) else { continue };
                let (Some(sum), Some(weight)) = (sum.get_mut(at), weight.get_mut(at)) else {
                    continue;
                };
                // The transforms are not normalised.
                *sum += w * x / n_fft as f64;
                *weight += w * w;
            }
        }
        let kept: Vec<f32> = sum.iter().zip(&weight).map(|(x, w)| (x / w) as f32).collect();
        let rest = clip.samples.iter().zip(&kept).map(|(clip, kept)| clip - kept).collect();
        Ok((kept, rest))
    }
}

impl Clip {
    /// The sound at a place counted from the clip's first sample; 0 where nothing is known.
    fn at(&self, place: isize) -> f64 {
        let Ok(inside) = usize::try_from(place) else {
            let back = place.unsigned_abs();
            let before = self.before.len().checked_sub(back).and_then(|i| self.before.get(i));
            return before.copied().map_or(0.0, f64::from);
        };
        let after = || self.after.get(inside - self.samples.len());
        self.samples.get(inside).or_else(after).copied().map_or(0.0, f64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{CutFrom, Cuts, Cutting, LogMel, ZeroDb, cut};
    use crate::random::streams::Stream;

    const CUTS: usize = 4;

    /// Noise with tones of 300 and 5,000 Hz, fading away, so that cuts differ in level.
    fn song(rate_hz: u32, n: usize) -> Vec<f32> {
        let mut stream = Stream::new(5, "noise");
        let tone = |hz: f64, i: usize| {
            0.2 * (std::f64::consts::TAU * hz * i as f64 / f64::from(rate_hz)).sin()
        };
        let fade = |i: usize| (-2.0 * i as f64 / n as f64).exp();
        let value = |i| fade(i) * (tone(300.0, i) + tone(5000.0, i) + 0.01 * stream.normal());
        (0..n).map(value).map(|x| x as f32).collect()
    }

    /// All clips of a song, with the samples that `cut` makes of it.
    fn clips(fe: &FrontEnd, from: CutFrom, zero_db: ZeroDb) -> Vec<(Clip, Vec<f32>)> {
        let song = song(fe.sample_rate_hz, 4 * fe.frames * fe.hop_samples + 777);
        let cutting = Cutting { segments: CUTS, from, zero_db };
        let made = cut(&song, &mut LogMel::new(fe).unwrap(), cutting).unwrap();
        let Cuts::Made { values, spans, scales, .. } = made else { panic!("too short") };
        let samples = values.chunks_exact(fe.n_mels * fe.frames).map(<[f32]>::to_vec);
        let clip = |(span, scale)| Clip::new("song", &song, span, from, scale, fe);
        spans.iter().zip(scales).map(clip).zip(samples).collect()
    }

    /// The presets, and one of odd numbers.
    fn front_ends() -> [FrontEnd; 3] {
        let odd = FrontEnd {
            name: "odd".into(),
            n_fft: 601,
            hop_samples: 199,
            n_mels: 37,
            frames: 41,
            ..FrontEnd::librosa_2s()
        };
        [FrontEnd::bristol_80(), FrontEnd::librosa_2s(), odd]
    }

    const WAYS: [(CutFrom, ZeroDb); 6] = [
        (CutFrom::Sound, ZeroDb::Song),
        (CutFrom::Sound, ZeroDb::Cut),
        (CutFrom::Sound, ZeroDb::Fixed),
        (CutFrom::Spectrogram, ZeroDb::Song),
        (CutFrom::Spectrogram, ZeroDb::Cut),
        (CutFrom::Spectrogram, ZeroDb::Fixed),
    ];

    /// Some of each band and frame, with hard edges.
    fn patches(fe: &FrontEnd) -> Vec<f32> {
        let mut stream = Stream::new(9, "mask");
        let mut value = || if stream.chance(0.5) { stream.uniform() as f32 } else { 0.0 };
        (0..fe.n_mels * fe.frames).map(|_| value()).collect()
    }

    fn largest(x: &[f32]) -> f32 {
        x.iter().fold(0.0, |most, x| most.max(x.abs()))
    }

    /// The largest difference relative to the largest of `want`.
    fn off(got: &[f32], want: &[f32]) -> f32 {
        assert_eq!(got.len(), want.len());
        let most = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        most / largest(want)
    }

    #[test]
    fn the_whole_clip_gives_the_very_sample() {
        for fe in front_ends() {
            let mut log_mel = LogMel::new(&fe).unwrap();
            for (from, zero_db) in WAYS {
                for (i, (clip, sample)) in clips(&fe, from, zero_db).iter().enumerate() {
                    let got = clip.sample(&clip.samples, &mut log_mel).unwrap();
                    assert!(got == *sample, "{} {from:?} {zero_db:?} cut {i}", fe.name);
                }
            }
        }
    }

    #[test]
    fn a_mask_of_ones_keeps_the_clip_and_one_of_zeros_nothing() {
        for fe in front_ends() {
            let masker = Masker::new(&fe).unwrap();
            let size = fe.n_mels * fe.frames;
            for from in [CutFrom::Sound, CutFrom::Spectrogram] {
                for (clip, _) in clips(&fe, from, ZeroDb::Song) {
                    let (kept, rest) = masker.split(&clip, &vec![1.0; size]).unwrap();
                    assert!(off(&kept, &clip.samples) < 1e-6, "{} {from:?}", fe.name);
                    assert!(largest(&rest) < 1e-6 * largest(&clip.samples));
                    let (kept, rest) = masker.split(&clip, &vec![0.0; size]).unwrap();
                    assert!(largest(&kept) == 0.0 && rest == clip.samples);
                }
            }
        }
    }

    #[test]
    fn the_rest_is_what_the_complement_keeps() {
        for fe in front_ends() {
            let masker = Masker::new(&fe).unwrap();
            let mask = patches(&fe);
            let complement: Vec<f32> = mask.iter().map(|share| 1.0 - share).collect();
            for from in [CutFrom::Sound, CutFrom::Spectrogram] {
                for (clip, _) in clips(&fe, from, ZeroDb::Song) {
                    let (kept, rest) = masker.split(&clip, &mask).unwrap();
                    let (other, _) = masker.split(&clip, &complement).unwrap();
                    assert!(off(&other, &rest) < 1e-4, "{} {from:?}", fe.name);
                    let sum: Vec<f32> = kept.iter().zip(&other).map(|(a, b)| a + b).collect();
                    assert!(off(&sum, &clip.samples) < 1e-4, "{} {from:?}", fe.name);
                    // Windows' edges do not blow up what little is there.
                    assert!(largest(&kept) < 1.5 * largest(&clip.samples));
                    assert!(off(&kept, &clip.samples) > 0.2, "something is left out");
                }
            }
        }
    }

    /// 0 dB and the floor stay those of the song: what is half as loud is 6 dB lower.
    #[test]
    fn a_softer_sound_is_a_lower_sample() {
        for fe in front_ends() {
            let (masker, mut log_mel) = (Masker::new(&fe).unwrap(), LogMel::new(&fe).unwrap());
            for (from, zero_db) in WAYS {
                for (clip, sample) in clips(&fe, from, zero_db) {
                    let half = vec![0.5; fe.n_mels * fe.frames];
                    let (kept, _) = masker.split(&clip, &half).unwrap();
                    let got = clip.sample(&kept, &mut log_mel).unwrap();
                    let silent = clip.sample(&vec![0.0; kept.len()], &mut log_mel).unwrap();
                    let six = 20.0 * 0.5f32.log10();
                    let most = (got.iter().zip(&sample).zip(&silent))
                        .map(|((got, whole), floor)| (got - (whole + six).max(*floor)).abs())
                        .fold(0.0, f32::max);
                    assert!(most < 1e-3, "{} {from:?} {zero_db:?}: {most} dB", fe.name);
                }
            }
        }
    }

    /// The power at one frequency.
    fn power(x: &[f32], rate_hz: u32, hz: f64) -> f64 {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, (x, w)) in x.iter().zip(hann(x.len())).enumerate() {
            let phase = std::f64::consts::TAU * hz * i as f64 / f64::from(rate_hz);
            re += w * f64::from(*x) * phase.cos();
            im += w * f64::from(*x) * phase.sin();
        }
        re * re + im * im
    }

    #[test]
    fn bands_and_frames_that_are_masked_away_are_gone() {
        for fe in [FrontEnd::bristol_80(), FrontEnd::librosa_2s()] {
            let masker = Masker::new(&fe).unwrap();
            let half = fe.n_mels / 2;
            // Both presets have 300 Hz in the lower half of the bands, 5,000 Hz in the upper.
            let low = |i: usize| if i / fe.frames < half { 1.0 } else { 0.0 };
            let mask: Vec<f32> = (0..fe.n_mels * fe.frames).map(low).collect();
            let early = |i: usize| if i % fe.frames < fe.frames / 2 { 1.0 } else { 0.0 };
            let first_half: Vec<f32> = (0..fe.n_mels * fe.frames).map(early).collect();
            for from in [CutFrom::Sound, CutFrom::Spectrogram] {
                for (clip, _) in clips(&fe, from, ZeroDb::Song) {
                    let (kept, rest) = masker.split(&clip, &mask).unwrap();
                    let at = |x: &[f32], hz| power(x, fe.sample_rate_hz, hz);
                    for (hz, there, gone) in [(300.0, &kept, &rest), (5000.0, &rest, &kept)] {
                        assert!(at(there, hz) > 0.99 * at(&clip.samples, hz), "{hz}");
                        assert!(at(gone, hz) < 1e-6 * at(&clip.samples, hz), "{hz}");
                    }
                    let (kept, rest) = masker.split(&clip, &first_half).unwrap();
                    // A window's length about the middle belongs to both.
                    let (middle, n) = (clip.samples.len() / 2, fe.n_fft + fe.hop_samples);
                    assert!(off(&kept[..middle - n], &clip.samples[..middle - n]) < 1e-6);
                    assert!(largest(&kept[middle + n..]) == 0.0);
                    assert!(off(&rest[middle + n..], &clip.samples[middle + n..]) < 1e-6);
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_put_together_is_refused() {
        let fe = FrontEnd { hop_samples: 513, ..FrontEnd::bristol_80() };
        let told = Masker::new(&fe).unwrap_err().to_string();
        assert!(told.contains("a hop of at most half of n_fft = 1024"), "{told}");
        let fe = FrontEnd::bristol_80();
        let (clip, _) = clips(&fe, CutFrom::Sound, ZeroDb::Song).remove(0);
        let told = Masker::new(&fe).unwrap().split(&clip, &[1.0; 7]).unwrap_err().to_string();
        assert!(told.contains("80 bands x 80 frames") && told.contains("7 values"), "{told}");
    }
}
