//! Splits songs, or cuts, into parts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::folders::root;
use super::list::{rows, within};
use super::song::Song;
use super::songs::{Found, tell_of_songs_in_classes, warn_of_songs_in_parts};
use super::{Done, Options};
use crate::data::fault_filtered;
use crate::data::song_names::gtzan_name;
use crate::data::{PartName, SHARES, share};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::random::streams::Stream;
use crate::text::{of_cell, shown};

/// How songs are split into parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitKind {
    /// Songs of each class at random, 56, 14 and 30 %, of those that can be read.
    Song,
    /// Cuts of each class at random: a song is in several parts.
    Segment,
    /// The published split of GTZAN without repeats, artist-disjoint.
    FaultFiltered,
    /// According to a list.
    Csv,
    /// According to folders named train, val and test.
    Folders,
}

impl SplitKind {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::Song, Self::Segment, Self::FaultFiltered, Self::Csv, Self::Folders];

    /// Whether parts are given, not drawn.
    pub(super) fn is_given(self) -> bool {
        !matches!(self, Self::Song | Self::Segment)
    }

    /// The word in flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Song => "song",
            Self::Segment => "segment",
            Self::FaultFiltered => "fault-filtered",
            Self::Csv => "csv",
            Self::Folders => "folders",
        }
    }
}

/// How parts are given to songs, after it is known which can be used.
pub(super) enum Plan {
    /// Drawn by song.
    Songs,
    /// Drawn by cut.
    Segments,
    /// As [`Song::part`] says; a part that is nowhere is drawn from the training songs.
    Given(Option<PartName>),
}

/// Validation and test get their shares of `n`, training the rest.
fn shares(n: usize) -> [(PartName, usize); 3] {
    let [val, test] = SHARES.map(|(part, percent)| (part, share(n, percent, 100)));
    [(PartName::Train, n.saturating_sub(val.1 + test.1)), val, test]
}

/// The share of a part that is missing and the whole that it is of: what training has with it.
fn missing_share(missing: PartName) -> (usize, usize) {
    let [train, val, test] = shares(100).map(|(_, share)| share);
    let share = if missing == PartName::Val { val } else { test };
    (share, train + share)
}

/// The names in an order that is random, but each name's place among the others depends on nothing
/// but itself: a name more or less moves no two others past each other.
fn drawn<T: Ord>(names: BTreeMap<String, T>, seed: u64, what: &str) -> Vec<T> {
    let place = |name: &str| Stream::new(seed, &format!("prepare/{what}/{name}")).uniform();
    let mut order: Vec<(f64, T)> = names.into_iter().map(|(name, of)| (place(&name), of)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    order.into_iter().map(|(_, of)| of).collect()
}

/// A random part for each name.
fn draw<T: Ord>(names: BTreeMap<String, T>, seed: u64, what: &str) -> BTreeMap<T, PartName> {
    let parts = shares(names.len());
    let parts = parts.into_iter().flat_map(|(part, count)| std::iter::repeat_n(part, count));
    drawn(names, seed, what).into_iter().zip(parts).collect()
}

/// Decides how parts are given, and where a list says so, which.
pub(super) fn plan(options: &Options, found: &mut Found, progress: &dyn Progress) -> Result<Plan> {
    let kind = kind(options, &found.songs);
    let named: BTreeSet<PartName> = found.songs.iter().filter_map(|song| song.part).collect();
    let where_named =
        if options.list.is_some() { "the list's part column" } else { "the folders' parts" };
    if named.len() > 1 && kind != SplitKind::Csv && kind != SplitKind::Folders {
        progress.note(&format!(
            "{where_named} (train, val, test) are ignored with --split {}",
            kind.as_str()
        ));
    } else if let (Some(part), 1, SplitKind::Song) = (named.first(), named.len(), kind) {
        let (n, all) = (found.songs.iter().filter(|s| s.part.is_some()).count(), found.songs.len());
        if n < all && options.split.is_none() {
            return Err(Error::Prepare {
                place: options.list.as_ref().unwrap_or(&options.audio).display().to_string(),
                problem: format!(
                    "{n} of {all} files are in {part}, the other {} have no part; expected a part for \
                     each (train, val or test), or train and test at least, or --split song to draw \
                     all parts from all files",
                    all - n
                ),
            });
        }
        let of = if n < all { format!("{n} of {all} files") } else { "all songs".to_owned() };
        progress.note(&format!(
            "{of} are in one part by {where_named}, {part}: parts are drawn from all files"
        ));
    }
    match kind {
        SplitKind::Song => {
            tell_of_songs_in_classes(&found.songs, true, progress);
            return Ok(Plan::Songs);
        }
        SplitKind::Segment => {
            progress.warn(
                "--split segment puts cuts of one song into training and test: the network can memorise \
                 songs, so scores look too good",
            );
            return Ok(Plan::Segments);
        }
        SplitKind::FaultFiltered => published(options, found, progress)?,
        SplitKind::Csv => match &options.parts {
            Some(list) => by_list(list, &root(&options.audio), found, progress)?,
            None if named.is_empty() => {
                return Err(Error::Setting {
                    name: "split",
                    expected: "a list of parts for csv: --split-csv FILE, or a column part in --csv",
                    found: "none".into(),
                });
            }
            None => {}
        },
        SplitKind::Folders if named.is_empty() => {
            return Err(Error::Setting {
                name: "split",
                expected: "folders named train, val and test above the classes' folders, or in each",
                found: "none".into(),
            });
        }
        SplitKind::Folders => {}
    }
    warn_of_songs_in_parts(&found.songs, progress);
    tell_of_songs_in_classes(&found.songs, false, progress);
    let there: BTreeSet<PartName> = found.songs.iter().filter_map(|song| song.part).collect();
    let missing: Vec<PartName> = PartName::ALL.into_iter().filter(|p| !there.contains(p)).collect();
    match missing[..] {
        [one] if one != PartName::Train => {
            let (share, whole) = missing_share(one);
            progress.note(&format!(
                "there is no {} part: {:.0} % of the training songs of each class are drawn for it",
                one.word(),
                100.0 * share as f64 / whole as f64
            ));
            Ok(Plan::Given(Some(one)))
        }
        [] => Ok(Plan::Given(None)),
        _ => Err(Error::Prepare {
            place: options.parts.as_ref().unwrap_or(&options.audio).display().to_string(),
            problem: format!(
                "songs are in the parts {} only; expected train and at least one of val and test, or \
                 --split song to draw all parts",
                there.iter().map(|part| part.as_str()).collect::<Vec<_>>().join(", ")
            ),
        }),
    }
}

/// The kind that was asked for, or the one that the songs suggest.
pub(super) fn kind(options: &Options, songs: &[Song]) -> SplitKind {
    let named: BTreeSet<PartName> = songs.iter().filter_map(|song| song.part).collect();
    match options.split {
        Some(kind) => kind,
        None if options.parts.is_some() => SplitKind::Csv,
        None if named.len() < 2 => SplitKind::Song,
        None if options.list.is_some() => SplitKind::Csv,
        None => SplitKind::Folders,
    }
}

fn published(options: &Options, found: &mut Found, progress: &dyn Progress) -> Result<()> {
    let genres = fault_filtered::GENRES;
    if let Some(other) = found.classes.iter().find(|class| !genres.contains(&class.as_str())) {
        return Err(Error::Prepare {
            place: options.audio.display().to_string(),
            problem: format!(
                "--split fault-filtered knows GTZAN's {} only, found {other}; choose with --genres {}",
                genres.join(", "),
                genres.join(",")
            ),
        });
    }
    let lists: BTreeMap<&str, PartName> = fault_filtered::songs().collect();
    for song in &mut found.songs {
        let name = gtzan_name(&song.name);
        song.part = name.and_then(|name| lists.get(name.as_str()).copied());
    }
    let named: BTreeSet<i64> =
        found.songs.iter().filter(|song| song.part.is_some()).map(|song| song.id).collect();
    let wanted = lists.keys().filter(|name| {
        name.split_once('.').is_some_and(|(genre, _)| found.classes.iter().any(|c| c == genre))
    });
    let wanted = wanted.count();
    if named.len() < wanted {
        progress.warn(&format!("only {} of the split's {wanted} songs were found", named.len()));
    }
    Ok(())
}

/// The parts of a list with the columns `part` and `file` or `song`.
fn by_list(list: &Path, audio: &Path, found: &mut Found, progress: &dyn Progress) -> Result<()> {
    let mut parts: BTreeMap<i64, PartName> = BTreeMap::new();
    let mut unknown = Vec::new();
    for row in rows(list, &["part"], progress)? {
        let name = Some(row.get("file")).filter(|name| !name.is_empty());
        let name = of_cell(name.unwrap_or_else(|| row.get("song"))).replace('\\', "/");
        let name = within(&name, audio);
        if name.is_empty() {
            return Err(row.problem("expected a column file or song that says which"));
        }
        let part = row.part()?.ok_or_else(|| row.problem("there is no part"))?;
        let matching: Vec<&Song> = found.songs.iter().filter(|s| is_called(s, &name)).collect();
        if matching.is_empty() {
            unknown.push(name.clone());
        }
        let ids: BTreeSet<i64> = matching.iter().map(|song| song.id).collect();
        if ids.len() > 1 {
            let names: Vec<String> = matching.iter().map(|song| song.shown()).collect();
            return Err(row.problem(&format!("{} could be {}", shown(&name), names.join(" or "))));
        }
        for id in ids {
            if *parts.entry(id).or_insert(part) != part {
                return Err(row.problem(&format!(
                    "{} was in another part before, or another piece of its song (--song-from decides \
                     which files are pieces of a song)",
                    shown(&name)
                )));
            }
        }
    }
    if let Some(first) = unknown.first() {
        progress.warn(&format!(
            "{}: {} lines name no song of these classes, such as {}",
            list.display(),
            unknown.len(),
            shown(first)
        ));
    }
    for song in &mut found.songs {
        song.part = parts.get(&song.id).copied();
    }
    Ok(())
}

fn is_called(song: &Song, name: &str) -> bool {
    let file = song.name.rsplit('/').next().unwrap_or(&song.name);
    let group = song.group.rsplit('/').next().unwrap_or(&song.group);
    song.name == name || file == name || song.stem() == name || song.group == name || group == name
}

impl Plan {
    /// Whether the split may have a part for this song.
    pub(super) fn names(&self, song: &Song) -> bool {
        !matches!(self, Self::Given(_)) || song.part.is_some()
    }

    /// Gives each cut its part.
    pub(super) fn assign(&self, classes: &[String], seed: u64, done: &mut [Done]) {
        match self {
            Self::Given(missing) => {
                for Done { song, made, parts } in done.iter_mut() {
                    if let (Ok(made), Some(part)) = (made, song.part) {
                        *parts = vec![part; made.cuts];
                    }
                }
                if let Some(missing) = *missing {
                    fill(missing, classes, seed, done);
                }
            }
            Self::Songs => {
                let one_song = first_of_song(done.iter());
                let whole = |song: &Song| one_song.get(&song.id).copied().unwrap_or(song.id);
                let first = first_copies(done.iter(), &one_song);
                let mut different: BTreeMap<usize, BTreeSet<i64>> = BTreeMap::new();
                let mut class_of: BTreeMap<i64, usize> = BTreeMap::new();
                for Done { song, .. } in done.iter().filter(|d| d.made.is_ok()) {
                    class_of.insert(song.id, song.class);
                    if whole(song) == song.id && !first.contains_key(&song.id) {
                        different.entry(song.class).or_default().insert(song.id);
                    }
                }
                // A class whose songs are copies of one or two cannot be divided otherwise.
                let enough = |class: &usize| {
                    different.get(class).map_or(0, BTreeSet::len) >= PartName::ALL.len()
                };
                let first = |song: &Song| {
                    let whole = whole(song);
                    let class = class_of.get(&whole).unwrap_or(&song.class);
                    first.get(&whole).copied().filter(|_| enough(class)).unwrap_or(whole)
                };
                let mut drawn = BTreeMap::new();
                for (class, name) in classes.iter().enumerate() {
                    let own = done.iter().filter(|done| done.song.class == class);
                    let drawable = own.filter(|d| d.made.is_ok() && first(&d.song) == d.song.id);
                    let names = drawable.map(|done| (done.song.group.clone(), done.song.id));
                    drawn.extend(draw(names.collect(), seed, &format!("songs/{name}")));
                }
                for Done { song, made, parts } in done.iter_mut() {
                    if let (Ok(made), Some(&part)) = (made, drawn.get(&first(song))) {
                        *parts = vec![part; made.cuts];
                    }
                }
            }
            Self::Segments => {
                for (class, name) in classes.iter().enumerate() {
                    let cuts = |(at, done): (usize, &Done)| {
                        let of = done.made.as_ref().map_or(0, |made| made.cuts);
                        let name = done.song.name.clone();
                        (0..of).map(move |cut| (format!("{name}/{cut}"), (at, cut)))
                    };
                    let own = done.iter().enumerate().filter(|(_, d)| d.song.class == class);
                    let drawn =
                        draw(own.flat_map(cuts).collect(), seed, &format!("segments/{name}"));
                    for ((at, _), part) in drawn {
                        done[at].parts.push(part);
                    }
                }
            }
        }
    }
}

/// The first of the ids of one listed song, which has one for each class of its files, for each of the
/// others: a drawn split keeps them in one part.
fn first_of_song<'a>(done: impl Iterator<Item = &'a Done>) -> BTreeMap<i64, i64> {
    let usable = done.filter(|done| done.made.is_ok());
    first_alike(
        usable.filter_map(|Done { song, .. }| Some((song.listed_song.as_deref()?, song.id))),
    )
}

/// The first song of those that share a file's bytes, for each of the others: a drawn split keeps
/// them in one part. Songs are what `one_song` says.
fn first_copies<'a>(
    done: impl Iterator<Item = &'a Done>,
    one_song: &BTreeMap<i64, i64>,
) -> BTreeMap<i64, i64> {
    first_alike(done.filter_map(|Done { song, made, .. }| {
        let id = one_song.get(&song.id).copied().unwrap_or(song.id);
        Some((made.as_ref().ok()?.blake3.as_str(), id))
    }))
}

/// The first song of those that have a word in common, directly or through others, for each of the
/// others.
fn first_alike<'a>(words: impl Iterator<Item = (&'a str, i64)>) -> BTreeMap<i64, i64> {
    let mut of_word: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for (word, id) in words {
        of_word.entry(word).or_default().insert(id);
    }
    let mut first: BTreeMap<i64, i64> = BTreeMap::new();
    let find = |first: &BTreeMap<i64, i64>, mut id: i64| {
        // Songs lead to lesser ones only.
        while let Some(lesser) = first.get(&id) {
            id = *lesser;
        }
        id
    };
    for songs in of_word.values() {
        let least: BTreeSet<i64> = songs.iter().map(|id| find(&first, *id)).collect();
        for id in least.iter().skip(1) {
            first.insert(*id, least.first().copied().unwrap_or(*id));
        }
    }
    first.keys().map(|id| (*id, find(&first, *id))).collect()
}

/// Draws a part that no folder or list names from the training songs.
fn fill(missing: PartName, classes: &[String], seed: u64, done: &mut [Done]) {
    let (part, whole) = missing_share(missing);
    let in_training = |done: &&Done| done.song.part == Some(PartName::Train);
    let one_song = first_of_song(done.iter().filter(in_training));
    let first = first_copies(done.iter().filter(in_training), &one_song);
    let first = |song: &Song| {
        let whole = one_song.get(&song.id).copied().unwrap_or(song.id);
        first.get(&whole).copied().unwrap_or(whole)
    };
    let mut chosen: BTreeSet<i64> = BTreeSet::new();
    for (class, name) in classes.iter().enumerate() {
        let own = done.iter().filter(|d| {
            d.song.class == class && d.song.part == Some(PartName::Train) && !d.parts.is_empty()
        });
        let names: BTreeMap<String, i64> = own
            .filter(|done| first(&done.song) == done.song.id)
            .map(|done| (done.song.group.clone(), done.song.id))
            .collect();
        let n = names.len();
        // Not the last song.
        let wanted = share(n, part, whole).min(n.saturating_sub(1));
        let drawn = drawn(names, seed, &format!("{missing}/{name}"));
        chosen.extend(drawn.into_iter().take(wanted));
    }
    for Done { song, parts, .. } in done.iter_mut() {
        if song.part == Some(PartName::Train) && chosen.contains(&first(song)) {
            parts.fill(missing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_songs_are_56_14_and_30() {
        let counts = |n| shares(n).map(|(_, count)| count);
        assert_eq!(counts(100), [56, 14, 30]);
        assert_eq!(counts(1500), [840, 210, 450]);
        assert_eq!((counts(3), counts(10)), ([1, 1, 1], [6, 1, 3]));
        for n in 3..200 {
            assert!(counts(n).iter().all(|&count| count > 0), "{n}");
            assert_eq!(counts(n).iter().sum::<usize>(), n);
        }
    }

    fn songs(numbers: impl Iterator<Item = usize>) -> BTreeMap<String, usize> {
        numbers.map(|number| (format!("rock.{number:05}"), number)).collect()
    }

    #[test]
    fn a_draw_depends_on_seed_and_class() {
        let parts = draw(songs(0..100), 42, "songs/rock");
        assert_eq!(parts.values().filter(|part| **part == PartName::Test).count(), 30);
        assert_eq!(parts, draw(songs(0..100), 42, "songs/rock"));
        assert_ne!(parts, draw(songs(0..100), 43, "songs/rock"));
        assert_ne!(parts, draw(songs(0..100), 42, "songs/disco"));
    }

    #[test]
    fn a_song_more_or_less_moves_two_others_at_most() {
        let parts = draw(songs(0..100), 42, "songs/rock");
        let moved = |others: BTreeMap<usize, PartName>| {
            let known = others.iter().filter_map(|(song, part)| Some(parts.get(song)? != part));
            known.filter(|moved| *moved).count()
        };
        for lost in 0..100 {
            let others = songs((0..100).filter(|song| *song != lost));
            assert!(moved(draw(others, 42, "songs/rock")) <= 2, "{lost}");
        }
        for added in 100..200 {
            let others = songs((0..100).chain([added]));
            assert!(moved(draw(others, 42, "songs/rock")) <= 2, "{added}");
        }
    }
}
