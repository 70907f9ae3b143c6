//! What songs are called in GTZAN: `disco.00098`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::songs::songs_of;
use crate::data::{Dataset, PartName};
use crate::error::{DataProblem, Error, Result};
use crate::progress::Progress;

/// GTZAN's genres.
const GENRES: [&str; 10] =
    ["blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock"];

/// Songs in each genre.
const PER_GENRE: i64 = 100;

/// GTZAN's names by song id; several where a song is made of several files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names(pub(super) BTreeMap<i64, BTreeSet<String>>);

/// What is needed of a line of `songs.csv`.
#[derive(Debug, Deserialize)]
struct Row {
    song: String,
    file: String,
}

impl Names {
    /// The names that the files in `songs.csv` have, if it lies in `folder`, has the columns
    /// `song` and `file`, ids that are integers, and a file that is called as GTZAN's are.
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
        if !["song", "file"].iter().all(|column| head.iter().any(|found| found == *column)) {
            return Ok(None);
        }
        let mut names = Self::default();
        for row in csv.deserialize() {
            let Row { song, file } = row.map_err(|e| fail(e.to_string()))?;
            let Ok(id) = song.trim().parse() else {
                progress.note(&format!(
                    "{}: its songs are no integers, as the arrays' are (such as \"{song}\"): songs \
                     have no names",
                    path.display()
                ));
                return Ok(None);
            };
            if let Some(name) = gtzan_name(&file) {
                names.add(id, name);
            }
        }
        Ok((!names.0.is_empty()).then_some(names))
    }

    /// Takes song ids for genre · 100 + number, genres being numbered as the classes are.
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
            for (id, label) in songs_of(part) {
                let class = data.classes.get(label as usize).map_or("", String::as_str);
                if id.div_euclid(PER_GENRE) != i64::from(label) || !GENRES.contains(&class) {
                    return Err(wrong(format!("id {id} of class {label} ({class})")));
                }
                names.add(id, format!("{class}.{:05}", id.rem_euclid(PER_GENRE)));
            }
        }
        Ok(names)
    }

    fn add(&mut self, id: i64, name: String) {
        self.0.entry(id).or_default().insert(name);
    }
}

/// `disco.00098` of `genres/disco/disco.00098.wav`.
fn gtzan_name(file: &str) -> Option<String> {
    let file = file.rsplit(['/', '\\']).next()?;
    let mut words = file.split('.');
    let (genre, number) = (words.next()?, words.next()?);
    let digits = number.len() == 5 && number.bytes().all(|b| b.is_ascii_digit());
    (GENRES.contains(&genre) && digits).then(|| format!("{genre}.{number}"))
}
