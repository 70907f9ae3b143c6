//! Divides samples that come in one array into parts: at random, by class, from a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::PartName;
use super::check::name_of;
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
    /// The part of each sample, one of `parts` (training first). Samples of one id stay together: those
    /// of a song, or equal ones. Each class is divided by itself, so that each part has all of them in
    /// the same shares; an id with several labels is drawn with those of its most frequent.
    pub(super) fn draw(
        self,
        y: &[u32],
        ids: &[i64],
        parts: &[PartName],
        names: Option<&[String]>,
    ) -> Result<Vec<PartName>, DataProblem> {
        let mut of_class: BTreeMap<u32, BTreeSet<i64>> = BTreeMap::new();
        let mut samples: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for ((sample, &class), &id) in y.iter().enumerate().zip(ids) {
            of_class.entry(class).or_default().insert(id);
            samples.entry(id).or_default().push(sample);
        }
        if let Some((&class, few)) = of_class.iter().find(|(_, ids)| ids.len() < parts.len()) {
            let (found, expected) = (few.len(), parts.len());
            let what = if self.by == SplitBy::Song { "songs" } else { "different samples" };
            let name = name_of(class, names);
            return Err(DataProblem::TooFewToSplit { class, name, what, found, expected });
        }
        let mut classes: BTreeMap<u32, BTreeMap<i64, Vec<usize>>> = BTreeMap::new();
        for (id, samples) in samples {
            let class = most_frequent(samples.iter().filter_map(|sample| y.get(*sample)));
            classes.entry(class).or_default().insert(id, samples);
        }
        let mut drawn = vec![PartName::Train; y.len()];
        for (class, groups) in classes {
            let n = groups.len();
            if n < parts.len() {
                // They are of ids with several labels: training can have them.
                continue;
            }
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

    /// What was done, in one line; `song` is how the data name a song id.
    pub(super) fn describe(
        self,
        place: &str,
        y: &[u32],
        ids: &[i64],
        drawn: &[PartName],
        song: &dyn Fn(i64) -> String,
    ) -> String {
        let pairs: BTreeSet<(&i64, &u32)> = ids.iter().zip(y).collect();
        let different: BTreeSet<&i64> = ids.iter().collect();
        let mut several = pairs.iter().zip(pairs.iter().skip(1)).filter(|(a, b)| a.0 == b.0);
        let together = match (self.by, several.next()) {
            (SplitBy::Song, Some(((id, one), (_, other)))) => format!(
                "; song ids with several labels, such as {} (of classes {one} and {other}), are each in \
                 one part",
                song(**id)
            ),
            (SplitBy::Sample, _) if different.len() < y.len() => format!(
                "; {} samples equal an earlier one and are in the part of that",
                y.len() - different.len()
            ),
            _ => String::new(),
        };
        let count = |part| drawn.iter().filter(|own| **own == part).count();
        let parts: BTreeSet<PartName> = drawn.iter().copied().collect();
        let counts: Vec<String> =
            parts.into_iter().map(|part| format!("{} {part}", count(part))).collect();
        format!(
            "{place}: {} samples split here by {}, class by class, seed {}: {}{together}; --split {}:SEED \
             draws others",
            y.len(),
            if self.by == SplitBy::Song { "song" } else { "sample" },
            self.seed,
            counts.join(", "),
            if self.by == SplitBy::Song { "song" } else { "sample" },
        )
    }
}

/// The label that occurs most often; of several the least.
pub(super) fn most_frequent<'a>(labels: impl Iterator<Item = &'a u32>) -> u32 {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    labels.for_each(|label| *counts.entry(*label).or_default() += 1);
    let most = counts.into_iter().max_by(|a, b| (a.1, b.0).cmp(&(b.1, a.0)));
    most.map_or(0, |(label, _)| label)
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
        let drawn = split("song").draw(&y, &songs, &PartName::ALL, None).unwrap();
        assert!(drawn.chunks(3).all(|song| song.iter().all(|part| *part == song[0])));
        for class in drawn.chunks(300) {
            let count = |part| class.iter().filter(|own| **own == part).count() / 3;
            assert_eq!(PartName::ALL.map(count), [56, 14, 30]);
        }
        assert_ne!(drawn, split("song:7").draw(&y, &songs, &PartName::ALL, None).unwrap());
        let each: Vec<i64> = (0..600).collect();
        let of_training = [PartName::Train, PartName::Val];
        let drawn = split("sample").draw(&y, &each, &of_training, None).unwrap();
        assert_eq!(drawn.iter().filter(|part| **part == PartName::Val).count(), 120);
    }

    #[test]
    fn an_id_with_several_labels_is_in_one_part() {
        // Songs 0 to 29, each with samples of two classes, and songs of one class.
        let y: Vec<u32> = (0..240).map(|i| if i < 120 { i % 2 } else { i / 2 % 3 }).collect();
        let songs: Vec<i64> = (0..240).map(|i| if i < 120 { i / 4 } else { i / 2 }).collect();
        for by in ["song", "song:7"] {
            let drawn = split(by).draw(&y, &songs, &PartName::ALL, None).unwrap();
            let mut of_song: BTreeMap<i64, BTreeSet<PartName>> = BTreeMap::new();
            songs.iter().zip(&drawn).for_each(|(song, part)| {
                of_song.entry(*song).or_default().insert(*part);
            });
            assert!(of_song.values().all(|parts| parts.len() == 1));
            assert!(PartName::ALL.iter().all(|part| drawn.contains(part)));
            let text = split(by).describe("x", &y, &songs, &drawn, &|id| format!("song{id}"));
            let one_part = "such as song0 (of classes 0 and 1), are each in one part";
            assert!(text.contains(one_part), "{text}");
        }
    }

    #[test]
    fn too_few_songs_are_reported() {
        let few = split("song").draw(&[0, 0, 0, 1], &[1, 2, 3, 1], &PartName::ALL, None);
        assert!(matches!(few, Err(DataProblem::TooFewToSplit { class: 1, found: 1, .. })));
        assert!("songs".parse::<Split>().is_err() && "song:x".parse::<Split>().is_err());
        assert_eq!(["song", "sample:7"].map(|text| split(text).to_string()), ["song", "sample:7"]);
    }
}
