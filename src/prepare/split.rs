//! Splits songs, or cuts, into parts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::songs::{Found, Song, rows};
use super::{Done, Options};
use crate::data::PartName;
use crate::data::fault_filtered;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::random::streams::Stream;

/// How songs are split into parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitKind {
    /// Songs of each class at random, 56, 14 and 30 %.
    Song,
    /// Cuts of each class at random: a song is in several parts.
    Segment,
    /// The published split of GTZAN without repeats, artist-disjoint.
    FaultFiltered,
    /// According to a list.
    Csv,
}

impl SplitKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Song, Self::Segment, Self::FaultFiltered, Self::Csv];

    /// The word in flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Song => "song",
            Self::Segment => "segment",
            Self::FaultFiltered => "fault-filtered",
            Self::Csv => "csv",
        }
    }
}

/// The split, as far as it is determined before songs are decoded.
pub(super) enum Plan {
    /// The part of each song, by id; songs without a part are left out.
    Songs(BTreeMap<i64, PartName>),
    /// By cut: drawn when the number of cuts is known.
    Segments { seed: u64, classes: Vec<String> },
}

/// Validation and test get 14 and 30 % of `n`, rounded, and at least one; training the rest.
fn shares(n: usize) -> [(PartName, usize); 3] {
    let share = |percent: usize| ((n * percent + 50) / 100).max(1);
    let (val, test) = (share(14), share(30));
    let train = n.saturating_sub(val + test);
    [(PartName::Train, train), (PartName::Val, val), (PartName::Test, test)]
}

/// A random part for each of `n` songs or cuts.
fn draw(n: usize, seed: u64, name: &str) -> Vec<PartName> {
    let mut order: Vec<usize> = (0..n).collect();
    Stream::new(seed, name).shuffle(&mut order);
    let mut parts = vec![PartName::Train; n];
    let drawn = shares(n).into_iter().flat_map(|(part, count)| std::iter::repeat_n(part, count));
    for (at, part) in order.into_iter().zip(drawn) {
        parts[at] = part;
    }
    parts
}

pub(super) fn plan(options: &Options, found: &Found, progress: &dyn Progress) -> Result<Plan> {
    let lists_parts = found.songs.iter().any(|song| song.part.is_some());
    if lists_parts && options.split != SplitKind::Csv {
        progress.note(&format!(
            "the list's part column is ignored with --split {}; use --split csv to apply it",
            options.split.as_str()
        ));
    }
    match options.split {
        SplitKind::Song => by_song(options, found),
        SplitKind::Segment => {
            progress.warn(
                "--split segment puts cuts of one song into training and test: the network can memorise \
                 songs, so scores look too good",
            );
            Ok(Plan::Segments { seed: options.seed, classes: found.classes.clone() })
        }
        SplitKind::FaultFiltered => published(options, found, progress),
        SplitKind::Csv => match &options.parts {
            Some(list) => by_list(list, found, progress),
            None => {
                let named = found.songs.iter().filter_map(|song| Some((song.id, song.part?)));
                let named: BTreeMap<i64, PartName> = named.collect();
                if named.is_empty() {
                    return Err(Error::Setting {
                        name: "split",
                        expected: "a list of parts for csv: --split-csv FILE, or a column part in --csv",
                        found: "none".into(),
                    });
                }
                Ok(Plan::Songs(named))
            }
        },
    }
}

fn by_song(options: &Options, found: &Found) -> Result<Plan> {
    let mut parts = BTreeMap::new();
    for (class, name) in found.classes.iter().enumerate() {
        let of_class = found.songs.iter().filter(|song| song.class == class);
        let ids: BTreeSet<i64> = of_class.map(|song| song.id).collect();
        if ids.len() < 3 {
            return Err(Error::Prepare {
                place: options.audio.display().to_string(),
                problem: format!(
                    "class {name}: expected at least 3 songs, one for each part, found {}; add songs, \
                     or choose other classes with --genres",
                    ids.len()
                ),
            });
        }
        let drawn = draw(ids.len(), options.seed, &format!("prepare/songs/{name}"));
        parts.extend(ids.into_iter().zip(drawn));
    }
    Ok(Plan::Songs(parts))
}

fn published(options: &Options, found: &Found, progress: &dyn Progress) -> Result<Plan> {
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
    let named = found.songs.iter().filter_map(|song| Some((song.id, *lists.get(stem(song))?)));
    let named: BTreeMap<i64, PartName> = named.collect();
    let wanted = lists.keys().filter(|name| {
        name.split_once('.').is_some_and(|(genre, _)| found.classes.iter().any(|c| c == genre))
    });
    let wanted = wanted.count();
    if named.len() < wanted {
        progress.warn(&format!("only {} of the split's {wanted} songs were found", named.len()));
    }
    Ok(Plan::Songs(named))
}

/// The parts of a list with the columns `part` and `file` or `song`.
fn by_list(list: &Path, found: &Found, progress: &dyn Progress) -> Result<Plan> {
    let mut parts: BTreeMap<i64, PartName> = BTreeMap::new();
    let mut unknown = Vec::new();
    for row in rows(list, &["part"])? {
        let name = Some(row.get("file")).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| row.get("song")).replace('\\', "/");
        if name.is_empty() {
            return Err(row.problem("expected a column file or song that says which"));
        }
        let part = row.part(row.get("part"))?;
        let matching: Vec<&Song> = found.songs.iter().filter(|s| is_called(s, &name)).collect();
        if matching.is_empty() {
            unknown.push(name.clone());
        }
        let ids: BTreeSet<i64> = matching.iter().map(|song| song.id).collect();
        if ids.len() > 1 {
            let names: Vec<&str> = matching.iter().map(|song| song.name.as_str()).collect();
            return Err(row.problem(&format!("{name} could be {}", names.join(" or "))));
        }
        for id in ids {
            if *parts.entry(id).or_insert(part) != part {
                return Err(row.problem(&format!("{name} was in another part before")));
            }
        }
    }
    if let Some(first) = unknown.first() {
        progress.warn(&format!(
            "{}: {} lines name no song of these classes, such as {first}",
            list.display(),
            unknown.len()
        ));
    }
    Ok(Plan::Songs(parts))
}

fn is_called(song: &Song, name: &str) -> bool {
    let file = song.name.rsplit('/').next().unwrap_or(&song.name);
    song.name == name || file == name || stem(song) == name || song.group == name
}

/// `rock.00042` of `rock/rock.00042.wav`.
fn stem(song: &Song) -> &str {
    let file = song.name.rsplit('/').next().unwrap_or(&song.name);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

impl Plan {
    /// Whether the split has a part for this song.
    pub(super) fn names(&self, song: &Song) -> bool {
        match self {
            Self::Songs(parts) => parts.contains_key(&song.id),
            Self::Segments { .. } => true,
        }
    }

    /// Gives each cut its part.
    pub(super) fn assign(&self, done: &mut [Done]) {
        match self {
            Self::Songs(parts) => {
                for Done { song, made, parts: own } in done {
                    if let (Ok(made), Some(&part)) = (made, parts.get(&song.id)) {
                        *own = vec![part; made.cuts];
                    }
                }
            }
            Self::Segments { seed, classes } => {
                for (class, name) in classes.iter().enumerate() {
                    let cuts = |done: &Done| done.made.as_ref().map_or(0, |made| made.cuts);
                    let of_class = || done.iter().filter(|done| done.song.class == class);
                    let name = format!("prepare/segments/{name}");
                    let mut drawn = draw(of_class().map(cuts).sum(), *seed, &name).into_iter();
                    for done in done.iter_mut().filter(|done| done.song.class == class) {
                        done.parts = drawn.by_ref().take(cuts(done)).collect();
                    }
                }
            }
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

    #[test]
    fn a_draw_depends_on_seed_and_class() {
        let parts = draw(100, 42, "prepare/songs/rock");
        assert_eq!(parts.iter().filter(|part| **part == PartName::Test).count(), 30);
        assert_eq!(parts, draw(100, 42, "prepare/songs/rock"));
        assert_ne!(parts, draw(100, 43, "prepare/songs/rock"));
        assert_ne!(parts, draw(100, 42, "prepare/songs/disco"));
    }
}
