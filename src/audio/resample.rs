//! From one sample rate to another.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler, ResamplerConstructionError, WindowFunction};

use crate::error::{Error, Result};

/// Length of the filter in samples of the input, at least. The pass band ends
/// about 1 % below half the lower of the two rates.
const FILTER_SAMPLES: usize = 4096;

/// `samples` at another rate: sample `k` is at time `k / to_hz`, and there are
/// `⌈n · to_hz / from_hz⌉`, as in librosa. Computed in f64, block by block, and rounded to f32.
/// (librosa's own resampler, soxr, has another filter: the results agree below its cut-off.)
///
/// # Errors
/// If the resampler refuses the rates.
pub fn resample(samples: Vec<f32>, from_hz: u32, to_hz: u32) -> Result<Vec<f32>> {
    if from_hz == to_hz || samples.is_empty() {
        return Ok(samples);
    }
    let mut resampled = Vec::new();
    let mut extend = |made: &[f32]| {
        resampled.extend_from_slice(made);
        Ok(())
    };
    let mut resampling = Resampling::new(from_hz, to_hz)?;
    resampling.push(&samples, &mut extend)?;
    resampling.finish(&mut extend)?;
    Ok(resampled)
}

/// Receives resampled sound, block by block.
type Sink<'a> = dyn FnMut(&[f32]) -> Result<()> + 'a;

/// [`resample`] of sound that comes in pieces.
pub(super) struct Resampling {
    from_hz: u32,
    to_hz: u32,
    /// None where the rates are the same.
    fft: Option<Fft<f64>>,
    /// A block, and how much of it is filled.
    input: Vec<f64>,
    filled: usize,
    output: Vec<f64>,
    made: Vec<f32>,
    /// Samples of the filter's delay, which are still to be left out.
    delay: usize,
    /// Samples that came and samples that went.
    taken: usize,
    given: usize,
}

impl Resampling {
    pub(super) fn new(from_hz: u32, to_hz: u32) -> Result<Self> {
        let fft = match from_hz == to_hz {
            true => None,
            false => Some(resampler(from_hz, to_hz).map_err(|e| failed(from_hz, to_hz, &e))?),
        };
        Ok(Self {
            from_hz,
            to_hz,
            input: vec![0.0; fft.as_ref().map_or(0, Resampler::input_frames_next)],
            filled: 0,
            output: vec![0.0; fft.as_ref().map_or(0, Resampler::output_frames_max)],
            made: Vec::new(),
            delay: fft.as_ref().map_or(0, Resampler::output_delay),
            fft,
            taken: 0,
            given: 0,
        })
    }

    /// Takes samples and hands on what they make.
    pub(super) fn push(&mut self, mut samples: &[f32], to: &mut Sink<'_>) -> Result<()> {
        self.taken += samples.len();
        if self.fft.is_none() {
            return to(samples);
        }
        while !samples.is_empty() {
            let room = self.input.len() - self.filled;
            let (now, later) = samples.split_at(room.min(samples.len()));
            let place = &mut self.input[self.filled..self.filled + now.len()];
            place.iter_mut().zip(now).for_each(|(to, &sample)| *to = f64::from(sample));
            self.filled += now.len();
            samples = later;
            if self.filled == self.input.len() {
                self.block(usize::MAX, to)?;
            }
        }
        Ok(())
    }

    /// To be called after the last samples: zeros follow, until the filter's delay is made up for.
    pub(super) fn finish(mut self, to: &mut Sink<'_>) -> Result<()> {
        let Some(fft) = &self.fft else { return Ok(()) };
        let len = (fft.resample_ratio() * self.taken as f64).ceil() as usize;
        while self.given < len {
            self.block(len - self.given, to)?;
        }
        Ok(())
    }

    /// Resamples the block as far as it is filled, and hands on so many samples at most.
    fn block(&mut self, most: usize, to: &mut Sink<'_>) -> Result<()> {
        let Some(fft) = &mut self.fft else { return Ok(()) };
        let fail = |e: &dyn std::fmt::Display| failed(self.from_hz, self.to_hz, e);
        self.input[self.filled..].fill(0.0);
        self.filled = 0;
        let (frames_in, frames_out) = (self.input.len(), self.output.len());
        let from = InterleavedSlice::new(&self.input, 1, frames_in).map_err(|e| fail(&e))?;
        let mut output =
            InterleavedSlice::new_mut(&mut self.output, 1, frames_out).map_err(|e| fail(&e))?;
        let made = fft.process_into_buffer(&from, &mut output, None).map_err(|e| fail(&e))?.1;
        let skipped = self.delay.min(made);
        self.delay -= skipped;
        self.made.clear();
        self.made.extend(self.output[skipped..made].iter().take(most).map(|&x| x as f32));
        self.given += self.made.len();
        to(&self.made)
    }
}

fn failed(from_hz: u32, to_hz: u32, problem: &dyn std::fmt::Display) -> Error {
    Error::Mismatch {
        what: "resampling",
        expected: format!("a conversion from {from_hz} to {to_hz} Hz"),
        found: problem.to_string(),
    }
}

fn resampler(from_hz: u32, to_hz: u32) -> Result<Fft<f64>, ResamplerConstructionError> {
    let (from, to) = (from_hz as usize, to_hz as usize);
    let block = from / gcd(from, to);
    // An even number of blocks: the filter's middle is then a whole sample at both rates.
    let chunk = FILTER_SAMPLES.div_ceil(2 * block) * 2 * block;
    let window = WindowFunction::BlackmanHarris2;
    Fft::new_custom(from, to, chunk, 1, 1, window, FixedSync::Both)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sine of `hz`, `seconds` long.
    fn sine(hz: f64, rate_hz: u32, seconds: f64) -> Vec<f32> {
        let n = (seconds * f64::from(rate_hz)).round() as usize;
        let phase = |k: usize| std::f64::consts::TAU * hz * k as f64 / f64::from(rate_hz);
        (0..n).map(|k| (0.5 * phase(k).sin()) as f32).collect()
    }

    /// Blocks give the bits of the whole sound at once, whatever its length.
    #[test]
    fn blocks_give_the_bits_of_the_whole() {
        for (from, to) in [(44_100, 22_050), (48_000, 22_050), (11_025, 44_100)] {
            let mut fft = resampler(from, to).unwrap();
            let block = fft.input_frames_next();
            for n in [1, 100, block - 1, block, block + 1, 2 * block, 3 * block + 1234] {
                let samples: Vec<f32> =
                    (0..n).map(|i| (i as f32 * i as f32 * 0.37).sin()).collect();
                let input: Vec<f64> = samples.iter().copied().map(f64::from).collect();
                let input = InterleavedSlice::new(&input, 1, n).unwrap();
                let whole = fft.process_all(&input, n, None).unwrap().take_data();
                let whole: Vec<u32> = whole.into_iter().map(|x| (x as f32).to_bits()).collect();
                let blocks = resample(samples, from, to).unwrap();
                let blocks: Vec<u32> = blocks.into_iter().map(f32::to_bits).collect();
                assert!(blocks == whole, "{n} samples, {from} to {to}");
            }
        }
    }

    #[test]
    fn a_sine_stays_the_sine_that_it_was_and_where_it_was() {
        for (from, to) in [
            (44_100, 22_050),
            (48_000, 22_050),
            (22_050, 44_100),
            (11_025, 44_100),
            (32_000, 22_050),
            (44_101, 22_050),
        ] {
            for hz in [110.0, 1000.0, 0.45 * f64::from(from.min(to))] {
                let got = resample(sine(hz, from, 1.0), from, to).unwrap();
                let want = sine(hz, to, 1.0);
                assert_eq!(got.len(), want.len(), "{from} to {to}");
                // The sound begins and ends at once, which no filter follows.
                let edge = to as usize / 5;
                let inside = edge..want.len() - edge;
                let off = (got[inside.clone()].iter().zip(&want[inside]))
                    .map(|(got, want)| (got - want).abs())
                    .fold(0.0, f32::max);
                assert!(off < 1e-4, "{hz} Hz, {from} to {to}: {off}");
            }
        }
    }

    #[test]
    fn nothing_is_lost_or_shifted_at_the_ends() {
        // Fades in and out, so that a filter can follow from the first sample to the last.
        let faded = |rate_hz: u32| -> Vec<f32> {
            let mut sound = sine(1000.0, rate_hz, 0.1);
            let n = sound.len() as f32;
            for (k, x) in sound.iter_mut().enumerate() {
                *x *= (std::f32::consts::PI * k as f32 / n).sin().powi(2);
            }
            sound
        };
        for (from, to) in [(44_100, 22_050), (48_000, 22_050), (22_050, 44_100)] {
            let (got, want) = (resample(faded(from), from, to).unwrap(), faded(to));
            assert_eq!(got.len(), want.len());
            let off = got.iter().zip(&want).map(|(got, want)| (got - want).abs());
            let off = off.fold(0.0, f32::max);
            assert!(off < 1e-3, "{from} to {to}: {off}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_goes() {
        let got = resample(sine(12_000.0, 44_100, 1.0), 44_100, 22_050).unwrap();
        let loudest = got[4410..17_640].iter().fold(0.0f32, |a, x| a.max(x.abs()));
        assert!(loudest < 1e-5, "{loudest}");
    }

    #[test]
    fn the_length_is_rounded_up() {
        for (n, from, to, want) in
            [(3, 44_100, 22_050, 2), (1, 44_100, 22_050, 1), (100, 48_000, 22_050, 46)]
        {
            assert_eq!(resample(vec![0.1; n], from, to).unwrap().len(), want, "{n}");
        }
        assert_eq!(resample(vec![0.1; 5], 8000, 8000).unwrap(), [0.1; 5]);
    }
}
