//! How far a song's average spectrum lies from those of the training set.
//!
//! A song's average spectrum is the mean of each mel band over its frames, as the
//! network is given them. It shows level, bandwidth and balance of bass and treble, and so
//! another codec or recording; it knows nothing of rhythm, melody or genre.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Dataset, Part, PartName};
use crate::error::Result;

/// A band that hardly differs between songs counts as if it had this share of the bands'
/// root-mean-square deviation: where all are alike (silence above a codec's edge), any
/// difference would be infinitely far.
const LEAST_DEVIATION: f64 = 0.1;
const QUANTILES: usize = 101;

/// What the average spectra are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpectraOf {
    /// Songs.
    Songs,
    /// Samples, where songs are not known.
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

/// A summary of the training set's average spectra.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spectra {
    /// Of songs or samples.
    pub of: SpectraOf,
    /// How many.
    pub count: usize,
    /// Mean of each band over them, `[h]`, in units of the scaled input.
    pub mean: Vec<f32>,
    /// Their deviation (population), `[h]`; at least a tenth of all bands' root mean square.
    pub deviation: Vec<f32>,
    /// Their own distances: quantiles 0, 0.01, …, 1.
    pub quantiles: Vec<f32>,
}

/// Where a song lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Whereabouts {
    /// Root mean square over bands of (song's band − mean) / deviation: about 1 for a
    /// training song.
    pub distance: f64,
    /// Share of the training set that lies farther out, 0 to 1.
    pub farther: f64,
    /// What the training set was counted in.
    pub of: SpectraOf,
}

/// The mean of each band over samples `x`, `[n, h, w, c]`, and their frames.
pub fn band_means(x: &[f32], shape: [usize; 3]) -> Vec<f64> {
    let mut means = Means::default();
    for sample in x.chunks_exact(shape.iter().product::<usize>().max(1)) {
        means.add(&band_sums(sample, shape), shape);
    }
    means.finish(shape)
}

/// The sum of each band over a sample's frames.
fn band_sums(sample: &[f32], [_, w, c]: [usize; 3]) -> Vec<f64> {
    let sum = |band: &[f32]| band.iter().copied().map(f64::from).sum::<f64>();
    sample.chunks_exact(w * c).map(sum).collect()
}

/// Means of bands over samples that come one after the other.
#[derive(Debug, Default)]
struct Means {
    sums: Vec<f64>,
    n: usize,
}

impl Means {
    fn add(&mut self, sample: &[f64], [h, w, c]: [usize; 3]) {
        self.sums.resize(h, 0.0);
        self.sums.iter_mut().zip(sample).for_each(|(sum, of_sample)| *sum += of_sample);
        self.n += w * c;
    }

    fn finish(mut self, [h, ..]: [usize; 3]) -> Vec<f64> {
        self.sums.resize(h, 0.0);
        self.sums.into_iter().map(|sum| sum / self.n as f64).collect()
    }
}

/// The average spectra of songs, or of samples where songs are not known, while samples come in
/// their order.
struct Gathered<'a> {
    train: &'a Part,
    shape: [usize; 3],
    seen: usize,
    // As songs vote: an id that occurs with two labels is two songs.
    songs: BTreeMap<(i64, u32), Means>,
    samples: Vec<Vec<f64>>,
}

impl<'a> Gathered<'a> {
    fn new(train: &'a Part, shape: [usize; 3]) -> Self {
        Self { train, shape, seen: 0, songs: BTreeMap::new(), samples: Vec::new() }
    }

    fn add(&mut self, block: &[f32]) {
        let shape = self.shape;
        let size = shape.iter().product::<usize>().max(1);
        let sums: Vec<Vec<f64>> =
            block.par_chunks_exact(size).map(|sample| band_sums(sample, shape)).collect();
        for (sums, i) in sums.iter().zip(self.seen..) {
            match &self.train.song {
                Some(ids) => {
                    let song = (ids[i], self.train.y[i]);
                    self.songs.entry(song).or_default().add(sums, shape);
                }
                None => {
                    let mut means = Means::default();
                    means.add(sums, shape);
                    self.samples.push(means.finish(shape));
                }
            }
        }
        self.seen += sums.len();
    }

    fn finish(self) -> (SpectraOf, Vec<Vec<f64>>) {
        let shape = self.shape;
        match self.train.song {
            Some(_) => {
                let means = self.songs.into_values().map(|song| song.finish(shape));
                (SpectraOf::Songs, means.collect())
            }
            None => (SpectraOf::Samples, self.samples),
        }
    }
}

impl Spectra {
    /// Of the training part, scaled as the network is given it.
    ///
    /// # Errors
    /// If its samples lie on disk and cannot be read.
    pub fn fit(data: &Dataset) -> Result<Self> {
        let mut gathered = Gathered::new(&data.train, data.sample_shape);
        data.each_block(PartName::Train, &mut |block| {
            gathered.add(block);
            Ok(())
        })?;
        Ok(Self::of(gathered.finish(), data.sample_shape))
    }

    fn of((of, each): (SpectraOf, Vec<Vec<f64>>), shape: [usize; 3]) -> Self {
        let n = each.len() as f64;
        let over = |term: &dyn Fn(&Vec<f64>, usize) -> f64| -> Vec<f64> {
            (0..shape[0]).map(|k| each.iter().map(|song| term(song, k)).sum::<f64>() / n).collect()
        };
        let mean = over(&|song, k| song[k]);
        let variance = over(&|song, k| (song[k] - mean[k]).powi(2));
        let overall = (variance.iter().sum::<f64>() / variance.len() as f64).sqrt();
        // Where nothing differs at all, a unit of the scaled input has to do.
        let least = if overall > 0.0 { LEAST_DEVIATION * overall } else { 1.0 };
        let mut fitted = Self {
            of,
            count: each.len(),
            mean: mean.iter().map(|&mean| mean as f32).collect(),
            deviation: variance.iter().map(|v| v.sqrt().max(least) as f32).collect(),
            quantiles: Vec::new(),
        };
        let mut distances: Vec<f64> = each.iter().map(|song| fitted.distance(song)).collect();
        distances.sort_unstable_by(f64::total_cmp);
        fitted.quantiles = (0..QUANTILES).map(|i| quantile(&distances, i) as f32).collect();
        fitted
    }

    /// Whether it is of samples with so many bands, and whole.
    pub fn fits(&self, bands: usize) -> bool {
        let positive = |deviation: &f32| *deviation > 0.0;
        [self.mean.len(), self.deviation.len()] == [bands; 2]
            && self.quantiles.len() == QUANTILES
            && self.quantiles.is_sorted()
            && self.deviation.iter().all(positive)
    }

    /// Where a song with these band means lies.
    pub fn place(&self, band_means: &[f64]) -> Whereabouts {
        let distance = self.distance(band_means);
        Whereabouts { distance, farther: self.farther(distance as f32), of: self.of }
    }

    fn distance(&self, band_means: &[f64]) -> f64 {
        let terms = band_means.iter().zip(&self.mean).zip(&self.deviation);
        let squares: f64 = terms
            .map(|((x, mean), deviation)| ((x - f64::from(*mean)) / f64::from(*deviation)).powi(2))
            .sum();
        (squares / self.mean.len() as f64).sqrt()
    }

    /// 1 at the least of the training set's own distances, 0 at the largest and beyond.
    fn farther(&self, distance: f32) -> f64 {
        // Rounded as the quantiles are, so that a training song is not beyond its own.
        let at = |i: usize| f64::from(self.quantiles[i]);
        let nearer = self.quantiles.partition_point(|q| *q < distance);
        if nearer == 0 || nearer >= self.quantiles.len() {
            return if nearer == 0 { 1.0 } else { 0.0 };
        }
        let within = (f64::from(distance) - at(nearer - 1)) / (at(nearer) - at(nearer - 1));
        1.0 - ((nearer - 1) as f64 + within) / (QUANTILES - 1) as f64
    }
}

/// Quantile `i` of `QUANTILES - 1`, linear between neighbours, of values that rise.
fn quantile(sorted: &[f64], i: usize) -> f64 {
    let place = i as f64 / (QUANTILES - 1) as f64 * sorted.len().saturating_sub(1) as f64;
    let below = place as usize;
    let value = |at: usize| sorted.get(at).or(sorted.last()).copied().unwrap_or(0.0);
    let (low, high) = (value(below), value(below + 1));
    low + (high - low) * (place - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: [usize; 3] = [2, 3, 1];

    /// A sample whose bands have these means.
    fn sample([low, high]: [f32; 2]) -> [f32; 6] {
        [low - 1.0, low, low + 1.0, high, high, high]
    }

    fn fit(train: &Part) -> Spectra {
        let mut gathered = Gathered::new(train, SHAPE);
        gathered.add(&train.x);
        Spectra::of(gathered.finish(), SHAPE)
    }

    fn part(means: &[[f32; 2]], song: Option<Vec<i64>>) -> Part {
        let x = means.iter().flat_map(|means| sample(*means)).collect();
        Part { x, y: vec![0; means.len()], song }
    }

    #[test]
    fn centre_deviation_and_distances_by_hand() {
        // Song 5 has the means (1, 2), song 7 (3, 6).
        let train = part(&[[0.0, 2.0], [3.0, 6.0], [2.0, 2.0]], Some(vec![5, 7, 5]));
        let spectra = fit(&train);
        assert_eq!((spectra.of, spectra.count), (SpectraOf::Songs, 2));
        assert_eq!((&spectra.mean[..], &spectra.deviation[..]), (&[2.0, 4.0][..], &[1.0, 2.0][..]));
        assert_eq!(spectra.quantiles, [1.0; 101]);
        assert!(spectra.fits(2) && !spectra.fits(3));
        let place = spectra.place(&band_means(&sample([5.0, 4.0]), SHAPE));
        assert!((place.distance - 4.5f64.sqrt()).abs() < 1e-12, "{place:?}");
        assert_eq!(place.farther, 0.0);
        assert_eq!(spectra.place(&[2.0, 4.0]).farther, 1.0);

        let by_sample = fit(&part(&[[0.0, 2.0], [3.0, 6.0]], None));
        assert_eq!((by_sample.of, by_sample.count), (SpectraOf::Samples, 2));
    }

    #[test]
    fn one_id_under_two_labels_is_two_songs() {
        let mut train = part(&[[0.0, 0.0], [2.0, 2.0]], Some(vec![3, 3]));
        train.y = vec![0, 1];
        assert_eq!(fit(&train).count, 2);
    }

    #[test]
    fn the_share_that_lies_farther_follows_the_quantiles() {
        let songs: Vec<[f32; 2]> = (0..=200).map(|i| [i as f32 - 100.0, 0.0]).collect();
        let spectra = fit(&part(&songs, None));
        assert!(spectra.quantiles.is_sorted());
        for (at, want) in [(0.0, 1.0), (25.0, 0.75), (50.0, 0.5), (99.0, 0.01), (101.0, 0.0)] {
            let got = spectra.place(&[at, 0.0]).farther;
            assert!((got - want).abs() < 0.011, "{at}: {got}, want {want}");
        }
    }

    #[test]
    fn a_band_that_never_differs_is_no_division_by_zero() {
        let spectra = fit(&part(&[[-1.0, 7.0], [1.0, 7.0]], None));
        // The bands' root mean square is sqrt(1/2).
        assert!((spectra.deviation[1] - 0.1 * 0.5f32.sqrt()).abs() < 1e-6, "{spectra:?}");
        let near = spectra.place(&[1.0, 7.0]);
        assert!(near.distance < 1.0 && near.distance.is_finite());
        assert!(spectra.place(&[1.0, 8.0]).distance > 5.0, "but it is looked at");

        let alike = fit(&part(&[[4.0, 7.0]; 3], None));
        assert_eq!(alike.deviation, [1.0; 2]);
        assert_eq!(alike.place(&[4.0, 7.0]).distance, 0.0);
        assert_eq!(
            alike.place(&[5.0, 8.0]),
            Whereabouts { distance: 1.0, farther: 0.0, of: SpectraOf::Samples }
        );
    }

    #[test]
    fn a_file_gives_back_the_very_numbers() {
        let spectra = fit(&part(&[[0.1, 2.7], [3.3, 6.9], [1.7, 0.2]], None));
        let text = serde_json::to_string(&spectra).unwrap();
        assert_eq!(serde_json::from_str::<Spectra>(&text).unwrap(), spectra);
    }
}
