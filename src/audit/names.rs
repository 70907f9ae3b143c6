//! Songs' names: which ids are pieces of one song, and which songs are GTZAN's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::samples::ids_of;
use crate::data::song_names::{FileName, GTZAN_GENRES, gtzan_name, songs_of};
use crate::data::{Dataset, PartName};
use crate::error::{DataProblem, Error, Result};
use crate::progress::Progress;
use crate::text::{of_cell, shown};

/// Songs in each genre.
const PER_GENRE: i64 = 100;

/// What is known of songs by the names of their files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// GTZAN's names by song id; several where a song is made of several files.
    pub(super) gtzan: BTreeMap<i64, BTreeSet<String>>,
    /// For ids whose files are pieces of one song: the least of these ids.
    pub(super) same: BTreeMap<i64, i64>,
    /// An id and another that is the same song, for a message.
    example: Option<[String; 2]>,
}

impl Names {
    /// The names of the files in `folder`'s `songs.csv`; none if there is no such list, it lacks the
    /// columns `song` and `file`, ids are not integers, or names tell nothing: no file is named as
    /// GTZAN's are, and no two ids are pieces of one song. What a column `song_name` says comes before
    /// what the files' names do.
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
        let at = |columns: &[&str]| {
            columns.iter().find_map(|column| head.iter().position(|found| found == *column))
        };
        let (Some(song), Some(file)) = (at(&["song"]), at(&["file"])) else { return Ok(None) };
        let (class, name) = (at(&["class", "genre", "label"]), at(&["song_name"]));
        let mut names = Self::default();
        let mut rows: Vec<(i64, String, String, Option<String>)> = Vec::new();
        for row in csv.records() {
            let row = row.map_err(|e| fail(e.to_string()))?;
            let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).map_or("", of_cell);
            let id = cell(Some(song));
            let Ok(id) = id.trim().parse() else {
                progress.note(&format!(
                    "{}: its song ids are not integers (such as \"{}\"), those of the arrays are: \
                     songs have no names",
                    path.display(),
                    shown(id)
                ));
                return Ok(None);
            };
            let file = cell(Some(file)).to_owned();
            if let Some(name) = gtzan_name(&file) {
                names.add(id, name);
            }
            let name = Some(cell(name).to_owned()).filter(|name| !name.is_empty());
            rows.push((id, file, cell(class).to_owned(), name));
        }
        names.find_pieces(&rows);
        Ok((!names.gtzan.is_empty() || !names.same.is_empty()).then_some(names))
    }

    /// Finds the ids that are one song.
    fn find_pieces(&mut self, rows: &[(i64, String, String, Option<String>)]) {
        let class_of = |class: &str, file: &str| match class {
            "" => file.rsplit(['/', '\\']).nth(1).unwrap_or_default().to_owned(),
            class => class.to_owned(),
        };
        let classes: Vec<String> =
            rows.iter().map(|(_, file, class, _)| class_of(class, file)).collect();
        let files =
            rows.iter().zip(&classes).map(|((_, path, ..), class)| FileName { path, class });
        let by_names = songs_of(&files.collect::<Vec<_>>()).songs;
        let mut first: BTreeMap<(&str, &str), (i64, &str)> = BTreeMap::new();
        for (((id, file, _, name), class), by_name) in rows.iter().zip(&classes).zip(&by_names) {
            let song = (class.as_str(), name.as_ref().unwrap_or(by_name).as_str());
            let (first, of_first) = *first.entry(song).or_insert((*id, file));
            if first != *id {
                // An id of several files may be the same as several others: all are one song.
                let [one, other] = [first, *id].map(|id| self.song(id));
                if one != other {
                    self.same.insert(one.max(other), one.min(other));
                }
                self.example.get_or_insert_with(|| [of_first, file].map(shown));
            }
        }
        for id in self.same.keys().copied().collect::<Vec<_>>() {
            self.song(id);
        }
    }

    /// The least of the ids that are one song with this one. All ids that lead there get it, so that
    /// no chain is walked twice.
    fn song(&mut self, id: i64) -> i64 {
        let mut song = id;
        // Ids lead to lesser ones only.
        while let Some(lesser) = self.same.get(&song) {
            song = *lesser;
        }
        let mut at = id;
        while at != song {
            at = self.same.insert(at, song).unwrap_or(song);
        }
        song
    }

    /// Says that ids are counted as one song.
    pub(super) fn pieces(&self) -> Option<String> {
        let [one, other] = self.example.as_ref()?;
        let songs: BTreeSet<i64> = self.same.values().copied().collect();
        Some(format!(
            "{} song ids are of {} songs by the names in songs.csv, such as {one} and {other}: they \
             are counted as these songs",
            self.same.len() + songs.len(),
            songs.len()
        ))
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
            for (id, label) in ids_of(part) {
                let class = data.classes.get(label as usize).map_or("", String::as_str);
                if id.div_euclid(PER_GENRE) != i64::from(label) || !GTZAN_GENRES.contains(&class) {
                    return Err(wrong(format!("id {id} of class {label} ({class})")));
                }
                names.add(id, format!("{class}.{:05}", id.rem_euclid(PER_GENRE)));
            }
        }
        Ok(names)
    }

    fn add(&mut self, id: i64, name: String) {
        self.gtzan.entry(id).or_default().insert(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_a_chain_are_one_song() {
        let row =
            |id, song: i64| (id, format!("{id}-{song}.wav"), "a".into(), Some(song.to_string()));
        // Each id is of the song before it, too; in both orders of rows.
        let n = 20_000;
        let mut rows: Vec<_> = (0..n).flat_map(|id| [row(id, id), row(id, id + 1)]).collect();
        for _ in 0..2 {
            let mut names = Names::default();
            names.find_pieces(&rows);
            assert_eq!(names.same, (1..n).map(|id| (id, 0)).collect());
            rows.reverse();
        }
        // An id of two files joins the ids of both.
        let mut names = Names::default();
        names.find_pieces(&[row(1, 1), row(2, 2), row(5, 1), row(5, 2), row(3, 3)]);
        assert_eq!(names.same, BTreeMap::from([(2, 1), (5, 1)]));
    }
}
