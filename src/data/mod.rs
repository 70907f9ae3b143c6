//! Datasets of numpy arrays: found, read, checked, scaled, streamed.
//!
//! ```text
//! dataset.rs         Dataset::load: from a path to checked samples, labels and songs
//! part.rs, names.rs  train, val, test; x, y, song; what a file name means
//! array_source.rs    a folder of npy files, an npz or a caller's arrays, and which of them are read
//! look.rs            what a folder or file without arrays holds instead
//! npy.rs             the npy format: header, element types, axis orders
//! stored.rs          samples of a npy file, read by their position
//! read.rs            samples block by block: statistics, hash and fingerprints in one pass
//! labels.rs          labels and song ids
//! split.rs           one array of samples divided into parts
//! folds.rs           all parts pooled and divided into folds, for cross-validation
//! check.rs           shapes of samples, names of classes, classes of each part
//! facts.rs           what was found in each array, as values and as a table
//! hash.rs            the hash of a dataset, the fingerprints of its samples
//! memory_policy.rs   whether samples are loaded into memory or stay on disk
//! stream.rs          reading a dataset block by block, from memory or disk
//! stats.rs           range, sum and squared deviations, independent of threads
//! scale.rs           the input scale
//! bands.rs           what the mel bands of each song do
//! spectra.rs         average spectra of songs and distances from them
//! typical.rs         which songs are like the training songs
//! song_names.rs      which files are pieces of one song, by their names
//! fault_filtered.rs  the published artist-disjoint split of GTZAN
//! ```

mod array_source;
mod bands;
mod check;
mod dataset;
mod facts;
pub(crate) mod fault_filtered;
mod folds;
mod hash;
mod labels;
mod look;
mod memory_policy;
mod names;
mod npy;
mod part;
mod read;
mod scale;
pub(crate) mod song_names;
mod spectra;
mod split;
pub(crate) mod stats;
mod stored;
mod stream;
mod typical;

#[cfg(feature = "audio")]
pub(crate) use array_source::PREPARE_WORK;
pub use array_source::{HELD, HeldArray};
pub use bands::{BandSums, Bands, SpectraOf};
pub use dataset::{DataOptions, Dataset};
pub use facts::{ArrayFacts, Values};
pub use folds::{Division, Fold, GroupBy, Pool};
pub use hash::Fingerprint;
pub use memory_policy::DataFrom;
pub use names::{ArrayName, Role};
#[cfg(feature = "audio")]
pub(crate) use names::{beside_part, part_in_folder, part_of_folder, parts_among};
#[cfg(feature = "formats")]
pub(crate) use npy::npy_values;
pub use part::{Part, PartName};
pub use scale::{Scale, ScaleKind};
pub use spectra::{Spectra, SpectralDistance};
#[cfg(feature = "audio")]
pub(crate) use split::{SHARES, share};
pub use split::{Split, SplitBy};
pub use stream::Disk;
pub use typical::{Distribution, Property, Texture, Typical, Typicality, Unlike, known_songs};

/// The name of the demo corpus in every figure and print.
pub const DEMO_SOURCE: &str = "demo corpus (synthesised)";
