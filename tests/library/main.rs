//! The library apart from networks: data sets, sound, the demo corpus and pictures.

#![allow(clippy::unwrap_used, reason = "clippy.toml allows it in tests; helpers are tests too")]
#![allow(clippy::panic, unreachable_pub)]

mod audio;
mod data;
mod demo;
mod drawn;
mod map_pictures;
mod mel;
#[path = "../common/npy.rs"]
mod npy;
mod pictures;
mod sound_files;
