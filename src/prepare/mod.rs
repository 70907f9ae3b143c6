//! Makes a dataset from sound files: `genre-gpu prepare`.
//!
//! ```text
//! folders.rs folders of classes and parts -> files with labels
//! list.rs    a CSV list -> files with labels
//! song.rs    a file and what is known of it
//! songs.rs   files -> songs, of which they may be pieces
//! split.rs   which song, or which cut, goes into which part
//! advice.rs  what to try where a part has no song
//! work.rs    one file -> its cuts; cached in OUT/.prepare until all files are done
//! output.rs  the output folder: started, resumed, finished
//! record.rs  prepare.json: how a folder was made
//! arrays.rs  cuts -> x, y and song of each part
//! ```

mod advice;
mod arrays;
mod folders;
mod list;
mod output;
mod record;
mod song;
mod songs;
mod split;
mod work;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::audio::{Cutting, FrontEnd, LogMel};
use crate::data::PartName;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::share::Share;

use output::Output;
use song::Song;
use songs::Found;
use split::Plan;
use work::{Made, Unusable, Worker};

pub use record::{Record, Settings, path_of, read};
pub use split::SplitKind;
pub use work::{FileCuts, file_cuts};

/// The settings of `prepare`.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder with a folder of songs for each class; GTZAN's own, above its
    /// `genres_original` or `genres`, is accepted.
    pub audio: PathBuf,
    /// A list of file, label and, if need be, part and song, instead of the folders.
    pub list: Option<PathBuf>,
    /// The classes in the order of their labels; where not given, all in alphabetical order.
    pub classes: Option<Vec<String>>,
    /// How sound becomes spectrograms.
    pub front_end: FrontEnd,
    /// How songs are cut.
    pub cutting: Cutting,
    /// A regular expression on files' names, whose first group is the song; where not given, pieces
    /// of a song are recognised by their usual names.
    pub song_from: Option<String>,
    /// How songs are split into parts; where not given, as folders or the list name parts, or by
    /// song.
    pub split: Option<SplitKind>,
    /// A list of file or song and part, for [`SplitKind::Csv`].
    pub parts: Option<PathBuf>,
    /// Seed of the split.
    pub seed: u64,
    /// A file that cannot be used, or of which not all can be decoded, is an error.
    pub strict: bool,
    /// The longest file in minutes; longer ones are skipped.
    pub most_minutes: u32,
    /// Files decoded at once; 0 means one for each core.
    pub threads: usize,
    /// The folder for the arrays.
    pub out: PathBuf,
}

/// The result of `prepare`.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The classes' names, by label.
    pub classes: Vec<String>,
    /// Songs and samples of each part and class.
    pub counts: BTreeMap<(PartName, usize), Count>,
    /// Files that could not be used, and why.
    pub skipped: Vec<(String, String)>,
    /// Files that the split does not name.
    pub left_out: usize,
    /// Files that are in the arrays.
    pub files: usize,
    /// Their total length.
    pub seconds: f64,
}

/// Songs and samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Songs that have samples here.
    pub songs: usize,
    /// Samples.
    pub samples: usize,
}

/// A song after its cuts were made.
struct Done {
    song: Song,
    /// Its cuts, or why there are none.
    made: Result<Made, Unusable>,
    /// The part of each cut; empty where there are none or the split leaves the song out.
    parts: Vec<PartName>,
}

/// Finds songs, cuts them into spectrograms and writes the arrays that
/// `train --data` reads. A folder that was started with the same settings is resumed.
///
/// # Errors
/// If there are no songs, a class has none in a part, a list is invalid, `out` holds other files, or
/// a file fails and `strict` is set.
pub fn prepare(options: &Options, progress: &dyn Progress) -> Result<Summary> {
    // Refused before anything is made: an impossible front end, or an unknown vector level.
    LogMel::new(&options.front_end)?;
    advice::warn_of_empty_bands(&options.front_end, progress);
    let pool = pool(options)?;
    let mut found = songs::find(options, progress)?;
    let settings = Settings::new(options, split::kind(options, &found.songs), &found.classes)?;
    let plan = split::plan(options, &mut found, progress)?;
    if matches!(plan, Plan::Songs) {
        advice::check_songs(options, &found)?;
    }
    let output = Output::open(&options.out, &settings)?;
    let mut done = pool.install(|| make_all(options, found, &plan, &output.work(), progress))?;
    if options.strict {
        check_all_whole(options, &done, &output)?;
    }
    // Only now is it known which files can be used.
    plan.assign(&settings.classes, options.seed, &mut done);
    let skipped: Vec<_> = (done.iter())
        .filter_map(|done| Some((done.song.name.clone(), done.made.as_ref().err()?.reason.clone())))
        .collect();
    let summary = summarise(&settings.classes, &done, skipped);
    if let Some(problem) = advice::empty_part(options, &settings, &summary, &done) {
        output.give_up(&done)?;
        let place = options.audio.display().to_string();
        return Err(Error::Prepare { place, problem });
    }
    warn_of_skipped(&done, progress);
    warn_of_faults(&done, progress);
    report_copies(&done, progress);
    output.begin_arrays()?;
    arrays::write(&output, &settings, &done, progress)?;
    output.finish(&Record::new(settings, &summary, &done))?;
    Ok(summary)
}

/// What was made of a share of the songs.
#[derive(Debug, Clone)]
pub struct ShareSummary {
    /// Files that have cuts now.
    pub files: usize,
    /// Their total length.
    pub seconds: f64,
    /// Files that could not be used, and why.
    pub skipped: Vec<(String, String)>,
}

/// Makes the cuts of a share of the songs and keeps them in `out`, where [`prepare`] finds them when all
/// shares are made. Several processes may do so at once.
///
/// # Errors
/// If there are no songs, a list is invalid, or `out` holds other files.
pub fn prepare_share(
    options: &Options,
    share: Share,
    progress: &dyn Progress,
) -> Result<ShareSummary> {
    LogMel::new(&options.front_end)?;
    let pool = pool(options)?;
    let mut found = songs::find(options, progress)?;
    let settings = Settings::new(options, split::kind(options, &found.songs), &found.classes)?;
    let plan = split::plan(options, &mut found, progress)?;
    let work = output::shared_work(&options.out, &settings)?;
    let named: Vec<Song> = found.songs.into_iter().filter(|song| plan.names(song)).collect();
    let own = named.into_iter().enumerate().filter(|(i, _)| share.has(*i)).map(|(_, song)| song);
    found.songs = own.collect();
    let done = pool.install(|| make_all(options, found, &plan, &work, progress))?;
    warn_of_skipped(&done, progress);
    warn_of_faults(&done, progress);
    let (mut summary, mut skipped) = ((0, 0.0), Vec::new());
    for Done { song, made, .. } in done {
        match made {
            Ok(made) => summary = (summary.0 + 1, summary.1 + made.seconds),
            Err(unusable) => skipped.push((song.name, unusable.reason)),
        }
    }
    Ok(ShareSummary { files: summary.0, seconds: summary.1, skipped })
}

fn pool(options: &Options) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()
        .map_err(|e| Error::Threads { threads: options.threads, problem: e.to_string() })
}

/// Cuts all songs that the plan names, in parallel; the order is that of the songs.
fn make_all(
    options: &Options,
    found: Found,
    plan: &Plan,
    work: &Path,
    progress: &dyn Progress,
) -> Result<Vec<Done>> {
    let total = found.songs.iter().filter(|song| plan.names(song)).count();
    progress.begin("songs", total as u64, "songs");
    let done = found.songs.into_par_iter().map_init(
        || Worker::new(options, work.to_path_buf()),
        |worker, song| {
            if !plan.names(&song) {
                let made = Ok(Made::default());
                return Ok(Done { song, made, parts: Vec::new() });
            }
            if progress.stops() {
                let (place, problem) = (options.out.display().to_string(), "was stopped".into());
                return Err(Error::Prepare { place, problem });
            }
            let worker = worker.as_mut().map_err(|e| Error::FrontEnd {
                name: options.front_end.name.clone(),
                problem: e.to_string(),
            })?;
            let made = worker.make(&song)?;
            progress.advance(1);
            Ok(Done { song, made, parts: Vec::new() })
        },
    );
    let done = done.collect::<Result<Vec<_>>>();
    progress.end();
    let done = done?;
    let overlap = done.iter().flat_map(|done| &done.made).filter(|made| made.overlap).count();
    if overlap > 0 {
        progress.note(&format!(
            "in {overlap} of {total} songs cuts overlap, because the song is shorter than all its \
             cuts together"
        ));
    }
    Ok(done)
}

fn summarise(classes: &[String], done: &[Done], skipped: Vec<(String, String)>) -> Summary {
    let mut counts: BTreeMap<(PartName, usize), Count> = BTreeMap::new();
    let mut songs = std::collections::BTreeSet::new();
    for Done { song, parts, .. } in done {
        for &part in parts {
            let count = counts.entry((part, song.class)).or_default();
            count.samples += 1;
            count.songs += usize::from(songs.insert((part, song.id)));
        }
    }
    let used = || done.iter().filter(|done| !done.parts.is_empty());
    let made = used().filter_map(|done| done.made.as_ref().ok());
    Summary {
        classes: classes.to_vec(),
        counts,
        left_out: done.iter().filter(|d| d.parts.is_empty() && d.made.is_ok()).count(),
        skipped,
        files: used().count(),
        seconds: made.map(|made| made.seconds).sum(),
    }
}

/// For `strict`: every file must have been decoded completely.
fn check_all_whole(options: &Options, done: &[Done], output: &Output) -> Result<()> {
    let mut faults = done.iter().filter_map(|done| {
        let reason = match &done.made {
            Ok(made) => made.damage.as_ref()?,
            Err(unusable) => &unusable.reason,
        };
        Some((done.song.shown(), reason))
    });
    let Some((name, reason)) = faults.next() else { return Ok(()) };
    Err(Error::Prepare {
        place: options.audio.display().to_string(),
        problem: format!(
            "{} of {} files cannot be used or not be decoded to their end, the first {name} \
             ({reason}), and --strict is set: no arrays were written; the others are kept in {} \
             for the next start",
            1 + faults.count(),
            done.len(),
            output.work().display()
        ),
    })
}

/// Files that are named one by one; more are counted.
const NAMED: usize = 10;

fn warn_of_skipped(done: &[Done], progress: &dyn Progress) {
    let skipped = done.iter().filter_map(|done| {
        let Unusable { reason, .. } = done.made.as_ref().err()?;
        Some(format!("{} is skipped: {reason}", done.song.shown()))
    });
    warn_of_each(skipped, "are skipped; songs.csv says why", progress);
}

/// Warns of files that are used although something is wrong with them.
fn warn_of_faults(done: &[Done], progress: &dyn Progress) {
    let faulty = done.iter().filter_map(|Done { song, made, .. }| {
        let Made { damage, remark, seconds, .. } = made.as_ref().ok()?;
        let damage =
            damage.as_ref().map(|damage| format!("{damage}; {seconds:.1} s of it are used"));
        let faults: Vec<String> = damage.into_iter().chain(remark.clone()).collect();
        (!faults.is_empty()).then(|| format!("{}: {}", song.shown(), faults.join("; ")))
    });
    warn_of_each(
        faulty,
        "are damaged, silent, clipped or out of phase; songs.csv says which",
        progress,
    );
}

/// Warns of the first files and counts the others, of which `what` is said.
fn warn_of_each(mut warnings: impl Iterator<Item = String>, what: &str, progress: &dyn Progress) {
    warnings.by_ref().take(NAMED).for_each(|warning| progress.warn(&warning));
    let more = warnings.count();
    if more > 0 {
        progress.warn(&format!("{more} more files {what}"));
    }
}

/// Reports which files have the same bytes: a warning if they are in different parts or have different
/// labels.
fn report_copies(done: &[Done], progress: &dyn Progress) {
    let mut by_hash: BTreeMap<&str, Vec<&Done>> = BTreeMap::new();
    for done in done.iter().filter(|done| !done.parts.is_empty()) {
        if let Ok(made) = &done.made {
            by_hash.entry(&made.blake3).or_default().push(done);
        }
    }
    let (mut apart, mut together) = (Vec::new(), Vec::new());
    for copies in by_hash.into_values().filter(|copies| copies.len() > 1) {
        let of = |done: &Done| (done.song.class, done.parts.clone());
        match copies.iter().any(|copy| of(copy) != of(copies[0])) {
            true => apart.push(copies),
            false => together.push(copies),
        }
    }
    // The files of one group, and how many groups more there are.
    let example = |groups: &[Vec<&Done>], with_part: bool| {
        let Some((first, others)) = groups.split_first() else { return String::new() };
        let names = first.iter().take(MOST_COPIES).map(|copy| match with_part {
            true => format!("{} ({})", copy.song.shown(), part_of(&copy.parts)),
            false => copy.song.shown(),
        });
        let names = names.collect::<Vec<_>>().join(", ");
        let more = if first.len() > MOST_COPIES { ", …" } else { "" };
        let groups = match others.len() {
            0 => String::new(),
            1 => "; and 1 more group of equal files".to_owned(),
            n => format!("; and {n} more groups of equal files"),
        };
        format!("{names}{more}{groups}")
    };
    let count = |copies: &[Vec<&Done>]| copies.iter().map(Vec::len).sum::<usize>();
    if !together.is_empty() {
        progress.note(&format!(
            "{} files are {} recordings, byte by byte, and equal files are in one part: {}",
            count(&together),
            together.len(),
            example(&together, false)
        ));
    }
    if !apart.is_empty() {
        progress.warn(&format!(
            "the same file several times: {} (in different parts or with different labels)",
            example(&apart, true)
        ));
    }
}

/// Files of a group of equal ones that are named.
const MOST_COPIES: usize = 4;

/// The part of a song, or `several`.
fn part_of(parts: &[PartName]) -> &'static str {
    match parts {
        [] => "",
        [first, rest @ ..] if rest.iter().all(|part| part == first) => first.as_str(),
        _ => "several",
    }
}
