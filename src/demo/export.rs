//! The corpus for other programs: songs as WAV files, arrays copied.

use std::fs;
use std::io;
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use super::cache::{DemoCorpus, MANIFEST, file_names};
use super::synth::RATE_HZ;
use super::{Genre, SOURCE, song};
use crate::audio::wav;
use crate::error::{Error, Result};
use crate::files::{create_folder, write_atomic};
use crate::progress::Progress;

/// Writes the first `songs_per_genre` songs of each genre into `folder` as
/// 16-bit mono WAV files of 44,100 Hz, named like `demo.classical.00003.wav`: the
/// samples that the spectrograms were computed from. `songs.csv` beside them describes
/// each song.
pub fn write_wavs(
    folder: &Path,
    seed: u64,
    songs_per_genre: usize,
    progress: &dyn Progress,
) -> Result<()> {
    create_folder(folder)?;
    let songs: Vec<(Genre, usize)> = Genre::ALL
        .into_iter()
        .flat_map(|genre| (0..songs_per_genre).map(move |number| (genre, number)))
        .collect();
    progress.begin(SOURCE, songs.len() as u64, "songs");
    let rows = songs.par_iter().map(|&(genre, number)| {
        let song = song(seed, genre, number);
        let (genre, wav) = (genre.as_str(), wav(&song.samples, RATE_HZ));
        let file = format!("demo.{genre}.{number:05}.wav");
        write_atomic(&folder.join(&file), |w| w.write_all(&wav.map_err(io::Error::other)?))?;
        progress.advance(1);
        Ok(WavRow { file, genre, title: song.title })
    });
    let rows = rows.collect::<Result<Vec<_>>>();
    progress.end();
    let rows = rows?;
    write_atomic(&folder.join("songs.csv"), |w| {
        let mut csv = csv::Writer::from_writer(w);
        rows.iter().try_for_each(|row| csv.serialize(row)).map_err(io::Error::other)?;
        csv.flush()
    })
}

/// A line of the `songs.csv` beside WAV files.
#[derive(Serialize)]
struct WavRow {
    file: String,
    genre: &'static str,
    title: String,
}

/// Copies the corpus's arrays, list of songs and manifest into `folder`.
pub fn write_arrays(corpus: &DemoCorpus, folder: &Path) -> Result<()> {
    create_folder(folder)?;
    for name in file_names().into_iter().chain([MANIFEST.to_string()]) {
        let from = corpus.folder.join(&name);
        let mut file = fs::File::open(&from).map_err(Error::io(&from, "read"))?;
        write_atomic(&folder.join(&name), |w| io::copy(&mut file, w).map(|_| ()))?;
    }
    Ok(())
}
