//! `genre-gpu demo`.

use std::path::PathBuf;

use super::bars::Bars;
use super::say::say;
use crate::demo::{self, DEFAULT_SEED, Recipe, SOURCE};
use crate::error::Result;
use crate::train::source::demo_cache;

const EXAMPLES: &str = "\
Examples:
  genre-gpu demo                        make the corpus, or check the cached one
  genre-gpu demo --wav songs --songs 3  three songs of each genre to listen to
  genre-gpu demo --arrays arrays        the arrays, for Python or another program";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Write songs as WAV files into this folder
    #[arg(long, value_name = "DIR")]
    wav: Option<PathBuf>,

    /// Songs of each genre to write
    #[arg(long, value_name = "N", default_value_t = 5, requires = "wav",
          value_parser = clap::value_parser!(u16).range(1..=100))]
    songs: u16,

    /// Copy the arrays (x_train.npy, y_train.npy, …) into this folder
    #[arg(long, value_name = "DIR")]
    arrays: Option<PathBuf>,

    /// Folder that keeps the demo corpus [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// Print nothing but warnings and errors
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let bars = Bars::new(args.quiet);
    let tell = |text: &str| if args.quiet { Ok(()) } else { say(text) };
    if let Some(folder) = &args.wav {
        demo::write_wavs(folder, DEFAULT_SEED, args.songs.into(), &bars)?;
        let n = args.songs;
        tell(&format!("{SOURCE}: {n} songs of each genre are in {}", folder.display()))?;
    }
    // Songs alone need no arrays.
    if args.wav.is_none() || args.arrays.is_some() {
        let corpus = demo::open(&demo_cache(args.cache_dir.as_deref())?, &bars)?;
        let Recipe { train_songs, val_songs, test_songs, .. } = Recipe::default();
        tell(&format!(
            "{SOURCE}: {} in {} (songs of each genre: {train_songs} train, {val_songs} val, \
             {test_songs} test; seed {}; front end {})",
            corpus.classes.join(", "),
            corpus.folder.display(),
            corpus.seed,
            corpus.front_end.name
        ))?;
        if let Some(folder) = &args.arrays {
            demo::write_arrays(&corpus, folder)?;
            tell(&format!("{SOURCE}: its arrays are in {}", folder.display()))?;
        }
    }
    Ok(())
}
