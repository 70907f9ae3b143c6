//! From sound files to log-mel spectrograms.

mod au;
mod cuts;
mod decode;
mod front_end;
mod log_mel;
pub mod mel;
mod resample;
mod sound;
mod wav;

pub use cuts::{CutFrom, Cuts, Cutting, ZeroDb, cut, fitting, starts};
pub use decode::{EXTENSIONS, decode};
pub use front_end::FrontEnd;
pub use log_mel::{Decibels, LogMel, Reference, Spectrogram, hann, power_to_db};
pub use resample::resample;
pub use sound::Sound;
pub use wav::wav;
