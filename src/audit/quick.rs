//! The cheap half of an audit: what hashes, ids and counts tell.

use super::Compromised;
use super::all::{All, Marks};
use super::facts::{Counts, counts};
use super::same::{Same, same};
use super::songs::{ANEW, SharedSongs, shared};
use crate::data::{Dataset, PartName};

/// Equal samples, shared songs, constant samples and classes of all parts.
#[derive(Debug)]
pub struct Quick {
    pub(super) parts: Vec<Counts>,
    pub(super) same: Same,
    pub(super) shared_songs: Vec<SharedSongs>,
    test: Compromised,
    val: Compromised,
}

impl Quick {
    /// Looks at data that are not scaled.
    pub fn of(data: &Dataset) -> Self {
        Self::of_all(&All::of(data))
    }

    pub(super) fn of_all(all: &All<'_>) -> Self {
        let fingerprints = all.fingerprints();
        let nothing = || Marks::default().compromised(all, PartName::Test);
        let mut quick = Self {
            parts: counts(all, &fingerprints),
            same: same(all, &fingerprints),
            shared_songs: shared(all),
            test: nothing(),
            val: nothing(),
        };
        let marks = quick.marks(all);
        quick.test = marks.compromised(all, PartName::Test);
        quick.val = marks.compromised(all, PartName::Val);
        quick
    }

    pub(super) fn marks(&self, all: &All<'_>) -> Marks {
        let mut marks = Marks::default();
        self.same.matches.iter().for_each(|found| marks.mark(found));
        for shared in &self.shared_songs {
            shared.all.iter().for_each(|song| marks.mark_labelled(all, shared.part, *song));
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
        self.test.samples + self.val.samples > 0 || constant || conflicts
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
            false => format!("; {ANEW}"),
        };
        format!("Audit: {}; genre-gpu audit says more{anew}", faults.join(", "))
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
