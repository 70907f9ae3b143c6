//! Which songs are like the training songs, so that a class may be claimed of them.
//!
//! Three properties of a song's bands are compared with those of the training songs: the average
//! spectrum, how much each band varies over time, and how much it changes from one frame to the
//! next. Silence, noise and tones vary less than music; other recordings have another spectrum.
//! The distance in each is the root mean square over bands of the standardised difference: about 1
//! for a training song. A song is atypical if a distance is above its limit.

use serde::{Deserialize, Serialize};

use super::bands::{Bands, SongBands, distance, mean_and_deviation, positive};
use super::{Dataset, PartName, Spectra};
use crate::error::Result;
use crate::metrics::quantile;

/// Limits are at least this quantile of the distances of training and validation songs, in
/// thousandths …
const LIMIT_QUANTILE: usize = 980;
/// … and at least this: of few songs, all may be alike by chance.
const LEAST_LIMIT: f64 = 1.5;
/// The share of validation songs, and of all, that may be beyond the limits.
const MOST_ATYPICAL: f64 = 0.02;
/// Variances are compared by their logarithm; this share of the training set's mean variance is
/// added to them, because below it they are that of rounding.
const FLOOR: f64 = 0.04;

/// A property of songs that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// Mean of each band.
    Spectrum,
    /// Logarithm of each band's standard deviation over time.
    Variation,
    /// Logarithm of the root mean square difference between neighbouring frames.
    Steps,
}

impl Property {
    /// All, in the order of [`Typical::properties`].
    pub const ALL: [Self; 3] = [Self::Spectrum, Self::Variation, Self::Steps];
}

/// The training songs' distribution of one property.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Mean of each band over songs, `[h]`.
    pub mean: Vec<f32>,
    /// Their standard deviation, `[h]`; at least a tenth of all bands' root mean square.
    pub deviation: Vec<f32>,
    /// The largest distance of a typical song.
    pub limit: f32,
}

/// What the training songs are like, and the limits beyond which a song is not like them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Typical {
    /// Spectrum, variation and steps.
    pub properties: [Distribution; 3],
    /// What is added to variances.
    pub floor: f32,
    /// Validation songs (or samples) that the limits were calibrated on.
    pub validation: usize,
    /// Those of them that are beyond the limits.
    pub atypical: usize,
}

/// How far a song is from the training songs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Typicality {
    /// Distances by spectrum, variation and steps.
    pub distances: [f64; 3],
    /// Their limits.
    pub limits: [f64; 3],
    /// The mean over bands of the standardised differences, with their signs.
    #[serde(skip)]
    pub shifts: [f64; 3],
}

impl Typicality {
    /// The property whose distance is most beyond its limit, if one is.
    pub fn beyond(&self) -> Option<Property> {
        let (property, score) = (Property::ALL.into_iter().zip(self.scores()))
            .max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        // Not a number is beyond, too.
        (score > 1.0 || score.is_nan()).then_some(property)
    }

    /// Whether the song has less of a property than the training songs.
    pub fn is_less(&self, property: Property) -> bool {
        self.shifts[property as usize] < 0.0
    }

    fn scores(&self) -> impl Iterator<Item = f64> {
        self.distances.into_iter().zip(self.limits).map(|(distance, limit)| distance / limit)
    }

    fn score(&self) -> f64 {
        self.scores().fold(0.0, f64::max)
    }
}

/// What is known of the songs that a model was trained on: their spectra, and which songs are like
/// them.
///
/// # Errors
/// If samples are on disk and cannot be read.
pub fn known_songs(data: &Dataset) -> Result<(Spectra, Typical)> {
    let train = SongBands::read(data, PartName::Train)?;
    let val = SongBands::read(data, PartName::Val)?;
    Ok((Spectra::of(&train), Typical::new(&train.bands, &val.bands)))
}

impl Typical {
    fn new(train: &[Bands], val: &[Bands]) -> Self {
        let variances = || train.iter().flat_map(|bands| &bands.variance);
        let mean_variance = variances().sum::<f64>() / variances().count().max(1) as f64;
        let floor = if mean_variance > 0.0 { positive(FLOOR * mean_variance) } else { 1.0 };
        let mut typical = Self {
            properties: Property::ALL.map(|property| {
                let each: Vec<Vec<f64>> =
                    train.iter().map(|bands| values(property, bands, floor)).collect();
                let each: Vec<&[f64]> = each.iter().map(Vec::as_slice).collect();
                let (mean, deviation) = mean_and_deviation(&each);
                Distribution { mean, deviation, limit: 1.0 }
            }),
            floor,
            validation: val.len(),
            atypical: 0,
        };
        let judge = |typical: &Self| -> Vec<Typicality> {
            train.iter().chain(val).map(|bands| typical.judge(bands)).collect()
        };
        let all = judge(&typical);
        for property in Property::ALL {
            let mut distances: Vec<f64> =
                all.iter().map(|song| song.distances[property as usize]).collect();
            distances.sort_unstable_by(f64::total_cmp);
            let limit = quantile(&distances, LIMIT_QUANTILE).unwrap_or(LEAST_LIMIT);
            typical.properties[property as usize].limit = positive(limit.max(LEAST_LIMIT));
        }
        // All limits are raised together until few songs are beyond any of them: of the validation
        // songs, and of all, since each property has its own limit.
        let scores: Vec<f64> = judge(&typical).iter().map(Typicality::score).collect();
        let factor_of = |scores: &[f64]| {
            let allowed = (MOST_ATYPICAL * scores.len() as f64) as usize;
            let mut scores = scores.to_vec();
            scores.sort_unstable_by(|a, b| b.total_cmp(a));
            // Rounded up, so that the song with this score is within.
            scores.get(allowed).map_or(1.0, |score| (score * 1.000_001).max(1.0))
        };
        let factor = factor_of(&scores).max(factor_of(&scores[train.len()..]));
        typical.properties.iter_mut().for_each(|p| p.limit = positive(f64::from(p.limit) * factor));
        let beyond = |song: &&Typicality| song.beyond().is_some();
        typical.atypical = judge(&typical).iter().skip(train.len()).filter(beyond).count();
        typical
    }

    /// Whether it is of this number of bands, and its numbers are possible.
    pub fn fits(&self, bands: usize) -> bool {
        let positive = |x: f32| x.is_finite() && x > 0.0;
        positive(self.floor)
            && self.properties.iter().all(|Distribution { mean, deviation, limit }| {
                [mean.len(), deviation.len()] == [bands; 2]
                    && positive(*limit)
                    && deviation.iter().all(|x| positive(*x))
                    && mean.iter().all(|x| x.is_finite())
            })
    }

    /// Compares a song with the training songs.
    pub fn judge(&self, bands: &Bands) -> Typicality {
        let mut judged = Typicality { distances: [0.0; 3], limits: [0.0; 3], shifts: [0.0; 3] };
        for (i, (property, known)) in Property::ALL.into_iter().zip(&self.properties).enumerate() {
            let Distribution { mean, deviation, limit } = known;
            let values = values(property, bands, self.floor);
            let terms = values.iter().zip(mean).zip(deviation);
            let shift = terms.map(|((x, m), d)| (x - f64::from(*m)) / f64::from(*d)).sum::<f64>();
            judged.distances[i] = distance(&values, mean, deviation);
            judged.limits[i] = f64::from(*limit);
            judged.shifts[i] = shift / mean.len() as f64;
        }
        judged
    }
}

/// A property of each band.
fn values(property: Property, bands: &Bands, floor: f32) -> Vec<f64> {
    let half_log = |squares: &[f64]| -> Vec<f64> {
        squares.iter().map(|square| 0.5 * (square + f64::from(floor)).ln()).collect()
    };
    match property {
        Property::Spectrum => bands.mean.clone(),
        Property::Variation => half_log(&bands.variance),
        Property::Steps => half_log(&bands.step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::streams::Stream;

    const SHAPE: [usize; 3] = [4, 20, 1];

    /// A "song": each band is a random walk around a level.
    fn song(seed: u64, swing: f64) -> Bands {
        let mut stream = Stream::new(seed, "song");
        let mut x = Vec::new();
        for band in 0..SHAPE[0] {
            let level = 0.3 * stream.normal() - band as f64;
            let mut at = 0.0;
            for _ in 0..SHAPE[1] {
                at = 0.8 * at + swing * stream.normal();
                x.push((level + at) as f32);
            }
        }
        Bands::of(&x, SHAPE)
    }

    fn songs(seeds: std::ops::Range<u64>) -> Vec<Bands> {
        seeds.map(|seed| song(seed, 0.4)).collect()
    }

    #[test]
    fn bands_by_hand() {
        let bands = Bands::of(&[0.0, 2.0, 4.0, 1.0, 1.0, 1.0], [2, 3, 1]);
        assert_eq!((bands.mean, bands.step), (vec![2.0, 1.0], vec![4.0, 0.0]));
        assert!((bands.variance[0] - 8.0 / 3.0).abs() < 1e-12 && bands.variance[1] == 0.0);
        // Two channels: steps are from frame to frame, not from channel to channel.
        let two = Bands::of(&[0.0, 9.0, 1.0, 10.0, 2.0, 11.0], [1, 3, 2]);
        assert_eq!((two.mean, two.step), (vec![5.5], vec![1.0]));
        assert_eq!(Bands::of(&[3.0, 5.0], [2, 1, 1]).step, [0.0, 0.0], "one frame has no step");
    }

    #[test]
    fn at_most_two_in_a_hundred_validation_songs_are_beyond() {
        for n in [1, 3, 20, 49, 50, 120] {
            let typical = Typical::new(&songs(0..100), &songs(1000..1000 + n));
            assert!(typical.fits(4) && !typical.fits(5));
            assert_eq!(typical.validation, n as usize);
            assert!(typical.atypical as f64 <= 0.02 * n as f64, "{} of {n}", typical.atypical);
        }
    }

    #[test]
    fn what_does_not_change_or_is_elsewhere_is_named() {
        let typical = Typical::new(&songs(0..100), &songs(1000..1050));
        let new = songs(5000..5100);
        let beyond = new.iter().filter(|song| typical.judge(song).beyond().is_some()).count();
        // One of the 50 validation songs may be beyond, so that of new ones 2 in 51 are on average; in
        // 97 of 100 draws of validation songs no more than 10.
        assert!(beyond <= 10, "{beyond} of 100 songs of the kind");
        let steady = typical.judge(&song(7, 0.02));
        assert!(matches!(steady.beyond(), Some(Property::Variation | Property::Steps)));
        assert!(steady.is_less(Property::Variation) && steady.is_less(Property::Steps));
        let mut louder = song(7, 0.4);
        louder.mean.iter_mut().for_each(|mean| *mean += 3.0);
        let louder = typical.judge(&louder);
        assert_eq!(louder.beyond(), Some(Property::Spectrum));
        assert!(!louder.is_less(Property::Spectrum));
    }

    #[test]
    fn few_or_equal_songs_are_no_division_by_zero() {
        for (train, val) in [(songs(0..1), vec![]), (vec![song(3, 0.0); 2], songs(0..1))] {
            let typical = Typical::new(&train, &val);
            assert!(typical.fits(4), "{typical:?}");
            assert_eq!(typical.judge(&train[0]).beyond(), None);
        }
    }

    #[test]
    fn a_file_gives_back_the_very_numbers() {
        let typical = Typical::new(&songs(0..10), &songs(10..14));
        let text = serde_json::to_string(&typical).unwrap();
        assert_eq!(serde_json::from_str::<Typical>(&text).unwrap(), typical);
    }
}
