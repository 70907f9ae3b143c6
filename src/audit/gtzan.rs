//! What is known of GTZAN: its songs' names (`disco.00098`), repeats, and lists without shared
//! artists.
//!
//! The repeats in classical, disco, metal and rock are those of B. L. Sturm, "The GTZAN dataset:
//! its contents, its faults, their effects on evaluation, and its future use", arXiv:1306.1461,
//! 2013. The fault-filtered lists, between which no artist is shared, are those of C. Kereliuk,
//! B. L. Sturm and J. Larsen, "Deep learning and music adversaries", IEEE Transactions on
//! Multimedia 17 (11), 2015. A table of all artists is not included.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::PAIRS;
use super::samples::{AllSamples, songs_of};
use crate::data::{Dataset, PartName, fault_filtered};
use crate::error::{DataProblem, Error, Result};
use crate::progress::Progress;

/// GTZAN's genres.
const GENRES: [&str; 10] =
    ["blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock"];

/// Songs in each genre.
const PER_GENRE: i64 = 100;

/// GTZAN's names by song id; several where a song is made of several files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names(pub(super) BTreeMap<i64, BTreeSet<String>>);

/// The columns that are needed of `songs.csv`.
#[derive(Debug, Deserialize)]
struct Row {
    song: String,
    file: String,
}

impl Names {
    /// The names of the files in `folder`'s `songs.csv`; none if there is no such list, it lacks the
    /// columns `song` and `file`, ids are not integers, or no file is named as GTZAN's are.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(folder: &Path, progress: &dyn Progress) -> Result<Option<Self>> {
        let path = folder.join("songs.csv");
        if !path.is_file() {
            return Ok(None);
        }
        let fail = |problem: String| {
            Error::data(path.display().to_string(), DataProblem::SongNames { problem })
        };
        let mut csv = csv::Reader::from_path(&path).map_err(|e| fail(e.to_string()))?;
        let head = csv.headers().map_err(|e| fail(e.to_string()))?;
        if !["song", "file"].iter().all(|column| head.iter().any(|found| found == *column)) {
            return Ok(None);
        }
        let mut names = Self::default();
        for row in csv.deserialize() {
            let Row { song, file } = row.map_err(|e| fail(e.to_string()))?;
            let Ok(id) = song.trim().parse() else {
                progress.note(&format!(
                    "{}: its song ids are not integers (such as \"{song}\"), those of the arrays are: \
                     songs have no names",
                    path.display()
                ));
                return Ok(None);
            };
            if let Some(name) = gtzan_name(&file) {
                names.add(id, name);
            }
        }
        Ok((!names.0.is_empty()).then_some(names))
    }

    /// Interprets song ids as genre · 100 + number, with genres numbered as the classes.
    ///
    /// # Errors
    /// If the parts have no song ids, or one that is no such number or of another class.
    pub fn of_ids(data: &Dataset) -> Result<Self> {
        let wrong = |found: String| Error::Setting {
            name: "gtzan",
            expected: "song ids that are label * 100 + GTZAN's number, and its genres for classes",
            found,
        };
        let mut names = Self::default();
        for part in PartName::ALL.map(|part| data.part(part)).into_iter().filter(|p| !p.is_empty())
        {
            if part.song.is_none() {
                return Err(wrong("samples without song ids".into()));
            }
            for (id, label) in songs_of(part) {
                let class = data.classes.get(label as usize).map_or("", String::as_str);
                if id.div_euclid(PER_GENRE) != i64::from(label) || !GENRES.contains(&class) {
                    return Err(wrong(format!("id {id} of class {label} ({class})")));
                }
                names.add(id, format!("{class}.{:05}", id.rem_euclid(PER_GENRE)));
            }
        }
        Ok(names)
    }

    fn add(&mut self, id: i64, name: String) {
        self.0.entry(id).or_default().insert(name);
    }
}

/// `disco.00098` of `genres/disco/disco.00098.wav`.
fn gtzan_name(file: &str) -> Option<String> {
    let file = file.rsplit(['/', '\\']).next()?;
    let mut words = file.split('.');
    let (genre, number) = (words.next()?, words.next()?);
    let digits = number.len() == 5 && number.bytes().all(|b| b.is_ascii_digit());
    (GENRES.contains(&genre) && digits).then(|| format!("{genre}.{number}"))
}

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
    /// Its song there.
    pub song: i64,
    /// The name of that song.
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
    /// Not known from the lists that are included.
    Unknown,
}

/// What is known from the songs' names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    /// Songs of the data that have one of GTZAN's names.
    pub named: usize,
    /// What repeats in different parts.
    pub repeats: Vec<Repeat>,
    /// For each two parts that were loaded, the one that judges first.
    pub artists: Vec<(PartName, PartName, Artists)>,
}

/// Looks the songs' names up in what is known.
pub(super) fn check(all: &AllSamples<'_>, names: &Names) -> Known {
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

/// The fault-filtered list that has this song.
fn list_of(name: &str) -> Option<PartName> {
    fault_filtered::songs().find(|(song, _)| *song == name).map(|(_, part)| part)
}
