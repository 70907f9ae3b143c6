//! Power spectra of several frames at once, one in each lane of a vector: no step of the Fourier transform
//! moves values between lanes, and each frame's bits are the same whatever the width of vectors.
//! Products are not fused with sums, so that they are those of every vector level.
//!
//! A frame of `n` real samples is taken as `m = n / 2` complex ones (even samples real, odd ones imaginary).
//! With `m = columns · rows`:
//! 1. Samples are transposed: `[hop, blocks]`, so that those at one offset into neighbouring frames are
//!    neighbours.
//! 2. `columns` transforms of length `rows` over every `columns`-th sample, windowed, then turned.
//! 3. `rows` transforms of length `columns`, by pairs whose bins mirror each other: the real signal's bins
//!    `k` and `m − k` follow from the complex one's.
//!
//! Steps 2 and 3 each are two steps, the first of radix 8, so that a transform stays in the nearest cache.

use fearless_simd::{Level, Simd, SimdBase, SimdWiden};

use super::FrontEnd;
use super::mel::Triangle;
use super::radix::{Complex, Turn, radix, radix8, turn};
use crate::simd::{Aligned, dispatch};

/// Computes power spectra of as many frames at once as a vector has lanes.
#[derive(Debug)]
pub(super) struct SideBySide {
    level: Level,
    hop: usize,
    /// Half the window: the sums of step 3 double it.
    window: Vec<f64>,
    /// Where each offset into a frame lies in `samples`.
    places: Vec<usize>,
    /// `[min(hop, n), width]`.
    samples: Aligned<f64>,
    width: usize,
    /// The second radix of each of the two transforms: `rows / 8` and `columns / 8`.
    radices: (usize, usize),
    /// `[rows, columns + PADDING]` complex vectors.
    columns: Aligned<f64>,
    /// Room for two transforms of complex vectors.
    scratch: [Aligned<f64>; 2],
    /// `[m + 1, lanes]`.
    power: Aligned<f64>,
    /// Within a transform of `rows`, and of `columns`.
    row_turns: Vec<[Turn; 8]>,
    column_turns: Vec<[Turn; 8]>,
    /// `[columns, rows]`.
    between: Vec<Turn>,
    /// `[m]`.
    real_turns: Vec<Turn>,
}

/// Complex vectors between the rows of `columns`: rows a power of two apart would share few places of
/// the cache.
const PADDING: usize = 1;

impl SideBySide {
    /// For FFTs of 512, 1024, 2048 and 4096 samples; none for others.
    pub(super) fn new(front_end: &FrontEnd, window: &[f64], level: Level) -> Option<Self> {
        let FrontEnd { n_fft: n, hop_samples: hop, .. } = *front_end;
        let radices = match n {
            512 => (2, 2),
            1024 => (2, 4),
            2048 => (4, 4),
            4096 => (4, 8),
            _ => return None,
        };
        let (rows, columns, m) = (8 * radices.0, 8 * radices.1, n / 2);
        let lanes = lanes(level);
        let width = (lanes + (n - 1) / hop).next_multiple_of(lanes);
        let turns = |count: usize, length: usize| {
            (0..count).map(|j| std::array::from_fn(|r| turn(j * r, length))).collect()
        };
        Some(Self {
            level,
            hop,
            window: window.iter().map(|w| 0.5 * w).collect(),
            places: (0..n).map(|i| i % hop * width + i / hop).collect(),
            samples: Aligned::zeros(hop.min(n) * width),
            width,
            radices,
            columns: Aligned::zeros(rows * (columns + PADDING) * 2 * lanes),
            scratch: [(); 2].map(|()| Aligned::zeros(rows.max(columns) * 2 * lanes)),
            power: Aligned::zeros((m + 1) * lanes),
            row_turns: turns(radices.0, rows),
            column_turns: turns(radices.1, columns),
            between: (0..columns).flat_map(|b| (0..rows).map(move |k| turn(b * k, m))).collect(),
            real_turns: (0..m).map(|k| turn(k, n)).collect(),
        })
    }

    /// Frames at once.
    pub(super) fn lanes(&self) -> usize {
        lanes(self.level)
    }

    /// The frames that begin at `start`, `start + hop`, …, weighted by the filters: the first of each
    /// `stride` values of `bands`, `[filters, stride]`. Samples outside are zero.
    pub(super) fn compute(
        &mut self,
        samples: &[f32],
        start: isize,
        filters: &[Triangle],
        bands: &mut [f64],
        stride: usize,
    ) {
        dispatch!(self.level, simd => self.transpose(simd, samples, start));
        match self.radices {
            (2, 2) => dispatch!(self.level, simd => self.transform::<_, 2, 2>(simd)),
            (2, _) => dispatch!(self.level, simd => self.transform::<_, 2, 4>(simd)),
            (_, 4) => dispatch!(self.level, simd => self.transform::<_, 4, 4>(simd)),
            _ => dispatch!(self.level, simd => self.transform::<_, 4, 8>(simd)),
        }
        dispatch!(self.level, simd => self.weigh(simd, filters, bands, stride));
    }

    /// Step 1: `samples[r][b]` becomes the one at `start + b · hop + r`.
    #[inline(always)]
    fn transpose<S: Simd>(&mut self, simd: S, samples: &[f32], start: isize) {
        let (lanes, tile) = (S::f64s::LEN, S::f32s::LEN);
        for first_block in (0..self.width).step_by(lanes) {
            let start = start + (first_block * self.hop) as isize;
            let rows = self.samples.chunks_mut(tile * self.width);
            for (r, rows) in (0..).step_by(tile).zip(rows) {
                let at = usize::try_from(start + r as isize).ok();
                let last = (lanes - 1) * self.hop + tile;
                let inside = at.and_then(|at| samples.get(at..at + last));
                match inside {
                    Some(samples) if rows.len() == tile * self.width => {
                        transpose_tile(
                            simd,
                            samples,
                            self.hop,
                            &mut rows[first_block..],
                            self.width,
                        );
                    }
                    _ => {
                        for (i, row) in rows.chunks_exact_mut(self.width).enumerate() {
                            for (b, to) in row[first_block..][..lanes].iter_mut().enumerate() {
                                let at = start + (b * self.hop + r + i) as isize;
                                let sample =
                                    usize::try_from(at).ok().and_then(|at| samples.get(at));
                                *to = sample.copied().map_or(0.0, f64::from);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Steps 2 and 3, with the second radix of a transform of rows and of one of columns.
    #[inline(always)]
    fn transform<S: Simd, const R: usize, const C: usize>(&mut self, simd: S) {
        for b in 0..8 * C {
            self.column::<S, R, C>(simd, b);
        }
        for k in 0..=4 * R {
            self.pair_of_rows::<S, R, C>(simd, k);
        }
    }

    /// The transform of every `8 C`-th sample from the `b`-th on.
    #[inline(always)]
    fn column<S: Simd, const R: usize, const C: usize>(&mut self, simd: S, b: usize) {
        let size = Complex::<S>::SIZE;
        let (places, _) = self.places.as_chunks::<2>();
        let (window, _) = self.window.as_chunks::<2>();
        let (places, window) = (&places[..64 * R * C], &window[..64 * R * C]);
        let scratch = &mut self.scratch[0][..8 * R * size];
        for (j, turns) in self.row_turns[..R].iter().enumerate() {
            let mut x = [Complex::zero(simd); 8];
            for (i, x) in x.iter_mut().enumerate() {
                let at = 8 * C * (j + R * i) + b;
                let ([re, im], [w, v]) = (places[at], window[at]);
                let samples = &self.samples;
                *x = Complex {
                    re: windowed(simd, samples, re, w),
                    im: windowed(simd, samples, im, v),
                };
            }
            eight(simd, x, turns, &mut scratch[j * size..], R);
        }
        let turns = &self.between[b * 8 * R..][..8 * R];
        for r in 0..8 {
            let x = radix(simd, loaded::<S, R>(simd, &scratch[r * R * size..]));
            for (q, x) in x.into_iter().enumerate() {
                let k = r + 8 * q;
                let to = &mut self.columns[(k * (8 * C + PADDING) + b) * size..];
                x.turned(simd, turns[k]).store(to);
            }
        }
    }

    /// The transforms of rows `k` and `−k`, and the power of their bins.
    #[inline(always)]
    fn pair_of_rows<S: Simd, const R: usize, const C: usize>(&mut self, simd: S, k: usize) {
        let size = Complex::<S>::SIZE;
        let (rows, columns, m) = (8 * R, 8 * C, 64 * R * C);
        for (scratch, k) in self.scratch.iter_mut().zip([k, (rows - k) % rows]) {
            let row = &self.columns[k * (columns + PADDING) * size..][..columns * size];
            for (j, turns) in self.column_turns[..C].iter().enumerate() {
                let mut x = [Complex::zero(simd); 8];
                for (i, x) in x.iter_mut().enumerate() {
                    *x = Complex::load(simd, &row[(j + C * i) * size..]);
                }
                eight(simd, x, turns, &mut scratch[j * size..], C);
            }
        }
        let [row, mirrored] = &self.scratch;
        for r in 0..8 {
            // Bin k + rows (r + 8 q) mirrors −k + rows (columns − (k > 0) − r − 8 q).
            let mirror = if k == 0 { (8 - r) % 8 } else { 7 - r };
            let x = radix(simd, loaded::<S, C>(simd, &row[r * C * size..]));
            let y = radix(simd, loaded::<S, C>(simd, &mirrored[mirror * C * size..]));
            // Bins 0 and m mirror themselves.
            let first = k == 0 && r == 0;
            for (q, x) in x.into_iter().enumerate() {
                let y = if first { y[(C - q) % C] } else { y[C - 1 - q] };
                let bin = k + rows * (r + 8 * q);
                let [power, mirror] = real_power(simd, x, y, self.real_turns[bin]);
                power.store_slice(&mut self.power[bin * S::f64s::LEN..][..S::f64s::LEN]);
                mirror.store_slice(&mut self.power[(m - bin) * S::f64s::LEN..][..S::f64s::LEN]);
            }
        }
    }

    /// The weighted sums of each filter's bins.
    #[inline(always)]
    fn weigh<S: Simd>(&self, simd: S, filters: &[Triangle], bands: &mut [f64], stride: usize) {
        let lanes = S::f64s::LEN;
        for (band, Triangle { first_bin, weights }) in bands.chunks_mut(stride).zip(filters) {
            let power =
                self.power[first_bin * lanes..][..weights.len() * lanes].chunks_exact(lanes);
            let mut sum = S::f64s::splat(simd, 0.0);
            for (&weight, power) in weights.iter().zip(power) {
                sum += S::f64s::from_slice(simd, power) * S::f64s::splat(simd, weight);
            }
            sum.store_slice(&mut band[..lanes]);
        }
    }
}

fn lanes(level: Level) -> usize {
    #[inline(always)]
    fn of<S: Simd>(_simd: S) -> usize {
        S::f64s::LEN
    }
    dispatch!(level, simd => of(simd))
}

/// So many samples from each block as a vector has floats, to rows of one from each block.
#[inline(always)]
fn transpose_tile<S: Simd>(simd: S, samples: &[f32], hop: usize, rows: &mut [f64], width: usize) {
    let (lanes, tile) = (S::f64s::LEN, S::f32s::LEN);
    // As many as the widest vector has lanes; the rest are not used.
    let zero = S::f64s::splat(simd, 0.0);
    let (mut low, mut high) = ([zero; 8], [zero; 8]);
    for b in 0..lanes {
        (low[b], high[b]) = S::f32s::from_slice(simd, &samples[b * hop..][..tile]).widen();
    }
    for (half, mut x) in [low, high].into_iter().enumerate() {
        // Each pass interleaves the first half of the vectors with the second.
        for _ in 0..lanes.ilog2() {
            let y = x;
            for i in 0..lanes / 2 {
                (x[2 * i], x[2 * i + 1]) = y[i].interleave(y[i + lanes / 2]);
            }
        }
        for (r, x) in x[..lanes].iter().enumerate() {
            x.store_slice(&mut rows[(half * lanes + r) * width..][..lanes]);
        }
    }
}

#[inline(always)]
fn windowed<S: Simd>(simd: S, samples: &[f64], place: usize, weight: f64) -> S::f64s {
    let samples = &samples[place..place + S::f64s::LEN];
    S::f64s::from_slice(simd, samples) * S::f64s::splat(simd, weight)
}

/// The first of two steps of a transform of `8 · second`: a radix of 8, turned, to `[8, second]`.
#[inline(always)]
fn eight<S: Simd>(simd: S, x: [Complex<S>; 8], turns: &[Turn; 8], to: &mut [f64], second: usize) {
    let [first, others @ ..] = radix8(simd, x);
    first.store(to);
    for (r, (x, turn)) in (1..).zip(others.into_iter().zip(&turns[1..])) {
        x.turned(simd, *turn).store(&mut to[r * second * Complex::<S>::SIZE..]);
    }
}

#[inline(always)]
fn loaded<S: Simd, const N: usize>(simd: S, from: &[f64]) -> [Complex<S>; N] {
    let mut x = [Complex::zero(simd); N];
    for (x, from) in
        x.iter_mut().zip(from[..N * Complex::<S>::SIZE].chunks_exact(Complex::<S>::SIZE))
    {
        *x = Complex::load(simd, from);
    }
    x
}

/// The power of a real signal's bin and of the one that mirrors it about a quarter of the rate, of half
/// whose samples these are the complex transform's bins.
#[inline(always)]
fn real_power<S: Simd>(simd: S, x: Complex<S>, y: Complex<S>, turn: Turn) -> [S::f64s; 2] {
    // Twice the transform of even samples, and of odd ones.
    let even = Complex::<S> { re: x.re + y.re, im: x.im - y.im };
    let odd = Complex::<S> { re: x.im + y.im, im: y.re - x.re }.turned(simd, turn);
    let (bin, mirror) = (even + odd, even - odd);
    [bin.re * bin.re + bin.im * bin.im, mirror.re * mirror.re + mirror.im * mirror.im]
}

#[cfg(test)]
mod tests {
    use super::super::log_mel::hann;
    use super::super::mel;
    use super::super::one_by_one::OneByOne;
    use super::*;

    /// A loud sine beside noise 140 dB below it.
    fn sound(n: usize) -> Vec<f32> {
        let noise = |i: usize| ((i * 7919 + 13) % 10_007) as f32 / 10_007.0 - 0.5;
        (0..n).map(|i| (i as f32 * 0.71).sin() + 1e-7 * noise(i)).collect()
    }

    #[test]
    fn frames_side_by_side_are_those_one_by_one_at_every_level() {
        for (n_fft, hop_samples) in
            [(512, 512), (512, 1000), (1024, 512), (2048, 512), (2048, 441), (2048, 1), (4096, 300)]
        {
            let front_end = FrontEnd { n_fft, hop_samples, n_mels: 31, ..FrontEnd::librosa_2s() };
            let (filters, window) = (mel::filters(&front_end), hann(n_fft));
            let mut one = OneByOne::new(&front_end, window.clone());
            for (len, start) in
                [(1, 0), (700, -300), (20_000, -1024), (20_000, 9001), (9000, 12_000)]
            {
                let samples = sound(len);
                let mut bits: Vec<Vec<u64>> = vec![Vec::new(); 2];
                for level in crate::simd::all() {
                    let mut all = SideBySide::new(&front_end, &window, level).unwrap();
                    let lanes = all.lanes();
                    let mut bands = vec![0.0; filters.len() * lanes];
                    // What the room holds from before must not show.
                    all.compute(&vec![f32::NAN; 50_000], 0, &filters, &mut bands, lanes);
                    all.compute(&samples, start, &filters, &mut bands, lanes);
                    for lane in 0..lanes {
                        let mut want = vec![0.0; filters.len()];
                        let start = start + (lane * hop_samples) as isize;
                        one.compute(&samples, start, &filters, &mut want, 1);
                        let loudest = want.iter().copied().fold(0.0, f64::max);
                        let got = || bands.iter().skip(lane).step_by(lanes);
                        for (band, (got, want)) in got().zip(&want).enumerate() {
                            let off = (got - want).abs();
                            assert!(
                                off <= 1e-14 * want + 1e-17 * loudest,
                                "{level:?}, {n_fft} by {hop_samples}, {len} samples from {start}: band \
                                 {band} is {got:e}, expected {want:e}, loudest {loudest:e}"
                            );
                        }
                        // The baseline has two lanes at least.
                        let got: Vec<u64> = got().map(|x| x.to_bits()).collect();
                        if let Some(bits) = bits.get_mut(lane) {
                            assert!(bits.is_empty() || *bits == got, "{level:?}, {n_fft}: {lane}");
                            *bits = got;
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_stays_in_its_frames() {
        let front_end = FrontEnd::librosa_2s();
        let (filters, window) = (mel::filters(&front_end), hann(front_end.n_fft));
        for level in crate::simd::all() {
            let mut all = SideBySide::new(&front_end, &window, level).unwrap();
            let lanes = all.lanes();
            let mut samples = sound(20_000);
            // In the frame that begins at sample 0 alone; its window is not 0 there.
            samples[100] = f32::NAN;
            let mut bands = vec![0.0; filters.len() * lanes];
            all.compute(&samples, 0, &filters, &mut bands, lanes);
            for band in bands.chunks_exact(lanes) {
                assert!(band[0].is_nan() && band[1..].iter().all(|x| x.is_finite()), "{level:?}");
            }
        }
    }
}
