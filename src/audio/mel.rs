//! The mel scale and the mel filters as librosa computes them: Slaney's
//! Auditory Toolbox (1998), which is linear below 1,000 Hz and logarithmic above.

use super::FrontEnd;

/// Hz per mel in the linear part.
const HZ_PER_MEL: f64 = 200.0 / 3.0;
/// Where the logarithmic part begins, in Hz and in mel.
const BREAK_HZ: f64 = 1000.0;
const BREAK_MEL: f64 = BREAK_HZ / HZ_PER_MEL;

/// Growth of ln(Hz) per mel in the logarithmic part: a factor of 6.4 in 27 steps.
fn log_step() -> f64 {
    6.4f64.ln() / 27.0
}

/// From Hz to mel.
pub fn hz_to_mel(hz: f64) -> f64 {
    if hz < BREAK_HZ { hz / HZ_PER_MEL } else { BREAK_MEL + (hz / BREAK_HZ).ln() / log_step() }
}

/// From mel to Hz.
pub fn mel_to_hz(mel: f64) -> f64 {
    if mel < BREAK_MEL {
        mel * HZ_PER_MEL
    } else {
        BREAK_HZ * ((mel - BREAK_MEL) * log_step()).exp()
    }
}

/// Edges and centres of the bands in Hz, `[n_mels + 2]`: band `i` rises from
/// `[i]`, peaks at `[i + 1]` and falls to `[i + 2]`.
pub fn band_edges_hz(front_end: &FrontEnd) -> Vec<f64> {
    let (low, high) = (hz_to_mel(front_end.f_min_hz), hz_to_mel(front_end.f_max_hz));
    let steps = front_end.n_mels + 1;
    (0..=steps).map(|i| mel_to_hz(low + (high - low) * i as f64 / steps as f64)).collect()
}

/// One band's triangle over the FFT's bins, without the zeros around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Triangle {
    /// The bin of the first weight.
    pub first_bin: usize,
    /// The weights of that bin and those after it; empty where a band is
    /// narrower than a bin and lies between two.
    pub weights: Vec<f64>,
}

/// The mel filters, `[n_mels]`: triangles over the bins' frequencies, each
/// scaled by 2 / its width in Hz (Slaney's norm: equal area).
pub fn filters(front_end: &FrontEnd) -> Vec<Triangle> {
    let edges = band_edges_hz(front_end);
    let hz_per_bin = f64::from(front_end.sample_rate_hz) / front_end.n_fft as f64;
    let bins = front_end.n_fft / 2 + 1;
    edges
        .windows(3)
        .map(|edge| {
            let weight = |bin: usize| {
                let hz = bin as f64 * hz_per_bin;
                let rise = (hz - edge[0]) / (edge[1] - edge[0]);
                let fall = (edge[2] - hz) / (edge[2] - edge[1]);
                rise.min(fall).max(0.0) * 2.0 / (edge[2] - edge[0])
            };
            let first_bin = (0..bins).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
            let weights = (first_bin..bins).map(weight).take_while(|&w| w > 0.0).collect();
            Triangle { first_bin, weights }
        })
        .collect()
}
