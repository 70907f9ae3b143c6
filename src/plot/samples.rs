//! A genre's first six correctly and first six incorrectly classified samples.

use super::colour_map::ColourMap;
use super::drawing::Drawing;
use super::grid::{Bar, Cell, Grid, Layer, Row, grid, scale};
use super::heat::{MapKind, Spectrogram, common_range, overlay};
use super::place::MapPlace;
use super::sample_axes::SampleAxes;
use super::style::Rgb;
use crate::error::{Error, Result};

/// A sample as a panel.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplePanel {
    /// In its part of the data.
    pub index: usize,
    /// Where known.
    pub song: Option<i64>,
    /// The predicted class and its probability.
    pub predicted: (String, f32),
    /// What it sounds like.
    pub spectrogram: Spectrogram,
}

/// A sample with a map over it.
#[derive(Debug, Clone, PartialEq)]
pub struct MapPanel {
    /// The sample.
    pub sample: SamplePanel,
    /// `[h, w]` of its place, signed, of any size.
    pub map: Vec<f32>,
    /// The class that the map explains, and its probability.
    pub target: (String, f32),
}

/// Samples in a row.
const COLUMNS: usize = 6;
const SIDE: f64 = 120.0;
const HEADINGS: [&str; 2] = ["correct", "incorrect"];

/// Spectrograms of one genre, 2 × 6: the first six of `right` above the first six of `wrong`, on
/// one colour scale; where there are fewer, that is said. About 950 CSS pixels wide. `title`
/// should say which model, data and genre.
///
/// # Errors
/// If samples are not all of the same size, or the axes not theirs.
pub fn spectrogram_grid(
    right: &[SamplePanel],
    wrong: &[SamplePanel],
    axes: &SampleAxes,
    title: &str,
) -> Result<Drawing> {
    let [right, wrong] = [right, wrong].map(|row| &row[..row.len().min(COLUMNS)]);
    let shape = common_shape(right.iter().chain(wrong), axes)?;
    let drawn = right.iter().chain(wrong).map(|panel| &panel.spectrogram);
    let range = axes.range.unwrap_or_else(|| common_range(drawn));
    let colour = |share: f64| ColourMap::Magma.colour(share);
    let cell = |panel: &SamplePanel| {
        let layers = vec![whole(shape, panel.spectrogram.picture(range, colour)?)];
        Ok(Cell { caption: caption(panel), layers, said: Vec::new() })
    };
    let (range, name) = ((range.0.into(), range.1.into()), axes.value_name());
    let bar = Bar { rows: 0..2, colour: &colour, range, name };
    let rows = rows(right, wrong, cell)?;
    let notes = Vec::new();
    grid(&Grid { title, shape, axes, rows, bars: vec![bar], side: SIDE, notes })
}

/// Maps of one layer over the same samples as [`spectrogram_grid`]'s. Each map is divided by its
/// own maximum (signed: magnitude); "empty map" where it has no positive value (signed: none but
/// 0). `name` says what the maps are: "Grad-CAM". `title` should also say which layer.
///
/// # Errors
/// If samples are not all of the same size, the axes not theirs, or maps not of `place`.
pub fn map_grid(
    right: &[MapPanel],
    wrong: &[MapPanel],
    place: &MapPlace,
    kind: MapKind,
    name: &str,
    axes: &SampleAxes,
    title: &str,
) -> Result<Drawing> {
    let [right, wrong] = [right, wrong].map(|row| &row[..row.len().min(COLUMNS)]);
    let samples = || right.iter().chain(wrong).map(|panel| &panel.sample);
    let shape = common_shape(samples(), axes)?;
    let drawn = samples().map(|sample| &sample.spectrogram);
    let range = axes.range.unwrap_or_else(|| common_range(drawn));
    let cell = |panel: &MapPanel| {
        let sample = &panel.sample;
        let over = overlay(&panel.map, place, shape, kind)?;
        let said = if over.is_none() { vec!["empty map".to_owned()] } else { Vec::new() };
        let ground = whole(shape, sample.spectrogram.ground(range)?);
        let layers = [ground].into_iter().chain(over.map(|over| whole(shape, over))).collect();
        let mut caption = caption(sample);
        // Of the predicted class this stands there already.
        if panel.target.0 != sample.predicted.0 {
            caption.push(format!("map of {} {:.2}", panel.target.0, panel.target.1));
        }
        Ok(Cell { caption, layers, said })
    };
    let of = match kind {
        MapKind::Heat(_) => "maximum",
        MapKind::Signed => "largest magnitude",
    };
    let name = format!("{name} (share of each map's {of})");
    let colour = |share: f64| kind.at(share);
    let bar = Bar { rows: 0..2, colour: &colour, range: kind.range(), name: &name };
    let rows = rows(right, wrong, cell)?;
    let notes = map_notes(place, shape, kind).into_iter().map(str::to_owned).collect();
    grid(&Grid { title, shape, axes, rows, bars: vec![bar], side: SIDE, notes })
}

/// How maps of a layer are to be read, a sentence each.
pub fn map_notes(place: &MapPlace, shape: (usize, usize), kind: MapKind) -> Vec<&'static str> {
    let covered = place.bands.covers_all(shape.0) && place.frames.covers_all(shape.1);
    let signed = "Red: evidence for the class; blue: against it.";
    [
        Some(
            "Colours are more opaque where the map is larger; underneath: the spectrogram in grey.",
        ),
        (kind == MapKind::Signed).then_some(signed),
        (!covered).then_some("Bands and frames that no cell of the layer covers stay grey."),
        place.is_fine(shape).then_some("Each cell is drawn three by three cells large."),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl MapKind {
    /// The colour of a share from 0 to 1 of its range.
    fn at(self, share: f64) -> Rgb {
        let (low, high) = self.range();
        self.over_ground(low + share * (high - low))
    }

    fn range(self) -> (f64, f64) {
        match self {
            Self::Heat(_) => (0.0, 1.0),
            Self::Signed => (-1.0, 1.0),
        }
    }
}

/// The colour scale of spectrograms that share `range`, lying: 280 × 54 CSS pixels, for a page that
/// shows [`super::spectrogram_png`].
///
/// # Errors
/// If it cannot be encoded.
pub fn spectrogram_scale(range: (f32, f32), axes: &SampleAxes) -> Result<Drawing> {
    let range = (range.0.into(), range.1.into());
    scale(&|share| ColourMap::Magma.colour(share), range, axes.value_name())
}

/// The same of maps, for a page that lays [`super::heat_overlay_png`] over
/// [`super::ground_png`]. `name` says what the maps are.
///
/// # Errors
/// If it cannot be encoded.
pub fn map_scale(kind: MapKind, name: &str) -> Result<Drawing> {
    scale(&|share| kind.at(share), kind.range(), name)
}

fn whole((bands, frames): (usize, usize), picture: image::RgbaImage) -> Layer {
    Layer { picture, bands: (0.0, bands as f64), frames: (0.0, frames as f64) }
}

/// Bands and frames of all samples.
fn common_shape<'a>(
    mut samples: impl Iterator<Item = &'a SamplePanel>,
    axes: &SampleAxes,
) -> Result<(usize, usize)> {
    let shape = |panel: &SamplePanel| (panel.spectrogram.bands, panel.spectrogram.frames);
    let Some(first) = samples.next().map(shape) else { return Ok((0, 0)) };
    axes.check(first.0)?;
    match samples.map(shape).find(|other| *other != first) {
        None => Ok(first),
        Some((bands, frames)) => Err(Error::Mismatch {
            what: "spectrograms of one picture",
            expected: format!("{} × {} values each", first.0, first.1),
            found: format!("{bands} × {frames}"),
        }),
    }
}

fn caption(panel: &SamplePanel) -> Vec<String> {
    let (class, probability) = &panel.predicted;
    let first = match panel.song {
        Some(song) => format!("#{}, song {song}", panel.index),
        None => format!("#{}", panel.index),
    };
    vec![first, format!("predicted {class} {probability:.2}")]
}

fn rows<T>(right: &[T], wrong: &[T], cell: impl Fn(&T) -> Result<Cell>) -> Result<Vec<Row>> {
    let row = |(panels, heading): (&[T], &'static str)| {
        let mut cells = panels.iter().map(&cell).collect::<Result<Vec<Cell>>>()?;
        for i in cells.len()..COLUMNS {
            let said = if i == panels.len() { no_more(i, heading) } else { Vec::new() };
            cells.push(Cell { said, ..Cell::default() });
        }
        Ok(Row { heading, cells })
    };
    [right, wrong].into_iter().zip(HEADINGS).map(row).collect()
}

fn no_more(count: usize, word: &str) -> Vec<String> {
    match count {
        0 => vec![format!("none {word}")],
        _ => vec!["no more:".to_owned(), format!("only {count} {word}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_and_missing_samples_are_said() {
        let sample = |song: Option<i64>| SamplePanel {
            index: 12,
            song,
            predicted: ("rock".to_owned(), 0.834),
            spectrogram: Spectrogram { bands: 1, frames: 1, values: vec![0.0] },
        };
        let right = [sample(Some(3)), sample(None), sample(None)];
        let cell = |panel: &SamplePanel| Ok(Cell { caption: caption(panel), ..Cell::default() });
        let got = rows(&right, &[], cell).unwrap();
        assert_eq!(got[0].cells[0].caption, ["#12, song 3", "predicted rock 0.83"]);
        assert_eq!(got[0].cells[1].caption[0], "#12");
        let said = |row: usize| got[row].cells.iter().map(|c| c.said.join(" ")).collect::<Vec<_>>();
        assert_eq!(said(0), ["", "", "", "no more: only 3 correct", "", ""]);
        assert_eq!(said(1), ["none incorrect", "", "", "", "", ""]);
    }
}
