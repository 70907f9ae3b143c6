//! The songs and their labels, from a list.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::song::{Labelled, Song, song};
use crate::data::{PartName, part_of_folder, parts_among};
use crate::error::{Error, Result};
use crate::files::read_regular;
use crate::progress::Progress;
use crate::text::{of_cell, shell, shown};

/// Other names for columns, as lists in the wild have them.
const COLUMNS: [(&str, &[&str]); 4] = [
    ("file", &["filename", "file_name", "file name", "path", "filepath", "file_path"]),
    ("label", LABELS),
    ("part", &["split", "subset", "set"]),
    ("song", &["song_id", "songid", "track_id"]),
];

/// Other names for the column of labels.
const LABELS: &[&str] = &["class", "genre", "category"];

/// The songs of a list with the columns `file`, `label` and, where wanted, `part` and `song`. A list may
/// come from elsewhere: what leads out of the folder that was named is refused.
pub(super) fn listed(list: &Path, audio: &Path, progress: &dyn Progress) -> Result<Vec<Labelled>> {
    let mut labelled: Vec<Labelled> = Vec::new();
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows(list, &["file", "label"], progress)? {
        let mut name = within(&row.get("file").replace('\\', "/"), audio);
        let mut path = audio.join(&name);
        // Lists that this program writes have an apostrophe before what looks like a formula.
        if !path.is_file() && of_cell(&name) != name {
            name = within(of_cell(&name), audio);
            path = audio.join(&name);
        }
        if let Some(earlier) = lines.insert(name.clone(), row.line) {
            return Err(row.problem(&format!("{} was on line {earlier} already", shown(&name))));
        }
        let is_within = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::CurDir);
        if !Path::new(&name).components().all(is_within) {
            return Err(row.problem(&format!(
                "{} leads out of the folder of audio; expected a path within {}",
                shown(&name),
                shown(&audio.display().to_string())
            )));
        }
        if !path.is_file() {
            let path = shown(&path.display().to_string());
            return Err(row.problem(&format!("there is no file {path}")));
        }
        let part = row.part()?;
        let group = Some(row.get("song").to_owned()).filter(|song| !song.is_empty());
        let song = Song { part, listed_song: group, ..song(name, path) };
        if row.get("label").is_empty() {
            return Err(row.problem("there is no label"));
        }
        labelled.push(Labelled { song, class: of_cell(row.get("label")).to_owned() });
    }
    let mut of_group: BTreeMap<(&str, &str), Option<PartName>> = BTreeMap::new();
    for Labelled { song, class } in &labelled {
        let Some(group) = &song.listed_song else { continue };
        let part = of_group.entry((class, group)).or_insert(song.part);
        if *part != song.part {
            return Err(Error::Prepare {
                place: list.display().to_string(),
                problem: format!("the files of song {} are in different parts", shown(group)),
            });
        }
    }
    Ok(labelled)
}

/// A path within the folder of audio: an absolute one loses the folder, if it is in it.
pub(super) fn within(name: &str, audio: &Path) -> String {
    let path = Path::new(name);
    if !path.is_absolute() {
        return name.to_owned();
    }
    let folders = [std::path::absolute(audio).ok(), audio.canonicalize().ok()];
    let mut inner = folders.iter().flatten().filter_map(|folder| path.strip_prefix(folder).ok());
    inner.find_map(Path::to_str).map_or_else(|| name.to_owned(), |inner| inner.replace('\\', "/"))
}

/// A line of a CSV file with a heading.
pub(super) struct Row {
    place: String,
    pub(super) line: u64,
    cells: BTreeMap<String, String>,
    part: Option<PartName>,
}

impl Row {
    /// A cell without the blanks around it; empty where there is no such column.
    pub(super) fn get(&self, column: &str) -> &str {
        self.cells.get(column).map_or("", |cell| cell.trim())
    }

    /// The part in its column; none where that is empty.
    pub(super) fn part(&self) -> Result<Option<PartName>> {
        let word = self.get("part");
        match self.part {
            None if !word.is_empty() => {
                Err(self
                    .problem(&format!("expected part train, val or test, found {}", shown(word))))
            }
            part => Ok(part),
        }
    }

    pub(super) fn problem(&self, problem: &str) -> Error {
        let place = format!("{}, line {}", self.place, self.line);
        Error::Prepare { place, problem: problem.to_owned() }
    }
}

/// Reads a CSV file whose heading must have these columns, in any order and case.
pub(super) fn rows(path: &Path, needed: &[&str], progress: &dyn Progress) -> Result<Vec<Row>> {
    let place = path.display().to_string();
    let bytes = read_regular(path).map_err(Error::io(path, "read"))?;
    let fail = |problem: String| Error::Prepare { place: place.clone(), problem };
    // Spreadsheets put a mark before the first column's name.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    expect_utf8(path, bytes).map_err(&fail)?;
    let delimiter = delimiter(bytes);
    if delimiter != b',' {
        let name = if delimiter == b'\t' { "tabs" } else { "semicolons" };
        progress.note(&format!("{}: its columns are separated by {name}", shown(&place)));
    }
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.delimiter(delimiter).trim(csv::Trim::All).from_reader(bytes);
    let heading = reader.headers().map_err(|e| fail(e.to_string()))?.clone();
    let heading: Vec<String> = heading.iter().map(|name| name.trim().to_lowercase()).collect();
    let mut named = heading.clone();
    for (column, others) in COLUMNS {
        let own = heading.iter().position(|name| name == column);
        let other = others.iter().find_map(|other| heading.iter().position(|name| name == other));
        if let (None, Some(other)) = (own, other) {
            named[other] = column.to_owned();
        }
    }
    for column in needed {
        if !named.iter().any(|name| name == column) {
            let found: Vec<String> = heading.iter().map(|name| shown(name)).collect();
            return Err(fail(format!(
                "expected a first line with the columns {}, found {}",
                needed.join(", "),
                found.join(", ")
            )));
        }
    }
    let records: Vec<csv::StringRecord> =
        reader.records().collect::<Result<_, _>>().map_err(|e| fail(e.to_string()))?;
    if needed.contains(&"label") {
        choose_labels(&place, &heading, &mut named, &records, progress);
    }
    let mut rows: Vec<Row> = Vec::new();
    for record in records {
        let line = record.position().map_or(0, csv::Position::line);
        let cells = named.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
        rows.push(Row { place: place.clone(), line, cells, part: None });
    }
    let parts = parts_among(rows.iter().map(|row| row.get("part")), part_of_folder);
    for row in &mut rows {
        row.part = parts.get(row.get("part")).copied();
    }
    Ok(rows)
}

/// Of several columns that may have the labels, takes the first whose cells are not all whole numbers,
/// and says so; the numbers are those of the names beside them.
fn choose_labels(
    place: &str,
    heading: &[String],
    named: &mut [String],
    records: &[csv::StringRecord],
    progress: &dyn Progress,
) {
    let at = |name: &&str| heading.iter().position(|found| found == name);
    let columns: Vec<usize> = ["label"].iter().chain(LABELS).filter_map(at).collect();
    let (Some(&first), true) = (columns.first(), columns.len() > 1) else { return };
    let are_numbers = |column: &usize| {
        records.iter().all(|row| row.get(*column).is_some_and(|cell| cell.parse::<i64>().is_ok()))
    };
    let chosen = columns.iter().copied().find(|column| !are_numbers(column)).unwrap_or(first);
    let shown_name = |column: usize| heading.get(column).map_or_else(String::new, |n| shown(n));
    let others = columns.iter().filter(|column| **column != chosen);
    let others: Vec<String> = others.map(|column| shown_name(*column)).collect();
    for (column, name) in named.iter_mut().enumerate() {
        match name.as_str() {
            _ if column == chosen => "label".clone_into(name),
            "label" => name.clear(),
            _ => {}
        }
    }
    progress.note(&format!(
        "{}: the labels are those of the column {}; {} {} not used",
        shown(place),
        shown_name(chosen),
        others.join(", "),
        if others.len() == 1 { "is" } else { "are" }
    ));
}

/// What separates the columns: of comma, semicolon and tab, which the heading has most of.
fn delimiter(bytes: &[u8]) -> u8 {
    let heading = bytes.split(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
    let count = |delimiter: u8| heading.iter().filter(|b| **b == delimiter).count();
    // The last of the greatest: a comma where there is none.
    b"\t;,".iter().copied().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

/// Names the encoding of a list that is not UTF-8, and the way to it.
fn expect_utf8(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let wide = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let text = std::str::from_utf8(bytes);
    let (found, from) = match text {
        _ if wide || bytes.contains(&0) => ("the text is UTF-16".to_owned(), "UTF-16"),
        Ok(_) => return Ok(()),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + before.iter().filter(|b| **b == b'\n').count();
            (format!("line {line} is not UTF-8, perhaps Latin-1 (Windows-1252)"), "WINDOWS-1252")
        }
    };
    Err(format!(
        "expected a list in UTF-8; {found}: save it as \"CSV UTF-8\", or convert it with \
         iconv -f {from} -t UTF-8 {} > utf8.csv",
        shell(&path.display().to_string())
    ))
}
