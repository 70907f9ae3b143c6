//! The recordings that a dataset was cut from, where their sound is still available.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::audio::{Pieces, read_samples, resample};
use crate::demo::{self, Genre, SongRow};
use crate::error::{Error, Result};
use crate::files::{open_regular, read_regular};
use crate::prepare::{self, Record};
use crate::text::of_cell;

/// The recordings that samples were cut from.
#[derive(Debug, Clone, PartialEq)]
pub enum Recordings {
    /// Songs of the demo corpus, which are synthesised again.
    Demo {
        /// The folder with `songs.csv`.
        folder: PathBuf,
        /// The seed of the corpus.
        seed: u64,
    },
    /// Sound files, which must not have changed.
    Files {
        /// The folder with `songs.csv`.
        folder: PathBuf,
        /// How `prepare` made the arrays there.
        record: Box<Record>,
    },
}

/// One song of the demo corpus, or one sound file.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// `rock/rock.00042.wav`, or `demo.rock.00042 (grunge, 118 bpm, E minor)`.
    pub name: String,
    sound: Sound,
}

#[derive(Debug, Clone, PartialEq)]
enum Sound {
    Synthesised { seed: u64, genre: Genre, number: usize },
    File { path: PathBuf, blake3: String },
}

/// The columns that are needed of `prepare`'s list of songs.
#[derive(Deserialize)]
struct FileRow {
    song: i64,
    file: String,
}

impl Recordings {
    /// The tracks of each song by its id in `song_*.npy`; several if a list maps several files to one
    /// song.
    ///
    /// # Errors
    /// If the folder's `songs.csv` cannot be read.
    pub fn tracks(&self) -> Result<BTreeMap<i64, Vec<Track>>> {
        let mut tracks: BTreeMap<i64, Vec<Track>> = BTreeMap::new();
        let mut add = |song: i64, track: Track| tracks.entry(song).or_default().push(track);
        match self {
            Self::Demo { folder, seed } => {
                for SongRow { song, genre, number, title, .. } in rows(folder)? {
                    let name = format!("demo.{genre}.{number:05} ({title})");
                    let known = Genre::ALL.into_iter().find(|known| known.as_str() == genre);
                    let genre = known.ok_or_else(|| damaged(folder, &format!("genre {genre}")))?;
                    let sound = Sound::Synthesised { seed: *seed, genre, number };
                    add(song, Track { name, sound });
                }
            }
            Self::Files { folder, record } => {
                for FileRow { song, file } in rows(folder)? {
                    let file = of_cell(&file).to_owned();
                    // Files that no array uses have no hash.
                    let Some(blake3) = record.files.get(&file).cloned() else { continue };
                    let path = prepare::path_of(&record.settings, &file);
                    add(song, Track { name: file, sound: Sound::File { path, blake3 } });
                }
            }
        }
        Ok(tracks)
    }
}

impl Track {
    /// The samples, mono, ±1, at `rate_hz`, as when the arrays were made.
    ///
    /// # Errors
    /// If its file is missing, has changed or cannot be decoded.
    pub fn samples(&self, rate_hz: u32) -> Result<Vec<f32>> {
        match &self.sound {
            Sound::Synthesised { seed, genre, number } => {
                let samples = demo::song(*seed, *genre, *number).samples;
                resample(samples, demo::RATE_HZ, rate_hz)
            }
            Sound::File { path, blake3 } => {
                let mut file = unchanged(path, blake3)?;
                // As long as `prepare` took it for, whatever its limit was.
                let (samples, _) = read_samples(path, &mut file, rate_hz, u32::MAX)?;
                Ok(samples.piece(0..samples.count())?.into_owned())
            }
        }
    }
}

/// A file, which must have this hash.
fn unchanged(path: &Path, blake3: &str) -> Result<File> {
    let fail = |problem: String| Error::Audio { path: path.into(), problem };
    let cannot = |e: std::io::Error| {
        fail(format!(
            "cannot read: {e}; samples were cut from it: put it back, or prepare from where the \
             songs are now and train on that"
        ))
    };
    let file = open_regular(path).map_err(cannot)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(&file).map_err(cannot)?;
    let found = hasher.finalize().to_hex();
    if found.as_str() == blake3 {
        return Ok(file);
    }
    let short = |hash: &str| hash.chars().take(12).collect::<String>();
    Err(fail(format!(
        "is not the file that samples were cut from: expected BLAKE3 {}…, found {}…; put the old \
         one back, or prepare and train again",
        short(blake3),
        short(&found)
    )))
}

fn damaged(folder: &Path, problem: &str) -> Error {
    let place = folder.join("songs.csv").display().to_string();
    let problem = format!("unusable ({problem}); make these arrays again");
    Error::Prepare { place, problem }
}

fn rows<T: serde::de::DeserializeOwned>(folder: &Path) -> Result<Vec<T>> {
    let path = folder.join("songs.csv");
    let bytes = read_regular(&path).map_err(Error::io(&path, "read"))?;
    let rows = csv::Reader::from_reader(bytes.as_slice()).into_deserialize();
    rows.collect::<Result<_, csv::Error>>().map_err(|e| damaged(folder, &e.to_string()))
}
