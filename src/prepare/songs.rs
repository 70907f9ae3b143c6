//! The songs and their labels: which files there are, and which of them are pieces of one song.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;

use super::Options;
use super::folders::{first_with_several, in_folders, root};
use super::list::listed;
use super::song::{Labelled, Song, check_name};
use crate::audio::EXTENSIONS;
use crate::data::PartName;
use crate::data::song_names::{FileName, Unsure, songs_of};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::text::{shell, shown};

/// Song ids are class · this + number, or · 10,000 … where a class has more songs.
const SONGS_PER_CLASS: usize = 1000;

/// All songs by class and name, and the classes by label.
pub(super) struct Found {
    pub(super) songs: Vec<Song>,
    pub(super) classes: Vec<String>,
}

pub(super) fn find(options: &Options, progress: &dyn Progress) -> Result<Found> {
    let song_from = options.song_from.as_deref().map(song_expression).transpose()?;
    check_name(&options.audio)?;
    let mut labelled = match &options.list {
        Some(list) => listed(list, &options.audio, progress)?,
        None => in_folders(options, progress)?,
    };
    let from = options.list.as_ref().unwrap_or(&options.audio).display().to_string();
    let fail = |problem: String| Error::Prepare { place: from.clone(), problem };
    let mut classes: Vec<String> = labelled.iter().map(|l| l.class.clone()).collect();
    // Labels that are numbers are so in their own order: 2 comes before 10.
    let numbers: Option<Vec<i64>> = classes.iter().map(|class| class.parse().ok()).collect();
    match numbers {
        Some(_) => classes.sort_by_cached_key(|class| (class.parse::<i64>().ok(), class.clone())),
        None => classes.sort(),
    }
    classes.dedup();
    if let Some(wanted) = &options.classes {
        for (i, class) in wanted.iter().enumerate() {
            if !classes.contains(class) {
                let found: Vec<String> = classes.iter().map(|class| shown(class)).collect();
                return Err(fail(format!(
                    "--genres {class}: there is no such class; found {}",
                    found.join(", ")
                )));
            }
            if wanted.iter().take(i).any(|earlier| earlier == class) {
                return Err(fail(format!("--genres names {class} twice")));
            }
        }
        classes.clone_from(wanted);
    }
    if classes.len() < 2 {
        return Err(fail(match classes.first() {
            None => format!(
                "no audio was found; expected a folder for each class with files that end in {}, \
                 or --csv FILE",
                EXTENSIONS.map(|e| format!(".{e}")).join(", ")
            ),
            Some(class) => {
                let inner = first_with_several(&root(&options.audio));
                let give = match inner.filter(|_| options.list.is_none()) {
                    Some(inner) => format!(
                        "if the folders in it are the classes or parts, give {}",
                        shell(&inner.display().to_string())
                    ),
                    None => "give the folder that contains one folder per class".to_owned(),
                };
                format!("expected at least two classes, found only {}; {give}", shown(class))
            }
        }));
    }
    name_songs(options, song_from.as_ref(), &mut labelled, progress);
    let label = |class: &str| classes.iter().position(|known| known == class);
    let mut songs: Vec<Song> = labelled
        .into_iter()
        .filter_map(|Labelled { song, class }| Some(Song { class: label(&class)?, ..song }))
        .collect();
    songs.sort_by(|a, b| (a.class, &a.name).cmp(&(b.class, &b.name)));
    number(&mut songs);
    Ok(Found { songs, classes })
}

/// Finds the song of each file: from the list, by `--song-from`, or by the usual names of pieces.
fn name_songs(
    options: &Options,
    song_from: Option<&Regex>,
    labelled: &mut [Labelled],
    progress: &dyn Progress,
) {
    let by_names = match song_from {
        Some(expression) => by_expression(expression, labelled, progress),
        None => {
            let files = labelled.iter();
            let files: Vec<FileName<'_>> =
                files.map(|l| FileName { path: &l.song.name, class: &l.class }).collect();
            let found = songs_of(&files);
            let unlisted = |i: &usize| labelled[*i].song.listed_song.is_none();
            if let Some(Unsure { pair, expression }) =
                found.unsure.filter(|unsure| unsure.pair.iter().all(unlisted))
            {
                let [one, other] = pair.map(|i| labelled[i].song.shown());
                progress.warn(&format!(
                    "names such as {one} and {other} may be those of pieces of one song; each file is \
                     taken for a song of its own, and the two may get into different parts. If they \
                     are pieces, keep them together with --song-from '{expression}'; \
                     if not, --song-from '(.*)' says so"
                ));
            }
            found.songs
        }
    };
    for (labelled, song) in labelled.iter_mut().zip(by_names) {
        // The command line says more than the list.
        let listed = labelled.song.listed_song.take().filter(|_| song_from.is_none());
        labelled.song.group = listed.clone().unwrap_or(song);
        labelled.song.listed_song = listed;
    }
    let given: BTreeSet<PartName> = labelled.iter().filter_map(|l| l.song.part).collect();
    let drawn = given.len() < 2 || options.split.is_some_and(|split| !split.is_given());
    say_pieces(labelled, song_from.is_some(), drawn, progress);
}

/// The songs by an expression on the file's name without its extension, or on its path if the
/// expression has a `/`.
fn by_expression(regex: &Regex, files: &[Labelled], progress: &dyn Progress) -> Vec<String> {
    let mut unmatched: Vec<&Song> = Vec::new();
    let of = |Labelled { song, .. }: &'_ Labelled| {
        let stem = song.stem();
        let whole = song.name.rsplit_once('.').map_or(song.name.as_str(), |(whole, _)| whole);
        let text = if regex.as_str().contains('/') { whole } else { stem };
        let captures = regex.captures(text)?;
        let group = captures.iter().skip(1).flatten().next().or(captures.get(0))?;
        Some(group.as_str().to_owned())
    };
    let mut songs = Vec::new();
    for file in files {
        songs.push(of(file).unwrap_or_else(|| {
            unmatched.push(&file.song);
            file.song.name.clone()
        }));
    }
    if let Some(first) = unmatched.first() {
        progress.warn(&format!(
            "--song-from matches {} of {} files; each of the others, such as {}, is taken for a song \
             of its own",
            files.len() - unmatched.len(),
            files.len(),
            first.shown()
        ));
    }
    songs
}

/// The expression of `--song-from`.
fn song_expression(expression: &str) -> Result<Regex> {
    Regex::new(expression).map_err(|e| Error::Setting {
        name: "song-from",
        expected: "a regular expression whose first group is the song, such as '^(.*)_[0-9]+$'",
        found: format!("{expression} ({e})"),
    })
}

/// Says which files are pieces of songs, as far as parts are drawn; else within the given parts.
fn say_pieces(files: &[Labelled], expression: bool, drawn: bool, progress: &dyn Progress) {
    let mut songs: BTreeMap<_, Vec<&Song>> = BTreeMap::new();
    for Labelled { song, class } in files {
        let part = song.part.filter(|_| !drawn);
        songs.entry((class, &song.group, part)).or_default().push(song);
    }
    let by_name = |songs: &&Vec<&Song>| {
        songs.len() > 1 && songs.iter().any(|song| song.listed_song.is_none())
    };
    let pieces: Vec<&Vec<&Song>> = songs.values().filter(by_name).collect();
    let Some(example) = pieces.first() else { return };
    let n: usize = pieces.iter().map(|pieces| pieces.len()).sum();
    let (by, otherwise) = match expression {
        true => ("--song-from", ""),
        false => ("their names", "; --song-from REGEX decides otherwise ('(.*)': none is a piece)"),
    };
    let kept = if drawn { "; all pieces of a song are kept in one part" } else { "" };
    progress.note(&format!(
        "{n} of {} files are pieces of {} songs by {by}, such as {} and {} of {}{kept}{otherwise}",
        files.len(),
        pieces.len(),
        example[0].shown(),
        example[1].shown(),
        shown(&example[0].group)
    ));
}

/// Gives each song its id.
fn number(songs: &mut [Song]) {
    let mut numbers: BTreeMap<(usize, String), usize> = BTreeMap::new();
    for song in songs.iter() {
        numbers.insert((song.class, song.group.clone()), 0);
    }
    let mut in_class: BTreeMap<usize, usize> = BTreeMap::new();
    for ((class, _), number) in &mut numbers {
        let next = in_class.entry(*class).or_default();
        *number = *next;
        *next += 1;
    }
    let most = in_class.values().copied().max().unwrap_or(0);
    let mut stride = SONGS_PER_CLASS;
    while stride < most {
        stride *= 10;
    }
    for song in songs {
        let number = numbers.get(&(song.class, song.group.clone())).copied().unwrap_or(0);
        song.id = (song.class * stride + number) as i64;
    }
}

/// Says which listed songs have files of several classes, and warns where given parts divide them.
pub(super) fn tell_of_songs_in_classes(songs: &[Song], drawn: bool, progress: &dyn Progress) {
    let mut found: BTreeMap<&str, (BTreeSet<usize>, BTreeSet<PartName>)> = BTreeMap::new();
    for song in songs {
        let Some(listed) = &song.listed_song else { continue };
        let (classes, parts) = found.entry(listed).or_default();
        classes.insert(song.class);
        parts.extend(song.part);
    }
    found.retain(|_, (classes, parts)| classes.len() > 1 && (drawn || parts.len() > 1));
    let (n, Some((first, _))) = (found.len(), found.first_key_value()) else { return };
    let (n, first) =
        (if n == 1 { "1 song has".into() } else { format!("{n} songs have") }, shown(first));
    if drawn {
        progress.note(&format!(
            "{n} files of several classes by the list's song column, such as {first}: all files of a \
             song are kept in one part; if each class numbers its own songs, this does no harm"
        ));
    } else {
        progress.warn(&format!(
            "{n} files of several classes in several parts, by the list, such as {first}: the network \
             can memorise them, so scores look too good, and audit does not see it; --split song draws \
             parts that share none (if each class numbers its own songs, all is well)"
        ));
    }
}

/// Warns of songs that folders or a list put into several parts.
pub(super) fn warn_of_songs_in_parts(songs: &[Song], progress: &dyn Progress) {
    let mut parts: BTreeMap<i64, BTreeSet<PartName>> = BTreeMap::new();
    for song in songs {
        parts.entry(song.id).or_default().extend(song.part);
    }
    let shared = |song: &&Song| parts.get(&song.id).is_some_and(|parts| parts.len() > 1);
    let n = parts.values().filter(|parts| parts.len() > 1).count();
    if let Some(first) = songs.iter().find(shared) {
        let own: Vec<&Song> = songs.iter().filter(|song| song.id == first.id).collect();
        let other = own.iter().find(|song| song.part != first.part).unwrap_or(&first);
        let by = match own.iter().all(|song| song.listed_song.is_some()) {
            true => "by the list",
            false => "by their names",
        };
        progress.warn(&format!(
            "{n} songs are in several parts, {by}, such as {} and {}: the network can \
             memorise them, so scores look too good; --split song draws parts that share none",
            first.shown(),
            other.shown()
        ));
    }
}
