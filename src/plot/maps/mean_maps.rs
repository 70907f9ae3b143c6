//! What the network attends to on average, by genre.

use image::RgbImage;

use super::colour_map::ColourMap;
use super::grid::{Bar, Cell, Grid, Row, grid};
use super::place::MapPlace;
use super::sample_axes::SampleAxes;
use super::thumbnail::bare_map;
use crate::error::Result;

/// Mean heatmaps of one genre, each `[h, w]` of its place.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanMaps {
    /// Its name.
    pub genre: String,
    /// How many predicted rightly, and their mean; none where there are none.
    pub right: Option<(usize, Vec<f32>)>,
    /// The same of those predicted wrongly.
    pub wrong: Option<(usize, Vec<f32>)>,
    /// Right less wrong, where there are both.
    pub difference: Option<Vec<f32>>,
}

/// All panels together, without what stands between them.
const ACROSS: f64 = 1450.0;
const LARGEST: f64 = 330.0;
const SMALLEST: f64 = 120.0;

/// A column for each genre; rows: mean map of those predicted rightly, wrongly, and the
/// difference, the means in one range from 0 on, the differences in one about 0. `shape` is bands
/// and frames of a sample. `title` should say which model, data, layer and kind of map.
///
/// # Errors
/// If maps are not of `place`, or the axes not of `shape`.
pub fn mean_maps(
    genres: &[MeanMaps],
    place: &MapPlace,
    shape: (usize, usize),
    colours: ColourMap,
    axes: &SampleAxes,
    title: &str,
) -> Result<RgbImage> {
    axes.check(shape.0)?;
    let means = genres.iter().flat_map(|genre| [&genre.right, &genre.wrong]).flatten();
    let highest = largest(means.flat_map(|(_, map)| map));
    let furthest = largest(genres.iter().flat_map(|genre| &genre.difference).flatten());
    let mean = |genre: &MeanMaps, of: &Option<(usize, Vec<f32>)>, named: bool, word: &str| {
        let mut caption = if named { vec![genre.genre.clone()] } else { Vec::new() };
        caption.push(format!("n = {}", of.as_ref().map_or(0, |(n, _)| *n)));
        let picture =
            of.as_ref().map(|(_, map)| bare_map(map, place, shape, (0.0, highest), colours));
        let said = if of.is_none() { vec![format!("none {word}")] } else { Vec::new() };
        Ok(Cell { caption, picture: picture.transpose()?, said })
    };
    let difference = |genre: &MeanMaps| {
        let range = (-furthest, furthest);
        let picture = genre
            .difference
            .as_ref()
            .map(|map| bare_map(map, place, shape, range, ColourMap::Diverging));
        let said = if picture.is_none() { vec!["no difference".to_owned()] } else { Vec::new() };
        Ok(Cell { caption: Vec::new(), picture: picture.transpose()?, said })
    };
    let cells = |of: &dyn Fn(&MeanMaps) -> Result<Cell>| {
        genres.iter().map(of).collect::<Result<Vec<Cell>>>()
    };
    let rows = vec![
        Row { heading: "right", cells: cells(&|g| mean(g, &g.right, true, "right"))? },
        Row { heading: "wrong", cells: cells(&|g| mean(g, &g.wrong, false, "wrong"))? },
        Row { heading: "right − wrong", cells: cells(&difference)? },
    ];
    let bars = vec![
        Bar { rows: 0..2, colours, range: (0.0, highest), unit: None, name: "mean map".to_owned() },
        Bar {
            rows: 2..3,
            colours: ColourMap::Diverging,
            range: (-furthest, furthest),
            unit: None,
            name: "difference".to_owned(),
        },
    ];
    let side = (ACROSS / genres.len().max(1) as f64).clamp(SMALLEST, LARGEST);
    let note = "Each map is divided by its own maximum before the mean is taken.";
    grid(&Grid { title, shape, axes, rows, bars, side, notes: vec![note.to_owned()] })
}

/// The largest magnitude; 1 where all is 0.
fn largest<'a>(values: impl Iterator<Item = &'a f32>) -> f64 {
    let found = values.filter(|v| v.is_finite()).map(|v| f64::from(v.abs())).fold(0.0, f64::max);
    if found > 0.0 { found } else { 1.0 }
}
