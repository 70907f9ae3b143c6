//! The fast part of an audit, without comparing values: fingerprints, song ids and counts.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::Serialize;

use super::facts::{self, Counts, counts};
use super::samples::{AllSamples, Marks};
use super::{Compromised, EXAMPLES, How, Match, PAIRS, Sample};
use crate::data::{Dataset, Fingerprint, PartName};

/// Equal samples, shared songs, constant samples and classes of all parts.
#[derive(Debug)]
pub struct Quick {
    pub(super) parts: Vec<Counts>,
    pub(super) same: Same,
    pub(super) shared_songs: Vec<SharedSongs>,
    /// Parts whose values are on another scale than those of training.
    scales: Vec<String>,
    test: Compromised,
    val: Compromised,
}

impl Quick {
    /// Checks data that are not scaled.
    pub fn of(data: &Dataset) -> Self {
        Self::of_all(&AllSamples::of(data, None))
    }

    pub(super) fn of_all(all: &AllSamples<'_>) -> Self {
        let fingerprints = all.fingerprints();
        let nothing = || Marks::default().compromised(all, PartName::Test);
        let mut quick = Self {
            parts: counts(all, &fingerprints),
            same: same(all, &fingerprints),
            shared_songs: shared(all),
            scales: facts::other_scales(all),
            test: nothing(),
            val: nothing(),
        };
        let marks = quick.marks(all);
        quick.test = marks.compromised(all, PartName::Test);
        quick.val = marks.compromised(all, PartName::Val);
        quick
    }

    pub(super) fn marks(&self, all: &AllSamples<'_>) -> Marks {
        let mut marks = Marks::default();
        self.same.matches.iter().for_each(|found| marks.mark(found));
        for shared in &self.shared_songs {
            marks.mark_labelled(all, shared.part, &shared.all);
        }
        marks
    }

    /// What is wrong but compromises no part.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for Counts { part, classes, constant, samples, .. } in &self.parts {
            let constant = constant.len();
            for class in classes.iter().filter(|class| class.samples == 0) {
                warnings.push(format!("no sample in {part} is of class {}", class.class));
            }
            if constant > 0 {
                let are = if constant == 1 { "has" } else { "have" };
                warnings.push(format!(
                    "{constant} of {samples} samples in {part} {are} one value everywhere"
                ));
            }
        }
        warnings.extend(self.scales.iter().cloned());
        let conflicts = self.same.conflicts.len();
        if conflicts > 0 {
            warnings.push(format!("equal samples with different labels: {conflicts}"));
        }
        for (part, count) in self.same.within.iter().filter(|(_, count)| *count > 0) {
            warnings.push(format!("samples in {part} that repeat another of it: {count}"));
        }
        warnings
    }

    /// Whether test or validation share anything with what they are judged by, or samples are
    /// unusable.
    pub fn finds_fault(&self) -> bool {
        let constant = self.parts.iter().any(|part| !part.constant.is_empty());
        let conflicts = !self.same.conflicts.is_empty();
        let scales = !self.scales.is_empty();
        self.test.samples + self.val.samples > 0 || constant || conflicts || scales
    }

    /// One line: what occurs in several parts, or that nothing does.
    pub fn line(&self) -> String {
        let identical = |part: PartName, by: &str, of: usize| {
            let of_part = self.same.matches.iter().filter(|m| m.sample.part == part);
            let mut samples: Vec<_> = of_part.map(|m| m.sample).collect();
            samples.dedup();
            let (n, occur) = (samples.len(), occurs(samples.len()));
            (n > 0).then(|| format!("{n} of {of} {part} samples {occur} in {by} too"))
        };
        let songs = |shared: &SharedSongs| {
            let SharedSongs { part, other, songs, examples, .. } = shared;
            let example = examples.first().map_or_else(String::new, |(id, label)| {
                format!(" (such as id {id} of class {label})")
            });
            let are = if *songs == 1 { "song is" } else { "songs are" };
            format!("{songs} {are} in both {part} and {other}{example}")
        };
        let mut faults: Vec<String> = Vec::new();
        faults.extend(identical(PartName::Test, "train or val", self.test.of_samples));
        faults.extend(identical(PartName::Val, "train", self.val.of_samples));
        faults.extend(self.shared_songs.iter().map(songs));
        faults.extend(self.scales.iter().cloned());
        let constant: usize = self.parts.iter().map(|part| part.constant.len()).sum();
        if constant > 0 {
            faults.push(format!("samples with one value everywhere: {constant}"));
        }
        let conflicts = self.same.conflicts.len();
        if conflicts > 0 {
            faults.push(format!("equal samples with different labels: {conflicts}"));
        }
        if faults.is_empty() {
            return format!("Audit: {}", self.clean());
        }
        let anew = match self.shared_songs.is_empty() {
            true => String::new(),
            false => format!("; {NUMBERED_BY_PART}"),
        };
        format!("Audit: {}; genre-gpu audit has details{anew}", faults.join(", "))
    }

    fn clean(&self) -> &'static str {
        let judged = self.parts.iter().any(|part| part.part == PartName::Test);
        let known = self.parts.iter().all(|part| part.songs.is_some());
        match (judged && self.parts.len() > 1, known) {
            (true, true) => "no sample and no song of the test part occurs in another part",
            (true, false) => "no sample of the test part occurs in another part; songs unknown",
            (false, _) => "parts were not compared, since they were not all loaded",
        }
    }
}

fn occurs(n: usize) -> &'static str {
    if n == 1 { "occurs" } else { "occur" }
}

/// Bit-identical samples, found by their fingerprints.
#[derive(Debug)]
pub(super) struct Same {
    /// One for each sample and part in which it must not occur but does.
    pub(super) matches: Vec<Match>,
    /// For each part: the number of samples that repeat an earlier one of it.
    pub(super) within: Vec<(PartName, usize)>,
    /// Equal samples with different labels: the first, and each with another label.
    pub(super) conflicts: Vec<[Sample; 2]>,
}

/// Compares all samples except constant ones, whose equality proves nothing.
pub(super) fn same(all: &AllSamples<'_>, fingerprints: &[Fingerprint]) -> Same {
    let comparable = all.samples.iter().zip(fingerprints).filter(|(_, print)| !print.constant);
    let mut hashed: Vec<(u128, Sample)> =
        comparable.map(|(sample, print)| (print.hash, *sample)).collect();
    hashed.par_sort_unstable();
    let mut found = Same {
        matches: Vec::new(),
        within: PartName::ALL.map(|part| (part, 0)).to_vec(),
        conflicts: Vec::new(),
    };
    for group in hashed.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
        for [part, other] in PAIRS {
            let first = group.iter().map(|(_, sample)| sample).find(|s| s.part == other);
            let Some(&other) = first else { continue };
            let of_part = group.iter().map(|(_, sample)| *sample).filter(|s| s.part == part);
            let matched = of_part.map(|sample| Match { sample, other, how: How::Identical });
            found.matches.extend(matched);
        }
        for (part, count) in &mut found.within {
            *count += group.iter().filter(|(_, s)| s.part == *part).count().saturating_sub(1);
        }
        if let Some((_, first)) = group.first() {
            let others = group.iter().map(|(_, sample)| *sample);
            let conflicting = others.filter(|sample| sample.label != first.label);
            found.conflicts.extend(conflicting.map(|sample| [*first, sample]));
        }
    }
    // The order of hashes means nothing to people.
    found.matches.sort_by_key(|m| (m.sample, m.other));
    found.conflicts.sort();
    found
}

/// A possible cause of songs in several parts.
pub(super) const NUMBERED_BY_PART: &str =
    "if each part numbers its songs from 0, use ids that are unique over all parts";

/// Songs that two parts share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SharedSongs {
    /// The first part of the pair.
    pub part: PartName,
    /// The second part of the pair.
    pub other: PartName,
    /// How many.
    pub songs: usize,
    /// The first of them: id and label, which together identify a song.
    pub examples: Vec<(i64, u32)>,
    #[serde(skip)]
    pub(super) all: BTreeSet<(i64, u32)>,
}

/// Songs that occur in several parts: a network that has learned one cut by heart recognises the next.
pub(super) fn shared(all: &AllSamples<'_>) -> Vec<SharedSongs> {
    let shared = |[part, other]: [PartName; 2]| {
        let [ours, theirs] = [part, other].map(|name| all.songs_of(name));
        let both: BTreeSet<_> = ours.intersection(&theirs).copied().collect();
        (!both.is_empty()).then(|| SharedSongs {
            part,
            other,
            songs: both.len(),
            examples: both.iter().take(EXAMPLES).copied().collect(),
            all: both,
        })
    };
    // A validation part that is the test part is no part of its own.
    let own = |pair: &[PartName; 2]| !(all.data.val_is_test && pair.contains(&PartName::Val));
    PAIRS.into_iter().filter(own).filter_map(shared).collect()
}
