//! Maps of what a trained network attends to, and measurements of how far those maps can be
//! trusted. Each module names only modules above it in this list.
//!
//! ```text
//! cam.rs         a map from a layer's output and gradient: Grad-CAM, HiResCAM
//! cells.rs       a layer and the rectangle of the input that each of its cells covers
//! probe.rs       a copy of the graph in which chosen layers can be read
//! quantize.rs    spectrograms and maps in one byte per value
//! axes.rs        units of bands and frames, named parts of the frequency axis
//! spread.rs      the spread of a number over samples, the interval of its mean over songs
//! maps.rs        maps of samples, and figures for each of the two methods
//! right_wrong.rs the samples of each class that are predicted correctly and incorrectly
//! explainer.rs   a network that computes maps and probabilities, on either device
//! network.rs     the trait that the checks use, so that tests can supply a failing network
//! grid.rs        a layer's cells as elements of a sample
//! occlusion.rs   how muting bands and frames changes the probability of a class
//! means.rs       mean maps of each class, and where their heat lies
//! textures.rs    what the spectrograms of each class are like
//! gallery.rs     the samples that are shown
//! trust/         how far maps can be trusted, measured
//! record.rs      options and results as plain values: RUN/explain/explain.json
//! pictures.rs    the results as pictures
//! files.rs       the folder RUN/explain
//! run.rs         from a finished run to its results
//! listen/        a sample as sound: the part that its map keeps, and the rest
//! ```

mod axes;
mod cam;
mod cells;
mod explainer;
mod files;
mod gallery;
mod grid;
pub mod listen;
mod maps;
mod means;
mod network;
mod occlusion;
mod pictures;
mod probe;
mod quantize;
mod record;
mod right_wrong;
mod run;
mod spread;
mod textures;
pub mod trust;

pub use axes::{Axes, BandRange, NamedBand, Unit};
pub use cam::{grad_cam, hires_cam};
pub use cells::{CellGrid, LayerFacts, ReceptiveSpan};
pub use explainer::Explainer;
#[cfg(feature = "gpu")]
pub(crate) use explainer::Readable;
pub use files::ExplainFolder;
pub use grid::Grid;
pub use maps::{Maps, Methods, SampleMaps};
pub use means::{
    BandShare, ConfusedMap, HeatShare, MeanMap, MeanOf, RightAndWrong, Zone, mean_maps,
};
pub use network::Network;
pub use occlusion::{ClassOcclusion, MeanCurve, Occlusion, class_occlusions, occlusions};
pub use pictures::{
    Figure, map_place, occlusion_panels, order_panels, randomisation_panel, sample_axes,
    shown_range, spectrogram_of, unit, with_png_names,
};
pub use quantize::{Picture, SignedMap};
pub use record::{ExplainOptions, ExplainedSample, Explanation, Heard, MapOf, Recording};
pub use right_wrong::{Class, ExplainedPart, FIRST, Wrong};
pub use run::explain;
pub use spread::{Estimate, Spread, Units};
pub use textures::{ClassTexture, textures};
