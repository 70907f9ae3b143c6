//! Models beside each other: each one's accuracy, and its difference to the baseline.

use super::axis;
use super::drawing::{Anchor, Drawing, Look, Shape};
use super::font;
use super::frame::{Frame, LONGEST_NAME, WIDTH};
use super::style::{Colour, LABEL, NOTE, TICK};
use crate::text::signed;

/// What a picture of models shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure<'a> {
    /// The share that is classified correctly, shown in percent: of "songs" or "samples".
    Accuracy(&'a str),
    /// The log loss of songs.
    LogLoss,
}

impl Measure<'_> {
    /// As it is shown.
    fn shown(self, value: f64) -> f64 {
        match self {
            Self::Accuracy(_) => 100.0 * value,
            Self::LogLoss => value,
        }
    }

    /// A mean in words.
    fn mean(self, value: f64) -> String {
        match self {
            Self::Accuracy(_) => format!("{value:.1} %"),
            Self::LogLoss => format!("{value:.3}"),
        }
    }

    /// A difference in words.
    fn difference(self, value: f64) -> String {
        match self {
            Self::Accuracy(_) => signed(value),
            Self::LogLoss => format!("{value:+.3}"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Accuracy(_) => "accuracy",
            Self::LogLoss => "log loss",
        }
    }

    /// The names of both axes.
    fn axes(self) -> [String; 2] {
        match self {
            Self::Accuracy(unit) => [
                format!("{unit} classified correctly (%)"),
                "difference (percentage points)".into(),
            ],
            Self::LogLoss => ["log loss of songs".into(), "difference of log loss".into()],
        }
    }

    /// The range of an axis without values.
    fn empty(self) -> (f64, f64) {
        match self {
            Self::Accuracy(_) => (0.0, 100.0),
            Self::LogLoss => (0.0, 1.0),
        }
    }
}

/// One model of the picture, in shares of 1 or as log losses.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelScore {
    /// What it is called.
    pub name: String,
    /// Its mean over seeds.
    pub mean: f64,
    /// The value under each seed.
    pub seeds: Vec<f64>,
    /// Its difference to the baseline and that difference's 95 % interval, where there is one.
    pub difference: Option<(f64, (f64, f64))>,
    /// Whether it is what the others are compared with.
    pub is_baseline: bool,
}

const TOP: f64 = 92.0;
const ROW: f64 = 42.0;
/// Under the rows: ticks, the axis's name and a line of explanation.
const UNDER: f64 = 80.0;
/// Room for a number right of its panel.
const NUMBER: f64 = 62.0;
const INTERVAL: f64 = 145.0;
/// Of what is dashed: the baseline.
const DASH: &[f64] = &[4.0, 4.0];

/// A row for each model: left its mean, right its difference to the baseline where any model
/// has one. 950 CSS pixels wide. `title` should say which data and how much.
pub fn model_scores(models: &[ModelScore], measure: Measure<'_>, title: &str) -> Drawing {
    let wide = |model: &ModelScore| font::width(&model.name, LABEL).min(LONGEST_NAME);
    let left = 30.0 + models.iter().map(wide).fold(0.0, f64::max) + 12.0;
    let bottom = TOP + ROW * models.len().max(1) as f64;
    let paired = models.iter().any(|model| model.difference.is_some());
    let width = if paired {
        (WIDTH - left - NUMBER - INTERVAL - 50.0) / 2.0
    } else {
        WIDTH - left - NUMBER - 30.0
    };
    let values = models.iter().flat_map(|model| model.seeds.iter().copied().chain([model.mean]));
    let range = axis::range(values.map(|v| measure.shown(v))).unwrap_or(measure.empty());
    let panel = |left: f64, range| Frame {
        from: (left, TOP),
        to: (left + width, bottom),
        x: range,
        y: (0.0, 1.0),
    };
    let scores = panel(left, range);
    let ends = models.iter().filter_map(|model| model.difference);
    let ends =
        ends.flat_map(|(value, (low, high))| [value, low, high, 0.0].map(|v| measure.shown(v)));
    let range = axis::range(ends).unwrap_or((-1.0, 1.0));
    let differences = panel(left + width + NUMBER + 25.0, range);
    let mut drawing = Drawing::new((WIDTH, bottom + UNDER), "scores", title);
    drawing.title(title);
    let base = models.iter().find(|model| model.is_baseline);
    let [axis, axis_of_differences] = measure.axes();
    grid(&mut drawing, &scores, &axis);
    let text = format!("{} of each seed (dots) and their mean (bar)", measure.word());
    heading(&mut drawing, &scores, &text);
    let dashed = Look { dash: DASH, ..Look::stroke(Colour::Faint, 1.0) };
    if let Some(base) = base.filter(|base| base.mean.is_finite()) {
        let x = scores.x(measure.shown(base.mean));
        drawing.line(&[(x, TOP), (x, bottom)], dashed);
    }
    if paired {
        grid(&mut drawing, &differences, &axis_of_differences);
        heading(&mut drawing, &differences, "difference and its 95 % interval");
        let x = differences.x(0.0);
        drawing.line(&[(x, TOP), (x, bottom)], dashed);
    }
    for (i, model) in models.iter().enumerate() {
        let y = TOP + ROW * (i as f64 + 0.5);
        let (look, room) = ((LABEL, Colour::Ink), (LONGEST_NAME, false));
        drawing.fitted((left - 12.0, y), Anchor::End, &model.name, look, room);
        score(&mut drawing, &scores, (model, measure), y);
        if paired {
            difference(&mut drawing, &differences, (model, measure), y);
        }
    }
    if let Some(base) = base {
        let note = format!("Dashed: the baseline, {}.", base.name);
        let (look, room) = ((NOTE, Colour::Faint), (WIDTH - 60.0, false));
        drawing.fitted((30.0, bottom + UNDER - 18.0), Anchor::Start, &note, look, room);
    }
    drawing
}

fn heading(drawing: &mut Drawing, panel: &Frame, text: &str) {
    let (at, room) = ((panel.middle().0, TOP - 22.0), panel.size().0 + 2.0 * NUMBER - 10.0);
    drawing.fitted(at, Anchor::Middle, text, (TICK, Colour::Ink), (room, false));
}

fn grid(drawing: &mut Drawing, panel: &Frame, name: &str) {
    let ticks = axis::numbers(panel.x, 5.0);
    for x in ticks.iter().map(|tick| panel.x(tick.at)) {
        drawing.line(&[(x, TOP), (x, panel.to.1)], Look::stroke(Colour::Grid, 1.0));
    }
    panel.bottom_axis(drawing, &ticks, name);
    let look = Look::stroke(Colour::Ink, 1.0);
    drawing.line(&[(panel.from.0, panel.to.1), panel.to], look);
}

type Shown<'a> = (&'a ModelScore, Measure<'a>);

fn score(drawing: &mut Drawing, panel: &Frame, (model, measure): Shown<'_>, y: f64) {
    let (number, value) = ((panel.to.0 + 8.0, y), measure.shown(model.mean));
    if !value.is_finite() {
        return drawing.text(number, Anchor::Start, "unknown", (TICK, Colour::Faint));
    }
    let x = panel.x(value);
    drawing.line(&[(x, y - 14.0), (x, y + 14.0)], Look::stroke(Colour::Series(0), 3.0));
    // Equal seeds stand above each other.
    let count = model.seeds.len();
    let step = (22.0 / count.max(1) as f64).min(5.5);
    for (i, seed) in model.seeds.iter().enumerate().filter(|(_, seed)| seed.is_finite()) {
        let dy = step * (i as f64 - (count as f64 - 1.0) / 2.0);
        let at = (panel.x(measure.shown(*seed)), y + dy);
        drawing.add(Shape::Circle(at, 3.0), Look::fill(Colour::Series(1)));
    }
    drawing.text(number, Anchor::Start, &measure.mean(value), (TICK, Colour::Ink));
}

fn difference(drawing: &mut Drawing, panel: &Frame, (model, measure): Shown<'_>, y: f64) {
    let number = (panel.to.0 + 8.0, y);
    let Some((value, (low, high))) = model.difference else {
        let text = if model.is_baseline { "baseline" } else { "unknown" };
        return drawing.text(number, Anchor::Start, text, (TICK, Colour::Faint));
    };
    let [value, low, high] = [value, low, high].map(|v| measure.shown(v));
    let [x, from, to] = [value, low, high].map(|v| panel.x(v));
    let look = Look::stroke(Colour::Series(0), 2.0);
    drawing.line(&[(from, y), (to, y)], look);
    for end in [from, to] {
        drawing.line(&[(end, y - 6.0), (end, y + 6.0)], look);
    }
    drawing.add(Shape::Circle((x, y), 4.5), Look::fill(Colour::Series(0)));
    let [value, low, high] = [value, low, high].map(|v| measure.difference(v));
    let text = format!("{value} ({low} to {high})");
    drawing.text(number, Anchor::Start, &text, (TICK, Colour::Ink));
}
