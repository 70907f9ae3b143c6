//! A plotting area with its axes, legends, and sheets of several drawings.

use super::axis::{self, Tick};
use super::drawing::{Anchor, Drawing, Escaped, Look, Point, Shape};
use super::font;
use super::style::{Colour, LABEL, NOTE, TICK, dash};

/// From values to places in a drawing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Upper left corner.
    pub(super) from: Point,
    /// Lower right corner.
    pub(super) to: Point,
    /// What the left and the right edge stand for.
    pub(super) x: (f64, f64),
    /// What the lower and the upper edge stand for.
    pub(super) y: (f64, f64),
}

/// Length of a tick's mark.
const MARK: f64 = 4.0;

impl Frame {
    pub(super) fn x(&self, value: f64) -> f64 {
        self.from.0 + (self.to.0 - self.from.0) * (value - self.x.0) / (self.x.1 - self.x.0)
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        self.to.1 - (self.to.1 - self.from.1) * (value - self.y.0) / (self.y.1 - self.y.0)
    }

    pub(super) fn size(&self) -> (f64, f64) {
        (self.to.0 - self.from.0, self.to.1 - self.from.1)
    }

    pub(super) fn middle(&self) -> Point {
        ((self.from.0 + self.to.0) / 2.0, (self.from.1 + self.to.1) / 2.0)
    }

    /// Whether a value lies strictly inside.
    fn holds(&self, value: f64) -> bool {
        self.y.0 < value && value < self.y.1
    }

    /// Round values along the left edge.
    pub(super) fn values(&self) -> Vec<Tick> {
        axis::numbers(self.y, (self.size().1 / 30.0).max(2.0))
    }

    /// A faint line across for each tick, a stronger one where 0 is.
    pub(super) fn grid(&self, drawing: &mut Drawing, ticks: &[Tick]) {
        for tick in ticks {
            let y = self.y(tick.at);
            let look = Look::stroke(Colour::Grid, 1.0);
            drawing.line(&[(self.from.0, y), (self.to.0, y)], look);
        }
        if self.holds(0.0) {
            let y = self.y(0.0);
            let look = Look::stroke(Colour::Faint, 1.0);
            drawing.line(&[(self.from.0, y), (self.to.0, y)], look);
        }
    }

    /// Numbers and name left of the area, at most `room` pixels wide.
    pub(super) fn left_axis(&self, drawing: &mut Drawing, ticks: &[Tick], name: &str, room: f64) {
        self.marks_left(drawing, ticks);
        for tick in ticks {
            let at = (self.from.0 - MARK - 3.0, self.y(tick.at));
            let look = (TICK, Colour::Ink);
            let width = room - LABEL - MARK - 6.0;
            drawing.fitted(at, Anchor::End, &tick.label, look, (width, false));
        }
        let at = (self.from.0 - room + LABEL / 2.0 + 1.0, self.middle().1);
        let width = self.size().1 + 30.0;
        drawing.fitted(at, Anchor::Middle, name, (LABEL, Colour::Ink), (width, true));
    }

    pub(super) fn marks_left(&self, drawing: &mut Drawing, ticks: &[Tick]) {
        for y in ticks.iter().map(|tick| self.y(tick.at)) {
            let look = Look::stroke(Colour::Ink, 1.0);
            drawing.line(&[(self.from.0 - MARK, y), (self.from.0, y)], look);
        }
    }

    /// Numbers right of the area; returns where the widest one ends.
    pub(super) fn right_axis(&self, drawing: &mut Drawing, ticks: &[Tick]) -> f64 {
        let left = self.to.0 + MARK + 3.0;
        for tick in ticks {
            let y = self.y(tick.at);
            let look = Look::stroke(Colour::Ink, 1.0);
            drawing.line(&[(self.to.0, y), (self.to.0 + MARK, y)], look);
            drawing.text((left, y), Anchor::Start, &tick.label, (TICK, Colour::Ink));
        }
        left + ticks.iter().map(|tick| font::width(&tick.label, TICK)).fold(0.0, f64::max)
    }

    /// Numbers and name under the area; labels that would touch are left out. Returns the lower
    /// end of it all.
    pub(super) fn bottom_axis(&self, drawing: &mut Drawing, ticks: &[Tick], name: &str) -> f64 {
        let mut free = f64::NEG_INFINITY;
        for tick in ticks {
            let (x, y) = (self.x(tick.at), self.to.1);
            drawing.line(&[(x, y), (x, y + MARK)], Look::stroke(Colour::Ink, 1.0));
            let half = font::width(&tick.label, TICK) / 2.0;
            if x - half > free {
                let at = (x, y + MARK + 10.0);
                drawing.text(at, Anchor::Middle, &tick.label, (TICK, Colour::Ink));
                free = x + half + 6.0;
            }
        }
        let at = (self.middle().0, self.to.1 + 34.0);
        let room = (self.size().0 + 40.0, false);
        drawing.fitted(at, Anchor::Middle, name, (LABEL, Colour::Ink), room);
        at.1 + 10.0
    }

    /// The same with names instead of numbers, which read upwards where they would touch.
    pub(super) fn bottom_names(&self, drawing: &mut Drawing, ticks: &[Tick], name: &str) -> f64 {
        let widest = ticks.iter().map(|tick| font::width(&tick.label, TICK)).fold(0.0, f64::max);
        if widest + 6.0 < self.size().0 / ticks.len().max(1) as f64 {
            return self.bottom_axis(drawing, ticks, name);
        }
        let longest = widest.min(LONGEST_NAME);
        for tick in ticks {
            let (x, y) = (self.x(tick.at), self.to.1 + MARK + 3.0);
            drawing.line(&[(x, self.to.1), (x, y - 3.0)], Look::stroke(Colour::Ink, 1.0));
            let look = (TICK, Colour::Ink);
            drawing.fitted((x, y), Anchor::End, &tick.label, look, (longest, true));
        }
        let at = (self.middle().0, self.to.1 + MARK + longest + 18.0);
        let room = (self.size().0 + 40.0, false);
        drawing.fitted(at, Anchor::Middle, name, (LABEL, Colour::Ink), room);
        at.1 + 10.0
    }

    /// The lines on which the axes stand.
    pub(super) fn axes(&self, drawing: &mut Drawing) {
        let ((left, top), (right, bottom)) = (self.from, self.to);
        let look = Look::stroke(Colour::Ink, 1.0);
        drawing.line(&[(left, top), (left, bottom), (right, bottom)], look);
    }

    /// A line around the area.
    pub(super) fn border(&self, drawing: &mut Drawing, colour: Colour) {
        drawing.rect(self.from, self.to, Look::stroke(colour, 1.0));
    }

    /// A line through (x, value), without values that are not finite.
    pub(super) fn curve(&self, drawing: &mut Drawing, points: &[Point], look: Look) {
        let places = self.places(points);
        // A point that is alone has no line to show it.
        match (&places[..], look.stroke) {
            ([at], Some((colour, _))) => drawing.add(Shape::Circle(*at, 3.5), Look::fill(colour)),
            _ => drawing.line(&places, look),
        }
    }

    /// An invisible strip over the whole height that a script reads out: its number, what it
    /// reaches from and to with its point between them, and the text.
    pub(super) fn strip(
        &self,
        drawing: &mut Drawing,
        number: usize,
        (from, at, to): (f64, f64, f64),
        said: &str,
    ) {
        let [from, at, to] = [from, at, to].map(|x| self.x(x));
        let attributes =
            format!(" data-epoch=\"{number}\" data-x=\"{at:.1}\" data-say=\"{}\"", Escaped(said));
        let size = (to - from, self.size().1);
        drawing.add(Shape::Strip((from, self.from.1), size, attributes), Look::default());
    }

    pub(super) fn places(&self, points: &[Point]) -> Vec<Point> {
        let finite = points.iter().filter(|(_, value)| value.is_finite());
        // Infinite magnitudes would not fit into the drawing's numbers.
        finite.map(|(x, y)| (self.x(*x), self.y(*y).clamp(-1e4, 1e4))).collect()
    }
}

/// Longest name of a class, model or layer under an axis.
pub(super) const LONGEST_NAME: f64 = 150.0;

/// How the line with this number is drawn.
pub(super) fn line_look(i: usize) -> Look {
    Look { dash: dash(i), ..Look::stroke(Colour::Series(i), 2.0) }
}

/// Strokes with their colours and dashes, and names: one entry for each (name, look of the line),
/// in as many rows as `width` asks for.
pub(super) fn legend(keys: &[(&str, Look)], width: f64) -> Drawing {
    const STROKE: f64 = 26.0;
    const BETWEEN: f64 = 14.0;
    let most = width - STROKE - 12.0;
    let names: Vec<String> = keys.iter().map(|key| font::shorten(key.0, LABEL, most)).collect();
    let wide = |i: usize| STROKE + 6.0 + font::width(&names[i], LABEL) + BETWEEN;
    let mut rows: Vec<Vec<usize>> = Vec::new();
    let mut free = 0.0;
    for i in 0..keys.len() {
        match rows.last_mut().filter(|_| free >= wide(i) - BETWEEN) {
            Some(row) => row.push(i),
            None => {
                rows.push(vec![i]);
                free = width - 8.0;
            }
        }
        free -= wide(i);
    }
    let mut drawing = Drawing::new((width, ROW * rows.len() as f64), "legend", "legend");
    for (row, y) in rows.iter().zip((0..).map(|row| ROW * (f64::from(row) + 0.5))) {
        let whole = row.iter().map(|i| wide(*i)).sum::<f64>() - BETWEEN;
        let mut x = (width - whole) / 2.0;
        for &i in row {
            // A little wider than the line, which is longer.
            let stroke = keys[i].1.stroke.map(|(colour, width)| (colour, width + 0.5));
            let look = Look { stroke, ..keys[i].1 };
            drawing.line(&[(x, y), (x + STROKE, y)], look);
            let at = (x + STROKE + 6.0, y);
            drawing.text(at, Anchor::Start, &names[i], (LABEL, Colour::Ink));
            x += wide(i);
        }
    }
    drawing
}

/// Height of a legend's row.
const ROW: f64 = 20.0;

/// Opacity of a shaded spread.
pub(super) const SHADE: f64 = 0.13;

/// Drawings below each other, rows of them side by side, under a title and over notes.
pub fn sheet(title: &str, rows: Vec<Vec<Drawing>>, notes: &[String]) -> Drawing {
    const MARGIN: f64 = 14.0;
    let wide = |row: &Vec<Drawing>| row.iter().map(|d| d.size.0 + MARGIN).sum::<f64>() + MARGIN;
    let width = rows.iter().map(wide).fold(WIDTH, f64::max);
    let high = |row: &Vec<Drawing>| row.iter().map(|d| d.size.1).fold(0.0, f64::max) + 8.0;
    let notes: Vec<String> =
        notes.iter().flat_map(|note| wrapped(note, NOTE, width - 2.0 * MARGIN)).collect();
    let height = 44.0 + rows.iter().map(high).sum::<f64>() + 16.0 * notes.len() as f64 + 8.0;
    let mut all = Drawing::new((width, height), "sheet", title);
    all.title(title);
    let mut y = 44.0;
    for row in rows {
        let mut x = (width - wide(&row)) / 2.0 + MARGIN;
        let below = y + high(&row);
        for drawing in row {
            let across = drawing.size.0;
            all.put(drawing, (x, y));
            x += across + MARGIN;
        }
        y = below;
    }
    for (i, note) in notes.iter().enumerate() {
        let at = (MARGIN, y + 8.0 + 16.0 * i as f64);
        all.text(at, Anchor::Start, note, (NOTE, Colour::Faint));
    }
    all
}

/// Width of a sheet that holds no more than usual.
pub(super) const WIDTH: f64 = 950.0;

/// A text in lines of at most `width` pixels.
fn wrapped(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { continue };
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        match font::width(&longer, size) <= width || line.is_empty() {
            true => *line = font::shorten(&longer, size, width),
            false => lines.push(word.to_owned()),
        }
    }
    lines
}
