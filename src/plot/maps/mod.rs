//! What a network attends to, as pictures.
//!
//! ```text
//! colour_map.rs    from a share of 1 to a colour
//! place.rs         a layer's map carried to the input
//! thumbnail.rs     spectrograms and maps, a pixel for each band and frame
//! sample_axes.rs   bands and frames as axes beside a panel
//! grid.rs          panels in rows and columns
//! sample_grids.rs  a genre's first six right and wrong: spectrograms, maps
//! mean_maps.rs     mean maps by genre
//! profile.rs       curves along bands and along frames
//! occlusion.rs     what muting does, of a sample and of genres
//! line_plot.rs     lines with bands against a common axis
//! trust.rs         cascading randomisation; deletion and insertion
//! ```

mod colour_map;
mod grid;
mod line_plot;
mod mean_maps;
mod occlusion;
mod place;
mod profile;
mod sample_axes;
mod sample_grids;
mod thumbnail;
mod trust;

pub use colour_map::ColourMap;
pub use line_plot::BandLine;
pub use mean_maps::{MeanMaps, mean_maps};
pub use occlusion::{GenreOcclusion, Occlusion, genre_occlusion, sample_occlusion};
pub use place::{AxisCells, MapPlace};
pub use profile::Profile;
pub use sample_axes::SampleAxes;
pub use sample_grids::{MapPanel, SamplePanel, map_grid, spectrogram_grid};
pub use thumbnail::{MapKind, Spectrogram, map_thumbnail, spectrogram_thumbnail};
pub use trust::{cascade, deletion_insertion};
