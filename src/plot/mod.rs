//! Pictures from plain values: a [`Drawing`] is made once, inlined in a page as SVG
//! ([`Drawing::svg`]) or written as a PNG file ([`write_png`]).
//!
//! ```text
//! style.rs       colours in the light and in the dark, dashes, sizes
//! font.rs        how wide text is, outlines of letters
//! axis.rs        where ticks go and what they say
//! png.rs         pixels as PNG files
//! drawing.rs     marks on a sheet, as SVG
//! raster.rs      the same painted, as a PNG file
//! frame.rs       a plotting area with its axes, legends, sheets
//! curves.rs      loss and accuracy against epoch
//! lines.rs       several lines over one axis
//! scores.rs      models beside each other
//! confusion.rs   confusion matrices
//! network.rs     a network's nodes
//! colour_map.rs  from a share of 1 to a colour
//! place.rs       a layer's map carried to the input
//! heat.rs        spectrograms and maps, a pixel for each band and frame
//! sample_axes.rs bands and frames as axes
//! grid.rs        panels in rows and columns, colour bars
//! samples.rs     a genre's first six correct and incorrect: spectrograms, maps
//! means.rs       mean maps by genre
//! ```
//!
//! A page that inlines drawings adds [`style_sheet`] to its own: drawings carry the colours of
//! light paper, the style sheet replaces them in the dark. Elements for a script: in drawings of
//! class `curve` each place has an invisible `rect.strip` with `data-epoch` and `data-say`, and
//! `path.guide` waits for the line under the pointer.
//!
//! For tiles without a script: [`spectrogram_png`] with one [`common_range`], or [`ground_png`]
//! under [`heat_overlay_png`] (both stretched over the same rectangle, `image-rendering:
//! pixelated`), as addresses by [`data_uri`]; [`spectrogram_scale`] and [`map_scale`] are the
//! colour bars, [`SampleAxes`] knows the axes' names. [`spectrogram_grid`] and [`map_grid`] are
//! whole figures with axes in Hz and seconds and a colour bar, with and without a page.

mod axis;
mod colour_map;
mod confusion;
mod curves;
mod drawing;
mod font;
mod frame;
mod grid;
mod heat;
mod lines;
mod means;
mod network;
mod place;
mod png;
mod raster;
mod sample_axes;
mod samples;
mod scores;
mod style;

pub use axis::Tick;
pub use colour_map::ColourMap;
pub use confusion::{NamedMatrix, confusion};
pub use curves::{EpochRow, Panel, curve, curves};
pub use drawing::{Drawing, data_uri};
pub use font::{png_names, undrawn};
pub use frame::sheet;
pub use heat::{MapKind, Spectrogram, common_range, ground_png, heat_overlay_png, spectrogram_png};
pub use lines::{Across, HALF, Line, Lines, lines, lines_marked};
pub use means::{MeanMaps, mean_maps};
pub use network::{network, what};
pub use place::{AxisCells, MapPlace};
pub use raster::{png_bytes, write_png};
pub use sample_axes::SampleAxes;
pub use samples::{
    MapPanel, SamplePanel, map_grid, map_notes, map_scale, spectrogram_grid, spectrogram_scale,
};
pub use scores::{Measure, ModelScore, model_scores};
pub use style::style_sheet;
