//! What the mel bands of each song do: their means, and how much they change over time.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Dataset, Part, PartName};
use crate::error::Result;

/// The least standard deviation of a band, as a share of the bands' root-mean-square deviation:
/// where a band is the same in all songs (silence above a codec's cut-off), any difference would
/// otherwise be infinitely far.
const LEAST_DEVIATION: f64 = 0.1;

/// What each average spectrum covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpectraOf {
    /// Songs.
    Songs,
    /// Samples, where song ids are missing.
    Samples,
}

impl SpectraOf {
    /// `songs` or `samples`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Songs => "songs",
            Self::Samples => "samples",
        }
    }
}

/// What the bands of a song do, `[h]` each.
#[derive(Debug, Clone, PartialEq)]
pub struct Bands {
    /// Mean over all frames.
    pub mean: Vec<f64>,
    /// Variance over the frames of a sample, averaged over samples.
    pub variance: Vec<f64>,
    /// Mean square of the difference between neighbouring frames.
    pub step: Vec<f64>,
    /// The variance of what is left when the frame's level is taken away: the median over the bands
    /// that are heard. Loudness that rises and falls does not add to it.
    pub own_variance: Vec<f64>,
    /// The mean square step of that.
    pub own_step: Vec<f64>,
    /// The share of frames in which the band is heard: above the sample's least value by more than 3/80
    /// of its range.
    pub heard: Vec<f64>,
}

/// 3 dB of the 80 dB that a spectrogram has.
const AUDIBLE: f64 = 3.0 / 80.0;
/// A band is heard in a sample, or a song, if it is in this share of frames.
const MOSTLY: f64 = 0.5;

/// Figures of a band: sum, variance, step, own variance, own step, share of frames heard.
type Figures = [f64; 6];

impl Bands {
    /// Of the samples `x`, `[n, h, w, c]`, of one song.
    pub fn of(x: &[f32], shape: [usize; 3]) -> Self {
        let mut sums = BandSums::default();
        sums.extend(x, shape);
        sums.finish(shape)
    }

    /// Whether each band is heard in most frames.
    pub fn mostly_heard(&self) -> impl Iterator<Item = bool> {
        self.heard.iter().map(|share| *share > MOSTLY)
    }
}

/// The figures of each band of a sample.
fn sample_sums(sample: &[f32], [_, w, c]: [usize; 3]) -> Vec<Figures> {
    let len = (w * c).max(1);
    let (least, most) =
        sample.iter().fold((f32::MAX, f32::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
    let (least, most) = (f64::from(least), f64::from(most));
    let audible = least + AUDIBLE * (most - least);
    let bands: Vec<(&[f32], f64)> = (sample.chunks_exact(len))
        .map(|band| {
            let heard = band.iter().filter(|x| f64::from(**x) > audible).count();
            (band, heard as f64 / len as f64)
        })
        .collect();
    let mut column = Vec::new();
    let levels: Vec<f64> = (0..len)
        .map(|i| {
            column.clear();
            column.extend(bands.iter().filter(|(_, heard)| *heard > MOSTLY).map(|(x, _)| x[i]));
            median(&mut column)
        })
        .collect();
    let of_band = |&(band, heard): &(&[f32], f64)| {
        let [sum, variance, step] = moments(|i| f64::from(band[i]), w, c);
        let [_, own_variance, own_step] = moments(|i| f64::from(band[i]) - levels[i], w, c);
        [sum, variance, step, own_variance, own_step, heard]
    };
    bands.iter().map(of_band).collect()
}

/// Sum, variance and mean square step of `w` frames of `c` channels.
fn moments(value: impl Fn(usize) -> f64, w: usize, c: usize) -> [f64; 3] {
    let len = w * c;
    let sum: f64 = (0..len).map(&value).sum();
    let mean = sum / len as f64;
    let variance = (0..len).map(|i| (value(i) - mean).powi(2)).sum::<f64>() / len as f64;
    // Neighbouring frames of a channel are `c` values apart.
    let steps = (c..len).map(|i| (value(i) - value(i - c)).powi(2)).sum::<f64>();
    [sum, variance, steps / ((w - 1).max(1) * c) as f64]
}

/// The upper median; 0 of no values.
fn median(values: &mut [f32]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    f64::from(*values.select_nth_unstable_by(middle, f32::total_cmp).1)
}

/// Sums over the samples of a song.
#[derive(Debug, Default)]
pub struct BandSums {
    bands: Vec<Figures>,
    samples: usize,
}

impl BandSums {
    /// Adds the samples `x`, `[n, h, w, c]`.
    pub fn extend(&mut self, x: &[f32], shape: [usize; 3]) {
        for sample in x.chunks_exact(shape.iter().product::<usize>().max(1)) {
            self.add(&sample_sums(sample, shape));
        }
    }

    fn add(&mut self, sample: &[Figures]) {
        self.bands.resize(sample.len(), Figures::default());
        for (sums, of_sample) in self.bands.iter_mut().zip(sample) {
            sums.iter_mut().zip(of_sample).for_each(|(sum, x)| *sum += x);
        }
        self.samples += 1;
    }

    /// The bands of all samples.
    pub fn finish(mut self, [h, w, c]: [usize; 3]) -> Bands {
        self.bands.resize(h, Figures::default());
        let over = |i: usize, n: usize| self.bands.iter().map(|sums| sums[i] / n as f64).collect();
        Bands {
            mean: over(0, self.samples * w * c),
            variance: over(1, self.samples),
            step: over(2, self.samples),
            own_variance: over(3, self.samples),
            own_step: over(4, self.samples),
            heard: over(5, self.samples),
        }
    }
}

/// The bands of each song of a part, or of each sample where song ids are missing.
pub(super) struct SongBands {
    pub(super) of: SpectraOf,
    pub(super) bands: Vec<Bands>,
}

impl SongBands {
    /// Of a part of a dataset, scaled as the network's input.
    pub(super) fn read(data: &Dataset, part: PartName) -> Result<Self> {
        let mut collector = Collector::new(data.part(part), data.sample_shape);
        data.each_block(part, &mut |block| {
            collector.add(block);
            Ok(())
        })?;
        Ok(collector.finish())
    }

    /// Of a part in memory.
    #[cfg(test)]
    pub(super) fn of_part(part: &Part, shape: [usize; 3]) -> Self {
        let mut collector = Collector::new(part, shape);
        collector.add(&part.x);
        collector.finish()
    }
}

/// Collects the bands of songs, or of samples where song ids are missing, from samples in their
/// order.
struct Collector<'a> {
    part: &'a Part,
    shape: [usize; 3],
    seen: usize,
    // As in voting, an id that occurs with two labels is two songs.
    songs: BTreeMap<(i64, u32), BandSums>,
    samples: Vec<Bands>,
}

impl<'a> Collector<'a> {
    fn new(part: &'a Part, shape: [usize; 3]) -> Self {
        Self { part, shape, seen: 0, songs: BTreeMap::new(), samples: Vec::new() }
    }

    fn add(&mut self, block: &[f32]) {
        let shape = self.shape;
        let size = shape.iter().product::<usize>().max(1);
        let each: Vec<Vec<Figures>> =
            block.par_chunks_exact(size).map(|sample| sample_sums(sample, shape)).collect();
        for (sample, i) in each.iter().zip(self.seen..) {
            match &self.part.song {
                Some(ids) => {
                    let song = (ids[i], self.part.y[i]);
                    self.songs.entry(song).or_default().add(sample);
                }
                None => {
                    let mut sums = BandSums::default();
                    sums.add(sample);
                    self.samples.push(sums.finish(shape));
                }
            }
        }
        self.seen += each.len();
    }

    fn finish(self) -> SongBands {
        let shape = self.shape;
        match self.part.song {
            Some(_) => {
                let bands = self.songs.into_values().map(|song| song.finish(shape)).collect();
                SongBands { of: SpectraOf::Songs, bands }
            }
            None => SongBands { of: SpectraOf::Samples, bands: self.samples },
        }
    }
}

/// Mean and (population) standard deviation of each band over songs; the deviation is at least a
/// tenth of all bands' root mean square.
pub(super) fn mean_and_deviation(songs: &[&[f64]]) -> (Vec<f32>, Vec<f32>) {
    let (n, h) = (songs.len() as f64, songs.first().map_or(0, |song| song.len()));
    let over = |term: &dyn Fn(&[f64], usize) -> f64| -> Vec<f64> {
        (0..h).map(|k| songs.iter().map(|song| term(song, k)).sum::<f64>() / n).collect()
    };
    let mean = over(&|song, k| song[k]);
    let variance = over(&|song, k| (song[k] - mean[k]).powi(2));
    let overall = (variance.iter().sum::<f64>() / variance.len() as f64).sqrt();
    // If no band differs between songs, the unit is that of the scaled input.
    let least = if overall > 0.0 { LEAST_DEVIATION * overall } else { 1.0 };
    let deviation = variance.iter().map(|v| positive(v.sqrt().max(least))).collect();
    let mean = mean.iter().map(|&mean| (mean as f32).clamp(f32::MIN, f32::MAX)).collect();
    (mean, deviation)
}

/// The nearest number in f32 that is positive and finite, which values of 1e-50 or 1e50 have not.
pub(super) fn positive(x: f64) -> f32 {
    (x as f32).clamp(f32::MIN_POSITIVE, f32::MAX)
}

/// The root mean square over bands of (band − mean) / deviation.
pub(super) fn distance(bands: &[f64], mean: &[f32], deviation: &[f32]) -> f64 {
    let terms = bands.iter().zip(mean).zip(deviation);
    let squares: f64 = terms
        .map(|((x, mean), deviation)| ((x - f64::from(*mean)) / f64::from(*deviation)).powi(2))
        .sum();
    (squares / mean.len() as f64).sqrt()
}
