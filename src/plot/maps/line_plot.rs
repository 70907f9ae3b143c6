//! Lines with bands against a common axis.

use super::sample_axes::Panel;
use crate::error::Result;
use crate::plot::axis;
use crate::plot::canvas::{Anchor, Canvas};
use crate::plot::style::{FAINT_INK, GRID, INK, LABEL, Rgb, SERIES, TICK};

/// A line, and its spread where there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct BandLine {
    /// What it is called.
    pub name: String,
    /// One for each place of the common axis. What is not finite is left out.
    pub mean: Vec<f64>,
    /// Lower end of what is shaded; empty where nothing is.
    pub low: Vec<f64>,
    /// Upper end of what is shaded, likewise.
    pub high: Vec<f64>,
}

/// A second round of the colours is dashed.
const DASH: (f64, f64) = (14.0, 9.0);
/// Length of a legend's stroke, and what stands between it and its name.
const STROKE: (f64, f64) = (64.0, 14.0);
const BETWEEN: f64 = 48.0;

/// A stroke of a legend and its name.
pub(super) struct Key<'a> {
    pub(super) name: &'a str,
    pub(super) colour: Rgb,
    /// Lengths of stroke and gap.
    pub(super) dash: Option<(f64, f64)>,
}

/// Strokes with their names in one row around `middle`, in smaller letters where `width` asks it.
pub(super) fn legend(
    canvas: &mut Canvas<'_>,
    keys: &[Key<'_>],
    (middle, y): (f64, f64),
    width: f64,
) -> Result<()> {
    let strokes = keys.len() as f64 * (STROKE.0 + STROKE.1 + BETWEEN) - BETWEEN;
    let names: f64 = keys.iter().map(|key| canvas.font.width(key.name, LABEL)).sum();
    let size = LABEL * ((width - strokes) / names.max(1.0)).clamp(0.6, 1.0);
    let each = ((width - strokes) / keys.len().max(1) as f64).max(40.0);
    // Only where even small letters are too many is anything cut.
    let cut = names * size / LABEL > width - strokes;
    let kept = |name: &str| {
        if cut { canvas.font.shorten(name, size, each) } else { name.to_owned() }
    };
    let names: Vec<String> = keys.iter().map(|key| kept(key.name)).collect();
    let whole = strokes + names.iter().map(|name| canvas.font.width(name, size)).sum::<f64>();
    let mut x = middle - whole / 2.0;
    for (key, name) in keys.iter().zip(&names) {
        canvas.polyline(&[(x, y), (x + STROKE.0, y)], 4.0, key.dash, key.colour)?;
        x += STROKE.0 + STROKE.1;
        canvas.text(name, (x, y), Anchor::Left, size, INK)?;
        x += canvas.font.width(name, size) + BETWEEN;
    }
    Ok(())
}

/// Colour and dashes of the line with this number.
pub(super) fn look(i: usize) -> (Rgb, Option<(f64, f64)>) {
    (SERIES[i % SERIES.len()], (i >= SERIES.len()).then_some(DASH))
}

/// Values from `range.0` to `range.1`: their grid, numbers and name left of the panel.
pub(super) fn value_axis(
    canvas: &mut Canvas<'_>,
    panel: &Panel,
    range: (f64, f64),
    name: &str,
) -> Result<()> {
    let ticks = axis::ticks(range, panel.height() / 80.0);
    let digits = axis::decimals(&ticks);
    let mut widest = 0.0_f64;
    for tick in ticks {
        // Rounding makes no "-0".
        let tick = if tick == 0.0 { 0.0 } else { tick };
        let y = panel.y((tick - range.0) / (range.1 - range.0));
        let (colour, h) = if tick == 0.0 { (FAINT_INK, 1.0) } else { (GRID, 0.5) };
        canvas.rect((panel.from.0, y - h), (panel.to.0, y + h), colour)?;
        let label = axis::number(tick, digits);
        canvas.text(&label, (panel.from.0 - 14.0, y), Anchor::Right, TICK, INK)?;
        widest = widest.max(canvas.font.width(&label, TICK));
    }
    canvas.rect((panel.from.0 - 1.0, panel.from.1), (panel.from.0 + 1.0, panel.to.1), INK)?;
    canvas.rect((panel.from.0 - 1.0, panel.to.1 - 1.0), (panel.to.0, panel.to.1 + 1.0), INK)?;
    let at = (panel.from.0 - 14.0 - widest - 30.0, panel.middle().1);
    canvas.text_upwards(name, at, Anchor::Centre, LABEL, INK)
}

/// The lines over their bands; `places` are shares of the panel's width, one for each value.
pub(super) fn lines(
    canvas: &mut Canvas<'_>,
    panel: &Panel,
    places: &[f64],
    (low, high): (f64, f64),
    all: &[BandLine],
    dots: bool,
) -> Result<()> {
    let y_of = |v: f64| panel.y(((v - low) / (high - low)).clamp(0.0, 1.0));
    for (i, line) in all.iter().enumerate() {
        let ends = places.iter().zip(line.low.iter().zip(&line.high));
        let edges: Vec<(f64, f64, f64)> = ends
            .filter(|(_, (a, b))| a.is_finite() && b.is_finite())
            .map(|(x, (a, b))| (panel.x(*x), y_of(*b), y_of(*a)))
            .collect();
        canvas.band(&edges, look(i).0)?;
    }
    for (i, line) in all.iter().enumerate() {
        let (colour, dash) = look(i);
        let finite = places.iter().zip(&line.mean).filter(|(_, v)| v.is_finite());
        let points: Vec<(f64, f64)> = finite.map(|(x, v)| (panel.x(*x), y_of(*v))).collect();
        canvas.polyline(&points, 4.0, dash, colour)?;
        // A point that is alone has no line to show it.
        for point in points.iter().filter(|_| dots || points.len() == 1) {
            canvas.dot(*point, 7.0, colour)?;
        }
    }
    Ok(())
}
