//! One model against another on the same songs.

use serde::Serialize;

use crate::data::Part;
use crate::error::Result;
use crate::metrics::{SongVerdict, Vote, bootstrap_mean, mcnemar, song_votes};
use crate::random::streams::Stream;

/// Number of bootstrap resamples of songs and seeds.
pub const RESAMPLES: usize = 10_000;

/// The seed of the stream that draws them, the same for every pair of models.
pub const BOOTSTRAP_SEED: u64 = 42;

/// Fewer songs than this allow no conclusion: the interval is too narrow, or has no width at all.
pub(crate) const FEW_SONGS: usize = 20;

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
    /// The 95 % percentile interval of that mean under the bootstrap over songs and seeds.
    pub interval_95: (f64, f64),
    /// Songs that the model alone classifies correctly, when all samples under all seeds vote with their
    /// mean probability.
    pub only_model: u64,
    /// Songs that the baseline alone classifies correctly then.
    pub only_baseline: u64,
    /// McNemar's exact two-sided p-value of these two counts.
    pub mcnemar_p: f64,
    /// The same after Holm, over all models that are compared with the baseline on these data.
    pub holm_p: f64,
}

/// A model's verdicts on the songs of a part.
#[derive(Debug, Clone)]
pub(super) struct Verdicts {
    /// By seed, the same for all models: 1 for each song that is classified correctly, else 0.
    pub(super) correct: Vec<Vec<i64>>,
    /// Of each song, whether it is classified correctly when all seeds vote together.
    pub(super) joint: Vec<bool>,
}

impl Verdicts {
    /// From each seed's probabilities; none where songs are unknown.
    pub(super) fn new(part: &Part, seeds: &[&[f32]], classes: usize) -> Result<Option<Self>> {
        let Some(song) = &part.song else { return Ok(None) };
        let is_correct = |v: &SongVerdict| v.predicted == v.label;
        let of_seed = |rows: &&[f32]| {
            let votes = song_votes(song, &part.y, rows, classes, Vote::MeanProbability)?;
            Ok(votes.iter().map(|vote| i64::from(is_correct(vote))).collect())
        };
        let correct = seeds.iter().map(of_seed).collect::<Result<_>>()?;
        let (song, y) = (song.repeat(seeds.len()), part.y.repeat(seeds.len()));
        let votes = song_votes(&song, &y, &seeds.concat(), classes, Vote::MeanProbability)?;
        let joint = votes.iter().map(is_correct).collect();
        Ok(Some(Self { correct, joint }))
    }

    /// This model against a baseline on the same songs; none without songs.
    pub(super) fn against(&self, baseline: &Self) -> Option<Paired> {
        // By seed and song. Whole numbers, divided once at the end: 1 - 2/3 is not 1/3 among floats.
        let of_seed = |(model, base): (&Vec<i64>, &Vec<i64>)| -> Vec<i64> {
            model.iter().zip(base).map(|(model, base)| model - base).collect()
        };
        let differences: Vec<Vec<i64>> =
            self.correct.iter().zip(&baseline.correct).map(of_seed).collect();
        let mut stream = Stream::new(BOOTSTRAP_SEED, "compare/bootstrap");
        let interval_95 = bootstrap_mean(&differences, RESAMPLES, &mut stream)?;
        let only = |one: &Self, other: &Self| {
            one.joint.iter().zip(&other.joint).filter(|(one, other)| **one && !**other).count()
        };
        let (only_model, only_baseline) =
            (only(self, baseline) as u64, only(baseline, self) as u64);
        let mcnemar_p = mcnemar(only_baseline, only_model);
        Some(Paired {
            songs: self.joint.len(),
            difference: differences.iter().flatten().sum::<i64>() as f64
                / (self.joint.len() * differences.len()) as f64,
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
        assert_eq!(got.correct, [[1, 0, 0], [0, 1, 0]]);
        assert_eq!(got.joint, [true, true, false]);
    }

    #[test]
    fn a_pair_by_hand() {
        let verdicts = |correct: [[i64; 3]; 2], joint: [bool; 3]| Verdicts {
            correct: correct.map(Vec::from).to_vec(),
            joint: joint.to_vec(),
        };
        let model = verdicts([[1, 1, 1], [1, 1, 0]], [true, true, false]);
        let base = verdicts([[1, 0, 1], [0, 0, 1]], [false, false, true]);
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
        let of = |right: Vec<i64>| {
            let seed = |seed| right.iter().map(|count| i64::from(*count > seed)).collect();
            Verdicts { correct: (0..3).map(seed).collect(), joint: vec![true; 43] }
        };
        // Under each of three seeds six of 43 songs are gained and one is lost.
        let verdicts = |six: i64, one: i64| of([vec![six; 6], vec![one], vec![3; 36]].concat());
        let (model, base) = (verdicts(3, 0), verdicts(0, 3));
        let got = model.against(&base).unwrap();
        assert_eq!(got.interval_95.0, 0.0);
        assert!((got.difference - 5.0 / 43.0).abs() < 1e-15 && got.interval_95.1 > 0.0);
        assert_eq!(base.against(&model).unwrap().interval_95.1, 0.0);
        // As many gains as losses, in unlike steps: two songs gain a third, one loses two.
        let verdicts = |two: i64, one: i64| of([vec![two; 2], vec![one], vec![1; 40]].concat());
        assert_eq!(verdicts(3, 0).against(&verdicts(2, 2)).unwrap().difference, 0.0);
    }

    #[test]
    fn without_songs_there_is_no_pair() {
        let part = Part { song: None, ..part() };
        assert!(Verdicts::new(&part, &[&rows([0.5; 6])], 2).unwrap().is_none());
        let none = Verdicts { correct: vec![Vec::new()], joint: Vec::new() };
        assert!(none.against(&none).is_none());
    }
}
