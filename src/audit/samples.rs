//! The samples of all parts in one list, and which of them share sound with another part.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::{Compromised, Match, Names, Sample};
use crate::data::{ArrayFacts, Dataset, Fingerprint, Part, PartName, Values};

/// The samples of train, val and test, in this order, and their values.
pub(super) struct AllSamples<'a> {
    pub(super) data: &'a Dataset,
    pub(super) samples: Vec<Sample>,
    /// Values of a sample.
    pub(super) size: usize,
    /// The names of songs, where known.
    names: Option<&'a Names>,
}

impl<'a> AllSamples<'a> {
    pub(super) fn of(data: &'a Dataset, names: Option<&'a Names>) -> Self {
        let of_part = |part: PartName| {
            let Part { y, song, .. } = data.part(part);
            y.iter().enumerate().map(move |(index, &label)| {
                let song = song.as_ref().and_then(|song| song.get(index)).copied();
                Sample { part, index, label, song }
            })
        };
        // A validation part that is the test part has nothing of its own to compare.
        let own = |part: &PartName| *part != PartName::Val || !data.val_is_test;
        let samples = PartName::ALL.into_iter().filter(own).flat_map(of_part).collect();
        Self { data, samples, size: data.sample_shape.iter().product(), names }
    }

    /// The song of an id: of several whose files are pieces of one song by their names, the least.
    pub(super) fn song(&self, id: i64) -> i64 {
        self.names.and_then(|names| names.same.get(&id)).copied().unwrap_or(id)
    }

    /// The songs of a part, as id and label: as in voting, an id that occurs with two labels is two songs.
    pub(super) fn songs_of(&self, part: PartName) -> BTreeSet<(i64, u32)> {
        let ids = ids_of(self.data.part(part));
        ids.into_iter().map(|(id, label)| (self.song(id), label)).collect()
    }

    /// A sample's values, `[h, w]`.
    pub(super) fn x(&self, sample: &Sample) -> &'a [f32] {
        let from = sample.index * self.size;
        self.data.part(sample.part).x.get(from..from + self.size).unwrap_or_default()
    }

    /// The fingerprints of all samples: from loading, or computed for a dataset that was made
    /// otherwise.
    pub(super) fn fingerprints(&self) -> Vec<Fingerprint> {
        let own = |facts: &&ArrayFacts| facts.name.part != PartName::Val || !self.data.val_is_test;
        let found = self.data.found.iter().filter(own).filter_map(|facts| match &facts.values {
            Values::Samples { fingerprints, .. } => Some(fingerprints),
            _ => None,
        });
        let known: Vec<Fingerprint> = found.flatten().copied().collect();
        if known.len() == self.samples.len() {
            return known;
        }
        self.samples.par_iter().map(|sample| Fingerprint::of(self.x(sample))).collect()
    }

    /// The samples of a part.
    pub(super) fn of_part(&self, part: PartName) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.part == part)
    }
}

/// Samples that share sound with a part that theirs must share nothing with.
#[derive(Default)]
pub(super) struct Marks(BTreeSet<Sample>);

impl Marks {
    /// Marks the sample of a match.
    pub(super) fn mark(&mut self, found: &Match) {
        self.0.insert(found.sample);
    }

    /// Marks all samples of these songs, whatever their label.
    pub(super) fn mark_songs(
        &mut self,
        all: &AllSamples<'_>,
        part: PartName,
        songs: &BTreeSet<i64>,
    ) {
        let of_song = |s: &&Sample| s.song.is_some_and(|id| songs.contains(&all.song(id)));
        self.0.extend(all.of_part(part).filter(of_song));
    }

    /// Marks all samples of these songs, which are those of one label.
    pub(super) fn mark_labelled(
        &mut self,
        all: &AllSamples<'_>,
        part: PartName,
        songs: &BTreeSet<(i64, u32)>,
    ) {
        let of_song =
            |s: &&Sample| s.song.is_some_and(|id| songs.contains(&(all.song(id), s.label)));
        self.0.extend(all.of_part(part).filter(of_song));
    }

    /// How much of a part is marked.
    pub(super) fn compromised(&self, all: &AllSamples<'_>, part: PartName) -> Compromised {
        let known = all.data.part(part).song.is_some();
        let songs = |samples: &mut dyn Iterator<Item = &Sample>| {
            let songs: BTreeSet<_> =
                samples.map(|s| (s.song.map(|id| all.song(id)), s.label)).collect();
            known.then_some(songs.len())
        };
        let marked = || self.0.iter().filter(|sample| sample.part == part);
        Compromised {
            samples: marked().count(),
            of_samples: all.data.part(part).len(),
            songs: songs(&mut marked()),
            of_songs: songs(&mut all.of_part(part)),
        }
    }
}

/// The ids of a part's songs, each with its label.
pub(super) fn ids_of(part: &Part) -> BTreeSet<(i64, u32)> {
    part.song.iter().flatten().copied().zip(part.y.iter().copied()).collect()
}
