//! Samples that are equal bit by bit, found by their hashes.

use rayon::prelude::*;

use super::all::All;
use super::{How, Match, PAIRS, Sample};
use crate::data::{Fingerprint, PartName};

/// What hashes tell.
#[derive(Debug)]
pub(super) struct Same {
    /// One for each sample and part that it must not occur in but does.
    pub(super) matches: Vec<Match>,
    /// For each part: samples that equal an earlier one of it.
    pub(super) within: Vec<(PartName, usize)>,
    /// Each sample that equals an earlier one of another label, and that one.
    pub(super) conflicts: Vec<[Sample; 2]>,
}

/// Compares all samples but the constant ones, which prove nothing by being equal.
pub(super) fn same(all: &All<'_>, fingerprints: &[Fingerprint]) -> Same {
    let told = all.samples.iter().zip(fingerprints).filter(|(_, print)| !print.constant);
    let mut hashed: Vec<(u128, Sample)> =
        told.map(|(sample, print)| (print.hash, *sample)).collect();
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
    // By hash they stand in no order that people know.
    found.matches.sort_by_key(|m| (m.sample, m.other));
    found.conflicts.sort();
    found
}
