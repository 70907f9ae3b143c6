//! One model against another on the same songs.

use serde::Serialize;

use crate::data::Part;
use crate::error::Result;
use crate::metrics::{SongVerdict, Vote, bootstrap_mean, mcnemar, song_votes};
use crate::random::streams::Stream;

/// How often songs are drawn anew.
pub const RESAMPLES: usize = 10_000;

/// The seed of the stream that draws them, the same for every pair of models.
pub const BOOTSTRAP_SEED: u64 = 42;

/// Fewer songs than this bear no conclusion: the interval is too narrow, or has no width at all.
pub(super) const FEW_SONGS: usize = 20;

/// A model's figures less the baseline's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Of the mean accuracies by sample, in shares of 1. Samples of one song depend on each
    /// other, so it has no interval.
    pub accuracy: f64,
    /// By song, where songs are known.
    pub songs: Option<Paired>,
}

/// Two models' verdicts on the same songs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Paired {
    /// Number of songs.
    pub songs: usize,
    /// The mean over songs of d = share of seeds under which the model is right, less the same of
    /// the baseline: the difference of the mean song accuracies.
    pub difference: f64,
    /// The 95 % percentile interval of that mean under the bootstrap over songs.
    pub interval_95: (f64, f64),
    /// Songs that the model alone has right, when all samples under all seeds vote with their
    /// mean probability.
    pub only_model: u64,
    /// Songs that the baseline alone has right then.
    pub only_baseline: u64,
    /// McNemar's exact two-sided p-value of these two counts.
    pub mcnemar_p: f64,
    /// The same after Holm, over all models that are compared with the baseline on these data.
    pub holm_p: f64,
}

/// A model's verdicts on the songs of a part.
#[derive(Debug, Clone)]
pub(super) struct Verdicts {
    /// Number of seeds, the same for all models.
    pub(super) seeds: usize,
    /// Of each song, the number of seeds under which it is right.
    pub(super) right: Vec<i64>,
    /// Of each song, whether it is right when all seeds vote together.
    pub(super) joint: Vec<bool>,
}

impl Verdicts {
    /// From each seed's probabilities; none where songs are unknown.
    pub(super) fn new(part: &Part, seeds: &[&[f32]], classes: usize) -> Result<Option<Self>> {
        let Some(song) = &part.song else { return Ok(None) };
        let right = |v: &SongVerdict| v.predicted == v.label;
        let mut counts = Vec::new();
        for rows in seeds {
            let votes = song_votes(song, &part.y, rows, classes, Vote::MeanProbability)?;
            counts.resize(votes.len(), 0);
            for (count, vote) in counts.iter_mut().zip(&votes) {
                *count += i64::from(right(vote));
            }
        }
        let (song, y) = (song.repeat(seeds.len()), part.y.repeat(seeds.len()));
        let votes = song_votes(&song, &y, &seeds.concat(), classes, Vote::MeanProbability)?;
        let joint = votes.iter().map(right).collect();
        Ok(Some(Self { seeds: seeds.len(), right: counts, joint }))
    }

    /// This model against a baseline on the same songs; none without songs.
    pub(super) fn against(&self, baseline: &Self) -> Option<Paired> {
        // Whole numbers, divided once at the end: 1 - 2/3 is not 1/3 among floats.
        let differences: Vec<i64> =
            self.right.iter().zip(&baseline.right).map(|(model, base)| model - base).collect();
        let mut stream = Stream::new(BOOTSTRAP_SEED, "compare/bootstrap");
        let interval_95 = bootstrap_mean(&differences, self.seeds, RESAMPLES, &mut stream)?;
        let only = |one: &Self, other: &Self| {
            one.joint.iter().zip(&other.joint).filter(|(one, other)| **one && !**other).count()
        };
        let (only_model, only_baseline) =
            (only(self, baseline) as u64, only(baseline, self) as u64);
        let mcnemar_p = mcnemar(only_baseline, only_model);
        Some(Paired {
            songs: differences.len(),
            difference: differences.iter().sum::<i64>() as f64
                / (differences.len() * self.seeds) as f64,
            interval_95,
            only_model,
            only_baseline,
            mcnemar_p,
            holm_p: mcnemar_p,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> Part {
        // Three songs of two samples each, one of class 1.
        Part { x: Vec::new(), y: vec![0, 0, 1, 1, 0, 0], song: Some(vec![1, 1, 2, 2, 3, 3]) }
    }

    /// Probabilities of class 0, those of class 1 are the rest.
    fn rows(of: [f32; 6]) -> Vec<f32> {
        of.iter().flat_map(|&p| [p, 1.0 - p]).collect()
    }

    #[test]
    fn seeds_are_counted_and_the_joint_verdict_adds_probabilities() {
        // Song 1: right, wrong by little; song 2: wrong, right by more; song 3: wrong twice.
        let one = rows([0.9, 0.8, 0.6, 0.6, 0.1, 0.4]);
        let two = rows([0.4, 0.5, 0.1, 0.2, 0.3, 0.3]);
        let got = Verdicts::new(&part(), &[&one, &two], 2).unwrap().unwrap();
        assert_eq!((got.seeds, got.right), (2, vec![1, 1, 0]));
        assert_eq!(got.joint, [true, true, false]);
    }

    #[test]
    fn a_pair_by_hand() {
        let model = Verdicts { seeds: 2, right: vec![2, 2, 1], joint: vec![true, true, false] };
        let base = Verdicts { seeds: 2, right: vec![1, 0, 2], joint: vec![false, false, true] };
        let got = model.against(&base).unwrap();
        assert!((got.difference - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!((got.songs, got.only_model, got.only_baseline), (3, 2, 1));
        // 2 : 1 of three coins.
        assert_eq!(got.mcnemar_p, 1.0);
        assert_eq!(got.interval_95, (-0.5, 1.0), "all three draws may be the same song");
        let other = base.against(&model).unwrap();
        assert!((other.difference + got.difference).abs() < 1e-12);
    }

    /// Draws of as many songs that gained a third as of such that lost one sum to 0, not to what
    /// 1 - 2/3 and 0 - 1/3 leave of it among floats.
    #[test]
    fn an_end_at_0_is_0() {
        // Three seeds and 43 songs: five go from 2/3 to 1, one from 1/3 to 0.
        let verdicts = |five: i64, one: i64| {
            let right = [vec![five; 5], vec![one], vec![1; 37]].concat();
            Verdicts { seeds: 3, right, joint: vec![true; 43] }
        };
        let (model, base) = (verdicts(3, 0), verdicts(2, 1));
        let got = model.against(&base).unwrap();
        assert_eq!(got.interval_95.0, 0.0);
        assert!((got.difference - 4.0 / 3.0 / 43.0).abs() < 1e-15 && got.interval_95.1 > 0.0);
        assert_eq!(base.against(&model).unwrap().interval_95.1, 0.0);
        // As many gains as losses, in unlike steps: two songs gain a third, one loses two.
        let verdicts = |two: i64, one: i64| Verdicts {
            seeds: 3,
            right: [vec![two; 2], vec![one], vec![1; 40]].concat(),
            joint: vec![true; 43],
        };
        assert_eq!(verdicts(3, 0).against(&verdicts(2, 2)).unwrap().difference, 0.0);
    }

    #[test]
    fn without_songs_there_is_no_pair() {
        let part = Part { song: None, ..part() };
        assert!(Verdicts::new(&part, &[&rows([0.5; 6])], 2).unwrap().is_none());
        let none = Verdicts { seeds: 1, right: Vec::new(), joint: Vec::new() };
        assert!(none.against(&none).is_none());
    }
}
