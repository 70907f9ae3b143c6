//! `genre-gpu demo`: makes the demo corpus, and its songs and arrays for other programs.

use std::path::PathBuf;

use crate::data::demo::{self, DEFAULT_SEED, Recipe, SOURCE};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Make the demo corpus: 400 songs in four genres, synthesised, nothing to download.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write songs as 16-bit WAV files into DIR, to listen to.
    #[arg(long, value_name = "DIR")]
    wav: Option<PathBuf>,
    /// How many songs of each genre to write as WAV.
    #[arg(long, value_name = "N", default_value_t = 3, requires = "wav",
          value_parser = clap::value_parser!(u16).range(1..))]
    songs: u16,
    /// Copy the spectrograms into DIR as numpy arrays, with their labels and songs.
    #[arg(long, value_name = "DIR")]
    arrays: Option<PathBuf>,
    /// Where the corpus is kept [default: genre-gpu in the user's cache folder].
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
}

/// Runs the subcommand. With `--wav` alone the spectrograms are not made.
pub fn run(args: &Args, progress: &dyn Progress) -> Result<()> {
    if let Some(folder) = &args.wav {
        let songs = usize::from(args.songs);
        demo::write_wavs(folder, DEFAULT_SEED, songs, progress)?;
        println!("{SOURCE}: {songs} songs of each genre in {}", folder.display());
        if args.arrays.is_none() {
            return Ok(());
        }
    }
    let cache_dir = args.cache_dir.clone().or_else(demo::default_cache_dir);
    let corpus = demo::open(&cache_dir.ok_or(Error::NoCacheFolder)?, progress)?;
    let Recipe { train_songs, val_songs, test_songs, .. } = Recipe::default();
    println!(
        "{SOURCE}: {} in {} (songs of each genre: {train_songs} train, {val_songs} val, \
         {test_songs} test; seed {}; front end {})",
        corpus.classes.join(", "),
        corpus.folder.display(),
        corpus.seed,
        corpus.front_end.name,
    );
    if let Some(folder) = &args.arrays {
        demo::write_arrays(&corpus, folder)?;
        println!("{SOURCE}: copied into {}", folder.display());
    }
    Ok(())
}
