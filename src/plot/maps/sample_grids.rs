//! A genre's first six right and first six wrong samples.

use image::RgbImage;

use super::colour_map::ColourMap;
use super::grid::{Bar, Cell, Grid, Row, grid};
use super::place::MapPlace;
use super::sample_axes::SampleAxes;
use super::thumbnail::{
    MapKind, Spectrogram, common_range, map_thumbnail, normalised, spectrogram_thumbnail,
};
use crate::error::{Error, Result};

/// A sample as a panel.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplePanel {
    /// In its part of the data.
    pub index: usize,
    /// Where known.
    pub song: Option<i64>,
    /// The class that it was wrongly taken for, and that class's probability.
    pub taken_for: Option<(String, f32)>,
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
    /// The class that the map speaks for.
    pub target: String,
    /// That class's probability.
    pub probability: f32,
}

/// Samples in a row.
const COLUMNS: usize = 6;
const SIDE: f64 = 240.0;
const HEADINGS: [&str; 2] = ["predicted rightly", "predicted wrongly"];

/// Spectrograms of one genre, 2 × 6: the first six of `right` above the first six of `wrong`, in
/// one range of colours; where there are fewer, that is said. About 1900 pixels wide. `title`
/// should say which model, data and genre.
///
/// # Errors
/// If samples are not all of the same size, or the axes not theirs.
pub fn spectrogram_grid(
    right: &[SamplePanel],
    wrong: &[SamplePanel],
    axes: &SampleAxes,
    title: &str,
) -> Result<RgbImage> {
    let [right, wrong] = [right, wrong].map(|row| &row[..row.len().min(COLUMNS)]);
    let shape = common_shape(right.iter().chain(wrong), axes)?;
    let range = common_range(right.iter().chain(wrong).map(|panel| &panel.spectrogram));
    let cell = |panel: &SamplePanel| {
        let picture = spectrogram_thumbnail(&panel.spectrogram, range, ColourMap::Magma)?;
        Ok(Cell { caption: caption(panel), picture: Some(picture), said: Vec::new() })
    };
    let bar = Bar {
        rows: 0..2,
        colours: ColourMap::Magma,
        range: (range.0.into(), range.1.into()),
        unit: axes.unit.as_deref(),
        name: String::new(),
    };
    grid(&Grid {
        title,
        shape,
        axes,
        rows: rows(right, wrong, cell)?,
        bars: vec![bar],
        side: SIDE,
        notes: Vec::new(),
    })
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
) -> Result<RgbImage> {
    let [right, wrong] = [right, wrong].map(|row| &row[..row.len().min(COLUMNS)]);
    let samples = || right.iter().chain(wrong).map(|panel| &panel.sample);
    let shape = common_shape(samples(), axes)?;
    let range = common_range(samples().map(|sample| &sample.spectrogram));
    let cell = |panel: &MapPanel| {
        let sample = &panel.sample;
        let picture = map_thumbnail(&sample.spectrogram, range, &panel.map, place, kind)?;
        let mut caption = caption(sample);
        // Of the class that it was taken for this stands there already.
        if sample.taken_for.as_ref().is_none_or(|(class, _)| *class != panel.target) {
            caption.push(format!("p({}) = {:.2}", panel.target, panel.probability));
        }
        let empty = normalised(&panel.map, kind).is_none();
        let said = if empty { vec!["empty map".to_owned()] } else { Vec::new() };
        Ok(Cell { caption, picture: Some(picture), said })
    };
    let (colours, range, name, note) = match kind {
        MapKind::Heat(colours) => (
            colours,
            (0.0, 1.0),
            format!("{name}, share of each map's maximum"),
            "Underneath: the spectrogram in grey, louder is lighter.",
        ),
        MapKind::Signed => (
            ColourMap::Diverging,
            (-1.0, 1.0),
            format!("{name}, share of each map's largest magnitude"),
            "Red speaks for the class, blue against it. The spectrogram darkens the colours where \
             it is quiet.",
        ),
    };
    grid(&Grid {
        title,
        shape,
        axes,
        rows: rows(right, wrong, cell)?,
        bars: vec![Bar { rows: 0..2, colours, range, unit: None, name }],
        side: SIDE,
        notes: vec![note.to_owned()],
    })
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
    let mut lines = vec![match panel.song {
        Some(song) => format!("#{}, song {song}", panel.index),
        None => format!("#{}", panel.index),
    }];
    if let Some((class, probability)) = &panel.taken_for {
        lines.push(format!("taken for {class} ({probability:.2})"));
    }
    lines
}

fn rows<T>(right: &[T], wrong: &[T], cell: impl Fn(&T) -> Result<Cell>) -> Result<Vec<Row>> {
    let parts = [(right, "right"), (wrong, "wrong")].into_iter().zip(HEADINGS);
    parts
        .map(|((panels, word), heading)| {
            let mut cells = panels.iter().map(&cell).collect::<Result<Vec<Cell>>>()?;
            let missing = (cells.len()..COLUMNS).map(|i| Cell {
                caption: Vec::new(),
                picture: None,
                said: if i == panels.len() { no_more(i, word) } else { Vec::new() },
            });
            cells.extend(missing.collect::<Vec<Cell>>());
            Ok(Row { heading, cells })
        })
        .collect()
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
        let sample = |taken_for: Option<(String, f32)>| SamplePanel {
            index: 12,
            song: taken_for.is_none().then_some(3),
            taken_for,
            spectrogram: Spectrogram { bands: 1, frames: 1, values: vec![0.0] },
        };
        let right = [sample(None), sample(None), sample(None)];
        let cell =
            |panel: &SamplePanel| Ok(Cell { caption: caption(panel), picture: None, said: vec![] });
        let got = rows(&right, &[], cell).unwrap();
        assert_eq!(got[0].cells[0].caption, ["#12, song 3"]);
        let said = |row: usize| got[row].cells.iter().map(|c| c.said.join(" ")).collect::<Vec<_>>();
        assert_eq!(said(0), ["", "", "", "no more: only 3 right", "", ""]);
        assert_eq!(said(1), ["none wrong", "", "", "", "", ""]);
        let wrong = sample(Some(("rock".to_owned(), 0.834)));
        assert_eq!(caption(&wrong), ["#12", "taken for rock (0.83)"]);
    }
}
