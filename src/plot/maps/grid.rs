//! Panels in rows and columns, all with the same axes, and colour bars beside them.

use std::ops::Range;

use image::RgbImage;

use super::colour_map::ColourMap;
use super::sample_axes::{
    BAND_AXIS, FRAME_AXIS, Panel, SampleAxes, Tick, band_axis, fitted, fitted_upwards, frame_axis,
    height, side,
};
use crate::error::Result;
use crate::plot::axis;
use crate::plot::canvas::{Anchor, Canvas, paint};
use crate::plot::font::Font;
use crate::plot::style::{FAINT_INK, GRID, INK, LABEL, NOTE, PAPER, TICK};

/// One place of the grid.
pub(super) struct Cell {
    /// Lines above the panel.
    pub(super) caption: Vec<String>,
    /// What is in it; a faint frame where there is nothing.
    pub(super) picture: Option<RgbImage>,
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
    pub(super) colours: ColourMap,
    /// What its ends stand for.
    pub(super) range: (f64, f64),
    pub(super) unit: Option<&'a str>,
    pub(super) name: String,
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
const HEADINGS: f64 = 62.0;
const TOP: f64 = 92.0;
const LINE: f64 = 29.0;
/// Between panels beside each other.
const GAP: f64 = 36.0;
/// Between a row's panels and the next one's captions.
const UNDER: f64 = 22.0;
/// From the last panel to the bar, and its width.
const BAR: (f64, f64) = (40.0, 26.0);
/// Numbers and name of a bar.
const BAR_TEXT: f64 = 150.0;
const NARROWEST: f64 = 900.0;

/// Where the panels stand.
struct Layout {
    panel: (f64, f64),
    left: f64,
    /// Upper edge of each row's panels.
    tops: Vec<f64>,
    /// Lower edge of the last row's panels.
    bottom: f64,
    /// Left edge of the bars.
    bar: f64,
    size: (u32, u32),
}

impl Layout {
    fn new(grid: &Grid<'_>) -> Self {
        let panel = (side(grid.shape.1, grid.side), height(grid.shape.0, grid.side));
        let columns = grid.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0).max(1);
        let across = columns as f64 * (panel.0 + GAP) - GAP;
        let beside = HEADINGS + BAND_AXIS + across + BAR.0 + BAR.1 + BAR_TEXT;
        let width = beside.max(NARROWEST);
        let left = HEADINGS + BAND_AXIS + (width - beside) / 2.0;
        let (mut y, mut bottom) = (TOP, TOP);
        let mut tops = Vec::new();
        for row in &grid.rows {
            let lines = row.cells.iter().map(|cell| cell.caption.len()).max().unwrap_or(0);
            // Without captions the numbers of two rows would touch.
            let above = if lines == 0 && !tops.is_empty() { 24.0 } else { LINE * lines as f64 };
            tops.push(y + above);
            bottom = y + above + panel.1;
            y = bottom + UNDER;
        }
        let notes = LINE * grid.notes.len() as f64 + 20.0;
        Self {
            panel,
            left,
            tops,
            bottom,
            bar: left + across + BAR.0,
            size: (width.ceil() as u32, (bottom + FRAME_AXIS + notes).ceil() as u32),
        }
    }

    fn panel(&self, row: usize, column: usize) -> Panel {
        let x = self.left + column as f64 * (self.panel.0 + GAP);
        let y = self.tops.get(row).copied().unwrap_or(TOP);
        Panel { from: (x, y), to: (x + self.panel.0, y + self.panel.1) }
    }
}

/// Draws it.
pub(super) fn grid(grid: &Grid<'_>) -> Result<RgbImage> {
    let layout = Layout::new(grid);
    let font = Font::embedded()?;
    let width = f64::from(layout.size.0);
    paint(layout.size, &font, |canvas| {
        canvas.title(grid.title, (width / 2.0, 46.0), width - 80.0)?;
        for (i, row) in grid.rows.iter().enumerate() {
            for (j, cell) in row.cells.iter().enumerate() {
                draw(canvas, cell, &layout.panel(i, j))?;
            }
            let first = layout.panel(i, 0);
            band_axis(canvas, grid.axes, grid.shape.0, &first)?;
            let at = (layout.left - BAND_AXIS - HEADINGS / 2.0 + 8.0, first.middle().1);
            fitted_upwards(canvas, row.heading, at, LABEL, layout.panel.1 + 20.0)?;
            if i + 1 == grid.rows.len() {
                for j in 0..row.cells.len() {
                    frame_axis(canvas, grid.axes, grid.shape.1, &layout.panel(i, j))?;
                }
            }
        }
        for bar in &grid.bars {
            let top = layout.panel(bar.rows.start, 0).from.1;
            let bottom = layout.panel(bar.rows.end.saturating_sub(1), 0).to.1;
            let to = (layout.bar + BAR.1, bottom);
            colour_bar(canvas, bar, &Panel { from: (layout.bar, top), to })?;
        }
        for (i, note) in grid.notes.iter().enumerate() {
            let y = layout.bottom + FRAME_AXIS + 14.0 + LINE * i as f64;
            let note = canvas.font.shorten(note, NOTE, width - 80.0);
            canvas.text(&note, (40.0, y), Anchor::Left, NOTE, FAINT_INK)?;
        }
        Ok(())
    })
}

fn draw(canvas: &mut Canvas<'_>, cell: &Cell, panel: &Panel) -> Result<()> {
    let (middle, half) = panel.middle();
    for (i, line) in cell.caption.iter().rev().enumerate() {
        let y = panel.from.1 - 18.0 - LINE * i as f64;
        fitted(canvas, line, (middle, y), NOTE, panel.width() + GAP - 10.0)?;
    }
    match &cell.picture {
        Some(picture) => {
            canvas.blocks(panel.from, panel.to, picture)?;
            canvas.frame(panel.from, panel.to, 1.5, INK)?;
        }
        None => canvas.frame(panel.from, panel.to, 1.5, GRID)?,
    }
    let first = half - LINE * (cell.said.len() as f64 - 1.0) / 2.0;
    for (i, line) in cell.said.iter().enumerate() {
        let y = first + LINE * i as f64;
        let wide = canvas.font.width(line, TICK).min(panel.width() - 8.0) / 2.0 + 4.0;
        canvas.rect((middle - wide, y - 17.0), (middle + wide, y + 17.0), PAPER)?;
        fitted(canvas, line, (middle, y), TICK, panel.width() - 8.0)?;
    }
    Ok(())
}

/// A colour bar with its numbers and its name on the right, lowest value at the bottom.
pub(super) fn colour_bar(canvas: &mut Canvas<'_>, bar: &Bar<'_>, panel: &Panel) -> Result<()> {
    let rows = panel.height().max(1.0) as u32;
    for i in 0..rows {
        let (low, high) = (f64::from(i), f64::from(i + 1));
        let share = (low + 0.5) / f64::from(rows);
        let (top, bottom) = (panel.y(high / f64::from(rows)), panel.y(low / f64::from(rows)));
        canvas.rect((panel.from.0, top), (panel.to.0, bottom), bar.colours.colour(share))?;
    }
    canvas.frame(panel.from, panel.to, 1.5, INK)?;
    let mut widest = 0.0_f64;
    for tick in bar_ticks(bar.range, bar.unit, panel.height() / 45.0) {
        let y = panel.y(tick.at);
        canvas.rect((panel.to.0, y - 0.75), (panel.to.0 + 7.0, y + 0.75), INK)?;
        canvas.text(&tick.label, (panel.to.0 + 12.0, y), Anchor::Left, TICK, INK)?;
        widest = widest.max(canvas.font.width(&tick.label, TICK));
    }
    let at = (panel.to.0 + 12.0 + widest + 26.0, panel.middle().1);
    fitted_upwards(canvas, &bar.name, at, TICK, panel.height() + 20.0)
}

/// About `wanted` ticks from `low` to `high`; with a unit as `+10 dB`.
fn bar_ticks((low, high): (f64, f64), unit: Option<&str>, wanted: f64) -> Vec<Tick> {
    if high - low <= 1e-9 * high.abs().max(low.abs()) {
        let label = labelled(low, 2, unit);
        return vec![Tick { at: 0.5, label }];
    }
    // Where the loudest is -0.1 dB, the end is still called 0.
    let air = 0.01 * (high - low);
    let ticks = axis::some_ticks((low - air, high + air), wanted.clamp(2.0, 8.0));
    let digits = axis::decimals(&ticks);
    let at = |v: f64| ((v - low) / (high - low)).clamp(0.0, 1.0);
    let tick = |&v: &f64| Tick { at: at(v), label: labelled(v, digits, unit) };
    ticks.iter().map(tick).collect()
}

fn labelled(value: f64, digits: usize, unit: Option<&str>) -> String {
    // Rounding makes no "-0".
    let value = if value == 0.0 { 0.0 } else { value };
    match unit {
        Some(unit) if digits == 0 => format!("{value:+.0} {unit}"),
        Some(unit) => format!("{value:+.digits$} {unit}"),
        None => axis::number(value, digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(picture: Option<RgbImage>, said: &[&str]) -> Cell {
        let said = said.iter().map(|line| (*line).to_owned()).collect();
        Cell { caption: vec!["a caption".to_owned()], picture, said }
    }

    #[test]
    fn panels_show_their_pictures_and_what_is_said() {
        // Red above, blue below.
        let mut two = RgbImage::new(1, 2);
        two.put_pixel(0, 0, image::Rgb([255, 0, 0]));
        two.put_pixel(0, 1, image::Rgb([0, 0, 255]));
        let axes = SampleAxes::default();
        let cells = vec![cell(Some(two), &[]), cell(None, &["none"]), cell(None, &[])];
        let it = Grid {
            title: "title",
            shape: (2, 1),
            axes: &axes,
            rows: vec![Row { heading: "row", cells }],
            bars: Vec::new(),
            side: 100.0,
            notes: Vec::new(),
        };
        let (picture, layout) = (grid(&it).unwrap(), Layout::new(&it));
        let at = |column: usize, up: f64| {
            let panel = layout.panel(0, column);
            picture.get_pixel(panel.middle().0 as u32, panel.y(up) as u32).0
        };
        assert_eq!([at(0, 0.9), at(0, 0.1)], [[255, 0, 0], [0, 0, 255]]);
        let ink = |column: usize| {
            let panel = layout.panel(0, column);
            let inside = |x: u32, y: u32| {
                let (x, y) = (f64::from(x), f64::from(y));
                x > panel.from.0 + 5.0
                    && x < panel.to.0 - 5.0
                    && y > panel.from.1 + 5.0
                    && y < panel.to.1 - 5.0
            };
            let dark = picture.enumerate_pixels().filter(|(x, y, p)| inside(*x, *y) && p.0[1] < 90);
            dark.count()
        };
        assert!(ink(1) > 20, "what is said is not there");
        assert_eq!(ink(2), 0);
    }

    #[test]
    fn decibels_have_sign_and_unit() {
        let labels = |range, unit| -> Vec<String> {
            bar_ticks(range, unit, 5.0).into_iter().map(|tick| tick.label).collect()
        };
        assert_eq!(
            labels((-80.0, -0.3), Some("dB")),
            ["-80 dB", "-60 dB", "-40 dB", "-20 dB", "+0 dB"]
        );
        assert_eq!(labels((0.0, 1.0), None), ["0.0", "0.5", "1.0"]);
        assert_eq!(labels((-3.0, -3.0), Some("dB")), ["-3.00 dB"]);
    }
}
