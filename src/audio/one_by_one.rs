//! The power spectrum of one frame, for any length of FFT.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::FrontEnd;
use super::mel::Triangle;

/// Computes the power spectrum of a frame.
pub(super) struct OneByOne {
    fft: Arc<dyn RealToComplex<f64>>,
    window: Vec<f64>,
    frame: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
    power: Vec<f64>,
}

impl OneByOne {
    pub(super) fn new(front_end: &FrontEnd, window: Vec<f64>) -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(front_end.n_fft);
        Self {
            window,
            frame: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            power: vec![0.0; front_end.n_fft / 2 + 1],
            fft,
        }
    }

    /// The frame that begins at `start`, weighted by the filters: the first of each `stride` values of
    /// `bands`, `[filters, stride]`. Samples outside are zero.
    pub(super) fn compute(
        &mut self,
        samples: &[f32],
        start: isize,
        filters: &[Triangle],
        bands: &mut [f64],
        stride: usize,
    ) {
        for (i, (x, w)) in self.frame.iter_mut().zip(&self.window).enumerate() {
            let sample = usize::try_from(start + i as isize).ok().and_then(|i| samples.get(i));
            *x = w * sample.copied().map_or(0.0, f64::from);
        }
        // Cannot fail: all three buffers were made by the plan itself, and the
        // ends of a real signal's spectrum are real by construction.
        let done =
            self.fft.process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch);
        debug_assert!(done.is_ok());
        for (p, x) in self.power.iter_mut().zip(&self.spectrum) {
            *p = x.norm_sqr();
        }
        for (band, Triangle { first_bin, weights }) in bands.chunks_mut(stride).zip(filters) {
            band[0] = weights.iter().zip(&self.power[*first_bin..]).map(|(w, p)| w * p).sum();
        }
    }
}
