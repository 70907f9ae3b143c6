//! Loss and accuracy against epoch.

use image::RgbImage;

use super::axis;
use super::canvas::{Anchor, Canvas, paint};
use super::font::Font;
use super::style::{FAINT_INK, GRID, INK, LABEL, NOTE, PAPER, Rgb, TICK, TRAINING, VALIDATION};
use crate::error::Result;

/// The figures of one epoch. What is not finite is left out of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochRow {
    /// Counts from 1.
    pub epoch: u32,
    /// Running mean over the epoch's batches, cross-entropy + L2 penalty (if any), in nats.
    pub train_loss: f64,
    /// Running mean over the epoch's batches, 0 to 1.
    pub train_accuracy: f64,
    /// After the epoch, cross-entropy + L2 penalty (if any), in nats.
    pub val_loss: f64,
    /// After the epoch, 0 to 1.
    pub val_accuracy: f64,
}

const SIZE: (u32, u32) = (1900, 880);
const TOP: f64 = 208.0;
const BOTTOM: f64 = 690.0;
const DASH: (f64, f64) = (14.0, 9.0);
/// With more epochs than this, dots would run together.
const MOST_DOTS: usize = 40;
const NOTES: [&str; 2] = [
    "Training figures are running means over each epoch while the weights change; validation is \
     measured after the epoch. So in early epochs",
    "a validation loss below the training loss, and a validation accuracy above the training \
     accuracy, are normal.",
];

struct Panel {
    x: (f64, f64),
    name: &'static str,
    /// Training and validation, as (epoch, value) where finite.
    series: [Vec<(f64, f64)>; 2],
    decimals: usize,
    unit: &'static str,
}

/// Loss and accuracy in two panels, training and validation, 1900 × 880 pixels.
///
/// `best_epoch` is the epoch to mark: that of the lowest validation loss. `title` should say which model and which data.
pub fn curves(history: &[EpochRow], best_epoch: Option<u32>, title: &str) -> Result<RgbImage> {
    let series = |of: fn(&EpochRow) -> f64| -> Vec<(f64, f64)> {
        let points = history.iter().map(|row| (f64::from(row.epoch), of(row)));
        points.filter(|p| p.1.is_finite()).collect()
    };
    let loss = Panel {
        x: (140.0, 810.0),
        name: "loss (with any penalty)",
        series: [series(|r| r.train_loss), series(|r| r.val_loss)],
        decimals: 3,
        unit: "",
    };
    let accuracy = Panel {
        x: (1080.0, 1750.0),
        name: "accuracy (%)",
        series: [series(|r| 100.0 * r.train_accuracy), series(|r| 100.0 * r.val_accuracy)],
        decimals: 1,
        unit: " %",
    };
    let epochs = (
        history.iter().map(|r| r.epoch).min().unwrap_or(1),
        history.iter().map(|r| r.epoch).max().unwrap_or(1),
    );
    let font = Font::embedded()?;
    paint(SIZE, &font, |canvas| {
        let middle = f64::from(SIZE.0) / 2.0;
        canvas.title(title, (middle, 48.0), f64::from(SIZE.0) - 80.0)?;
        legend(canvas, best_epoch)?;
        for panel in [loss, accuracy] {
            draw(canvas, &panel, epochs, best_epoch)?;
        }
        for (line, y) in NOTES.iter().zip([812.0, 844.0]) {
            canvas.text(line, (60.0, y), Anchor::Left, NOTE, FAINT_INK)?;
        }
        Ok(())
    })
}

fn legend(canvas: &mut Canvas<'_>, best: Option<u32>) -> Result<()> {
    let (y, mut x) = (108.0, 530.0);
    if best.is_none() {
        x += 180.0;
    }
    canvas.polyline(&[(x, y), (x + 70.0, y)], 4.0, Some(DASH), TRAINING)?;
    canvas.text("training", (x + 86.0, y), Anchor::Left, LABEL, INK)?;
    x += 260.0;
    canvas.line((x, y), (x + 70.0, y), 4.0, VALIDATION)?;
    canvas.dot((x + 35.0, y), 7.0, VALIDATION)?;
    canvas.text("validation", (x + 86.0, y), Anchor::Left, LABEL, INK)?;
    if best.is_some() {
        canvas.target((x + 290.0, y), 12.0, VALIDATION)?;
        canvas.text("lowest validation loss", (x + 314.0, y), Anchor::Left, LABEL, INK)?;
    }
    Ok(())
}

fn draw(
    canvas: &mut Canvas<'_>,
    panel: &Panel,
    (first, last): (u32, u32),
    best: Option<u32>,
) -> Result<()> {
    let (left, right) = panel.x;
    let middle = (left + right) / 2.0;
    let values = panel.series.iter().flatten().map(|p| p.1);
    let found = axis::range(values);
    let (low, high) = found.unwrap_or((0.0, 1.0));
    let air = 0.03 * f64::from(last - first).max(1.0);
    let (from, to) = (f64::from(first) - air, f64::from(last) + air);
    let x_of = |epoch: f64| left + (right - left) * (epoch - from) / (to - from);
    let y_of = |value: f64| BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low);

    let ticks = axis::ticks((low, high), 8.0);
    let digits = axis::decimals(&ticks);
    for &tick in &ticks {
        let y = y_of(tick);
        canvas.rect((left, y - 0.5), (right, y + 0.5), GRID)?;
        if found.is_some() {
            let label = axis::number(tick, digits);
            canvas.text(&label, (left - 14.0, y), Anchor::Right, TICK, INK)?;
        }
    }
    for epoch in axis::epoch_ticks(first, last) {
        let x = x_of(f64::from(epoch));
        canvas.rect((x - 0.5, TOP), (x + 0.5, BOTTOM), GRID)?;
        canvas.rect((x - 1.0, BOTTOM), (x + 1.0, BOTTOM + 8.0), INK)?;
        canvas.text(&epoch.to_string(), (x, BOTTOM + 27.0), Anchor::Centre, TICK, INK)?;
    }
    canvas.rect((left - 1.0, TOP), (left + 1.0, BOTTOM), INK)?;
    canvas.rect((left - 1.0, BOTTOM - 1.0), (right, BOTTOM + 1.0), INK)?;
    canvas.text("epoch", (middle, BOTTOM + 62.0), Anchor::Centre, LABEL, INK)?;
    let half = (TOP + BOTTOM) / 2.0;
    canvas.text_upwards(panel.name, (left - 108.0, half), Anchor::Centre, LABEL, INK)?;
    if found.is_none() {
        canvas.rect((middle - 130.0, half - 30.0), (middle + 130.0, half + 30.0), PAPER)?;
        return canvas.text("no finite values", (middle, half), Anchor::Centre, LABEL, FAINT_INK);
    }

    let [training, validation] = panel.series.each_ref().map(|points| -> Vec<(f64, f64)> {
        points.iter().map(|&(epoch, value)| (x_of(epoch), y_of(value))).collect()
    });
    if let Some(&(epoch, value)) =
        best.and_then(|b| panel.series[1].iter().find(|p| p.0 == f64::from(b)))
    {
        let x = x_of(epoch);
        let dots = [(x, TOP), (x, BOTTOM)];
        canvas.polyline(&dots, 2.0, Some((2.0, 8.0)), FAINT_INK)?;
        let label = format!("epoch {epoch}: {}{}", axis::number(value, panel.decimals), panel.unit);
        let half = canvas.font.width(&label, TICK) / 2.0;
        let x = x.clamp(left + half, right - half);
        canvas.text(&label, (x, TOP - 22.0), Anchor::Centre, TICK, INK)?;
    }
    // Dashes above the line: where both run together, both show.
    canvas.polyline(&validation, 4.0, None, VALIDATION)?;
    canvas.polyline(&training, 4.0, Some(DASH), TRAINING)?;
    // A point that is alone has no line to show it.
    if let [point] = training[..] {
        canvas.dot(point, 9.0, TRAINING)?;
    }
    if validation.len() <= MOST_DOTS {
        for &point in &validation {
            canvas.dot(point, 7.0, VALIDATION)?;
        }
    }
    if let Some(i) = best.and_then(|b| panel.series[1].iter().position(|p| p.0 == f64::from(b))) {
        canvas.target(validation[i], 12.0, VALIDATION)?;
    }
    end_values(canvas, panel, &training, &validation)
}

/// The last values, beside the ends of their lines and never on each other.
fn end_values(
    canvas: &mut Canvas<'_>,
    panel: &Panel,
    training: &[(f64, f64)],
    validation: &[(f64, f64)],
) -> Result<()> {
    let x = panel.x.1 + 12.0;
    let mut ends: Vec<(f64, f64, Rgb)> = Vec::new();
    for (series, points, colour) in
        [(&panel.series[0], training, TRAINING), (&panel.series[1], validation, VALIDATION)]
    {
        if let (Some(value), Some(point)) = (series.last(), points.last()) {
            ends.push((point.1, value.1, colour));
        }
    }
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let [above, below] = &mut ends[..] {
        let missing = (34.0 - (below.0 - above.0)).max(0.0) / 2.0;
        above.0 -= missing;
        below.0 += missing;
    }
    for (y, value, colour) in ends {
        canvas.rect((x, y - 11.0), (x + 7.0, y + 11.0), colour)?;
        let label = format!("{}{}", axis::number(value, panel.decimals), panel.unit);
        canvas.text(&label, (x + 16.0, y), Anchor::Left, TICK, INK)?;
    }
    Ok(())
}
