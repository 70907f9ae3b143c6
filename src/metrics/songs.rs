//! From segments to songs.

use std::collections::BTreeMap;

use super::{Confusion, check_rows, check_same_length, first_maximum};
use crate::error::Result;

/// Probabilities below this count as this in [`Vote::Product`], so that one segment which is
/// sure that a class is wrong cannot veto it, and in the log loss of songs: the clip of Keras's
/// cross-entropy.
pub const SMALLEST_PROBABILITY: f64 = 1e-7;

/// How the segments of a song decide on its class; equal scores go to the first class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Vote {
    /// The largest mean probability.
    #[default]
    MeanProbability,
    /// The most often predicted class; of equally frequent ones the larger mean probability.
    Majority,
    /// The largest product of probabilities (sum of logarithms), each at least 1e-7.
    Product,
}

/// One song's vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SongVerdict {
    /// The song's id.
    pub song: i64,
    /// The class of its samples.
    pub label: u32,
    /// The class that the vote gave.
    pub predicted: u32,
    /// Number of its samples.
    pub segments: usize,
}

/// One song under all votes.
#[derive(Debug, Clone, PartialEq)]
pub struct SongVotes {
    /// The song's id.
    pub song: i64,
    /// The class of its samples.
    pub label: u32,
    /// The class by [`Vote::MeanProbability`].
    pub mean: u32,
    /// The class by [`Vote::Majority`].
    pub majority: u32,
    /// The class by [`Vote::Product`].
    pub product: u32,
    /// Number of its samples.
    pub segments: usize,
    /// The mean probability of each class, `[classes]`.
    pub probabilities: Vec<f64>,
}

impl SongVotes {
    /// The class that a vote gave.
    pub fn predicted(&self, vote: Vote) -> u32 {
        match vote {
            Vote::MeanProbability => self.mean,
            Vote::Majority => self.majority,
            Vote::Product => self.product,
        }
    }
}

/// Lets the samples of each song vote in all ways; order, songs and errors as [`song_votes`].
pub fn all_song_votes(
    song: &[i64],
    y: &[u32],
    probabilities: &[f32],
    classes: usize,
) -> Result<Vec<SongVotes>> {
    let votes = |((song, label), rows): ((i64, u32), Vec<&[f32]>)| {
        let mean = |k: usize| rows.iter().map(|row| f64::from(row[k])).sum::<f64>();
        SongVotes {
            song,
            label,
            mean: decide(&rows, classes, Vote::MeanProbability),
            majority: decide(&rows, classes, Vote::Majority),
            product: decide(&rows, classes, Vote::Product),
            segments: rows.len(),
            probabilities: (0..classes).map(|k| mean(k) / rows.len() as f64).collect(),
        }
    };
    Ok(by_song(song, y, probabilities, classes)?.into_iter().map(votes).collect())
}

/// The share of songs, 0 to 1, that a vote gets right; NaN if there are none.
pub fn song_accuracy(songs: &[SongVotes], vote: Vote) -> f64 {
    let right = songs.iter().filter(|song| song.predicted(vote) == song.label).count();
    right as f64 / songs.len() as f64
}

/// Lets the samples of each song vote; songs in order of id, then label.
///
/// `song` and `y` are `[n]`, `probabilities` is `[n, classes]` row-major. A song is told by its
/// id *and* label: where an id occurs with several labels (ids that start anew in each genre)
/// each label is a song of its own, so a song always has one true class.
pub fn song_votes(
    song: &[i64],
    y: &[u32],
    probabilities: &[f32],
    classes: usize,
    vote: Vote,
) -> Result<Vec<SongVerdict>> {
    let songs = by_song(song, y, probabilities, classes)?;
    let verdict = |((song, label), rows): ((i64, u32), Vec<&[f32]>)| SongVerdict {
        song,
        label,
        predicted: decide(&rows, classes, vote),
        segments: rows.len(),
    };
    Ok(songs.into_iter().map(verdict).collect())
}

/// Rows of probabilities by id and label of their song.
type Songs<'a> = BTreeMap<(i64, u32), Vec<&'a [f32]>>;

/// The rows of each song, which id and label tell.
fn by_song<'a>(
    song: &[i64],
    y: &[u32],
    probabilities: &'a [f32],
    classes: usize,
) -> Result<Songs<'a>> {
    check_rows(probabilities.len(), classes)?;
    check_same_length(y.len(), song.len())?;
    check_same_length(y.len(), probabilities.len() / classes)?;
    let mut songs = Songs::new();
    for ((&song, &label), row) in song.iter().zip(y).zip(probabilities.chunks_exact(classes)) {
        songs.entry((song, label)).or_default().push(row);
    }
    Ok(songs)
}

/// The confusion matrix of songs; its accuracy is the songs' accuracy.
pub fn song_confusion(verdicts: &[SongVerdict], classes: usize) -> Result<Confusion> {
    let labels: Vec<u32> = verdicts.iter().map(|v| v.label).collect();
    let predicted: Vec<u32> = verdicts.iter().map(|v| v.predicted).collect();
    Confusion::new(&labels, &predicted, classes)
}

fn decide(rows: &[&[f32]], classes: usize, vote: Vote) -> u32 {
    let sum = |of: fn(f64) -> f64| -> Vec<f64> {
        (0..classes).map(|k| rows.iter().map(|row| of(f64::from(row[k]))).sum()).collect()
    };
    match vote {
        // All classes have as many segments: the largest sum has the largest mean.
        Vote::MeanProbability => first_maximum(sum(|p| p).into_iter()),
        Vote::Product => first_maximum(sum(|p| p.max(SMALLEST_PROBABILITY).ln()).into_iter()),
        Vote::Majority => {
            let mut votes = vec![0_usize; classes];
            for row in rows {
                votes[first_maximum(row.iter().map(|&p| f64::from(p))) as usize] += 1;
            }
            let most = votes.iter().max().copied();
            let among_winners = sum(|p| p)
                .into_iter()
                .zip(votes)
                .map(|(p, n)| if Some(n) == most { p } else { f64::NEG_INFINITY });
            first_maximum(among_winners)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predicted(rows: &[[f32; 3]], vote: Vote) -> u32 {
        let flat: Vec<f32> = rows.concat();
        let (song, y) = (vec![7; rows.len()], vec![0; rows.len()]);
        let verdicts = song_votes(&song, &y, &flat, 3, vote).unwrap();
        assert_eq!(verdicts.len(), 1);
        assert_eq!(verdicts[0].segments, rows.len());
        verdicts[0].predicted
    }

    #[test]
    fn the_three_votes_can_differ() {
        // Means .42, .29, .29; votes 1, 2, 0; products .0014, .0009, .0058.
        let rows = [[0.96, 0.005, 0.035], [0.30, 0.36, 0.34], [0.005, 0.51, 0.485]];
        assert_eq!(predicted(&rows, Vote::MeanProbability), 0);
        assert_eq!(predicted(&rows, Vote::Majority), 1);
        assert_eq!(predicted(&rows, Vote::Product), 2);
    }

    #[test]
    fn all_votes_at_once_are_the_single_ones() {
        let p: Vec<f32> =
            [[0.96, 0.005, 0.035], [0.30, 0.36, 0.34], [0.005, 0.51, 0.485], [0.2, 0.2, 0.6]]
                .concat();
        let (song, y) = ([7, 7, 7, 3], [0, 0, 0, 1]);
        let all = all_song_votes(&song, &y, &p, 3).unwrap();
        assert_eq!((all[0].song, all[0].label, all[0].segments), (3, 1, 1));
        assert_eq!((all[1].mean, all[1].majority, all[1].product), (0, 1, 2));
        for vote in [Vote::MeanProbability, Vote::Majority, Vote::Product] {
            let single = song_votes(&song, &y, &p, 3, vote).unwrap();
            for (one, all) in single.iter().zip(&all) {
                let told = (all.song, all.label, all.predicted(vote), all.segments);
                assert_eq!(told, (one.song, one.label, one.predicted, one.segments));
            }
        }
        for (got, want) in all[1].probabilities.iter().zip([1.265 / 3.0, 0.875 / 3.0, 0.86 / 3.0]) {
            assert!((got - want).abs() < 1e-7, "{got} {want}");
        }
        assert_eq!(song_accuracy(&all, Vote::MeanProbability), 0.5);
        assert_eq!(song_accuracy(&all, Vote::Majority), 0.0);
        assert!(song_accuracy(&[], Vote::Product).is_nan());
        assert!(all_song_votes(&[1], &[0, 0], &[0.5; 4], 2).is_err());
    }

    #[test]
    fn a_tied_majority_goes_to_the_larger_mean_among_the_tied() {
        // One vote each for 1 and 2; class 0 has the largest mean but no vote.
        let rows = [[0.44, 0.46, 0.10], [0.43, 0.09, 0.48]];
        assert_eq!(predicted(&rows, Vote::Majority), 2);
        assert_eq!(predicted(&rows, Vote::MeanProbability), 0);
    }

    #[test]
    fn complete_ties_go_to_the_first_class() {
        let rows = [[0.25, 0.5, 0.25], [0.5, 0.25, 0.25]];
        for vote in [Vote::MeanProbability, Vote::Majority, Vote::Product] {
            assert_eq!(predicted(&rows, vote), 0);
        }
    }

    #[test]
    fn a_zero_does_not_veto_in_the_product() {
        // Class 0: 0.999² · 1e-7 ≈ 1e-7; class 1: 0.001² · 0.05 = 5e-8; without the clip 0 loses.
        let rows = [[0.999, 0.001, 0.0], [0.999, 0.001, 0.0], [0.0, 0.05, 0.0]];
        assert_eq!(predicted(&rows, Vote::Product), 0);
    }

    #[test]
    fn songs_are_told_by_id_and_label_and_sorted() {
        let song = [5, -1, 5, 5];
        let y = [1, 0, 0, 1];
        let p = [0.9, 0.1, 0.2, 0.8, 0.3, 0.7, 0.4, 0.6];
        let got = song_votes(&song, &y, &p, 2, Vote::default()).unwrap();
        let want = [
            SongVerdict { song: -1, label: 0, predicted: 1, segments: 1 },
            SongVerdict { song: 5, label: 0, predicted: 1, segments: 1 },
            SongVerdict { song: 5, label: 1, predicted: 0, segments: 2 },
        ];
        assert_eq!(got, want);
        let confusion = song_confusion(&got, 2).unwrap();
        assert_eq!(confusion.counts, [[0, 2], [1, 0]]);
        assert_eq!(confusion.accuracy(), 0.0);
    }

    #[test]
    fn lengths_must_agree() {
        assert!(song_votes(&[1], &[0, 0], &[0.5; 4], 2, Vote::default()).is_err());
        assert!(song_votes(&[1, 1], &[0, 0], &[0.5; 6], 2, Vote::default()).is_err());
        assert!(song_votes(&[], &[], &[], 2, Vote::default()).unwrap().is_empty());
    }
}
