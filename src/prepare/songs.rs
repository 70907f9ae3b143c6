//! The songs and their labels, from folders or from a list.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Options;
use crate::audio::EXTENSIONS;
use crate::data::{PartName, part_of_word};
use crate::error::{Error, Result};
use crate::files::read_regular;
use crate::progress::Progress;

/// Song ids are class · this + number, or · 10,000 … where a class has more songs.
const SONGS_PER_CLASS: usize = 1000;

/// A sound file.
#[derive(Debug, Clone)]
pub(super) struct Song {
    /// Its path within the folder of audio, with `/`: `rock/rock.00042.wav`.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// Its label.
    pub(super) class: usize,
    /// The song that it belongs to: its own name, unless a list maps several files to one song.
    pub(super) group: String,
    /// Class · 1000 (or [more](SONGS_PER_CLASS)) + the song's number within its class, in
    /// alphabetical order.
    pub(super) id: i64,
    /// The part that the list of songs names.
    pub(super) part: Option<PartName>,
}

/// All songs by class and name, and the classes by label.
pub(super) struct Found {
    pub(super) songs: Vec<Song>,
    pub(super) classes: Vec<String>,
}

/// A file with its class's name.
struct Labelled {
    song: Song,
    class: String,
}

pub(super) fn find(options: &Options, progress: &dyn Progress) -> Result<Found> {
    check_name(&options.audio)?;
    let labelled = match &options.list {
        Some(list) => listed(list, &options.audio)?,
        None => in_folders(&root(&options.audio), progress)?,
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
                return Err(fail(format!(
                    "--genres {class}: there is no such class; found {}",
                    classes.join(", ")
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
            Some(class) => format!(
                "expected at least two classes, found only {class}; \
                 give the folder that contains one folder per class"
            ),
        }));
    }
    let label = |class: &str| classes.iter().position(|known| known == class);
    let mut songs: Vec<Song> = labelled
        .into_iter()
        .filter_map(|Labelled { song, class }| Some(Song { class: label(&class)?, ..song }))
        .collect();
    songs.sort_by(|a, b| (a.class, &a.name).cmp(&(b.class, &b.name)));
    number(&mut songs);
    Ok(Found { songs, classes })
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

/// The folder of classes: GTZAN is distributed as a folder that contains it.
pub(super) fn root(audio: &Path) -> PathBuf {
    let inner = ["genres_original", "genres"].map(|name| audio.join(name));
    inner.into_iter().find(|path| path.is_dir()).unwrap_or_else(|| audio.to_path_buf())
}

fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder, "read"))? {
        let entry = entry.map_err(Error::io(folder, "read"))?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        // macOS leaves "._blues.00000.wav" on foreign disks.
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() || is_audio(&path) {
            check_name(&path)?;
        }
        found.push((name, path));
    }
    found.sort();
    Ok(found)
}

/// Refuses names that are not UTF-8: lists and records are, and could not tell two such names apart.
pub(super) fn check_name(path: &Path) -> Result<()> {
    if path.to_str().is_some() {
        return Ok(());
    }
    Err(Error::Prepare {
        place: path.display().to_string(),
        problem: "its name is not UTF-8 (shown with \u{fffd} for what is not): rename it".into(),
    })
}

fn in_folders(root: &Path, progress: &dyn Progress) -> Result<Vec<Labelled>> {
    let mut labelled = Vec::new();
    let (mut others, mut loose) = (0, 0);
    for (class, folder) in entries(root)? {
        if folder.is_dir() {
            walk(&folder, &class, &class, &mut labelled, &mut others)?;
        } else if is_audio(&folder) {
            loose += 1;
        }
    }
    if others > 0 {
        progress.note(&format!("{others} files have no audio extension and are skipped"));
    }
    if loose > 0 {
        progress.warn(&format!(
            "{loose} audio files in {} are in no class folder, so they have no label",
            root.display()
        ));
    }
    Ok(labelled)
}

fn walk(
    folder: &Path,
    within: &str,
    class: &str,
    labelled: &mut Vec<Labelled>,
    others: &mut usize,
) -> Result<()> {
    for (name, path) in entries(folder)? {
        let name = format!("{within}/{name}");
        // A link to a folder may lead in a circle: only true folders are entered.
        let is_folder = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
        if is_folder {
            walk(&path, &name, class, labelled, others)?;
        } else if is_audio(&path) {
            labelled.push(Labelled { song: song(name, path), class: class.to_owned() });
        } else {
            *others += 1;
        }
    }
    Ok(())
}

fn song(name: String, path: PathBuf) -> Song {
    Song { group: name.clone(), name, path, class: 0, id: 0, part: None }
}

fn is_audio(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|found| EXTENSIONS.iter().any(|e| e.eq_ignore_ascii_case(found)))
}

/// The songs of a list with the columns `file`, `label` and, where wanted, `part` and `song`.
fn listed(list: &Path, audio: &Path) -> Result<Vec<Labelled>> {
    let mut labelled: Vec<Labelled> = Vec::new();
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows(list, &["file", "label"])? {
        let name = row.get("file").replace('\\', "/");
        let path = audio.join(&name);
        if let Some(earlier) = lines.insert(name.clone(), row.line) {
            return Err(row.problem(&format!("{name} was on line {earlier} already")));
        }
        if !path.is_file() {
            return Err(row.problem(&format!("there is no file {}", path.display())));
        }
        let part = match row.get("part") {
            "" => None,
            word => Some(row.part(word)?),
        };
        let mut song = Song { part, ..song(name, path) };
        if !row.get("song").is_empty() {
            song.group = row.get("song").to_owned();
        }
        if row.get("label").is_empty() {
            return Err(row.problem("there is no label"));
        }
        labelled.push(Labelled { song, class: row.get("label").to_owned() });
    }
    let mut of_group: BTreeMap<(&str, &str), Option<PartName>> = BTreeMap::new();
    for Labelled { song, class } in &labelled {
        let part = of_group.entry((class, &song.group)).or_insert(song.part);
        if *part != song.part {
            return Err(Error::Prepare {
                place: list.display().to_string(),
                problem: format!("the files of song {} are in different parts", song.group),
            });
        }
    }
    Ok(labelled)
}

/// A line of a CSV file with a heading.
pub(super) struct Row {
    place: String,
    pub(super) line: u64,
    cells: BTreeMap<String, String>,
}

impl Row {
    /// A cell without the blanks around it; empty where there is no such column.
    pub(super) fn get(&self, column: &str) -> &str {
        self.cells.get(column).map_or("", |cell| cell.trim())
    }

    pub(super) fn part(&self, word: &str) -> Result<PartName> {
        part_of_word(&word.to_lowercase())
            .ok_or_else(|| self.problem(&format!("expected part train, val or test, found {word}")))
    }

    pub(super) fn problem(&self, problem: &str) -> Error {
        let place = format!("{}, line {}", self.place, self.line);
        Error::Prepare { place, problem: problem.to_owned() }
    }
}

/// Reads a CSV file whose heading must have these columns, in any order and case.
pub(super) fn rows(path: &Path, needed: &[&str]) -> Result<Vec<Row>> {
    let place = path.display().to_string();
    let bytes = read_regular(path).map_err(Error::io(path, "read"))?;
    let fail = |problem: String| Error::Prepare { place: place.clone(), problem };
    // Spreadsheets put a mark before the first column's name.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let heading = reader.headers().map_err(|e| fail(e.to_string()))?.clone();
    // The demo corpus's own list has genres.
    let column = |name: &str| match name.to_lowercase().as_str() {
        "genre" | "class" => "label".to_owned(),
        name => name.to_owned(),
    };
    let heading: Vec<String> = heading.iter().map(column).collect();
    for column in needed {
        if !heading.iter().any(|name| name == column) {
            return Err(fail(format!(
                "expected a first line with the columns {}, found {}",
                needed.join(", "),
                heading.join(", ")
            )));
        }
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| fail(e.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells = heading.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
        rows.push(Row { place: place.clone(), line, cells });
    }
    Ok(rows)
}
