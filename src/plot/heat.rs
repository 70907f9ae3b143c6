//! Spectrograms and maps as little pictures: one pixel for each band and frame, the lowest band at
//! the bottom. Drawings stretch them; a page may do so itself.

use image::{Rgba, RgbaImage};

use super::colour_map::ColourMap;
use super::place::MapPlace;
use super::png::rgba_bytes;
use super::style::Rgb;
use crate::error::{Error, Result};

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
    /// Its positive part over its maximum.
    Heat(ColourMap),
    /// All of it over its largest magnitude: blue against the class, red for it.
    Signed,
}

/// How opaque an overlay is where the map has its maximum; elsewhere in proportion to its value.
const OPAQUE: f64 = 0.85;

/// How light the ground under an overlay is where the spectrogram is loudest: overlays are to be
/// lighter, in grey print too.
const GROUND: f64 = 0.6;

/// Steps of a spectrogram's colours: more are not seen, and make larger files.
const STEPS: f64 = 64.0;

impl Spectrogram {
    /// Fails where values are missing, or where there are none at all.
    fn check(&self) -> Result<()> {
        if self.values.len() == self.bands * self.frames && !self.values.is_empty() {
            return Ok(());
        }
        Err(Error::Mismatch {
            what: "spectrogram",
            expected: format!("{} × {} values, at least one", self.bands, self.frames),
            found: self.values.len().to_string(),
        })
    }

    /// Coloured from `range.0` to `range.1`, `frames × bands` pixels.
    pub(super) fn picture(
        &self,
        (low, high): (f32, f32),
        colour: impl Fn(f64) -> Rgb,
    ) -> Result<RgbaImage> {
        self.check()?;
        let (low, span) = (f64::from(low), f64::from(high) - f64::from(low));
        let pixel = |v: &f32| {
            let share = if span > 0.0 { (f64::from(*v) - low) / span } else { 0.0 };
            let (r, g, b) = colour((share * STEPS).round() / STEPS);
            [r, g, b, 255]
        };
        Ok(little(self.bands, self.frames, self.values.iter().map(pixel)))
    }

    /// In grey and dim, for an overlay.
    pub(super) fn ground(&self, range: (f32, f32)) -> Result<RgbaImage> {
        self.picture(range, |share| ColourMap::Grey.colour(GROUND * share.clamp(0.0, 1.0)))
    }
}

/// A spectrogram as a PNG file of `frames × bands` pixels, coloured from `range.0` to `range.1`:
/// those of all samples that are shown together ([`common_range`]). [`ColourMap::Magma`] is usual.
///
/// # Errors
/// If the spectrogram's values are not `bands × frames`.
pub fn spectrogram_png(
    spectrogram: &Spectrogram,
    range: (f32, f32),
    colours: ColourMap,
) -> Result<Vec<u8>> {
    rgba_bytes(&spectrogram.picture(range, |share| colours.colour(share))?)
}

/// The same in dim grey: what [`heat_overlay_png`] is laid over.
///
/// # Errors
/// If the spectrogram's values are not `bands × frames`.
pub fn ground_png(spectrogram: &Spectrogram, range: (f32, f32)) -> Result<Vec<u8>> {
    rgba_bytes(&spectrogram.ground(range)?)
}

/// A map as a PNG file of `frames × bands` pixels to lay over [`ground_png`]: the more opaque the
/// larger its value, fully transparent at 0 and where no cell lies. None where the map is empty:
/// without a positive value (signed: none but 0).
///
/// # Errors
/// If the map's values are not those of its place.
pub fn heat_overlay_png(
    map: &[f32],
    place: &MapPlace,
    shape: (usize, usize),
    kind: MapKind,
) -> Result<Option<Vec<u8>>> {
    overlay(map, place, shape, kind)?.map(|picture| rgba_bytes(&picture)).transpose()
}

pub(super) fn overlay(
    map: &[f32],
    place: &MapPlace,
    (bands, frames): (usize, usize),
    kind: MapKind,
) -> Result<Option<RgbaImage>> {
    place.check(map)?;
    let Some(map) = normalised(map, kind) else { return Ok(None) };
    let map = place.enlarged(map, (bands, frames));
    let pixel = |value: Option<f64>| {
        let Some(value) = value else { return [0; 4] };
        let (r, g, b) = kind.colour(value);
        // In steps, as colours are.
        let opaque = (value.abs().clamp(0.0, 1.0) * STEPS).round() / STEPS;
        [r, g, b, (255.0 * OPAQUE * opaque).round() as u8]
    };
    let values = place.resized(&map, bands, frames)?;
    Ok(Some(little(bands, frames, values.into_iter().map(pixel))))
}

impl MapKind {
    /// The colour of a value from 0 (signed: -1) to 1.
    fn colour(self, value: f64) -> Rgb {
        let value = (value * STEPS).round() / STEPS;
        match self {
            Self::Heat(colours) => colours.colour(value),
            // Light enough for dark ground; how opaque they are says how much.
            Self::Signed if value < 0.0 => (70, 140, 255),
            Self::Signed => (245, 70, 50),
        }
    }

    /// The same as it looks over a ground of middle loudness, for a colour bar.
    pub(super) fn over_ground(self, value: f64) -> Rgb {
        let ((r, g, b), t) = (self.colour(value), OPAQUE * value.abs());
        let mix = |v: u8| (f64::from(v) * t + 255.0 * GROUND * 0.5 * (1.0 - t)).round() as u8;
        (mix(r), mix(g), mix(b))
    }
}

/// A mean map, a pixel for each of its cells `[h, w]`, coloured from `low` to `high`.
pub(super) fn cells(
    map: &[f32],
    [h, w]: [usize; 2],
    (low, high): (f64, f64),
    colours: ColourMap,
) -> Result<RgbaImage> {
    if map.len() != h * w || map.is_empty() {
        return Err(Error::Mismatch {
            what: "map",
            expected: format!("{h} × {w} values, at least one"),
            found: map.len().to_string(),
        });
    }
    let share = |v: f64| if high > low { (v - low) / (high - low) } else { 0.5 };
    let pixel = |v: &f32| {
        let (r, g, b) = colours.colour(share(f64::from(*v)));
        [r, g, b, 255]
    };
    Ok(little(h, w, map.iter().map(pixel)))
}

/// A map as it is coloured; none where there is nothing to show.
fn normalised(map: &[f32], kind: MapKind) -> Option<Vec<f32>> {
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

/// Smallest and largest finite value of all spectrograms: the range that makes their colours
/// comparable. 0 and 1 where there is none.
pub fn common_range<'a>(all: impl Iterator<Item = &'a Spectrogram>) -> (f32, f32) {
    let values = all.flat_map(|s| &s.values).copied().filter(|v| v.is_finite());
    let found = values.fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    if found.0 > found.1 { (0.0, 1.0) } else { found }
}

fn little(bands: usize, frames: usize, colours: impl Iterator<Item = [u8; 4]>) -> RgbaImage {
    let mut picture = RgbaImage::new(frames as u32, bands as u32);
    for (i, colour) in colours.enumerate() {
        let (x, y) = (i % frames, bands - 1 - i / frames);
        picture.put_pixel(x as u32, y as u32, Rgba(colour));
    }
    picture
}
