//! What to try where a part has no song, and what to know of a front end.

use std::collections::{BTreeMap, BTreeSet};

use super::record::Settings;
use super::songs::Found;
use super::split::SplitKind;
use super::{Done, Options, Summary};
use crate::audio::{FrontEnd, fits, mel};
use crate::data::PartName;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::text::{shell, shown};

/// Each part needs one.
const LEAST_SONGS: usize = 3;

/// The songs and cuts of a class that can be used.
#[derive(Default)]
struct OfClass {
    songs: BTreeSet<i64>,
    cuts: usize,
    /// Files that can be used.
    files: usize,
    parts: BTreeSet<PartName>,
    /// Samples and part of files that are only too short, the longest first.
    short: Vec<(usize, Option<PartName>)>,
}

impl OfClass {
    fn of(class: usize, done: &[Done]) -> Self {
        let mut own = Self::default();
        for Done { song, made, parts } in done.iter().filter(|done| done.song.class == class) {
            match made {
                Ok(made) if made.cuts > 0 => {
                    own.songs.insert(song.id);
                    own.cuts += made.cuts;
                    own.files += 1;
                    own.parts.extend(parts);
                }
                Ok(_) => {}
                Err(unusable) => own.short.extend(unusable.too_short.map(|n| (n, song.part))),
            }
        }
        own.short.sort_unstable_by(|a, b| b.cmp(a));
        own
    }

    fn is_whole(&self, kind: SplitKind) -> bool {
        match kind {
            SplitKind::Song => self.songs.len() >= LEAST_SONGS,
            SplitKind::Segment => self.cuts >= LEAST_SONGS,
            _ => self.parts.len() == PartName::ALL.len(),
        }
    }

    /// The length that songs must have so that this class is whole; none if no length is enough.
    fn sufficient(&self, kind: SplitKind) -> Option<usize> {
        match kind {
            SplitKind::Song => {
                self.short.get(LEAST_SONGS.checked_sub(self.songs.len() + 1)?).map(|(n, _)| *n)
            }
            SplitKind::Segment => self.short.first().map(|(n, _)| *n),
            _ => {
                let lacking = PartName::ALL.into_iter().filter(|part| !self.parts.contains(part));
                let longest = |part| self.short.iter().find(|s| s.1 == Some(part)).map(|s| s.0);
                lacking.map(longest).collect::<Option<Vec<_>>>()?.into_iter().min()
            }
        }
    }
}

/// Refuses classes that have too few songs, before any is decoded.
pub(super) fn check_songs(options: &Options, found: &Found) -> Result<()> {
    let mut songs: BTreeMap<usize, BTreeSet<i64>> = BTreeMap::new();
    for song in &found.songs {
        songs.entry(song.class).or_default().insert(song.id);
    }
    let enough = |class: &usize| songs.get(class).map_or(0, BTreeSet::len) >= LEAST_SONGS;
    let Some(class) = (0..found.classes.len()).find(|class| !enough(class)) else { return Ok(()) };
    let name = found.classes.get(class).map_or("", String::as_str);
    let files = || found.songs.iter().filter(|song| song.class == class);
    let n = songs.get(&class).map_or(0, BTreeSet::len);
    let pieces = match files().count() {
        count if count > n => {
            let listed = match files().all(|song| song.listed_song.is_some()) {
                true => "the list",
                false if options.song_from.is_some() => "--song-from",
                false => "their names",
            };
            format!(" ({count} files, which are pieces of songs by {listed})")
        }
        _ => String::new(),
    };
    let mut ways = vec![format!("more songs of {}", shown(name))];
    let whole: Vec<&String> = (0..)
        .zip(&found.classes)
        .filter(|(class, _)| enough(class))
        .map(|(_, name)| name)
        .collect();
    ways.extend(without(&whole));
    if found.songs.len() >= LEAST_SONGS
        && files().count() >= LEAST_SONGS
        && options.song_from.is_none()
    {
        ways.push("--song-from '(.*)' if its files are songs, not pieces".into());
    }
    if options.cutting.segments * files().count() >= LEAST_SONGS {
        ways.push(BY_SEGMENT.into());
    }
    Err(Error::Prepare {
        place: options.audio.display().to_string(),
        problem: format!(
            "class {}: expected at least {LEAST_SONGS} songs, one for each part, found {n}{pieces}; try {}",
            shown(name),
            ways.join(", or ")
        ),
    })
}

const BY_SEGMENT: &str =
    "--split segment (cuts of one song are in several parts then, and scores look too good)";

/// The classes that are whole, if they are enough.
fn without(whole: &[&String]) -> Option<String> {
    let names: Vec<&str> = whole.iter().map(|name| name.as_str()).collect();
    (names.len() > 1).then(|| format!("--genres {} (without it)", shell(&names.join(","))))
}

/// Why a class has no song in a part, and ways out; none if all parts have songs of all classes.
pub(super) fn empty_part(
    options: &Options,
    settings: &Settings,
    summary: &Summary,
    done: &[Done],
) -> Option<String> {
    let (kind, classes) = (settings.split, &settings.classes);
    let pairs = (0..classes.len()).flat_map(|class| PartName::ALL.map(|part| (part, class)));
    let (part, class) = pairs.into_iter().find(|pair| !summary.counts.contains_key(pair))?;
    let of: Vec<OfClass> = (0..classes.len()).map(|class| OfClass::of(class, done)).collect();
    let name = shown(classes.get(class)?);
    let own = of.get(class)?;
    let of_class = |done: &&Done| done.song.class == class;
    let usable = done.iter().any(|done| done.made.as_ref().is_ok_and(|made| made.cuts > 0));
    let mut problem = match kind {
        _ if !usable => format!("none of {} files can be used", done.len()),
        SplitKind::Song => format!(
            "class {name}: expected at least {LEAST_SONGS} songs that can be used, one for each part, \
             found {}",
            own.songs.len()
        ),
        SplitKind::Segment => format!("class {name} has only {} cuts", own.cuts),
        _ => format!("class {name} has no song in {part} that can be used"),
    };
    let unusable = || done.iter().filter(|d| (!usable || of_class(d)) && d.made.is_err());
    // The longest of those that are too short says most.
    let example = unusable().max_by_key(|done| done.made.as_ref().err().and_then(|e| e.too_short));
    if let Some((done, Err(e))) = example.map(|done| (done, &done.made)) {
        let n = unusable().count();
        let (song, reason) = (done.song.shown(), &e.reason);
        problem.push_str(&match n {
            _ if !usable => format!(", such as {song}: {reason}"),
            1 => format!("; {song}: {reason}"),
            _ => format!("; {n} files cannot be used, such as {song}: {reason}"),
        });
    }
    let mut ways: Vec<String> = fitting_flags(options, kind, &of).into_iter().collect();
    let whole: Vec<&String> =
        classes.iter().zip(&of).filter(|(_, of)| of.is_whole(kind)).map(|(name, _)| name).collect();
    ways.extend(without(&whole));
    if kind.is_given() && of.iter().all(|of| of.is_whole(SplitKind::Song)) {
        ways.push("--split song to draw the parts".into());
    }
    let pieces = |of: &OfClass| of.files > of.songs.len();
    if kind == SplitKind::Song
        && of.iter().any(pieces)
        && of.iter().all(|of| of.files >= LEAST_SONGS)
        && options.song_from.is_none()
    {
        ways.push("--song-from '(.*)' if the files are songs, not pieces".into());
    }
    if kind != SplitKind::Segment && of.iter().all(|of| of.is_whole(SplitKind::Segment)) {
        ways.push(BY_SEGMENT.into());
    }
    ways.push(if usable { format!("more songs of {name}") } else { "other files".into() });
    Some(format!("{problem}; try {}", ways.join(", or ")))
}

/// Flags with which songs that were too short make all classes whole.
fn fitting_flags(options: &Options, kind: SplitKind, of: &[OfClass]) -> Option<String> {
    let lacking = || of.iter().filter(|of| !of.is_whole(kind));
    let enough: Option<Vec<usize>> = lacking().map(|of| of.sufficient(kind)).collect();
    let enough = enough?.into_iter().min()?;
    let shortest = of.iter().flat_map(|of| &of.short).map(|(n, _)| *n).min()?;
    let (fe, from, segments) = (&options.front_end, options.cutting.from, options.cutting.segments);
    let most = |samples: usize| (1..=segments).rev().find(|n| fits(samples, fe, *n, from));
    let seconds = |fe: &FrontEnd| format!("cuts of {:.2} s", fe.seconds());
    // All files, if they have a cut at all; else as many as are needed.
    if let Some(most) = most(shortest).or_else(|| most(enough)) {
        return Some(format!("--segments {most}"));
    }
    let shorter = |frames: usize| FrontEnd { frames, ..fe.clone() };
    let frames = (1..fe.frames).rev().find(|n| fits(enough, &shorter(*n), 1, from))?;
    let one = if segments > 1 { "--segments 1 " } else { "" };
    Some(format!("{one}--frames {frames} ({})", seconds(&shorter(frames))))
}

/// Warns as librosa does of bands that lie between two bins of the FFT, and are always at the floor.
pub(super) fn warn_of_empty_bands(front_end: &FrontEnd, progress: &dyn Progress) {
    let empty =
        |fe: &FrontEnd| mel::filters(fe).iter().filter(|band| band.weights.is_empty()).count();
    let n = empty(front_end);
    if n == 0 {
        return;
    }
    let fewer = |n_mels: &usize| empty(&FrontEnd { n_mels: *n_mels, ..front_end.clone() }) == 0;
    // Fewer bands are wider: halving finds the most.
    let (mut fits, mut not) = (1, front_end.n_mels);
    while not - fits > 1 {
        let middle = usize::midpoint(fits, not);
        if fewer(&middle) { fits = middle } else { not = middle }
    }
    let longer = (1..8).map(|i| front_end.n_fft << i).find(|n_fft| {
        let longer = FrontEnd { n_fft: *n_fft, ..front_end.clone() };
        longer.check().is_ok() && empty(&longer) == 0
    });
    let longer = longer.map_or_else(String::new, |n_fft| format!(" or --n-fft {n_fft}"));
    progress.warn(&format!(
        "{n} of {} mel bands are narrower than a bin of the FFT and always empty (constant): try \
         --mels {fits}{longer}",
        front_end.n_mels
    ));
}
