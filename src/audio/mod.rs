//! From sound to log-mel spectrograms.

mod front_end;
mod log_mel;
pub mod mel;

pub use front_end::FrontEnd;
pub use log_mel::{LogMel, Reference, Spectrogram, power_to_db};
