//! The songs and their labels, from a list.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::song::{Labelled, Song, song};
use crate::data::{PartName, part_of_folder, parts_among};
use crate::error::{Error, Result};
use crate::files::read_regular;
use crate::text::{of_cell, shown};

/// Other names for columns, as lists in the wild have them.
const COLUMNS: [(&str, &[&str]); 4] = [
    ("file", &["filename", "file_name", "file name", "path", "filepath", "file_path"]),
    // Where there are both, labels are numbers.
    ("label", &["class", "genre", "category"]),
    ("part", &["split", "subset", "set"]),
    ("song", &["song_id", "songid", "track_id"]),
];

/// The songs of a list with the columns `file`, `label` and, where wanted, `part` and `song`. A list may
/// come from elsewhere: what leads out of the folder that was named is refused.
pub(super) fn listed(list: &Path, audio: &Path) -> Result<Vec<Labelled>> {
    let mut labelled: Vec<Labelled> = Vec::new();
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows(list, &["file", "label"])? {
        let mut name = row.get("file").replace('\\', "/");
        let mut path = audio.join(&name);
        // Lists that this program writes have an apostrophe before what looks like a formula.
        if !path.is_file() && of_cell(&name) != name {
            name = of_cell(&name).to_owned();
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
pub(super) fn rows(path: &Path, needed: &[&str]) -> Result<Vec<Row>> {
    let place = path.display().to_string();
    let bytes = read_regular(path).map_err(Error::io(path, "read"))?;
    let fail = |problem: String| Error::Prepare { place: place.clone(), problem };
    // Spreadsheets put a mark before the first column's name.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let heading = reader.headers().map_err(|e| fail(e.to_string()))?.clone();
    let heading: Vec<String> = heading.iter().map(|name| name.trim().to_lowercase()).collect();
    let mut named = heading.clone();
    for (column, others) in COLUMNS {
        let own = heading.iter().position(|name| name == column);
        let other = others.iter().find_map(|other| heading.iter().position(|name| name == other));
        match (own, other) {
            (Some(own), Some(other)) if column == "label" => {
                named[own].clear();
                named[other] = column.to_owned();
            }
            (None, Some(other)) => named[other] = column.to_owned(),
            _ => {}
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
    let mut rows: Vec<Row> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| fail(e.to_string()))?;
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
