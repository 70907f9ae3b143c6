//! The demo corpus: 400 songs in four genres, synthesised by this crate's own
//! code from a seed, and cut into log-mel spectrograms as the course's data are.
//!
//! ```text
//! song.rs        genre + number -> style -> Band -> samples
//! classical.rs … rock.rs   the styles: what a band plays
//! band.rs, patterns.rs     bars, beats, keys, chords, beats shared by styles
//! instruments.rs, drums.rs, synth.rs   how it sounds
//! mix.rs         rests, effects, the room, the recording
//! corpus.rs      songs -> parts -> spectrograms
//! cache.rs       the folder of numpy arrays, checked and made anew
//! export.rs      songs as WAV, arrays copied
//! ```

mod band;
mod cache;
mod classical;
mod corpus;
mod disco;
mod drums;
mod export;
mod instruments;
mod metal;
mod mix;
mod patterns;
mod rock;
mod song;
mod synth;

pub use cache::{
    DemoCorpus, copy_to_load, default_cache_dir, open, open_recipe, open_to_load, recognise,
};
pub use corpus::{CUTS_PER_SONG, Recipe, SongRow};
pub use export::{write_arrays, write_wavs};
pub use song::{Genre, Song, song};
pub use synth::RATE_HZ;

/// What every figure and print that rests on this corpus must say.
pub const SOURCE: &str = "demo corpus (synthesised)";

/// The seed of the corpus that everyone has.
pub const DEFAULT_SEED: u64 = 42;
