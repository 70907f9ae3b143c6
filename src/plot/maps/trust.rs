//! How far maps can be trusted: cascading randomisation, deletion and insertion.

use image::RgbImage;

use super::line_plot::{BandLine, Key, legend, lines, look, value_axis};
use super::sample_axes::Panel;
use crate::error::{Error, Result};
use crate::plot::canvas::{Anchor, Canvas, paint};
use crate::plot::font::Font;
use crate::plot::style::{FAINT_INK, GRID, INK, LABEL, NOTE, TICK};

const WIDTH: f64 = 1900.0;
const TOP: f64 = 160.0;
const LONGEST_NAME: f64 = 300.0;

/// Rank correlation of maps with those of the trained weights, after one node after another got
/// random weights. `stages` are the nodes' names, from the output; each line has one value for
/// each. 1900 pixels wide. `title` should say which model and data, and what is shaded.
///
/// # Errors
/// If a line has not one value for each stage.
pub fn cascade(stages: &[String], all: &[BandLine], title: &str) -> Result<RgbImage> {
    check(all, stages.len(), "stages")?;
    let font = Font::embedded()?;
    let names: Vec<String> = stages.iter().map(|s| font.shorten(s, TICK, LONGEST_NAME)).collect();
    let longest = names.iter().map(|name| font.width(name, TICK)).fold(0.0, f64::max);
    let panel = Panel { from: (170.0, TOP), to: (WIDTH - 60.0, TOP + 560.0) };
    let count = stages.len();
    let upright = longest + 20.0 > panel.width() / count.max(1) as f64;
    let under = if upright { longest } else { 30.0 } + 66.0;
    let height = panel.to.1 + under + 96.0;
    paint((WIDTH as u32, height as u32), &font, |canvas| {
        canvas.title(title, (WIDTH / 2.0, 46.0), WIDTH - 80.0)?;
        key(canvas, all)?;
        let range = (-1.05, 1.05);
        value_axis(canvas, &panel, range, "rank correlation of maps")?;
        let places: Vec<f64> = (0..count).map(|i| (i as f64 + 0.5) / count.max(1) as f64).collect();
        for (name, place) in names.iter().zip(&places) {
            let x = panel.x(*place);
            canvas.rect((x - 0.75, panel.to.1), (x + 0.75, panel.to.1 + 8.0), INK)?;
            if upright {
                // The middle of the letters, not their left edge, stands under the mark.
                canvas.text_upwards(name, (x, panel.to.1 + 16.0), Anchor::Right, TICK, INK)?;
            } else {
                canvas.text(name, (x, panel.to.1 + 27.0), Anchor::Centre, TICK, INK)?;
            }
        }
        nothing(canvas, &panel, count == 0 || all.is_empty())?;
        lines(canvas, &panel, &places, range, all, true)?;
        let at = (panel.middle().0, panel.to.1 + under);
        let name = "random weights from the output down to this node";
        canvas.text(name, at, Anchor::Centre, LABEL, INK)?;
        let note = "1: the same order of cells as with the trained weights. A map that stays near \
                    1 does not depend on what was learned.";
        canvas.text(note, (60.0, height - 36.0), Anchor::Left, NOTE, FAINT_INK)
    })
}

/// Mean probability of the class against the share of cells that are muted (left) or restored
/// (right), in the order that each line names. `shares` from 0 to 1 are common to all lines. 1900
/// pixels wide. `title` should say which model and data, and what is shaded.
///
/// # Errors
/// If a line has not one value for each share.
pub fn deletion_insertion(
    shares: &[f64],
    deletion: &[BandLine],
    insertion: &[BandLine],
    title: &str,
) -> Result<RgbImage> {
    check(deletion, shares.len(), "shares")?;
    check(insertion, shares.len(), "shares")?;
    let font = Font::embedded()?;
    let top = TOP + 50.0;
    let panels = [150.0, 1070.0].map(|x| Panel { from: (x, top), to: (x + 770.0, top + 500.0) });
    let height = top + 500.0 + 170.0;
    let words =
        [("deletion", "cells muted (%)", deletion), ("insertion", "cells restored (%)", insertion)];
    paint((WIDTH as u32, height as u32), &font, |canvas| {
        canvas.title(title, (WIDTH / 2.0, 46.0), WIDTH - 80.0)?;
        key(canvas, if deletion.is_empty() { insertion } else { deletion })?;
        for (panel, (heading, name, all)) in panels.iter().zip(words) {
            let (middle, _) = panel.middle();
            canvas.text(heading, (middle, panel.from.1 - 30.0), Anchor::Centre, LABEL, INK)?;
            for percent in [0, 20, 40, 60, 80, 100] {
                let x = panel.x(f64::from(percent) / 100.0);
                canvas.rect((x - 0.5, panel.from.1), (x + 0.5, panel.to.1), GRID)?;
                canvas.rect((x - 0.75, panel.to.1), (x + 0.75, panel.to.1 + 8.0), INK)?;
                let at = (x, panel.to.1 + 27.0);
                canvas.text(&percent.to_string(), at, Anchor::Centre, TICK, INK)?;
            }
            let range = (0.0, 1.0);
            value_axis(canvas, panel, range, "probability of the class")?;
            nothing(canvas, panel, shares.is_empty() || all.is_empty())?;
            lines(canvas, panel, shares, range, all, false)?;
            canvas.text(name, (middle, panel.to.1 + 66.0), Anchor::Centre, LABEL, INK)?;
        }
        let note = "Cells in the order that each line names, the highest first. A faithful map \
                    falls faster than random on the left and rises faster on the right.";
        canvas.text(note, (60.0, height - 36.0), Anchor::Left, NOTE, FAINT_INK)
    })
}

fn check(all: &[BandLine], count: usize, what: &str) -> Result<()> {
    for line in all {
        let spread = [&line.low, &line.high].map(Vec::len);
        if line.mean.len() != count || spread.iter().any(|n| ![0, count].contains(n)) {
            return Err(Error::Mismatch {
                what: "line",
                expected: format!("{count} values, as many as {what}"),
                found: format!(
                    "{} ({} and {} of its spread)",
                    line.mean.len(),
                    spread[0],
                    spread[1]
                ),
            });
        }
    }
    Ok(())
}

fn key(canvas: &mut Canvas<'_>, all: &[BandLine]) -> Result<()> {
    let key = |(i, line)| {
        let line: &BandLine = line;
        Key { name: &line.name, colour: look(i).0, dash: look(i).1 }
    };
    let keys: Vec<Key<'_>> = all.iter().enumerate().map(key).collect();
    legend(canvas, &keys, (WIDTH / 2.0, 112.0), WIDTH - 120.0)
}

fn nothing(canvas: &mut Canvas<'_>, panel: &Panel, is: bool) -> Result<()> {
    // Too near to a line of the grid otherwise.
    let at = (panel.middle().0, panel.middle().1 - 40.0);
    if is { canvas.text("no samples", at, Anchor::Centre, LABEL, FAINT_INK) } else { Ok(()) }
}
