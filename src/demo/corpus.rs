//! Splits songs into parts and computes their spectrograms.

use ndarray::{ArrayView1, ArrayView3};
use ndarray_npy::WriteNpyExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

use super::{DEFAULT_SEED, Genre, SOURCE, song};
use crate::audio::{FrontEnd, LogMel, Reference};
use crate::data::PartName;
use crate::error::Result;
use crate::files::write_atomic;
use crate::progress::Progress;
use crate::random::streams::Stream;

/// Spectrograms cut from each song.
pub const CUTS_PER_SONG: usize = 15;

/// The parameters of a corpus; the default is the one that is used, smaller ones serve tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The seed of the songs and of the split.
    pub seed: u64,
    /// Songs of each genre in the training part.
    pub train_songs: usize,
    /// Songs of each genre in the validation part.
    pub val_songs: usize,
    /// Songs of each genre in the test part.
    pub test_songs: usize,
}

impl Default for Recipe {
    fn default() -> Self {
        Self { seed: DEFAULT_SEED, train_songs: 56, val_songs: 14, test_songs: 30 }
    }
}

impl Recipe {
    /// Songs of each genre in all parts together.
    pub fn songs_per_genre(&self) -> usize {
        self.train_songs + self.val_songs + self.test_songs
    }

    /// A song's number within the corpus.
    fn number_of(&self, (genre, number): (Genre, usize)) -> i64 {
        (usize::from(genre.label()) * self.songs_per_genre() + number) as i64
    }

    /// The songs of each part, in the order of [`PartName::ALL`]; within a part by genre and number.
    pub(super) fn split(&self) -> [Vec<(Genre, usize)>; 3] {
        let mut parts = [const { Vec::new() }; 3];
        for genre in Genre::ALL {
            let mut numbers: Vec<usize> = (0..self.songs_per_genre()).collect();
            let name = format!("demo/split/{}", genre.as_str());
            Stream::new(self.seed, &name).shuffle(&mut numbers);
            let (train, rest) = numbers.split_at(self.train_songs);
            let (val, test) = rest.split_at(self.val_songs);
            for (part, numbers) in parts.iter_mut().zip([train, val, test]) {
                let mut numbers = numbers.to_vec();
                numbers.sort_unstable();
                part.extend(numbers.iter().map(|&number| (genre, number)));
            }
        }
        parts
    }
}

/// A line of `songs.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SongRow {
    /// The number in `song_*.npy`.
    pub song: i64,
    /// `train`, `val` or `test`.
    pub part: String,
    /// The genre's name.
    pub genre: String,
    /// The song's number within its genre, as in `demo.classical.00003.wav`.
    pub number: usize,
    /// Style, tempo and key.
    pub title: String,
}

/// Makes one part and writes its three arrays into `folder`; returns the rows for `songs.csv`.
pub(super) fn write_part(
    folder: &Path,
    recipe: &Recipe,
    (part, songs): (PartName, &[(Genre, usize)]),
    front_end: &FrontEnd,
    progress: &dyn Progress,
) -> Result<Vec<SongRow>> {
    let shape = [songs.len() * CUTS_PER_SONG, front_end.n_mels, front_end.frames];
    let mut x = vec![0.0f32; shape.iter().product()];
    // Each song has its own rows in the array: the order of threads has no effect.
    let rows = songs
        .par_iter()
        .zip(x.par_chunks_mut(CUTS_PER_SONG * front_end.n_mels * front_end.frames))
        .map(|(&(genre, number), x)| {
            let title = write_cuts(recipe.seed, (genre, number), front_end, x)?;
            progress.advance(1);
            let song = recipe.number_of((genre, number));
            let (part, genre) = (part.to_string(), genre.as_str().to_string());
            Ok(SongRow { song, part, genre, number, title })
        })
        .collect::<Result<Vec<_>>>()?;
    let repeat = |i: usize| i / CUTS_PER_SONG;
    let y: Vec<u8> = (0..shape[0]).map(|i| songs[repeat(i)].0.label()).collect();
    let song: Vec<i64> = (0..shape[0]).map(|i| rows[repeat(i)].song).collect();
    write_atomic(&folder.join(format!("x_{part}.npy")), |w| {
        let view = ArrayView3::from_shape(shape, &x).map_err(io::Error::other)?;
        view.write_npy(w).map_err(io::Error::other)
    })?;
    write_atomic(&folder.join(format!("y_{part}.npy")), |w| {
        ArrayView1::from(&y).write_npy(w).map_err(io::Error::other)
    })?;
    write_atomic(&folder.join(format!("song_{part}.npy")), |w| {
        ArrayView1::from(&song).write_npy(w).map_err(io::Error::other)
    })?;
    Ok(rows)
}

/// Makes a song and writes its spectrograms, `[CUTS_PER_SONG, n_mels, frames]`,
/// in dB below the song's maximum, evenly spaced over the song; returns its title.
fn write_cuts(
    seed: u64,
    (genre, number): (Genre, usize),
    front_end: &FrontEnd,
    x: &mut [f32],
) -> Result<String> {
    let song = song(seed, genre, number);
    let whole = LogMel::new(front_end)?.transform(&song.samples, Reference::Max)?;
    let cuts = x.chunks_exact_mut(front_end.n_mels * front_end.frames);
    for (i, x) in cuts.enumerate() {
        let first = i * (whole.frames - front_end.frames) / (CUTS_PER_SONG - 1);
        for (x, row) in x.chunks_exact_mut(front_end.frames).zip(whole.bands()) {
            x.copy_from_slice(&row[first..first + front_end.frames]);
        }
    }
    Ok(song.title)
}

/// A part of a corpus in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct DemoPart {
    /// Spectrograms `[songs · CUTS_PER_SONG, n_mels, frames]` in dB below each song's maximum.
    pub x: Vec<f32>,
    /// Their labels.
    pub y: Vec<u32>,
    /// Of each its song, a number within the corpus.
    pub song: Vec<i64>,
}

/// The parts of a corpus in the order of [`PartName::ALL`], as [`super::open_recipe`] writes them.
///
/// # Errors
/// If the front end is impossible.
pub fn make(
    recipe: &Recipe,
    front_end: &FrontEnd,
    progress: &dyn Progress,
) -> Result<[DemoPart; 3]> {
    let size = front_end.n_mels * front_end.frames;
    let mut parts = [const { DemoPart { x: Vec::new(), y: Vec::new(), song: Vec::new() } }; 3];
    let songs = Genre::ALL.len() * recipe.songs_per_genre();
    progress.begin(SOURCE, songs as u64, "songs");
    for (part, songs) in parts.iter_mut().zip(&recipe.split()) {
        part.x = vec![0.0; songs.len() * CUTS_PER_SONG * size];
        let made = songs.par_iter().zip(part.x.par_chunks_mut(CUTS_PER_SONG * size));
        let made = made.try_for_each(|(&song, x)| {
            write_cuts(recipe.seed, song, front_end, x)?;
            progress.advance(1);
            Ok(())
        });
        if made.is_err() {
            progress.end();
        }
        made?;
        for &(genre, number) in songs {
            part.y.extend([u32::from(genre.label()); CUTS_PER_SONG]);
            part.song.extend([recipe.number_of((genre, number)); CUTS_PER_SONG]);
        }
    }
    progress.end();
    Ok(parts)
}

/// The first song of a genre in a corpus's test part.
pub fn test_song(recipe: &Recipe, genre: Genre) -> Option<(Genre, usize)> {
    let [_, _, test] = recipe.split();
    test.into_iter().find(|(of, _)| *of == genre)
}

/// Makes the whole corpus in `folder`, except its manifest.
pub(super) fn write_corpus(
    folder: &Path,
    recipe: &Recipe,
    front_end: &FrontEnd,
    progress: &dyn Progress,
) -> Result<()> {
    let songs = (Genre::ALL.len() * recipe.songs_per_genre()) as u64;
    progress.begin(SOURCE, songs, "songs");
    let made = write_parts(folder, recipe, front_end, progress);
    progress.end();
    let rows = made?;
    write_atomic(&folder.join("songs.csv"), |w| {
        let mut csv = csv::Writer::from_writer(w);
        rows.iter().try_for_each(|row| csv.serialize(row)).map_err(io::Error::other)?;
        csv.flush()
    })
}

fn write_parts(
    folder: &Path,
    recipe: &Recipe,
    front_end: &FrontEnd,
    progress: &dyn Progress,
) -> Result<Vec<SongRow>> {
    let mut rows = Vec::new();
    for (part, songs) in PartName::ALL.into_iter().zip(&recipe.split()) {
        rows.extend(write_part(folder, recipe, (part, songs), front_end, progress)?);
    }
    rows.sort_by_key(|row| row.song);
    Ok(rows)
}
