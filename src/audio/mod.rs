//! From sound files to log-mel spectrograms.

#[cfg(feature = "audio")]
mod aiff;
#[cfg(feature = "audio")]
mod au;
#[cfg(feature = "audio")]
mod cuts;
mod cutting;
#[cfg(feature = "audio")]
mod decode;
pub(crate) mod front_end;
#[cfg(feature = "audio")]
mod joined;
#[cfg(feature = "audio")]
mod kinds;
#[cfg(feature = "audio")]
mod log_mel;
#[cfg(feature = "audio")]
pub mod mel;
#[cfg(feature = "audio")]
mod one_by_one;
#[cfg(feature = "audio")]
mod pcm;
#[cfg(feature = "audio")]
mod radix;
#[cfg(feature = "audio")]
mod resample;
#[cfg(feature = "audio")]
mod riff;
#[cfg(feature = "audio")]
mod samples;
#[cfg(feature = "audio")]
mod side_by_side;
#[cfg(feature = "audio")]
mod sound;
#[cfg(feature = "audio")]
mod stream;
#[cfg(feature = "audio")]
mod wav;

pub use cutting::{CutFrom, Cutting, ZeroDb};
pub use front_end::{FrontEnd, FrontEndSpec};
#[cfg(feature = "audio")]
pub use {
    cuts::{Cuts, cut, cut_each, fits, fitting, starts},
    decode::{Decoded, EXTENSIONS, MOST_MINUTES, Sink, decode, decode_blocks},
    log_mel::{Decibels, LogMel, Reference, Spectrogram, hann, power_to_db},
    resample::resample,
    samples::{Pieces, Samples, read_samples},
    sound::{Levels, Sound},
    wav::wav,
};
