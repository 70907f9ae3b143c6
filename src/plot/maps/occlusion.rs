//! What muting bands or frames does to the probability, beside what a map says of them.

use image::RgbImage;

use super::colour_map::ColourMap;
use super::grid::{Bar, colour_bar};
use super::line_plot::{Key, legend};
use super::profile::{Along, DASH, FALL, MAP, Of, Profile, Scales, curves, value_axis};
use super::sample_axes::{
    Panel, SampleAxes, band_axis, band_marks, fitted, frame_axis, frame_marks, side,
};
use super::thumbnail::{Spectrogram, common_range, spectrogram_thumbnail};
use crate::error::Result;
use crate::plot::canvas::{Anchor, Canvas, paint};
use crate::plot::font::Font;
use crate::plot::style::{FAINT_INK, INK, LABEL};

/// Occlusion curves and a map's profiles beside them.
#[derive(Debug, Clone, PartialEq)]
pub struct Occlusion {
    /// Fall of the probability where these bands are muted.
    pub bands: Profile,
    /// The same for frames.
    pub frames: Profile,
    /// The map along bands, where it has such a profile.
    pub map_bands: Option<Profile>,
    /// The map along frames, likewise.
    pub map_frames: Option<Profile>,
}

/// Occlusion of one genre.
#[derive(Debug, Clone, PartialEq)]
pub struct GenreOcclusion {
    /// Its name.
    pub genre: String,
    /// How many samples the means are of.
    pub n: usize,
    /// Means over them; none where there are none.
    pub curves: Option<Occlusion>,
}

const WIDTH: f64 = 1900.0;
const TOP: f64 = 240.0;
const LEGEND: f64 = 112.0;

impl Occlusion {
    fn check(&self) -> Result<()> {
        let maps = [&self.map_bands, &self.map_frames].into_iter().flatten();
        [&self.bands, &self.frames].into_iter().chain(maps).try_for_each(Profile::check)
    }
}

/// The scales along bands and those along frames that show all of the given curves.
fn scales(all: &[&Occlusion]) -> [Scales; 2] {
    [
        Scales::of(all.iter().map(|o| &o.bands), all.iter().filter_map(|o| o.map_bands.as_ref())),
        Scales::of(all.iter().map(|o| &o.frames), all.iter().filter_map(|o| o.map_frames.as_ref())),
    ]
}

fn key(canvas: &mut Canvas<'_>, fall: &str, map: &str) -> Result<()> {
    let fall = Key { name: fall, colour: FALL, dash: None };
    let keys = [fall, Key { name: map, colour: MAP, dash: Some(DASH) }];
    legend(canvas, &keys, (WIDTH / 2.0, LEGEND), WIDTH - 120.0)
}

/// A sample's spectrogram with its curves: along bands beside it, along frames under it. 1900
/// pixels wide. `target` is the class whose probability falls, `map` what the profiles are of:
/// "Grad-CAM". `title` should say which model, data and sample.
///
/// # Errors
/// If values are missing anywhere, or the axes are not the sample's.
pub fn sample_occlusion(
    spectrogram: &Spectrogram,
    occlusion: &Occlusion,
    target: &str,
    map: &str,
    axes: &SampleAxes,
    title: &str,
) -> Result<RgbImage> {
    let range = common_range([spectrogram].into_iter());
    let picture = spectrogram_thumbnail(spectrogram, range, ColourMap::Magma)?;
    let (bands, frames) = (spectrogram.bands, spectrogram.frames);
    axes.check(bands)?;
    occlusion.check()?;
    let [across, along] = scales(&[occlusion]);
    let from = (210.0, TOP);
    let sound = Panel { from, to: (from.0 + side(frames, 980.0), from.1 + side(bands, 480.0)) };
    let beside = Panel { from: (sound.to.0 + 46.0, TOP), to: (sound.to.0 + 476.0, sound.to.1) };
    let below = (from.0, sound.to.1 + 44.0);
    let under = Panel { from: below, to: (sound.to.0, below.1 + 240.0) };
    let left = beside.to.0 + 60.0;
    let bar = Panel { from: (left, TOP), to: (left + 28.0, sound.to.1) };
    let font = Font::embedded()?;
    let named = Bar {
        rows: 0..1,
        colours: ColourMap::Magma,
        range: (range.0.into(), range.1.into()),
        unit: axes.unit.as_deref(),
        name: String::new(),
    };
    paint((WIDTH as u32, (under.to.1 + 110.0) as u32), &font, |canvas| {
        canvas.title(title, (WIDTH / 2.0, 46.0), WIDTH - 80.0)?;
        let fall = canvas.font.shorten(&format!("fall of p({target})"), LABEL, 400.0);
        let profile = canvas.font.shorten(&format!("mean of {map}"), LABEL, 400.0);
        key(canvas, &format!("{fall} where muted"), &format!("{profile} there"))?;
        canvas.blocks(sound.from, sound.to, &picture)?;
        canvas.frame(sound.from, sound.to, 1.5, INK)?;
        band_axis(canvas, axes, bands, &sound)?;
        frame_marks(canvas, axes, frames, &sound, false)?;
        colour_bar(canvas, &named, &bar)?;

        let pair = (&occlusion.bands, occlusion.map_bands.as_ref());
        curves(canvas, &beside, Along::Bands, bands, &across, pair)?;
        band_marks(canvas, axes, bands, &beside)?;
        value_axis(canvas, &beside, Along::Bands, Of::Fall, &across, &fall)?;
        if pair.1.is_some() {
            value_axis(canvas, &beside, Along::Bands, Of::Map, &across, &profile)?;
        }
        let pair = (&occlusion.frames, occlusion.map_frames.as_ref());
        curves(canvas, &under, Along::Frames, frames, &along, pair)?;
        frame_axis(canvas, axes, frames, &under)?;
        value_axis(canvas, &under, Along::Frames, Of::Fall, &along, &fall)?;
        if pair.1.is_some() {
            value_axis(canvas, &under, Along::Frames, Of::Map, &along, &profile)?;
        }
        Ok(())
    })
}

/// Mean occlusion of genres side by side: along bands above, along frames below, each row on
/// common scales. `shape` is bands and frames of a sample, `map` what the profiles are of. About
/// 1900 pixels wide. `title` should say which model and data, and what is shaded.
///
/// # Errors
/// If values are missing anywhere, or the axes are not of `shape`.
pub fn genre_occlusion(
    genres: &[GenreOcclusion],
    (bands, frames): (usize, usize),
    map: &str,
    axes: &SampleAxes,
    title: &str,
) -> Result<RgbImage> {
    axes.check(bands)?;
    let known: Vec<&Occlusion> = genres.iter().filter_map(|g| g.curves.as_ref()).collect();
    known.iter().try_for_each(|o| o.check())?;
    let [across, along] = scales(&known);
    let (left, gap, upper, lower) = (210.0, 34.0, 460.0, 220.0);
    let room = WIDTH - left - 160.0 + gap;
    let width = (room / genres.len().max(1) as f64 - gap).max(60.0);
    let top = TOP + 64.0;
    let second = top + upper + 120.0;
    let font = Font::embedded()?;
    paint((WIDTH as u32, (second + lower + 110.0) as u32), &font, |canvas| {
        canvas.title(title, (WIDTH / 2.0, 46.0), WIDTH - 80.0)?;
        let name = canvas.font.shorten(&format!("mean of {map}"), LABEL, 500.0);
        key(canvas, "fall of the genre's probability where muted", &format!("{name} there"))?;
        if genres.is_empty() {
            let at = (WIDTH / 2.0, top + upper / 2.0);
            return canvas.text("no genre", at, Anchor::Centre, LABEL, FAINT_INK);
        }
        for (i, genre) in genres.iter().enumerate() {
            let x = left + (width + gap) * i as f64;
            let (first, last) = (i == 0, i + 1 == genres.len());
            let above = Panel { from: (x, top), to: (x + width, top + upper) };
            let below = Panel { from: (x, second), to: (x + width, second + lower) };
            for (line, y) in [(genre.genre.clone(), 128.0), (format!("n = {}", genre.n), 94.0)] {
                let at = (x + width / 2.0, top - y);
                fitted(canvas, &line, at, LABEL, width + gap - 8.0)?;
            }
            match &genre.curves {
                Some(o) => {
                    let pair = (&o.bands, o.map_bands.as_ref());
                    curves(canvas, &above, Along::Bands, bands, &across, pair)?;
                    let pair = (&o.frames, o.map_frames.as_ref());
                    curves(canvas, &below, Along::Frames, frames, &along, pair)?;
                }
                None => {
                    for panel in [&above, &below] {
                        canvas.frame(panel.from, panel.to, 1.5, FAINT_INK)?;
                        fitted(canvas, "none", panel.middle(), LABEL, width - 10.0)?;
                    }
                }
            }
            if first {
                band_axis(canvas, axes, bands, &above)?;
            } else {
                band_marks(canvas, axes, bands, &above)?;
            }
            frame_axis(canvas, axes, frames, &below)?;
            value_axis(canvas, &above, Along::Bands, Of::Fall, &across, "fall")?;
            if known.iter().any(|o| o.map_bands.is_some()) {
                value_axis(canvas, &above, Along::Bands, Of::Map, &across, map)?;
            }
            if first {
                value_axis(canvas, &below, Along::Frames, Of::Fall, &along, "fall")?;
            }
            if last && known.iter().any(|o| o.map_frames.is_some()) {
                value_axis(canvas, &below, Along::Frames, Of::Map, &along, map)?;
            }
        }
        Ok(())
    })
}
