//! The demo corpus: 400 songs in four genres, synthesised by this crate's own
//! code from a seed, and cut into log-mel spectrograms in the same way as the course's data.
//!
//! ```text
//! song.rs        genre and number -> style -> Band -> samples
//! classical.rs … rock.rs   the styles: which notes are played
//! band.rs, patterns.rs     bars, beats, keys, chords, rhythms shared by styles
//! instruments.rs, drums.rs, synth.rs   synthesis of sound
//! mix.rs         levels, effects, reverberation, recording
//! corpus.rs      songs -> parts -> spectrograms
//! cache.rs       the folder of numpy arrays, verified or made
//! export.rs      songs as WAV files, arrays copied
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
    DemoCorpus, default_cache_dir, find_unverified, open, open_recipe, recognise,
    recognise_unverified,
};
pub use corpus::{CUTS_PER_SONG, DemoPart, Recipe, SongRow, make, test_song};
pub use export::{write_arrays, write_wavs};
pub use song::{Genre, Song, song};
pub use synth::RATE_HZ;

pub use crate::data::DEMO_SOURCE as SOURCE;

/// The seed of the default corpus.
pub const DEFAULT_SEED: u64 = 42;
