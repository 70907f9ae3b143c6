//! Spectrograms and maps as little pictures: one pixel for each band and frame, the lowest band
//! at the bottom.

use image::{Rgb as Pixel, RgbImage};

use super::colour_map::{ColourMap, blended};
use super::place::MapPlace;
use crate::error::{Error, Result};
use crate::plot::style::{PAPER, Rgb};

/// What a sample sounds like.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrogram {
    /// How many mel bands.
    pub bands: usize,
    /// How many frames.
    pub frames: usize,
    /// `[bands, frames]`, lowest band first.
    pub values: Vec<f32>,
}

/// What of a map is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapKind {
    /// Its positive part over its maximum, in the given colours over the spectrogram in grey.
    Heat(ColourMap),
    /// All of it over its largest magnitude: blue against the class, red for it.
    Signed,
}

/// How much of an overlay's colour is the map's.
const OVERLAY: f64 = 0.5;

/// What is left of a signed map's colours where the spectrogram is quietest.
const SHADE: f64 = 0.55;

impl Spectrogram {
    /// Fails where values are missing, or where there are none at all.
    pub(super) fn check(&self) -> Result<()> {
        if self.values.len() == self.bands * self.frames && !self.values.is_empty() {
            return Ok(());
        }
        Err(Error::Mismatch {
            what: "spectrogram",
            expected: format!("{} × {} values, at least one", self.bands, self.frames),
            found: self.values.len().to_string(),
        })
    }

    fn shares(&self, (low, high): (f32, f32)) -> impl Iterator<Item = f64> {
        let (low, span) = (f64::from(low), f64::from(high) - f64::from(low));
        let share = move |v: &f32| if span > 0.0 { (f64::from(*v) - low) / span } else { 0.0 };
        self.values.iter().map(share)
    }
}

/// A spectrogram in the given colours from `range.0` to `range.1`, `frames × bands` pixels.
///
/// # Errors
/// If the spectrogram's values are not `bands × frames`.
pub fn spectrogram_thumbnail(
    spectrogram: &Spectrogram,
    range: (f32, f32),
    colours: ColourMap,
) -> Result<RgbImage> {
    spectrogram.check()?;
    let colour = |share: f64| colours.colour(share);
    Ok(little(spectrogram.bands, spectrogram.frames, spectrogram.shares(range).map(colour)))
}

/// A map over its spectrogram, `frames × bands` pixels. An empty map leaves the spectrogram in
/// grey, and so do places that no cell stands for.
///
/// # Errors
/// If the spectrogram's values are not `bands × frames`, or the map's not those of its place.
pub fn map_thumbnail(
    spectrogram: &Spectrogram,
    range: (f32, f32),
    map: &[f32],
    place: &MapPlace,
    kind: MapKind,
) -> Result<RgbImage> {
    spectrogram.check()?;
    place.check(map)?;
    let Some(map) = normalised(map, kind) else {
        return spectrogram_thumbnail(spectrogram, range, ColourMap::Grey);
    };
    let map = place.resized(&map, spectrogram.bands, spectrogram.frames)?;
    let over = |(sound, value): (f64, Option<f64>)| {
        let grey = ColourMap::Grey.colour(sound);
        match (kind, value) {
            (_, None) => grey,
            (MapKind::Heat(colours), Some(value)) => blended(grey, colours.colour(value), OVERLAY),
            (MapKind::Signed, Some(value)) => {
                let colour = ColourMap::Diverging.colour(0.5 + 0.5 * value);
                blended((0, 0, 0), colour, SHADE + (1.0 - SHADE) * sound.clamp(0.0, 1.0))
            }
        }
    };
    let pixels = spectrogram.shares(range).zip(map).map(over);
    Ok(little(spectrogram.bands, spectrogram.frames, pixels))
}

/// A map by itself, `frames × bands` pixels, without division by its maximum: `range` is what
/// the colours go from and to. Places that no cell stands for are blank.
pub(super) fn bare_map(
    map: &[f32],
    place: &MapPlace,
    (bands, frames): (usize, usize),
    (low, high): (f64, f64),
    colours: ColourMap,
) -> Result<RgbImage> {
    let map = place.resized(map, bands, frames)?;
    let share = |v: f64| if high > low { (v - low) / (high - low) } else { 0.5 };
    Ok(little(
        bands,
        frames,
        map.into_iter().map(|v| v.map_or(PAPER, |v| colours.colour(share(v)))),
    ))
}

/// A map as it is coloured; none where there is nothing to show.
pub(super) fn normalised(map: &[f32], kind: MapKind) -> Option<Vec<f32>> {
    let size = |v: f32| match kind {
        MapKind::Heat(_) => v.max(0.0),
        MapKind::Signed => v.abs(),
    };
    let largest = map.iter().map(|v| size(*v)).fold(0.0, f32::max);
    let kept = |v: &f32| match kind {
        MapKind::Heat(_) => v.max(0.0) / largest,
        MapKind::Signed => v / largest,
    };
    (largest > 0.0).then(|| map.iter().map(kept).collect())
}

/// Smallest and largest finite value of all spectrograms; 0 and 1 where there is none.
pub(super) fn common_range<'a>(all: impl Iterator<Item = &'a Spectrogram>) -> (f32, f32) {
    let values = all.flat_map(|s| &s.values).copied().filter(|v| v.is_finite());
    let found = values.fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    if found.0 > found.1 { (0.0, 1.0) } else { found }
}

fn little(bands: usize, frames: usize, colours: impl Iterator<Item = Rgb>) -> RgbImage {
    let mut picture = RgbImage::new(frames as u32, bands as u32);
    for (i, (r, g, b)) in colours.enumerate() {
        let (x, y) = (i % frames, bands - 1 - i / frames);
        picture.put_pixel(x as u32, y as u32, Pixel([r, g, b]));
    }
    picture
}
