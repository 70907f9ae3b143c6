//! `genre-gpu demo`.

use std::path::PathBuf;

use super::bars::Bars;
use super::choice;
use super::data_args::CacheArgs;
use super::say::Output;
use crate::demo::{self, DEFAULT_SEED, Recipe, SOURCE};
use crate::error::Result;
use crate::train::source::cache_folder;

const EXAMPLES: &str = "\
Examples:
  genre-gpu demo                        generate the corpus, or verify it
  genre-gpu demo --wav songs --songs 3  three songs per genre to listen to
  genre-gpu demo --arrays arrays        the arrays, for other programs";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Write songs as WAV files into this folder
    #[arg(long, value_name = "DIR", value_parser = choice::folder())]
    wav: Option<PathBuf>,

    /// Number of songs per genre
    #[arg(long, value_name = "N", default_value_t = 5, requires = "wav",
          value_parser = clap::value_parser!(u16).range(1..=100))]
    songs: u16,

    /// Copy the arrays (x_train.npy, y_train.npy, …) into this folder
    #[arg(long, value_name = "DIR", value_parser = choice::folder())]
    arrays: Option<PathBuf>,

    #[command(flatten)]
    cache: CacheArgs,
}

pub(super) fn run(args: &Args, output: Output) -> Result<()> {
    let bars = Bars::new(output);
    if let Some(folder) = &args.wav {
        demo::write_wavs(folder, DEFAULT_SEED, args.songs.into(), &bars)?;
        let songs = match args.songs {
            1 => "1 song of each genre is".to_owned(),
            n => format!("{n} songs of each genre are"),
        };
        output.say(&format!("{SOURCE}: {songs} in {}", folder.display()))?;
    }
    // Songs alone need no arrays.
    if args.wav.is_none() || args.arrays.is_some() {
        let corpus = demo::open(&cache_folder(args.cache.cache_dir.as_deref())?, &bars)?;
        let Recipe { train_songs, val_songs, test_songs, .. } = Recipe::default();
        output.say(&format!(
            "{SOURCE}: {}\nSongs per genre: {train_songs} train, {val_songs} val, {test_songs} \
             test; seed {}; front end {}\nFolder: {}",
            corpus.classes.join(", "),
            corpus.seed,
            corpus.front_end.name,
            corpus.folder.display()
        ))?;
        if let Some(folder) = &args.arrays {
            demo::write_arrays(&corpus, folder)?;
            output.say(&format!("{SOURCE}: its arrays are in {}", folder.display()))?;
        }
    }
    Ok(())
}
