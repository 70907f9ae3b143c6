//! Samples and labels: where they come from and how they are scaled.

pub mod audit;
mod choose;
mod classes;
mod dataset;
pub mod demo;
mod facts;
mod fault_filtered;
mod hash;
mod header;
mod labels;
mod names;
mod npy;
mod origin;
mod part;
mod place;
pub mod prepare;
mod samples;
mod scale;
mod spectra;
mod stats;

pub use dataset::{DataOptions, Dataset};
pub use facts::{ArrayFacts, Values};
pub use names::{ArrayName, Role};
pub use origin::{Origin, Track};
pub use part::{Part, PartName};
pub use scale::{Scale, ScaleKind};
pub use spectra::{Spectra, SpectraOf, Whereabouts, band_means};
