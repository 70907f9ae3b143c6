//! Validation accuracy by epoch, several models in one panel.

use image::RgbImage;

use super::axis;
use super::canvas::{Anchor, Canvas, paint};
use super::font::Font;
use super::style::{GRID, INK, LABEL, Rgb, SERIES, TICK};
use crate::error::Result;

/// One model's curve, in shares of 1.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCurve {
    /// What it is called.
    pub name: String,
    /// Of each epoch from 1: the mean over seeds, and the ends of what is shaded. What is not
    /// finite is left out.
    pub points: Vec<(f64, (f64, f64))>,
}

const WIDTH: f64 = 1900.0;
const TOP: f64 = 110.0;
const LEFT: f64 = 150.0;
const UNDER: f64 = 110.0;
const LONGEST_NAME: f64 = 520.0;
/// Between the names at the curves' ends.
const LINE: f64 = 38.0;
/// A second round of the colours is dashed.
const DASH: (f64, f64) = (14.0, 9.0);

/// A line for each model with its spread shaded and its name at its end, 1900 pixels wide.
/// `title` should say which data and what is shaded.
pub fn model_curves(models: &[ModelCurve], title: &str) -> Result<RgbImage> {
    let font = Font::embedded()?;
    let names: Vec<String> =
        models.iter().map(|model| font.shorten(&model.name, LABEL, LONGEST_NAME)).collect();
    let longest = names.iter().map(|name| font.width(name, LABEL)).fold(0.0, f64::max);
    let right = WIDTH - 60.0 - longest - 100.0;
    let bottom = TOP + 620.0_f64.max(LINE * models.len() as f64);
    let values = models.iter().flat_map(|model| &model.points);
    let values = values.flat_map(|&(mean, (low, high))| [mean, low, high].map(|v| 100.0 * v));
    let found = axis::range(values);
    let (low, high) = found.unwrap_or((0.0, 100.0));
    let epochs = models.iter().map(|model| model.points.len()).max().unwrap_or(0).max(1);
    let air = 0.02 * (epochs as f64 - 1.0).max(1.0);
    let (from, to) = (1.0 - air, epochs as f64 + air);
    let x_of = |epoch: f64| LEFT + (right - LEFT) * (epoch - from) / (to - from);
    let y_of = |share: f64| bottom - (bottom - TOP) * (100.0 * share - low) / (high - low);
    paint((WIDTH as u32, (bottom + UNDER) as u32), &font, |canvas| {
        canvas.title(title, (WIDTH / 2.0, 48.0), WIDTH - 80.0)?;
        let ticks = axis::ticks((low, high), 8.0);
        let digits = axis::decimals(&ticks);
        for &tick in ticks.iter().filter(|_| found.is_some()) {
            let y = y_of(tick / 100.0);
            canvas.rect((LEFT, y - 0.5), (right, y + 0.5), GRID)?;
            let label = axis::number(tick, digits);
            canvas.text(&label, (LEFT - 14.0, y), Anchor::Right, TICK, INK)?;
        }
        for epoch in axis::epoch_ticks(1, epochs as u32) {
            let x = x_of(f64::from(epoch));
            canvas.rect((x - 1.0, bottom), (x + 1.0, bottom + 8.0), INK)?;
            canvas.text(&epoch.to_string(), (x, bottom + 27.0), Anchor::Centre, TICK, INK)?;
        }
        canvas.rect((LEFT - 1.0, TOP), (LEFT + 1.0, bottom), INK)?;
        canvas.rect((LEFT - 1.0, bottom - 1.0), (right, bottom + 1.0), INK)?;
        let middle = (LEFT + right) / 2.0;
        canvas.text("epoch", (middle, bottom + 68.0), Anchor::Centre, LABEL, INK)?;
        let half = (TOP + bottom) / 2.0;
        let name = "validation accuracy (% of samples)";
        canvas.text_upwards(name, (LEFT - 100.0, half), Anchor::Centre, LABEL, INK)?;

        let mut ends = Vec::new();
        let lines: Vec<Vec<(f64, f64)>> = models
            .iter()
            .map(|model| finite(model).map(|(e, mean, _)| (x_of(e), y_of(mean))).collect())
            .collect();
        for (i, model) in models.iter().enumerate() {
            let edges: Vec<(f64, f64, f64)> = finite(model)
                .filter(|(_, _, (low, high))| low.is_finite() && high.is_finite())
                .map(|(epoch, _, (low, high))| (x_of(epoch), y_of(high), y_of(low)))
                .collect();
            canvas.band(&edges, colour(i))?;
        }
        for (i, (line, name)) in lines.iter().zip(&names).enumerate() {
            let dash = (i >= SERIES.len()).then_some(DASH);
            canvas.polyline(line, 4.0, dash, colour(i))?;
            if let Some(&end) = line.last() {
                // A point that is alone has no line to show it.
                canvas.dot(end, 7.0, colour(i))?;
                ends.push((end, name.as_str(), colour(i)));
            }
        }
        end_names(canvas, ends, right, bottom)
    })
}

fn colour(i: usize) -> Rgb {
    SERIES[i % SERIES.len()]
}

/// The epochs whose mean is a number, as (epoch, mean, shaded).
fn finite(model: &ModelCurve) -> impl Iterator<Item = (f64, f64, (f64, f64))> {
    let points = model.points.iter().enumerate();
    points
        .map(|(i, &(mean, band))| (i as f64 + 1.0, mean, band))
        .filter(|point| point.1.is_finite())
}

/// Names beside the ends of their lines, in the order of the ends and never on each other.
fn end_names(
    canvas: &mut Canvas<'_>,
    mut ends: Vec<((f64, f64), &str, Rgb)>,
    right: f64,
    bottom: f64,
) -> Result<()> {
    ends.sort_by(|a, b| a.0.1.total_cmp(&b.0.1));
    let mut places: Vec<f64> = ends.iter().map(|end| end.0.1).collect();
    // Down from the top, then up from the bottom where that ran over.
    for i in 1..places.len() {
        places[i] = places[i].max(places[i - 1] + LINE);
    }
    let mut most = bottom;
    for place in places.iter_mut().rev() {
        *place = place.min(most);
        most = *place - LINE;
    }
    for ((end, name, colour), y) in ends.into_iter().zip(places) {
        let at = right + 60.0;
        canvas.line((end.0 + 10.0, end.1), (at, y), 1.0, colour)?;
        canvas.rect((at, y - 11.0), (at + 7.0, y + 11.0), colour)?;
        canvas.text(name, (at + 20.0, y), Anchor::Left, LABEL, INK)?;
    }
    Ok(())
}
