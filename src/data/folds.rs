//! Folds of a cross-validation: the samples of all parts pooled, songs in groups that stay together,
//! and each fold held out once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::hash::DataHash;
use super::names::Role;
use super::split::most_frequent;
use super::stats::stats;
use super::{ArrayFacts, ArrayName, Dataset, Fingerprint, Part, PartName, Values};
use crate::error::{Error, Result};
use crate::files::read_regular;
use crate::random::streams::Stream;
use crate::text::{of_cell, shown, thousands};

/// Neighbouring song numbers in a block where none is given.
const BLOCK: u32 = 20;

/// Seeds that are tried for a division unlike those before.
const TRIES: u64 = 200;

/// Songs that stay in one fold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum GroupBy {
    /// Each song by itself.
    #[default]
    Song,
    /// Those of an artist: the column `artist` of `songs.csv` beside the arrays.
    Artist,
    /// Songs of a class whose ids, divided by this number and rounded down, are equal.
    Block(u32),
    /// As a CSV with columns `song` and `group` says.
    File(PathBuf),
}

impl fmt::Display for GroupBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Song => f.write_str("song"),
            Self::Artist => f.write_str("artist"),
            Self::Block(size) => write!(f, "block:{size}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl FromStr for GroupBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "song" => Ok(Self::Song),
            "artist" => Ok(Self::Artist),
            "block" => Ok(Self::Block(BLOCK)),
            _ => match text.strip_prefix("block:") {
                Some(size) => match size.parse() {
                    Ok(size) if size > 0 => Ok(Self::Block(size)),
                    _ => Err(format!(
                        "expected block:N with N from 1, such as block:20, found {text}"
                    )),
                },
                // A word that is no file is a slip: `songs`.
                None if Path::new(text).extension().is_none() && !Path::new(text).exists() => Err(
                    format!("expected song, artist, block, block:N or a CSV file, found {text:?}"),
                ),
                None => Ok(Self::File(text.into())),
            },
        }
    }
}

/// One fold of a division, which is held out; `1 of 5, seed 42, by block:20` in files, with `without
/// test` where the test part is not in the pool and `with validation` where another fold validates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fold {
    /// Which fold is held out, from 1.
    pub number: usize,
    /// Number of folds.
    pub of: usize,
    /// The seed of the division.
    pub seed: u64,
    /// The test part is in the pool, too.
    pub with_test: bool,
    /// The fold after it is the validation part; else the held-out fold is that, too, and nothing may be
    /// chosen by it.
    pub validates: bool,
    /// What stays together.
    pub by: GroupBy,
}

impl fmt::Display for Fold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, of, seed, with_test, validates, by } = self;
        let parts = if *with_test { "" } else { ", without test" };
        let val = if *validates { ", with validation" } else { "" };
        write!(f, "{number} of {of}, seed {seed}{parts}{val}, by {by}")
    }
}

impl FromStr for Fold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (head, by) = text.split_once(", by ")?;
            let (fold, rest) = head.split_once(", seed ")?;
            let (number, of) = fold.split_once(" of ")?;
            let (rest, validates) = match rest.strip_suffix(", with validation") {
                Some(rest) => (rest, true),
                None => (rest, false),
            };
            let (seed, with_test) = match rest.strip_suffix(", without test") {
                Some(seed) => (seed, false),
                None => (rest, true),
            };
            let (number, of) = (number.parse().ok()?, of.parse().ok()?);
            let (seed, by) = (seed.parse().ok()?, by.parse().ok()?);
            let sane = (2..=usize::from(u16::MAX)).contains(&of) && (1..=of).contains(&number);
            sane.then_some(Self { number, of, seed, with_test, validates, by })
        };
        read().ok_or_else(|| {
            format!("expected a fold such as \"1 of 5, seed 42, by song\", found \"{text}\"")
        })
    }
}

impl TryFrom<String> for Fold {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Fold> for String {
    fn from(fold: Fold) -> Self {
        fold.to_string()
    }
}

impl Fold {
    /// What the fold is made of besides its settings: `data` and the list of groups, if there is one.
    pub fn made_of(&self, data: &str) -> String {
        match &self.by {
            GroupBy::Song | GroupBy::Block(_) => data.into(),
            GroupBy::Artist => {
                format!("{data} or songs.csv beside it, which has the artists of its folds,")
            }
            GroupBy::File(list) => {
                format!("{data} or {}, the list of groups of its folds,", list.display())
            }
        }
    }

    /// The same fold by another list.
    fn by_list(&self) -> Option<(&Path, Self)> {
        let GroupBy::File(list) = &self.by else { return None };
        Some((list, Self { by: GroupBy::default(), ..self.clone() }))
    }

    /// The lists of groups of this fold and of another, if nothing else tells them apart.
    pub fn other_lists<'a>(&'a self, other: &'a Self) -> Option<[&'a Path; 2]> {
        let ((own, fold), (theirs, same)) = (self.by_list()?, other.by_list()?);
        (fold == same && own != theirs).then_some([own, theirs])
    }

    /// The parts that are pooled.
    pub fn parts(&self) -> &'static [PartName] {
        pooled(self.with_test)
    }
}

fn pooled(with_test: bool) -> &'static [PartName] {
    if with_test { &PartName::ALL } else { &[PartName::Train, PartName::Val] }
}

/// The samples of a data set's parts as one, in the order of the parts, and the groups of their songs.
#[derive(Debug)]
pub struct Pool<'a> {
    data: &'a Dataset,
    /// What stays together.
    pub by: GroupBy,
    /// The test part is in it.
    pub with_test: bool,
    /// Labels and songs, without `x`.
    pub part: Part,
    /// The group of each sample.
    pub group: Vec<usize>,
    /// Where each sample is.
    places: Vec<(PartName, usize)>,
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    /// The class of most of its songs.
    class: usize,
    /// Songs of each class; as in voting, an id that occurs with two labels is two songs.
    songs: Vec<usize>,
}

impl Group {
    fn all(&self) -> usize {
        self.songs.iter().sum()
    }
}

/// The fold of each group, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Division {
    /// Number of folds.
    pub folds: usize,
    /// The seed that it was drawn from.
    pub seed: u64,
    of_group: Vec<usize>,
}

impl<'a> Pool<'a> {
    /// Pools the parts of `data` and groups their songs.
    ///
    /// # Errors
    /// If songs are unknown, or a file of groups is not one for these songs.
    pub fn new(data: &'a Dataset, by: &GroupBy, with_test: bool) -> Result<Self> {
        let mut part = Part { song: Some(Vec::new()), ..Part::default() };
        let mut places = Vec::new();
        for &name in pooled(with_test) {
            let own = data.part(name);
            let song = own.song.as_ref().ok_or_else(|| Error::Setting {
                name: "folds",
                expected: "song ids, an array such as song_train.npy beside each x and y with an id for \
                           each sample, so that no song is in two folds",
                found: format!("{} without song ids in its {} part", data.source, name.word()),
            })?;
            part.y.extend(&own.y);
            part.song.get_or_insert_default().extend(song);
            places.extend((0..own.len()).map(|index| (name, index)));
        }
        let ids = part.song.as_deref().unwrap_or_default();
        let mut labels: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        ids.iter().zip(&part.y).for_each(|(id, y)| labels.entry(*id).or_default().push(*y));
        let classes: BTreeMap<i64, u32> =
            labels.iter().map(|(id, labels)| (*id, most_frequent(labels.iter()))).collect();
        let names = group_names(data, by, with_test, &classes)?;
        let numbers: BTreeMap<&String, usize> = {
            let names: BTreeSet<&String> = names.values().collect();
            names.into_iter().zip(0..).collect()
        };
        let mut songs = vec![vec![0; data.classes.len()]; numbers.len()];
        for (id, labels) in labels {
            let own = &mut songs[numbers[&names[&id]]];
            for label in labels.into_iter().collect::<BTreeSet<u32>>() {
                own[label as usize] += 1;
            }
        }
        let group = |songs: Vec<usize>| Group {
            class: (0..songs.len()).rev().max_by_key(|class| songs[*class]).unwrap_or(0),
            songs,
        };
        let groups = songs.into_iter().map(group).collect();
        let group = ids.iter().map(|id| numbers[&names[id]]).collect();
        Ok(Self { data, by: by.clone(), with_test, part, group, places, groups })
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Number of songs.
    pub fn songs(&self) -> usize {
        self.groups.iter().map(Group::all).sum()
    }

    fn ids(&self) -> &[i64] {
        self.part.song.as_deref().unwrap_or_default()
    }

    /// What was pooled, in one line.
    pub fn describe(&self) -> String {
        let of = |part: &PartName| {
            let own = self.data.part(*part);
            let songs: BTreeSet<&i64> = own.song.iter().flatten().collect();
            format!("{} {part}", thousands(songs.len() as u64))
        };
        let parts: Vec<String> = pooled(self.with_test).iter().map(of).collect();
        let left = match self.with_test {
            true => String::new(),
            false => "; the test part is left out".into(),
        };
        let groups = match self.by {
            GroupBy::Song => String::new(),
            _ => format!("; {} groups by {}", thousands(self.groups() as u64), self.by),
        };
        format!(
            "all parts are pooled for the folds: {} songs ({}), {} samples{groups}{left}",
            thousands(self.songs() as u64),
            parts.join(" + "),
            thousands(self.part.len() as u64)
        )
    }

    /// Ids that occur in several parts, and one of them.
    pub fn in_several_parts(&self) -> Option<(usize, String)> {
        let mut parts: BTreeMap<i64, BTreeSet<PartName>> = BTreeMap::new();
        for (id, (part, _)) in self.ids().iter().zip(&self.places) {
            parts.entry(*id).or_default().insert(*part);
        }
        let several: Vec<i64> =
            parts.into_iter().filter(|(_, parts)| parts.len() > 1).map(|(id, _)| id).collect();
        several.first().map(|id| (several.len(), self.data.song_name(*id)))
    }

    /// Samples that equal one of another fold, and the songs of such a pair. Constant samples prove
    /// nothing.
    pub fn equal_across(&self, division: &Division) -> Option<(usize, [String; 2])> {
        let prints = self.fingerprints();
        let mut first: HashMap<u128, usize> = HashMap::new();
        let (mut count, mut example) = (0, None);
        for (sample, print) in prints.iter().enumerate().filter(|(_, print)| !print.constant) {
            let earlier = *first.entry(print.hash).or_insert(sample);
            if division.fold(self.group[earlier]) != division.fold(self.group[sample]) {
                count += 1;
                example.get_or_insert([earlier, sample]);
            }
        }
        let name = |sample: usize| self.data.song_name(self.ids()[sample]);
        example.map(|pair| (count, pair.map(name)))
    }

    fn fingerprints(&self) -> Vec<Fingerprint> {
        let of = |part: &PartName| {
            let x = ArrayName { role: Role::X, part: *part };
            self.data.found.iter().find_map(|facts| match &facts.values {
                Values::Samples { fingerprints, .. } if facts.name == x => {
                    Some(fingerprints.clone())
                }
                _ => None,
            })
        };
        pooled(self.with_test).iter().filter_map(of).flatten().collect()
    }

    /// Divides the groups into folds: class by class, the groups with the most songs first, each to the
    /// fold with the fewest songs of its classes and then of all; equal ones in an order that `seed`
    /// draws.
    ///
    /// # Errors
    /// If a class is in fewer groups than there are folds, or some fold would lack it.
    pub fn divide(&self, folds: usize, seed: u64) -> Result<Division> {
        if folds < 2 {
            let (expected, found) = ("at least 2 folds", folds.to_string());
            return Err(Error::Setting { name: "folds", expected, found });
        }
        let of_class =
            |class: usize| self.groups.iter().filter(move |group| group.songs[class] > 0);
        let classes = self.data.classes.len();
        let counts = (0..classes).map(|class| (of_class(class).count(), class));
        if let Some((few, class)) = counts.filter(|(count, _)| *count > 0).min()
            && few < folds
        {
            let way = if few > 1 { format!("--folds {few}, or ") } else { String::new() };
            return Err(Error::Setting {
                name: "folds",
                expected: "at most as many folds as each class has groups",
                found: format!(
                    "{folds}, and class {} has {few} by {}; give {way}other groups",
                    self.data.classes[class], self.by
                ),
            });
        }
        let mut stream = Stream::new(seed, "data/folds");
        let mut order: Vec<usize> = (0..classes).collect();
        stream.shuffle(&mut order);
        let mut of_group = vec![0; self.groups.len()];
        let mut songs = vec![vec![0; classes]; folds];
        for class in order {
            let own = (0..self.groups.len()).filter(|group| self.groups[*group].class == class);
            let mut own: Vec<usize> = own.collect();
            stream.shuffle(&mut own);
            own.sort_by_key(|group| Reverse(self.groups[*group].all()));
            let mut equal: Vec<usize> = (0..folds).collect();
            stream.shuffle(&mut equal);
            for group in own {
                let own = &self.groups[group].songs;
                let fill = |fold: &usize| {
                    let there: &Vec<usize> = &songs[*fold];
                    let of_classes: usize = own.iter().zip(there).map(|(own, n)| own * n).sum();
                    (of_classes, there.iter().sum::<usize>())
                };
                let fold = equal.iter().copied().min_by_key(fill).unwrap_or(0);
                of_group[group] = fold;
                songs[fold].iter_mut().zip(own).for_each(|(there, own)| *there += own);
            }
        }
        let present = |class: &usize| of_class(*class).next().is_some();
        for (fold, songs) in songs.iter().enumerate() {
            if let Some(class) = (0..classes).filter(present).find(|class| songs[*class] == 0) {
                return Err(Error::Setting {
                    name: "folds",
                    expected: "folds that all have every class",
                    found: format!(
                        "fold {} of {folds} by {} without {}; give fewer folds or other groups",
                        fold + 1,
                        self.by,
                        self.data.classes[class]
                    ),
                });
            }
        }
        Ok(Division { folds, seed, of_group })
    }

    /// As many different divisions, of `seed` and the seeds after it.
    ///
    /// # Errors
    /// If they cannot be made, or there are not so many.
    pub fn divisions(&self, folds: usize, seed: u64, repeats: usize) -> Result<Vec<Division>> {
        if repeats == 0 {
            let (expected, found) = ("a number from 1", "0".into());
            return Err(Error::Setting { name: "repeats", expected, found });
        }
        let mut divisions: Vec<Division> = Vec::new();
        let mut seeds = seed..seed.saturating_add(TRIES + repeats as u64);
        while divisions.len() < repeats {
            let Some(seed) = seeds.next() else {
                return Err(Error::Setting {
                    name: "repeats",
                    expected: "at most as many as there are different divisions",
                    found: format!("{repeats}, and these groups have {}", divisions.len()),
                });
            };
            let next = self.divide(folds, seed)?;
            if divisions.iter().all(|known| known.numbered() != next.numbered()) {
                divisions.push(next);
            }
        }
        Ok(divisions)
    }

    /// Number of songs in each fold.
    pub fn songs_by_fold(&self, division: &Division) -> Vec<usize> {
        let mut songs = vec![0; division.folds];
        for (group, fold) in self.groups.iter().zip(&division.of_group) {
            songs[*fold] += group.all();
        }
        songs
    }

    /// The samples of each part of a fold's data: the fold that is held out is the test part. With
    /// `validates` the fold after it is the validation part; else the held-out fold is that, too.
    pub fn rows(&self, number: usize, division: &Division, validates: bool) -> [Vec<usize>; 3] {
        let held_out = number - 1;
        let val = if validates { number % division.folds } else { held_out };
        let of = |keep: &dyn Fn(usize) -> bool| -> Vec<usize> {
            let fold = |sample: &usize| keep(division.fold(self.group[*sample]));
            (0..self.part.len()).filter(fold).collect()
        };
        [
            of(&|fold| fold != held_out && fold != val),
            of(&|fold| fold == val),
            of(&|fold| fold == held_out),
        ]
    }

    /// The data of a fold, unscaled, without `x` where `samples` is false.
    ///
    /// # Errors
    /// If `validates` leaves no fold to train on.
    pub fn fold(
        &self,
        number: usize,
        division: &Division,
        validates: bool,
        samples: bool,
    ) -> Result<Dataset> {
        if validates && division.folds < 3 {
            let expected = "at least 3 folds where a setting chooses by validation, as keep = \"best\", early \
                            stopping and a plateau schedule do: one is held out, one validates, the others train";
            let found = division.folds.to_string();
            return Err(Error::Setting { name: "folds", expected, found });
        }
        let rows = self.rows(number, division, validates);
        let mut hash = DataHash::default();
        hash.text(&self.data.hash);
        let mut data = Dataset {
            source: self.data.source.clone(),
            sample_shape: self.data.sample_shape,
            classes: self.data.classes.clone(),
            assumed_classes: self.data.assumed_classes,
            train: Part::default(),
            val: Part::default(),
            test: Part::default(),
            found: Vec::new(),
            scale: self.data.scale,
            disk: None,
            hash: String::new(),
            song_ids: self.data.song_ids.clone(),
            val_is_test: !validates,
        };
        let prints = if samples { self.fingerprints() } else { Vec::new() };
        for (name, rows) in PartName::ALL.into_iter().zip(&rows) {
            let mut part = Part {
                x: Vec::new(),
                y: rows.iter().map(|row| self.part.y[*row]).collect(),
                song: Some(rows.iter().map(|row| self.ids()[*row]).collect()),
            };
            hash.text(name.as_str());
            hash.songs(&rows.iter().map(|row| *row as i64).collect::<Vec<_>>());
            if samples {
                part.x = self.samples(rows);
                data.found.extend(self.facts(name, &part, rows, &prints));
            }
            match name {
                PartName::Train => data.train = part,
                PartName::Val => data.val = part,
                PartName::Test => data.test = part,
            }
        }
        data.hash = hash.finish();
        Ok(data)
    }

    fn samples(&self, rows: &[usize]) -> Vec<f32> {
        let len = self.data.sample_len();
        let mut x = Vec::with_capacity(rows.len() * len);
        for (part, index) in rows.iter().map(|row| self.places[*row]) {
            let own = &self.data.part(part).x;
            x.extend_from_slice(own.get(index * len..(index + 1) * len).unwrap_or_default());
        }
        x
    }

    /// What a table of the data says of a part.
    fn facts(
        &self,
        name: PartName,
        part: &Part,
        rows: &[usize],
        prints: &[Fingerprint],
    ) -> Vec<ArrayFacts> {
        let of_train = |role| {
            let name = ArrayName { role, part: PartName::Train };
            self.data.found.iter().find(|facts| facts.name == name)
        };
        let facts = |role: Role| {
            let known = of_train(role)?;
            let own = ArrayName { role, part: name };
            let mut shape = known.shape.clone();
            *shape.first_mut()? = rows.len();
            let values = match role {
                Role::X => {
                    let all = stats(&part.x);
                    let fingerprints = rows.iter().filter_map(|row| prints.get(*row).copied());
                    let (min, max) = (all.min, all.max);
                    let mean = all.sum / part.x.len() as f64;
                    Values::Samples { min, max, mean, fingerprints: fingerprints.collect() }
                }
                Role::Y => {
                    let mut counts = vec![0; self.data.classes.len()];
                    part.y.iter().for_each(|y| counts[*y as usize] += 1);
                    Values::Labels { counts }
                }
                Role::Song => {
                    let songs: BTreeSet<_> = part.song.iter().flatten().zip(&part.y).collect();
                    Values::Songs { songs: songs.len() }
                }
            };
            let place = format!("{}:{own}", self.data.source);
            Some(ArrayFacts { name: own, place, shape, dtype: known.dtype.clone(), values })
        };
        Role::ALL.into_iter().filter_map(facts).collect()
    }
}

impl Division {
    /// The fold of a group, from 0.
    pub fn fold(&self, group: usize) -> usize {
        self.of_group.get(group).copied().unwrap_or(0)
    }

    /// With folds in the order of their first groups, so that equal divisions are equal.
    fn numbered(&self) -> Vec<usize> {
        let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
        let number = |fold: &usize| {
            let next = numbers.len();
            *numbers.entry(*fold).or_insert(next)
        };
        self.of_group.iter().map(number).collect()
    }
}

impl Dataset {
    /// A song as the arrays name it.
    pub fn song_name(&self, id: i64) -> String {
        let text = self.song_ids.iter().find(|(_, known)| **known == id);
        text.map_or_else(|| id.to_string(), |(text, _)| shown(text))
    }

    /// The same with these parts alone.
    #[must_use]
    pub fn only(mut self, parts: &[PartName]) -> Self {
        let left: Vec<PartName> =
            PartName::ALL.into_iter().filter(|part| !parts.contains(part)).collect();
        for part in left {
            match part {
                PartName::Train => self.train = Part::default(),
                PartName::Val => self.val = Part::default(),
                PartName::Test => self.test = Part::default(),
            }
            self.found.retain(|facts| facts.name.part != part);
        }
        self
    }

    /// The same data as one fold of a cross-validation has them.
    ///
    /// # Errors
    /// If they cannot be divided so.
    pub fn into_fold(self, fold: &Fold) -> Result<Self> {
        let pool = Pool::new(&self, &fold.by, fold.with_test)?;
        let division = pool.divide(fold.of, fold.seed)?;
        pool.fold(fold.number, &division, fold.validates, true)
    }
}

/// The name of each song's group.
fn group_names(
    data: &Dataset,
    by: &GroupBy,
    with_test: bool,
    classes: &BTreeMap<i64, u32>,
) -> Result<BTreeMap<i64, String>> {
    match by {
        GroupBy::Song => Ok(classes.keys().map(|id| (*id, id.to_string())).collect()),
        GroupBy::Block(size) => {
            let block = |id: i64| id.div_euclid(i64::from(*size));
            Ok(classes.iter().map(|(id, class)| (*id, format!("{class}/{}", block(*id)))).collect())
        }
        GroupBy::Artist => {
            let beside = Path::new(&data.source);
            let folder = if beside.is_dir() { Some(beside) } else { beside.parent() };
            let path = folder.unwrap_or(beside).join("songs.csv");
            let groups = read_groups(&path, &["artist"], data).map_err(|error| Error::WithHelp {
                source: Box::new(error),
                help: "the artists of these data are not known: add a column artist to songs.csv beside \
                       the arrays, or give --group FILE, a CSV with columns song and group"
                    .into(),
            })?;
            // The list of `prepare` has songs of which no array has samples.
            complete(&path, groups, classes, data, false)
        }
        GroupBy::File(path) => {
            let groups = read_groups(path, &["group", "artist"], data)?;
            // Songs of the test part may be listed and are not looked at.
            complete(path, groups, classes, data, with_test)
        }
    }
}

fn groups_error(path: &Path, problem: String) -> Error {
    Error::Config { path: path.to_path_buf(), problem }
}

/// The groups of exactly the songs that there are.
fn complete(
    path: &Path,
    mut groups: BTreeMap<i64, String>,
    classes: &BTreeMap<i64, u32>,
    data: &Dataset,
    strict: bool,
) -> Result<BTreeMap<i64, String>> {
    let some = |ids: &[i64]| {
        let names: Vec<String> = ids.iter().take(5).map(|id| data.song_name(*id)).collect();
        let more =
            if ids.len() > 5 { format!(" and {} more", ids.len() - 5) } else { String::new() };
        format!("{}{more}", names.join(", "))
    };
    let missing: Vec<i64> =
        classes.keys().filter(|id| !groups.contains_key(*id)).copied().collect();
    if !missing.is_empty() {
        let problem = format!(
            "expected a group for each of the {} songs of {}, found none for {}; add a line for each",
            classes.len(),
            data.source,
            some(&missing)
        );
        return Err(groups_error(path, problem));
    }
    let unknown: Vec<i64> =
        groups.keys().filter(|id| !classes.contains_key(*id)).copied().collect();
    if strict && !unknown.is_empty() {
        let problem = format!(
            "expected songs of {}, found {}, which it does not have; remove such lines",
            data.source,
            some(&unknown)
        );
        return Err(groups_error(path, problem));
    }
    groups.retain(|id, _| classes.contains_key(id));
    // Two spellings of one name would be two groups, whose songs could be in two folds.
    let mut typed: BTreeMap<String, (&String, i64)> = BTreeMap::new();
    for (id, name) in &groups {
        let words: Vec<&str> = name.split_whitespace().collect();
        let (other, first) = *typed.entry(words.join(" ").to_lowercase()).or_insert((name, *id));
        if other != name {
            let problem = format!(
                "expected one name for each group, found \"{}\" (song {}) and \"{}\" (song {}), which differ in case or \
                 blanks only; write them alike, or differently in more",
                shown(other),
                data.song_name(first),
                shown(name),
                data.song_name(*id)
            );
            return Err(groups_error(path, problem));
        }
    }
    Ok(groups)
}

/// Reads a list with a column `song` and one of `columns`, separated by commas, semicolons or tabs.
fn read_groups(path: &Path, columns: &[&str], data: &Dataset) -> Result<BTreeMap<i64, String>> {
    let bytes = read_regular(path).map_err(Error::io(path, "read"))?;
    let head = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let delimiter = [b',', b'\t', b';'].into_iter().find(|byte| head.contains(byte));
    let mut csv = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .trim(csv::Trim::All)
        .from_reader(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes));
    let damaged = |e: csv::Error| groups_error(path, format!("cannot be read as CSV: {e}"));
    let head = csv.headers().map_err(damaged)?.clone();
    let column = |name: &str| head.iter().position(|head| head.eq_ignore_ascii_case(name));
    let group = columns.iter().find_map(|name| column(name));
    let (Some(song), Some(group)) = (column("song"), group) else {
        let head: Vec<&str> = head.iter().collect();
        let problem = format!(
            "expected a first line with the columns song and {}, found {}",
            columns.join(" or "),
            shown(&head.join(","))
        );
        return Err(groups_error(path, problem));
    };
    let mut groups: BTreeMap<i64, String> = BTreeMap::new();
    for (line, row) in (2..).zip(csv.records()) {
        let row = row.map_err(damaged)?;
        let cell = |at: usize| of_cell(row.get(at).unwrap_or_default());
        let (text, name) = (cell(song), cell(group));
        if text.is_empty() && columns.contains(&"artist") {
            // A file of `prepare`'s list that was skipped.
            continue;
        }
        let id = match data.song_ids.get(text) {
            Some(id) => *id,
            None => text.parse().ok().filter(|_| data.song_ids.is_empty()).ok_or_else(|| {
                let expected = match data.song_ids.is_empty() {
                    true => "a song's number",
                    false => "a song id of the arrays",
                };
                groups_error(
                    path,
                    format!("line {line}: expected {expected}, found {}", shown(text)),
                )
            })?,
        };
        if name.is_empty() {
            let problem =
                format!("line {line}: expected a group for song {}, found none", shown(text));
            return Err(groups_error(path, problem));
        }
        if let Some(other) = groups.insert(id, name.to_owned()).filter(|other| other != name) {
            let problem = format!(
                "line {line}: expected one group for song {}, found {} and {}",
                shown(text),
                shown(&other),
                shown(name)
            );
            return Err(groups_error(path, problem));
        }
    }
    Ok(groups)
}
