//! How far a song's average spectrum lies from those of the training set.
//!
//! A song's average spectrum is the mean of each mel band over its frames, scaled as the network's
//! input. It depends on level, bandwidth and the balance of bass and treble, and so on codec and
//! recording, not on rhythm, melody or genre.

use serde::{Deserialize, Serialize};

use super::SpectraOf;
use super::bands::{SongBands, distance, mean_and_deviation};
use crate::metrics::quantile;

/// Number of stored quantiles: 0, 0.01, …, 1.
const QUANTILES: usize = 101;

/// A summary of the training set's average spectra.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spectra {
    /// Songs or samples.
    pub of: SpectraOf,
    /// Number of songs or samples.
    pub count: usize,
    /// Mean of each band over them, `[h]`, in units of the scaled input.
    pub mean: Vec<f32>,
    /// Their (population) standard deviation, `[h]`; at least a tenth of all bands' root mean square.
    pub deviation: Vec<f32>,
    /// Quantiles 0, 0.01, …, 1 of their own distances.
    pub quantiles: Vec<f32>,
}

/// The distance of a song's average spectrum from those of the training set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SpectralDistance {
    /// Root mean square over bands of (song's band − mean) / deviation: about 1 for a
    /// training song.
    pub distance: f64,
    /// Share of the training set with a larger distance, 0 to 1.
    pub farther: f64,
    /// What that share counts.
    pub of: SpectraOf,
}

/// Where no larger share of the training set is farther out, a prediction is an extrapolation.
const EXTREME: f64 = 0.05;

impl SpectralDistance {
    /// Whether a prediction from this place would be an extrapolation.
    pub fn is_extreme(&self) -> bool {
        self.farther <= EXTREME
    }
}

impl Spectra {
    /// The summary of songs, scaled as the network's input.
    pub(super) fn of(songs: &SongBands) -> Self {
        let SongBands { of, bands } = songs;
        let each: Vec<&[f64]> = bands.iter().map(|bands| &bands.mean[..]).collect();
        let (mean, deviation) = mean_and_deviation(&each);
        let mut fitted =
            Self { of: *of, count: each.len(), mean, deviation, quantiles: Vec::new() };
        let mut distances: Vec<f64> = each.iter().map(|song| fitted.distance(song)).collect();
        distances.sort_unstable_by(f64::total_cmp);
        let share = |i: usize| i * 1000 / (QUANTILES - 1);
        let quantiles = (0..QUANTILES).map(|i| quantile(&distances, share(i)).unwrap_or(0.0));
        fitted.quantiles = quantiles.map(|quantile| quantile as f32).collect();
        fitted
    }

    /// Whether it has this number of bands and all its quantiles, and its numbers are possible.
    pub fn fits(&self, bands: usize) -> bool {
        let positive = |deviation: &f32| *deviation > 0.0;
        [self.mean.len(), self.deviation.len()] == [bands; 2]
            && self.quantiles.len() == QUANTILES
            && self.quantiles.is_sorted()
            && self.deviation.iter().all(positive)
    }

    /// The distance of a song with these band means.
    pub fn locate(&self, band_means: &[f64]) -> SpectralDistance {
        let distance = self.distance(band_means);
        SpectralDistance { distance, farther: self.farther(distance as f32), of: self.of }
    }

    fn distance(&self, band_means: &[f64]) -> f64 {
        distance(band_means, &self.mean, &self.deviation)
    }

    /// Share of the training set beyond this distance: 1 at the least of its own distances, 0 at the
    /// largest and beyond.
    fn farther(&self, distance: f32) -> f64 {
        // `distance` is rounded to f32 as the quantiles are: a training song is not beyond itself.
        let at = |i: usize| f64::from(self.quantiles[i]);
        let nearer = self.quantiles.partition_point(|q| *q < distance);
        if nearer == 0 || nearer >= self.quantiles.len() {
            return if nearer == 0 { 1.0 } else { 0.0 };
        }
        let within = (f64::from(distance) - at(nearer - 1)) / (at(nearer) - at(nearer - 1));
        1.0 - ((nearer - 1) as f64 + within) / (QUANTILES - 1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Bands, Part};

    const SHAPE: [usize; 3] = [2, 3, 1];

    /// A sample whose bands have these means.
    fn sample([low, high]: [f32; 2]) -> [f32; 6] {
        [low - 1.0, low, low + 1.0, high, high, high]
    }

    fn fit(train: &Part) -> Spectra {
        Spectra::of(&SongBands::of_part(train, SHAPE))
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
        let place = spectra.locate(&Bands::of(&sample([5.0, 4.0]), SHAPE).mean);
        assert!((place.distance - 4.5f64.sqrt()).abs() < 1e-12, "{place:?}");
        assert_eq!(place.farther, 0.0);
        assert_eq!(spectra.locate(&[2.0, 4.0]).farther, 1.0);

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
            let got = spectra.locate(&[at, 0.0]).farther;
            assert!((got - want).abs() < 0.011, "{at}: {got}, want {want}");
        }
    }

    #[test]
    fn a_band_that_never_differs_is_no_division_by_zero() {
        let spectra = fit(&part(&[[-1.0, 7.0], [1.0, 7.0]], None));
        // The bands' root mean square is sqrt(1/2).
        assert!((spectra.deviation[1] - 0.1 * 0.5f32.sqrt()).abs() < 1e-6, "{spectra:?}");
        let near = spectra.locate(&[1.0, 7.0]);
        assert!(near.distance < 1.0 && near.distance.is_finite());
        assert!(spectra.locate(&[1.0, 8.0]).distance > 5.0, "but it is looked at");

        let alike = fit(&part(&[[4.0, 7.0]; 3], None));
        assert_eq!(alike.deviation, [1.0; 2]);
        assert_eq!(alike.locate(&[4.0, 7.0]).distance, 0.0);
        assert_eq!(
            alike.locate(&[5.0, 8.0]),
            SpectralDistance { distance: 1.0, farther: 0.0, of: SpectraOf::Samples }
        );
    }

    #[test]
    fn a_file_gives_back_the_very_numbers() {
        let spectra = fit(&part(&[[0.1, 2.7], [3.3, 6.9], [1.7, 0.2]], None));
        let text = serde_json::to_string(&spectra).unwrap();
        assert_eq!(serde_json::from_str::<Spectra>(&text).unwrap(), spectra);
    }
}
