//! What is known of GTZAN: its songs' names (`disco.00098`), repeats, and lists without shared
//! artists.
//!
//! The repeats in classical, disco, metal and rock are those of B. L. Sturm, "The GTZAN dataset:
//! its contents, its faults, their effects on evaluation, and its future use", arXiv:1306.1461,
//! 2013. The fault-filtered lists, between which no artist is shared, are those of C. Kereliuk,
//! B. L. Sturm and J. Larsen, "Deep learning and music adversaries", IEEE Transactions on
//! Multimedia 17 (11), 2015. A table of all artists is not included.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::names::Names;
use super::samples::{AllSamples, ids_of};
use super::{EXAMPLES, PAIRS};
use crate::data::{PartName, fault_filtered};

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

/// A recording or piece that occurs in two parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repeat {
    /// One recording; else versions of one piece.
    pub exact: bool,
    /// The part that judges.
    pub part: PartName,
    /// Its song there; the first of several.
    pub song: i64,
    /// All songs there with its name.
    #[serde(skip)]
    pub(super) songs: BTreeSet<i64>,
    /// The name of that song.
    pub name: String,
    /// The part that it is judged by.
    pub other: PartName,
    /// What its song there is called.
    pub other_name: String,
}

/// GTZAN's names that occur in two parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SameNames {
    /// The part that judges.
    pub part: PartName,
    /// The part that it is judged by.
    pub other: PartName,
    /// How many.
    pub songs: usize,
    /// The first of them.
    pub examples: Vec<String>,
    /// The songs of `part` that have one of these names.
    #[serde(skip)]
    pub(super) ids: BTreeSet<i64>,
}

/// Whether two parts share artists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Artists {
    /// The fault-filtered lists say that they do not.
    DisjointByFaultFilteredLists,
    /// Not known from the lists that are included.
    Unknown,
}

/// What is known from the songs' names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    /// Songs of the data that have one of GTZAN's names.
    pub named: usize,
    /// The same names in different parts.
    pub same: Vec<SameNames>,
    /// What repeats in different parts.
    pub repeats: Vec<Repeat>,
    /// For each two parts that were loaded, the one that judges first.
    pub artists: Vec<(PartName, PartName, Artists)>,
}

/// Looks the songs' names up in what is known.
pub(super) fn check(all: &AllSamples<'_>, names: &Names) -> Known {
    let named = |part: PartName| -> BTreeMap<&str, BTreeSet<i64>> {
        let mut named: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
        for (id, _) in ids_of(all.data.part(part)) {
            for name in names.gtzan.get(&id).into_iter().flatten() {
                named.entry(name).or_default().insert(all.song(id));
            }
        }
        named
    };
    let parts = PartName::ALL.map(named);
    let of = |part: PartName| &parts[part as usize];
    let tables = [(true, SAME), (false, VERSIONS)];
    let groups = || tables.iter().flat_map(|(exact, groups)| groups.iter().map(|g| (*exact, *g)));
    let mut known = Known {
        named: parts.iter().flat_map(BTreeMap::keys).collect::<BTreeSet<_>>().len(),
        same: Vec::new(),
        repeats: Vec::new(),
        artists: Vec::new(),
    };
    for [part, other] in PAIRS {
        if all.data.part(part).is_empty() || all.data.part(other).is_empty() {
            continue;
        }
        let same = || of(part).iter().filter(|(name, _)| of(other).contains_key(**name));
        let examples = same().take(EXAMPLES).map(|(name, _)| (*name).to_owned()).collect();
        let songs = same().count();
        if songs > 0 {
            let ids = same().flat_map(|(_, ids)| ids).copied().collect();
            known.same.push(SameNames { part, other, songs, examples, ids });
        }
        for (exact, group) in groups() {
            let ours = group.iter().filter_map(|&name| Some((name, of(part).get(name)?)));
            for (name, songs) in ours {
                let theirs = group.iter().filter(|n| **n != name && of(other).contains_key(**n));
                known.repeats.extend(theirs.map(|other_name| Repeat {
                    exact,
                    part,
                    song: songs.first().copied().unwrap_or_default(),
                    songs: songs.clone(),
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
            for (id, _) in ids_of(all.data.part(part)) {
                for name in names.gtzan.get(&id)? {
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

/// The fault-filtered list that has this song.
fn list_of(name: &str) -> Option<PartName> {
    fault_filtered::songs().find(|(song, _)| *song == name).map(|(_, part)| part)
}
