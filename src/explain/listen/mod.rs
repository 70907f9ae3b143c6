//! Samples as sound: the stretch that a sample was cut from, the part of it that a map keeps,
//! and the rest, each with what the network makes of it.
//!
//! ```text
//! listener.rs  a sample's place in the arrays -> its song -> its clip
//! clip.rs      the stretch of sound, and the sample that the front end makes of it
//! mask.rs      a layer's map -> shares of bands and frames -> shares of the FFT's bins
//! masker.rs    clip and mask -> what is kept, and the rest
//! write.rs     WAV files and probabilities of samples that are shown
//! ```

mod clip;
mod listener;
mod mask;
mod masker;
mod write;

pub use clip::Clip;
pub use listener::Listener;
pub use mask::{heatmap, spread};
pub use masker::Masker;
pub(super) use write::clear;
pub use write::{FOLDER, mean_probabilities, write};
