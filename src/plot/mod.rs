//! Pictures and text from plain values; computes nothing.

mod axis;
mod canvas;
mod confusion;
mod curves;
mod font;
mod maps;
mod model_curves;
mod model_scores;
mod png;
mod style;

#[cfg(feature = "audio")]
pub(crate) use axis::{decimals, epoch_ticks, number, range, ticks};
pub use confusion::{NamedMatrix, confusion};
pub use curves::{EpochRow, curves};
pub use maps::{
    AxisCells, BandLine, ColourMap, GenreOcclusion, MapKind, MapPanel, MapPlace, MeanMaps,
    Occlusion, Profile, SampleAxes, SamplePanel, Spectrogram, cascade, deletion_insertion,
    genre_occlusion, map_grid, map_thumbnail, mean_maps, sample_occlusion, spectrogram_grid,
    spectrogram_thumbnail,
};
pub use model_curves::{ModelCurve, model_curves};
pub use model_scores::{ModelScore, model_scores};
pub use png::{png_bytes, write_png};
