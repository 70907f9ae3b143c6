//! What the network attends to on average, by genre.

use image::{Rgba, RgbaImage};

use super::colour_map::ColourMap;
use super::drawing::Drawing;
use super::grid::{Bar, Cell, Grid, Layer, Row, grid};
use super::heat::cells;
use super::place::MapPlace;
use super::sample_axes::SampleAxes;
use crate::error::Result;

/// Mean heatmaps of one genre, each `[h, w]` of its place.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanMaps {
    /// Its name.
    pub genre: String,
    /// How many are classified correctly, and their mean; none where there are none.
    pub right: Option<(usize, Vec<f32>)>,
    /// The same of those classified incorrectly.
    pub wrong: Option<(usize, Vec<f32>)>,
    /// Correct minus incorrect, where there are both.
    pub difference: Option<Vec<f32>>,
}

/// All panels together, without what stands between them.
const ACROSS: f64 = 725.0;
const LARGEST: f64 = 165.0;
const SMALLEST: f64 = 60.0;

/// No colour of a map: grey, as uncovered places of samples are.
const UNCOVERED: Rgba<u8> = Rgba([150, 150, 150, 255]);

/// A column for each genre; rows: mean map of correct predictions, of incorrect ones, and the
/// difference; the means on one scale from 0 on, the differences on one about 0. A block is a cell
/// of the layer. `shape` is bands and frames of a sample. `title` should say which model, data,
/// layer and kind of map.
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
) -> Result<Drawing> {
    axes.check(shape.0)?;
    let (highest, furthest) = mean_ranges(genres);
    let covered = place.bands.covers_all(shape.0) && place.frames.covers_all(shape.1);
    let layer = |map: &Vec<f32>, range, colours| {
        let picture = cells(map, [place.bands.count, place.frames.count], range, colours)?;
        let ground = Layer {
            picture: RgbaImage::from_pixel(1, 1, UNCOVERED),
            bands: (0.0, shape.0 as f64),
            frames: (0.0, shape.1 as f64),
        };
        let map = Layer { picture, bands: place.bands.ends(), frames: place.frames.ends() };
        Ok(if covered { vec![map] } else { vec![ground, map] })
    };
    let mean = |genre: &MeanMaps, of: &Option<(usize, Vec<f32>)>, named: bool, word: &str| {
        let mut caption = if named { vec![genre.genre.clone()] } else { Vec::new() };
        caption.push(format!("n = {}", of.as_ref().map_or(0, |(n, _)| *n)));
        Ok(match of {
            Some((_, map)) => {
                let layers = layer(map, (0.0, highest), colours)?;
                Cell { caption, layers, said: Vec::new() }
            }
            None => Cell { caption, said: vec![format!("none {word}")], ..Cell::default() },
        })
    };
    let difference = |genre: &MeanMaps| {
        Ok(match &genre.difference {
            Some(map) => {
                let layers = layer(map, (-furthest, furthest), ColourMap::Diverging)?;
                Cell { layers, ..Cell::default() }
            }
            None => Cell { said: vec!["no difference".to_owned()], ..Cell::default() },
        })
    };
    let row = |heading, of: &dyn Fn(&MeanMaps) -> Result<Cell>| {
        Ok(Row { heading, cells: genres.iter().map(of).collect::<Result<_>>()? })
    };
    let rows = vec![
        row("correct", &|g| mean(g, &g.right, true, "correct"))?,
        row("incorrect", &|g| mean(g, &g.wrong, false, "incorrect"))?,
        row("difference", &difference)?,
    ];
    let mean = |share: f64| colours.colour(share);
    let less = |share: f64| ColourMap::Diverging.colour(share);
    let (range, below) = ((0.0, highest), (-furthest, furthest));
    let bars = vec![
        Bar { rows: 0..2, colour: &mean, range, name: "mean map" },
        Bar { rows: 2..3, colour: &less, range: below, name: "correct − incorrect" },
    ];
    let side = (ACROSS / genres.len().max(1) as f64).clamp(SMALLEST, LARGEST);
    let mut notes = vec![
        "n: maps that are averaged, each divided by its own maximum; those without a positive value \
         are left out. Red: more heat where the prediction is correct."
            .to_owned(),
    ];
    if !covered {
        notes.push("Grey: bands and frames that no cell of the layer covers.".to_owned());
    }
    grid(&Grid { title, shape, axes, rows, bars, side, notes })
}

/// What the colours of mean maps reach to, and those of differences to either side.
fn mean_ranges(genres: &[MeanMaps]) -> (f64, f64) {
    let means = genres.iter().flat_map(|genre| [&genre.right, &genre.wrong]).flatten();
    let highest = largest(means.flat_map(|(_, map)| map));
    (highest, largest(genres.iter().flat_map(|genre| &genre.difference).flatten()))
}

/// The largest magnitude; 1 where all is 0.
fn largest<'a>(values: impl Iterator<Item = &'a f32>) -> f64 {
    let found = values.filter(|v| v.is_finite()).map(|v| f64::from(v.abs())).fold(0.0, f64::max);
    if found > 0.0 { found } else { 1.0 }
}
