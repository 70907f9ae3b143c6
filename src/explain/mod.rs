//! What a trained network attends to, and how far the maps that say so can be trusted.
//!
//! ```text
//! explainer.rs  a network that is looked into: maps and probabilities, on either device
//! cam.rs        from a layer's output and gradient to a map: Grad-CAM, HiResCAM
//! tap.rs        making a layer readable
//! cells.rs      which bands and frames a cell of a layer's output stands for
//! steps.rs      spectrograms and maps in a byte for each value
//! right_wrong.rs which samples are predicted rightly and wrongly
//! gallery.rs    which samples are shown
//! run.rs        from a finished run to all that is found about it
//! files.rs      the folder that is left
//! network.rs    what checks need of it, so that they can be given one that must fail them
//! grid.rs       a layer's cells as elements of a sample
//! occlusion.rs  what muting bands and frames does to a class
//! means.rs      mean maps of each class, right and wrong; methods, named_band
//! trust/        how far maps can be trusted, measured
//! listen/       a sample as sound, with what a map keeps of it and the rest
//! pictures/     drawing it
//! record.rs     all that is found, as plain values: RUN/explain/explain.json
//! ```

mod cam;
mod cells;
mod explainer;
mod files;
mod gallery;
mod grid;
pub mod listen;
mod means;
mod methods;
mod named_band;
mod network;
mod occlusion;
mod pictures;
mod record;
mod right_wrong;
mod run;
mod steps;
mod tap;
pub mod trust;

pub use cam::{grad_cam, hires_cam};
pub use cells::{Cells, Place};
pub use explainer::{Explainer, Maps, SampleMaps};
pub use files::ExplainFolder;
pub use grid::Grid;
pub use means::{BandShare, MeanMap, MeanOf, RightAndWrong, mean_maps};
pub use methods::Methods;
pub use named_band::NamedBand;
pub use network::Network;
pub use occlusion::{ClassOcclusion, MeanCurve, Occlusion, class_occlusions, occlusions};
pub use record::{
    Axes, Class, ExplainedPart, Explanation, Heard, LayerFacts, MapOf, Picture, Recording, Shown,
    SignedMap, Wrong,
};
pub use right_wrong::FIRST;
pub use run::{Wanted, explain};
