//! A figure that each sample has, over samples.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::Part;
use crate::metrics::{mean_and_deviation, quantile};
use crate::random::streams::Stream;

/// How often units are drawn anew. An end of an interval is then off by a few per cent of its width.
const RESAMPLES: usize = 5_000;

/// Fixed, as in `compare`: the interval depends on the figures only.
const BOOTSTRAP_SEED: u64 = 42;

/// How a figure is spread over samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Samples that have the figure.
    pub n: usize,
    /// Samples that have none: a constant has no rank correlation, an empty map no shares.
    pub without: usize,
    /// None where nothing was measured.
    pub mean: Option<f64>,
    /// Divisor n − 1; none below two samples.
    pub deviation: Option<f64>,
    /// A tenth of the samples lies below.
    pub q10: Option<f64>,
    /// The median.
    pub q50: Option<f64>,
    /// A tenth lies above.
    pub q90: Option<f64>,
}

impl Spread {
    /// Of one value for each sample; what is not finite counts as none.
    pub fn of(values: &[Option<f64>]) -> Self {
        let mut found: Vec<f64> = finite(values).collect();
        let (mean, deviation) = mean_and_deviation(&found);
        found.sort_unstable_by(f64::total_cmp);
        let at = |thousandths| quantile(&found, thousandths);
        let n = found.len();
        let without = values.len() - n;
        Self { n, without, mean, deviation, q10: at(100), q50: at(500), q90: at(900) }
    }
}

/// A figure over samples, and how far its mean can be trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Over samples.
    pub spread: Spread,
    /// How many songs (or samples, where songs are not known) have the figure.
    pub units: usize,
    /// Whether units are songs.
    pub by_song: bool,
    /// 95 % percentile interval of the mean over samples under the bootstrap over units; none
    /// below two.
    pub interval_95: Option<(f64, f64)>,
}

impl Estimate {
    /// Of one value for each sample, and the unit that each belongs to.
    pub fn of(values: &[Option<f64>], units: &Units) -> Self {
        let mut sums: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        for (value, unit) in values.iter().zip(&units.of) {
            if let Some(value) = value.filter(|v| v.is_finite()) {
                let (sum, count) = sums.entry(*unit).or_default();
                *sum += value;
                *count += 1.0;
            }
        }
        let sums: Vec<(f64, f64)> = sums.into_values().collect();
        Self {
            spread: Spread::of(values),
            units: sums.len(),
            by_song: units.by_song,
            interval_95: ratio_interval(&sums),
        }
    }
}

/// Which samples belong together: cuts of a song are not independent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Units {
    of: Vec<usize>,
    by_song: bool,
}

impl Units {
    /// Of samples `indices` of a part. As songs vote: an id under two labels is two songs.
    pub fn new(part: &Part, indices: &[usize]) -> Self {
        let Some(song) = &part.song else {
            return Self { of: (0..indices.len()).collect(), by_song: false };
        };
        let mut known = BTreeMap::new();
        let of = indices.iter().map(|&i| {
            let next = known.len();
            *known.entry((song[i], part.y[i])).or_insert(next)
        });
        Self { of: of.collect(), by_song: true }
    }

    /// The unit of the sample at a place in `indices`.
    pub(super) fn of(&self, at: usize) -> usize {
        self.of[at]
    }
}

fn finite(values: &[Option<f64>]) -> impl Iterator<Item = f64> {
    values.iter().filter_map(|value| value.filter(|v| v.is_finite()))
}

/// The 95 % percentile interval of Σ a / Σ b where whole units (a, b) are drawn with replacement;
/// none below two. Of sums and numbers of samples it is that of the mean over samples.
/// `metrics::bootstrap_mean` takes units of one size and whole numbers.
pub(super) fn ratio_interval(units: &[(f64, f64)]) -> Option<(f64, f64)> {
    if units.len() < 2 {
        return None;
    }
    let mut stream = Stream::new(BOOTSTRAP_SEED, "trust/bootstrap");
    let mut ratio = || {
        let (mut above, mut below) = (0.0, 0.0);
        for _ in 0..units.len() {
            let drawn = stream.pick(units);
            above += drawn.0;
            below += drawn.1;
        }
        above / below
    };
    let mut ratios: Vec<f64> = (0..RESAMPLES).map(|_| ratio()).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    quantile(&ratios, 25).zip(quantile(&ratios, 975))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(song: &[i64], y: &[u32]) -> Part {
        Part { x: Vec::new(), y: y.to_vec(), song: Some(song.to_vec()) }
    }

    fn alone(n: usize) -> Units {
        Units { of: (0..n).collect(), by_song: false }
    }

    /// By hand; deviation √(57.2 / 4), quantiles at 0.4, 2 and 3.6 of 1, 2, 3, 7, 10.
    #[test]
    fn a_spread_by_hand() {
        let values = [Some(3.0), None, Some(1.0), Some(2.0), Some(10.0), Some(7.0), Some(f64::NAN)];
        let got = Spread::of(&values);
        assert_eq!((got.n, got.without, got.mean), (5, 2, Some(4.6)));
        for (got, want) in
            [(got.deviation, 3.781_534_080_237_807), (got.q10, 1.4), (got.q50, 3.0), (got.q90, 8.8)]
        {
            assert!((got.unwrap() - want).abs() < 1e-12, "{got:?} {want}");
        }
    }

    #[test]
    fn nothing_measured_is_none_and_counted() {
        let got = Spread::of(&[None, None]);
        assert_eq!(got, Spread { without: 2, ..Spread::default() });
        let got = Estimate::of(&[None, Some(2.0)], &alone(2));
        assert_eq!((got.units, got.interval_95), (1, None), "one value has no interval");
        assert_eq!((got.spread.mean, got.spread.deviation), (Some(2.0), None));
    }

    /// Three units of equal size: a draw of all the same has chance 1/27 on either side.
    #[test]
    fn the_interval_of_few_by_hand() {
        let got = Estimate::of(&[Some(0.0), Some(3.0), Some(6.0)], &alone(3));
        assert_eq!(got.interval_95, Some((0.0, 6.0)));
        assert_eq!(got, Estimate::of(&[Some(0.0), Some(3.0), Some(6.0)], &alone(3)));
    }

    /// Cuts of a song that are all alike say no more than one of them.
    #[test]
    fn cuts_of_a_song_do_not_narrow_the_interval() {
        let songs: Vec<f64> = (0..30).map(|i| f64::from(i % 5) - 2.0).collect();
        let cuts: Vec<Option<f64>> = songs.iter().flat_map(|v| [Some(*v); 4]).collect();
        let ids: Vec<i64> = (0..30).flat_map(|i| [i; 4]).collect();
        let all: Vec<usize> = (0..120).collect();
        let by_song = Estimate::of(&cuts, &Units::new(&part(&ids, &[0; 120]), &all));
        let once: Vec<Option<f64>> = songs.into_iter().map(Some).collect();
        assert_eq!(by_song.interval_95, Estimate::of(&once, &alone(30)).interval_95);
        assert_eq!((by_song.units, by_song.by_song, by_song.spread.n), (30, true, 120));
        let width = |e: &Estimate| e.interval_95.map(|(low, high)| high - low).unwrap();
        assert!(width(&by_song) > 1.7 * width(&Estimate::of(&cuts, &alone(120))));
    }

    #[test]
    fn one_id_under_two_labels_is_two_songs() {
        let units = Units::new(&part(&[5, 5, 7, 5], &[0, 1, 1, 0]), &[3, 0, 1, 2]);
        assert_eq!(units.of, [0, 0, 1, 2]);
    }
}
