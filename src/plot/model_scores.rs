//! Models beside each other: each one's accuracy, and its difference to the baseline.

use image::RgbImage;

use super::axis;
use super::canvas::{Anchor, Canvas, paint};
use super::font::Font;
use super::style::{FAINT_INK, GRID, INK, LABEL, NOTE, TICK, TRAINING, VALIDATION};
use crate::error::Result;

/// One model of the picture, in shares of 1.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelScore {
    /// What it is called.
    pub name: String,
    /// Its mean accuracy over seeds.
    pub mean: f64,
    /// The accuracy under each seed.
    pub seeds: Vec<f64>,
    /// Its difference to the baseline and that difference's 95 % interval, where there is one.
    pub difference: Option<(f64, (f64, f64))>,
    /// Whether it is what the others are compared with.
    pub is_baseline: bool,
}

const WIDTH: f64 = 1900.0;
const TOP: f64 = 190.0;
const ROW: f64 = 84.0;
/// Under the rows: ticks, the axis's name and a line of explanation.
const UNDER: f64 = 170.0;
const LONGEST_NAME: f64 = 520.0;
/// Room for a figure right of its panel.
const FIGURE: f64 = 130.0;
const INTERVAL: f64 = 290.0;
const DASH: (f64, f64) = (8.0, 8.0);

/// A panel's place and its axis, in percent or points.
struct Panel {
    x: (f64, f64),
    range: (f64, f64),
    bottom: f64,
}

impl Panel {
    fn at(&self, value: f64) -> f64 {
        let ((left, right), (low, high)) = (self.x, self.range);
        left + (right - left) * (value - low) / (high - low)
    }
}

/// A row for each model: left its accuracy, right its difference to the baseline where any model
/// has one. 1900 pixels wide. `unit` is what accuracy counts: "songs" or "samples"; `title`
/// should say which data and how much.
pub fn model_scores(models: &[ModelScore], unit: &str, title: &str) -> Result<RgbImage> {
    let font = Font::embedded()?;
    let names: Vec<String> =
        models.iter().map(|model| font.shorten(&model.name, LABEL, LONGEST_NAME)).collect();
    let longest = names.iter().map(|name| font.width(name, LABEL)).fold(0.0, f64::max);
    let left = 60.0 + longest + 24.0;
    let bottom = TOP + ROW * models.len().max(1) as f64;
    let paired = models.iter().any(|model| model.difference.is_some());
    let width = if paired {
        (WIDTH - left - FIGURE - INTERVAL - 120.0) / 2.0
    } else {
        WIDTH - left - FIGURE - 60.0
    };
    let values = models.iter().flat_map(|model| model.seeds.iter().copied().chain([model.mean]));
    let range = axis::range(values.map(|v| 100.0 * v)).unwrap_or((0.0, 100.0));
    let scores = Panel { x: (left, left + width), range, bottom };
    let ends = models.iter().filter_map(|model| model.difference);
    let ends = ends.flat_map(|(value, (low, high))| [value, low, high, 0.0].map(|v| 100.0 * v));
    let range = axis::range(ends).unwrap_or((-1.0, 1.0));
    let start = left + width + FIGURE + 60.0;
    let differences = Panel { x: (start, start + width), range, bottom };
    paint((WIDTH as u32, (bottom + UNDER) as u32), &font, |canvas| {
        canvas.title(title, (WIDTH / 2.0, 48.0), WIDTH - 80.0)?;
        let base = models.iter().find(|model| model.is_baseline);
        grid(canvas, &scores, &format!("{unit} right (%)"))?;
        heading(canvas, &scores, "accuracy by seed (dots) and their mean (bar)")?;
        if let Some(base) = base.filter(|base| base.mean.is_finite()) {
            let x = scores.at(100.0 * base.mean);
            canvas.polyline(&[(x, TOP), (x, bottom)], 2.0, Some(DASH), FAINT_INK)?;
        }
        if paired {
            grid(canvas, &differences, &format!("difference in {unit} right (points)"))?;
            heading(canvas, &differences, "difference and its 95 % interval")?;
            let x = differences.at(0.0);
            canvas.polyline(&[(x, TOP), (x, bottom)], 2.0, Some(DASH), FAINT_INK)?;
        }
        for (i, (model, name)) in models.iter().zip(&names).enumerate() {
            let y = TOP + ROW * (i as f64 + 0.5);
            canvas.text(name, (left - 24.0, y), Anchor::Right, LABEL, INK)?;
            score(canvas, &scores, model, y)?;
            if paired {
                difference(canvas, &differences, model, y)?;
            }
        }
        let name = base.map_or("", |base| base.name.as_str());
        let note = format!("Dashed: the baseline, {name}.");
        let note = canvas.font.shorten(&note, NOTE, WIDTH - 120.0);
        canvas.text(&note, (60.0, bottom + UNDER - 36.0), Anchor::Left, NOTE, FAINT_INK)
    })
}

fn heading(canvas: &mut Canvas<'_>, panel: &Panel, text: &str) -> Result<()> {
    let middle = (panel.x.0 + panel.x.1) / 2.0;
    let room = panel.x.1 - panel.x.0 + 2.0 * FIGURE - 20.0;
    let text = canvas.font.shorten(text, TICK, room);
    canvas.text(&text, (middle, TOP - 46.0), Anchor::Centre, TICK, INK)
}

fn grid(canvas: &mut Canvas<'_>, panel: &Panel, name: &str) -> Result<()> {
    let ((left, right), bottom) = (panel.x, panel.bottom);
    let ticks = axis::ticks(panel.range, 5.0);
    let digits = axis::decimals(&ticks);
    for tick in ticks {
        let x = panel.at(tick);
        canvas.rect((x - 0.5, TOP), (x + 0.5, bottom), GRID)?;
        canvas.rect((x - 1.0, bottom), (x + 1.0, bottom + 8.0), INK)?;
        // Rounding makes no "-0".
        let label = axis::number(if tick == 0.0 { 0.0 } else { tick }, digits);
        canvas.text(&label, (x, bottom + 27.0), Anchor::Centre, TICK, INK)?;
    }
    canvas.rect((left, bottom - 1.0), (right, bottom + 1.0), INK)?;
    let middle = (left + right) / 2.0;
    canvas.text(name, (middle, bottom + 70.0), Anchor::Centre, LABEL, INK)
}

fn score(canvas: &mut Canvas<'_>, panel: &Panel, model: &ModelScore, y: f64) -> Result<()> {
    let (figure, value) = (panel.x.1 + 16.0, 100.0 * model.mean);
    if !value.is_finite() {
        return canvas.text("unknown", (figure, y), Anchor::Left, TICK, FAINT_INK);
    }
    let x = panel.at(value);
    canvas.rect((x - 3.0, y - 28.0), (x + 3.0, y + 28.0), TRAINING)?;
    // Equal seeds stand above each other.
    let count = model.seeds.len();
    let step = (44.0 / count.max(1) as f64).min(11.0);
    for (i, seed) in model.seeds.iter().enumerate().filter(|(_, seed)| seed.is_finite()) {
        let dy = step * (i as f64 - (count as f64 - 1.0) / 2.0);
        canvas.dot((panel.at(100.0 * seed), y + dy), 6.0, VALIDATION)?;
    }
    canvas.text(&format!("{value:.1} %"), (figure, y), Anchor::Left, TICK, INK)
}

fn difference(canvas: &mut Canvas<'_>, panel: &Panel, model: &ModelScore, y: f64) -> Result<()> {
    let figure = panel.x.1 + 16.0;
    let Some((value, (low, high))) = model.difference else {
        let text = if model.is_baseline { "baseline" } else { "unknown" };
        return canvas.text(text, (figure, y), Anchor::Left, TICK, FAINT_INK);
    };
    let [value, low, high] = [value, low, high].map(|v| 100.0 * v);
    let [x, from, to] = [value, low, high].map(|v| panel.at(v));
    canvas.rect((from, y - 2.0), (to, y + 2.0), TRAINING)?;
    for end in [from, to] {
        canvas.rect((end - 2.0, y - 12.0), (end + 2.0, y + 12.0), TRAINING)?;
    }
    canvas.dot((x, y), 9.0, TRAINING)?;
    let text = format!("{value:+.1} ({low:+.1} to {high:+.1})");
    canvas.text(&text, (figure, y), Anchor::Left, TICK, INK)
}
