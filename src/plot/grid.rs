//! Panels in rows and columns, all with the same axes, and colour bars.

use std::ops::Range;

use image::{Rgba, RgbaImage};

use super::axis::{self, Tick};
use super::drawing::{Anchor, Drawing, Look};
use super::font;
use super::frame::Frame;
use super::sample_axes::{SampleAxes, height, side};
use super::style::{Colour, LABEL, NOTE, Rgb, TICK};
use crate::error::Result;

/// A picture in a panel, from and to these bands and frames.
pub(super) struct Layer {
    pub(super) picture: RgbaImage,
    pub(super) bands: (f64, f64),
    pub(super) frames: (f64, f64),
}

/// One place of the grid.
#[derive(Default)]
pub(super) struct Cell {
    /// Lines above the panel.
    pub(super) caption: Vec<String>,
    /// On top of each other; a faint border where there is nothing.
    pub(super) layers: Vec<Layer>,
    /// Lines in the middle of the panel.
    pub(super) said: Vec<String>,
}

pub(super) struct Row {
    pub(super) heading: &'static str,
    pub(super) cells: Vec<Cell>,
}

/// Which colour stands for which value, beside some of the rows.
pub(super) struct Bar<'a> {
    pub(super) rows: Range<usize>,
    /// Of a share from 0 to 1 of the range.
    pub(super) colour: &'a dyn Fn(f64) -> Rgb,
    /// What its ends stand for.
    pub(super) range: (f64, f64),
    /// With its unit.
    pub(super) name: &'a str,
}

pub(super) struct Grid<'a> {
    pub(super) title: &'a str,
    /// Bands and frames of each panel.
    pub(super) shape: (usize, usize),
    pub(super) axes: &'a SampleAxes,
    /// Each of the same number of cells.
    pub(super) rows: Vec<Row>,
    pub(super) bars: Vec<Bar<'a>>,
    /// About how large a panel is.
    pub(super) side: f64,
    /// Lines under it all.
    pub(super) notes: Vec<String>,
}

/// Left of the axis: the rows' headings.
const HEADINGS: f64 = 24.0;
/// Numbers and name of the axis of bands.
const BAND_AXIS: f64 = 58.0;
/// Numbers and name of the axis of frames.
const FRAME_AXIS: f64 = 44.0;
const TOP: f64 = 46.0;
const LINE: f64 = 14.0;
/// Between panels beside each other.
const GAP: f64 = 18.0;
/// Between a row's panels and the next one's captions.
const UNDER: f64 = 10.0;
/// From the last panel to the bar, and its width.
const BAR: (f64, f64) = (20.0, 13.0);
/// Numbers and name of a bar.
const BAR_TEXT: f64 = 72.0;
const NARROWEST: f64 = 450.0;

/// Draws it.
pub(super) fn grid(grid: &Grid<'_>) -> Result<Drawing> {
    let (bands, frames) = grid.shape;
    let panel = (side(frames, grid.side), height(bands, grid.side));
    let columns = grid.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0).max(1);
    let across = columns as f64 * (panel.0 + GAP) - GAP;
    let beside = HEADINGS + BAND_AXIS + across + BAR.0 + BAR.1 + BAR_TEXT;
    let width = beside.max(NARROWEST);
    let left = HEADINGS + BAND_AXIS + (width - beside) / 2.0;
    let mut drawing = Drawing::new((width, TOP), "grid", grid.title);
    drawing.title(grid.title);
    let mut y = TOP;
    let mut tops = Vec::new();
    for (i, row) in grid.rows.iter().enumerate() {
        let lines = row.cells.iter().map(|cell| cell.caption.len()).max().unwrap_or(0);
        // Without captions the numbers of two rows would touch.
        let top = y + if lines == 0 && i > 0 { 12.0 } else { LINE * lines as f64 };
        for (j, cell) in row.cells.iter().enumerate() {
            let x = left + j as f64 * (panel.0 + GAP);
            let frame = Frame {
                from: (x, top),
                to: (x + panel.0, top + panel.1),
                x: (0.0, frames.max(1) as f64),
                y: (0.0, bands.max(1) as f64),
            };
            draw(&mut drawing, cell, &frame)?;
            if j == 0 {
                let ticks = grid.axes.band_ticks(bands, panel.1);
                frame.left_axis(&mut drawing, &ticks, grid.axes.band_name(), BAND_AXIS);
                let at = (left - BAND_AXIS - HEADINGS / 2.0, frame.middle().1);
                let (look, room) = ((LABEL, Colour::Ink), (panel.1 + UNDER, true));
                drawing.fitted(at, Anchor::Middle, row.heading, look, room);
            }
            if i + 1 == grid.rows.len() {
                let ticks = grid.axes.frame_ticks(frames, panel.0);
                frame.bottom_axis(&mut drawing, &ticks, grid.axes.frame_name());
            }
        }
        tops.push((top, top + panel.1));
        y = top + panel.1 + UNDER;
    }
    for bar in &grid.bars {
        let ends = (tops.get(bar.rows.start), tops.get(bar.rows.end.saturating_sub(1)));
        let (Some((top, _)), Some((_, bottom))) = ends else { continue };
        let from = (left + across + BAR.0, *top);
        colour_bar(&mut drawing, bar, from, (from.0 + BAR.1, *bottom))?;
    }
    y += FRAME_AXIS - UNDER + 12.0;
    for note in &grid.notes {
        let room = (width - 28.0, false);
        drawing.fitted((14.0, y), Anchor::Start, note, (NOTE, Colour::Faint), room);
        y += LINE + 1.0;
    }
    drawing.size.1 = y + 4.0;
    Ok(drawing)
}

fn draw(drawing: &mut Drawing, cell: &Cell, frame: &Frame) -> Result<()> {
    let ((middle, half), (wide, _)) = (frame.middle(), frame.size());
    for (i, line) in cell.caption.iter().rev().enumerate() {
        let at = (middle, frame.from.1 - 9.0 - LINE * i as f64);
        let room = (wide + GAP - 4.0, false);
        drawing.fitted(at, Anchor::Middle, line, (NOTE, Colour::Ink), room);
    }
    for Layer { picture, bands, frames } in &cell.layers {
        let from = (frame.x(frames.0), frame.y(bands.1));
        let to = (frame.x(frames.1), frame.y(bands.0));
        drawing.image(from, to, picture.clone(), false)?;
    }
    frame.border(drawing, if cell.layers.is_empty() { Colour::Grid } else { Colour::Ink });
    let first = half - LINE * (cell.said.len() as f64 - 1.0) / 2.0;
    for (i, line) in cell.said.iter().enumerate() {
        let y = first + LINE * i as f64;
        let half = font::width(line, TICK).min(wide - 4.0) / 2.0 + 3.0;
        let paper = Look::fill(Colour::Paper);
        drawing.rect((middle - half, y - 8.5), (middle + half, y + 8.5), paper);
        let room = (wide - 4.0, false);
        drawing.fitted((middle, y), Anchor::Middle, line, (TICK, Colour::Ink), room);
    }
    Ok(())
}

/// Shades from the left to the right end, or upwards.
fn shades(colour: &dyn Fn(f64) -> Rgb, upwards: bool) -> RgbaImage {
    const STEPS: u32 = 128;
    let (w, h) = if upwards { (1, STEPS) } else { (STEPS, 1) };
    RgbaImage::from_fn(w, h, |x, y| {
        let i = if upwards { STEPS - 1 - y } else { x };
        let (r, g, b) = colour((f64::from(i) + 0.5) / f64::from(STEPS));
        Rgba([r, g, b, 255])
    })
}

/// A colour bar with its numbers and its name on the right, lowest value at the bottom.
pub(super) fn colour_bar(
    drawing: &mut Drawing,
    bar: &Bar<'_>,
    from: (f64, f64),
    to: (f64, f64),
) -> Result<()> {
    drawing.image(from, to, shades(bar.colour, true), false)?;
    let frame = Frame { from, to, x: (0.0, 1.0), y: some_range(bar.range) };
    frame.border(drawing, Colour::Ink);
    let end = frame.right_axis(drawing, &bar_ticks(bar.range, frame.size().1 / 25.0));
    let at = (end + 12.0, frame.middle().1);
    let room = (frame.size().1 + 10.0, true);
    drawing.fitted(at, Anchor::Middle, bar.name, (TICK, Colour::Ink), room);
    Ok(())
}

/// A colour bar that lies, for a page: 280 × 52 pixels. `colour` is that of a share from 0 to 1 of
/// the range; `name` has the unit.
///
/// # Errors
/// If it cannot be encoded.
pub(super) fn scale(colour: &dyn Fn(f64) -> Rgb, range: (f64, f64), name: &str) -> Result<Drawing> {
    let mut drawing = Drawing::new((280.0, 60.0), "colour-scale", &format!("colour scale: {name}"));
    let frame = Frame { from: (20.0, 2.0), to: (260.0, 14.0), x: some_range(range), y: (0.0, 1.0) };
    drawing.image(frame.from, frame.to, shades(colour, false), false)?;
    frame.border(&mut drawing, Colour::Ink);
    frame.bottom_axis(&mut drawing, &bar_ticks(range, 5.0), name);
    Ok(drawing)
}

/// A range of one value is given some width.
fn some_range((low, high): (f64, f64)) -> (f64, f64) {
    if high - low > 1e-9 * high.abs().max(low.abs()) { (low, high) } else { (low - 0.5, low + 0.5) }
}

/// About `wanted` ticks from `low` to `high`.
fn bar_ticks((low, high): (f64, f64), wanted: f64) -> Vec<Tick> {
    if some_range((low, high)) != (low, high) {
        return vec![Tick { at: low, label: format!("{low:.2}") }];
    }
    // Where the loudest is -0.1 dB, the end is still called 0.
    let air = 0.01 * (high - low);
    let mut ticks = axis::numbers((low - air, high + air), wanted.clamp(2.0, 8.0));
    ticks.iter_mut().for_each(|tick| tick.at = tick.at.clamp(low, high));
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_name_round_values_and_their_ends() {
        let labels = |range| -> Vec<String> {
            bar_ticks(range, 5.0).into_iter().map(|tick| tick.label).collect()
        };
        assert_eq!(labels((-80.0, -0.3)), ["-80", "-60", "-40", "-20", "0"]);
        assert_eq!(labels((0.0, 1.0)), ["0.0", "0.5", "1.0"]);
        assert_eq!(labels((-3.0, -3.0)), ["-3.00"]);
    }

    #[test]
    fn a_panel_shows_its_picture_between_its_bands_and_frames() {
        let red = RgbaImage::from_pixel(1, 1, Rgba([255, 0, 0, 255]));
        let layer = Layer { picture: red, bands: (1.0, 2.0), frames: (0.0, 1.0) };
        let cell = |layers, said: &[&str]| Cell {
            caption: vec!["a caption".to_owned()],
            layers,
            said: said.iter().map(|line| (*line).to_owned()).collect(),
        };
        let cells = vec![cell(vec![layer], &[]), cell(Vec::new(), &["none"])];
        let drawn = grid(&Grid {
            title: "title",
            shape: (2, 1),
            axes: &SampleAxes::default(),
            rows: vec![Row { heading: "row", cells }],
            bars: Vec::new(),
            side: 100.0,
            notes: Vec::new(),
        });
        let drawn = drawn.unwrap();
        let svg = drawn.svg();
        assert_eq!(svg.matches("a caption</text>").count(), 2);
        assert!(svg.contains(">none</text>") && svg.contains(">row</text>"), "{svg}");
        let (x, y) = (HEADINGS + BAND_AXIS + (NARROWEST - 405.0).max(0.0) / 2.0, TOP + LINE);
        let image = format!("<image x=\"{x}\" y=\"{y}\" width=\"100\" height=\"50\"");
        assert!(svg.contains(&image), "{image} in {svg}");
        // The upper half is red, the lower one is paper.
        let pixels = drawn.pixels().unwrap();
        let at = |down: f64| pixels.get_pixel((2.0 * x) as u32 + 80, (2.0 * (y + down)) as u32).0;
        assert_eq!([at(25.0), at(75.0)], [[255, 0, 0], [255, 255, 255]]);
    }
}
