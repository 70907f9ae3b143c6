//! Divides samples that come in one array into parts: at random, by class, from a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::PartName;
use crate::error::DataProblem;
use crate::random::streams::Stream;

/// What stays together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitBy {
    /// The samples of a song.
    Song,
    /// Each sample is drawn by itself: a song may be in several parts.
    Sample,
}

/// How samples are divided into parts; `song`, `sample` or `song:7` in flags and files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Split {
    /// What stays together.
    pub by: SplitBy,
    /// Another seed draws other parts.
    pub seed: u64,
}

/// The seed where none is given.
const SEED: u64 = 42;

/// Percent of the songs or samples of a class, and the part that they become; training gets the rest.
pub(crate) const SHARES: [(PartName, usize); 2] = [(PartName::Val, 14), (PartName::Test, 30)];

/// How many of `n` are `part` of `whole`, rounded, and at least one.
pub(crate) fn share(n: usize, part: usize, whole: usize) -> usize {
    ((n * part + whole / 2) / whole).max(1)
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.by {
            SplitBy::Song => "song",
            SplitBy::Sample => "sample",
        })?;
        if self.seed == SEED { Ok(()) } else { write!(f, ":{}", self.seed) }
    }
}

impl FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("expected song, sample, or either with a seed (song:7), found {text}");
        let (word, seed) = text.split_once(':').unwrap_or((text, "42"));
        let by = match word {
            "song" => SplitBy::Song,
            "sample" => SplitBy::Sample,
            _ => return Err(expected()),
        };
        Ok(Self { by, seed: seed.parse().map_err(|_| expected())? })
    }
}

impl TryFrom<String> for Split {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Split> for String {
    fn from(split: Split) -> Self {
        split.to_string()
    }
}

impl Split {
    /// The part of each sample, one of `parts` (training first); as in voting, an id that occurs with
    /// two labels is two songs. Each class is divided by itself, so that each part has all of them in
    /// the same shares.
    pub(super) fn draw(
        self,
        y: &[u32],
        songs: Option<&[i64]>,
        parts: &[PartName],
    ) -> Result<Vec<PartName>, DataProblem> {
        // By song: the samples of each song of a class; by sample: each sample alone.
        let mut classes: BTreeMap<u32, BTreeMap<i64, Vec<usize>>> = BTreeMap::new();
        for (sample, &class) in y.iter().enumerate() {
            let id = match (self.by, songs) {
                (SplitBy::Sample, _) => sample as i64,
                (SplitBy::Song, Some(songs)) => songs.get(sample).copied().unwrap_or_default(),
                (SplitBy::Song, None) => return Err(DataProblem::NoSongs),
            };
            classes.entry(class).or_default().entry(id).or_default().push(sample);
        }
        let mut drawn = vec![PartName::Train; y.len()];
        for (class, groups) in classes {
            if groups.len() < parts.len() {
                let (found, expected) = (groups.len(), parts.len());
                let what = if self.by == SplitBy::Song { "songs" } else { "samples" };
                return Err(DataProblem::TooFewToSplit { class, what, found, expected });
            }
            let n = groups.len();
            let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
            Stream::new(self.seed, &format!("data/split/{class}")).shuffle(&mut groups);
            let mut groups = groups.into_iter();
            // Without a test part of its own the training part loses the same share to validation.
            let whole: usize = 100
                - SHARES
                    .iter()
                    .filter(|(part, _)| !parts.contains(part))
                    .map(|(_, p)| p)
                    .sum::<usize>();
            for (part, percent) in SHARES.into_iter().filter(|(part, _)| parts.contains(part)) {
                for sample in groups.by_ref().take(share(n, percent, whole)).flatten() {
                    if let Some(own) = drawn.get_mut(sample) {
                        *own = part;
                    }
                }
            }
        }
        Ok(drawn)
    }

    /// What was done, in one line.
    pub(super) fn describe(self, place: &str, y: &[u32], drawn: &[PartName]) -> String {
        let count = |part| drawn.iter().filter(|own| **own == part).count();
        let parts: BTreeSet<PartName> = drawn.iter().copied().collect();
        let counts: Vec<String> =
            parts.into_iter().map(|part| format!("{} {part}", count(part))).collect();
        format!(
            "{place}: {} samples split here by {}, class by class, seed {}: {}; --split {}:SEED draws \
             others",
            y.len(),
            if self.by == SplitBy::Song { "song" } else { "sample" },
            self.seed,
            counts.join(", "),
            if self.by == SplitBy::Song { "song" } else { "sample" },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Split {
        text.parse().unwrap()
    }

    #[test]
    fn songs_stay_together_and_classes_have_their_shares() {
        // 100 songs of 3 samples in each of two classes, whose ids repeat.
        let y: Vec<u32> = (0..600).map(|i| i / 300).collect();
        let songs: Vec<i64> = (0..600).map(|i| i / 3 % 100).collect();
        let drawn = split("song").draw(&y, Some(&songs), &PartName::ALL).unwrap();
        assert!(drawn.chunks(3).all(|song| song.iter().all(|part| *part == song[0])));
        for class in drawn.chunks(300) {
            let count = |part| class.iter().filter(|own| **own == part).count() / 3;
            assert_eq!(PartName::ALL.map(count), [56, 14, 30]);
        }
        assert_ne!(drawn, split("song:7").draw(&y, Some(&songs), &PartName::ALL).unwrap());
        let of_training = [PartName::Train, PartName::Val];
        let drawn = split("sample").draw(&y, None, &of_training).unwrap();
        assert_eq!(drawn.iter().filter(|part| **part == PartName::Val).count(), 120);
    }

    #[test]
    fn too_few_songs_or_none_are_told() {
        let few = split("song").draw(&[0, 0, 0, 1], Some(&[1, 2, 3, 1]), &PartName::ALL);
        assert!(matches!(few, Err(DataProblem::TooFewToSplit { class: 1, found: 1, .. })));
        let none = split("song").draw(&[0, 1], None, &PartName::ALL);
        assert!(matches!(none, Err(DataProblem::NoSongs)));
        assert!("songs".parse::<Split>().is_err() && "song:x".parse::<Split>().is_err());
        assert_eq!(["song", "sample:7"].map(|text| split(text).to_string()), ["song", "sample:7"]);
    }
}
