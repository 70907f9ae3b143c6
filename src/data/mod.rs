//! Samples and labels: where they come from and how they are scaled.

pub mod audit;
mod choose;
mod classes;
mod dataset;
pub mod demo;
mod disk;
mod facts;
mod fault_filtered;
mod file_order;
mod fingerprint;
mod from;
mod hash;
mod header;
mod labels;
mod names;
mod npy;
mod origin;
mod part;
mod place;
pub mod prepare;
mod reading;
mod samples;
mod scale;
mod spectra;
mod stats;
mod stored;

pub use dataset::{DataOptions, Dataset};
pub use disk::Disk;
pub use facts::{ArrayFacts, Values};
pub use fingerprint::Fingerprint;
pub use from::DataFrom;
pub use names::{ArrayName, Role};
pub use origin::{Origin, Track};
pub use part::{Part, PartName};
pub use scale::{Scale, ScaleKind};
pub use spectra::{Spectra, SpectraOf, Whereabouts, band_means};
