//! Samples that are equal bit by bit, found by their hashes.

use rayon::prelude::*;

use super::all::All;
use super::{How, Match, PAIRS, Sample};
use crate::data::PartName;

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

/// Which samples have one value everywhere.
pub(super) fn constant(all: &All<'_>) -> Vec<bool> {
    let flat = |sample: &Sample| all.x(sample).windows(2).all(|pair| pair[0] == pair[1]);
    all.samples.par_iter().map(flat).collect()
}

/// Compares all samples but the constant ones, which prove nothing by being equal.
pub(super) fn same(all: &All<'_>, constant: &[bool]) -> Same {
    let hash = |(sample, _): (&Sample, &bool)| {
        let values: &[u8] = bytemuck::cast_slice(all.x(sample));
        (*blake3::hash(values).as_bytes(), *sample)
    };
    let told = all.samples.par_iter().zip(constant).filter(|(_, constant)| !**constant);
    let mut hashed: Vec<([u8; 32], Sample)> = told.map(hash).collect();
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
