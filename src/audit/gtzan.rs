//! What is known of GTZAN by its songs' names: repeats, and which songs share no artist.
//!
//! The repeats in classical, disco, metal and rock are those of B. L. Sturm, "The GTZAN dataset:
//! its contents, its faults, their effects on evaluation, and its future use", arXiv:1306.1461,
//! 2013. The fault-filtered lists, between which no artist is shared, are those of C. Kereliuk,
//! B. L. Sturm and J. Larsen, "Deep learning and music adversaries", IEEE Transactions on
//! Multimedia 17 (11), 2015. A table of all artists is not shipped.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::all::All;
use super::songs::songs_of;
use super::{Names, PAIRS};
use crate::data::PartName;
use crate::data::fault_filtered;

/// One recording.
const SAME: [&[&str]; 9] = [
    &["disco.00098", "disco.00099"],
    &["metal.00034", "metal.00094"],
    &["metal.00040", "metal.00061"],
    &["metal.00041", "metal.00062"],
    &["metal.00042", "metal.00063"],
    &["metal.00043", "metal.00064"],
    &["metal.00044", "metal.00065"],
    &["metal.00045", "metal.00066"],
    &["metal.00058", "rock.00016"],
];

/// Versions of one piece.
const VERSIONS: [&[&str]; 9] = [
    &["disco.00038", "disco.00078"],
    &["disco.00050", "disco.00051", "disco.00070"],
    &["disco.00055", "disco.00060", "disco.00089"],
    &["disco.00066", "disco.00069"],
    &["disco.00071", "disco.00074"],
    &["metal.00004", "metal.00013"],
    &["classical.00042", "classical.00053"],
    &["classical.00044", "classical.00048"],
    &["classical.00051", "classical.00080"],
];

/// A recording or piece that stands in two parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repeat {
    /// One recording; else versions of one piece.
    pub exact: bool,
    /// The part that judges.
    pub part: PartName,
    /// Its song there.
    pub song: i64,
    /// What that is called.
    pub name: String,
    /// The part that it is judged by.
    pub other: PartName,
    /// What its song there is called.
    pub other_name: String,
}

/// Whether two parts share artists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Artists {
    /// The fault-filtered lists say that they do not.
    DisjointByFaultFilteredLists,
    /// Nothing that is shipped tells.
    Unknown,
}

/// What names tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    /// Songs of the data that have one of GTZAN's names.
    pub named: usize,
    /// What repeats in different parts.
    pub repeats: Vec<Repeat>,
    /// For each two parts that were loaded, the one that judges first.
    pub artists: Vec<(PartName, PartName, Artists)>,
}

/// Holds the songs' names against what is known.
pub(super) fn check(all: &All<'_>, names: &Names) -> Known {
    let named = |part: PartName| -> BTreeMap<&str, i64> {
        let ids = songs_of(all.data.part(part)).into_iter().map(|(id, _)| id);
        let named = |id| names.0.get(&id).into_iter().flatten().map(move |n| (n.as_str(), id));
        ids.flat_map(named).collect()
    };
    let parts = PartName::ALL.map(named);
    let of = |part: PartName| &parts[part as usize];
    let tables = [(true, SAME), (false, VERSIONS)];
    let groups = || tables.iter().flat_map(|(exact, groups)| groups.iter().map(|g| (*exact, *g)));
    let mut known = Known {
        named: parts.iter().flat_map(BTreeMap::values).collect::<BTreeSet<_>>().len(),
        repeats: Vec::new(),
        artists: Vec::new(),
    };
    for [part, other] in PAIRS {
        if all.data.part(part).is_empty() || all.data.part(other).is_empty() {
            continue;
        }
        for (exact, group) in groups() {
            let ours = group.iter().filter_map(|&name| Some((name, *of(part).get(name)?)));
            for (name, song) in ours {
                let theirs = group.iter().filter(|n| **n != name && of(other).contains_key(**n));
                known.repeats.extend(theirs.map(|other_name| Repeat {
                    exact,
                    part,
                    song,
                    name: name.to_owned(),
                    other,
                    other_name: (*other_name).to_owned(),
                }));
            }
        }
        let lists = |part: PartName| -> Option<BTreeSet<PartName>> {
            // Every song must be known, by its names and by a list.
            all.data.part(part).song.as_ref()?;
            let mut lists = BTreeSet::new();
            for (id, _) in songs_of(all.data.part(part)) {
                for name in names.0.get(&id)? {
                    lists.insert(list_of(name)?);
                }
            }
            Some(lists)
        };
        let artists = match (lists(part), lists(other)) {
            (Some(ours), Some(theirs)) if ours.is_disjoint(&theirs) => {
                Artists::DisjointByFaultFilteredLists
            }
            _ => Artists::Unknown,
        };
        known.artists.push((part, other, artists));
    }
    known
}

/// Which of the fault-filtered lists has this song.
fn list_of(name: &str) -> Option<PartName> {
    fault_filtered::songs().find(|(song, _)| *song == name).map(|(_, part)| part)
}
