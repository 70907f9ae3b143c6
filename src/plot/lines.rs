//! Several lines over one axis, with their spread where there is one.

use super::axis::{self, Tick};
use super::drawing::{Anchor, Drawing, Look, Point, Shape, Step};
use super::frame::{Frame, SHADE, legend, line_look};
use super::style::{Colour, LABEL, TICK};
use crate::error::{Error, Result};

/// A line, and its spread where there is one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    /// What it is called.
    pub name: String,
    /// One for each place of the axis. What is not finite is left out.
    pub values: Vec<f64>,
    /// Lower and upper end of what is shaded, one for each place; empty where nothing is.
    pub shaded: Vec<(f64, f64)>,
    /// It is thin and pale, under all others: what one of them smooths.
    pub thin: bool,
}

impl Line {
    /// A line without a spread.
    pub fn new(name: impl Into<String>, values: Vec<f64>) -> Self {
        Self { name: name.into(), values, ..Self::default() }
    }

    /// One that another line smooths.
    pub fn thin(name: impl Into<String>, values: Vec<f64>) -> Self {
        Self { thin: true, ..Self::new(name, values) }
    }

    /// How it is drawn as the line with this number.
    fn look(&self, i: usize) -> Look {
        if self.thin { Look::stroke(Colour::Faint, 0.75) } else { line_look(i) }
    }
}

/// What the x axis of lines is.
#[derive(Debug, Clone, PartialEq)]
pub enum Across {
    /// Numbers, round ones of which are named.
    Numbers,
    /// Powers of ten: the places are their exponents.
    Powers,
    /// Epochs from 1.
    Epochs,
    /// These, in the unit of the places.
    Ticks(Vec<Tick>),
    /// A name for each place.
    Names(Vec<String>),
}

/// What is drawn.
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    /// Above it; may be empty.
    pub heading: &'a str,
    /// Name of the x axis and of what is read out: `share of cells deleted`.
    pub across: &'a str,
    /// Name of the y axis.
    pub name: &'a str,
    /// For those who hear the drawing instead.
    pub label: &'a str,
    /// Places of the points, rising.
    pub at: &'a [f64],
    /// What stands under them.
    pub ticks: Across,
    /// What the y axis must show; it grows to hold all values.
    pub within: Option<(f64, f64)>,
    /// The lines; up to 35 differ in colour or dashes.
    pub series: &'a [Line],
    /// Width and height of the plotting area.
    pub area: (f64, f64),
}

/// Two drawings of this area stand beside each other in a page or a picture.
pub const HALF: (f64, f64) = (366.0, 210.0);

/// Lines with a legend. Each place has an invisible strip that a script may read out, as
/// [`super::curve`] has.
///
/// # Errors
/// If a line has not a value for each place.
pub fn lines(figure: &Lines<'_>) -> Result<Drawing> {
    framed(figure).map(|(drawing, _)| drawing)
}

/// The same with a place of the axis marked by a dotted line, and what it is.
///
/// # Errors
/// As there.
pub fn lines_marked(figure: &Lines<'_>, at: f64, text: &str) -> Result<Drawing> {
    let (mut drawing, frame) = framed(figure)?;
    let x = frame.x(at);
    let look = Look { dash: &[2.0, 4.0], ..Look::stroke(Colour::Ink, 1.5) };
    drawing.line(&[(x, frame.from.1), (x, frame.to.1)], look);
    // Beside the line, where there is more room.
    let (from, anchor) = match x < frame.middle().0 {
        true => (x + 6.0, Anchor::Start),
        false => (x - 6.0, Anchor::End),
    };
    let room = (frame.size().0 / 2.0, false);
    drawing.fitted((from, frame.from.1 + 10.0), anchor, text, (LABEL, Colour::Ink), room);
    Ok(drawing)
}

fn framed(figure: &Lines<'_>) -> Result<(Drawing, Frame)> {
    let Lines { at, series, .. } = figure;
    for line in *series {
        let spread = line.shaded.len();
        if line.values.len() != at.len() || ![0, at.len()].contains(&spread) {
            return Err(Error::Mismatch {
                what: "line",
                expected: format!("{} values, one for each place of the axis", at.len()),
                found: format!("{} ({spread} of its spread)", line.values.len()),
            });
        }
    }
    let ends = |line: &Line| line.shaded.iter().flat_map(|(a, b)| [*a, *b]).collect::<Vec<_>>();
    let values = series.iter().flat_map(|line| ends(line).into_iter().chain(line.values.clone()));
    let found = axis::range(values.chain(figure.within.into_iter().flat_map(|(a, b)| [a, b])));
    let known = series.iter().flat_map(|line| &line.values).any(|v| v.is_finite());
    let keys: Vec<(&str, Look)> =
        series.iter().enumerate().map(|(i, line)| (line.name.as_str(), line.look(i))).collect();
    let width = figure.area.0 + LEFT + RIGHT;
    let key = legend(&keys, width);
    let mut top = 8.0;
    if !figure.heading.is_empty() {
        top += 20.0;
    }
    let key_at = top - 4.0;
    top += key.size().1 + 4.0;
    let (first, last) = (at.first().copied().unwrap_or(0.0), at.last().copied().unwrap_or(1.0));
    let air = if last > first { 0.02 * (last - first) } else { 0.5 };
    let frame = Frame {
        from: (LEFT, top),
        to: (LEFT + figure.area.0, top + figure.area.1),
        x: (first - air, last + air),
        y: found.unwrap_or((0.0, 1.0)),
    };
    let mut drawing = Drawing::new((width, frame.to.1 + UNDER), "curve", figure.label);
    let heading = (frame.middle().0, 12.0);
    drawing.fitted(heading, Anchor::Middle, figure.heading, (14.0, Colour::Ink), (width, false));
    drawing.put(key, (0.0, key_at));
    let ticks = if known { frame.values() } else { Vec::new() };
    frame.grid(&mut drawing, &ticks);
    frame.left_axis(&mut drawing, &ticks, figure.name, LEFT - 2.0);
    let below = across(&mut drawing, &frame, figure);
    drawing.size.1 = below + 4.0;
    frame.axes(&mut drawing);
    if !known {
        let at = frame.middle();
        drawing.text(at, Anchor::Middle, "no finite values", (TICK, Colour::Faint));
    }
    for (i, line) in series.iter().enumerate() {
        shade(&mut drawing, &frame, at, line, i);
    }
    let (under, over): (Vec<_>, Vec<_>) =
        series.iter().enumerate().partition(|(_, line)| line.thin);
    for (i, line) in under.into_iter().chain(over) {
        let points: Vec<Point> = at.iter().copied().zip(line.values.iter().copied()).collect();
        frame.curve(&mut drawing, &points, line.look(i));
    }
    strips(&mut drawing, &frame, figure);
    Ok((drawing, frame))
}

const LEFT: f64 = 60.0;
const RIGHT: f64 = 14.0;
/// Numbers and the name of the x axis.
const UNDER: f64 = 48.0;

/// The x axis; returns where it ends.
fn across(drawing: &mut Drawing, frame: &Frame, figure: &Lines<'_>) -> f64 {
    let (at, name) = (figure.at, figure.across);
    match &figure.ticks {
        Across::Numbers => {
            let wanted = (frame.size().0 / 55.0).max(2.0);
            frame.bottom_axis(drawing, &axis::numbers(frame.x, wanted), name)
        }
        Across::Powers => {
            let exponents = frame.x.0.ceil() as i32..=frame.x.1.floor() as i32;
            let tick = |exponent: i32| Tick { at: exponent.into(), label: power(exponent.into()) };
            frame.bottom_axis(drawing, &exponents.map(tick).collect::<Vec<_>>(), name)
        }
        Across::Epochs => {
            let last = at.last().map_or(1, |last| *last as u32);
            frame.bottom_axis(drawing, &axis::epochs(last), name)
        }
        Across::Ticks(ticks) => frame.bottom_axis(drawing, ticks, name),
        Across::Names(names) => {
            let tick = |(at, label): (&f64, &String)| Tick { at: *at, label: label.clone() };
            let ticks: Vec<Tick> = at.iter().zip(names).map(tick).collect();
            frame.bottom_names(drawing, &ticks, name)
        }
    }
}

/// Ten to the power of an exponent, to two digits: `0.001`, `2.5e-6`.
fn power(exponent: f64) -> String {
    let value = 10f64.powf(exponent);
    match exponent.floor() as i32 {
        -4..=3 => {
            let short: f64 = format!("{value:.1e}").parse().unwrap_or(value);
            short.to_string()
        }
        _ => format!("{value:.1e}").replace(".0e", "e"),
    }
}

fn shade(drawing: &mut Drawing, frame: &Frame, at: &[f64], line: &Line, i: usize) {
    let ends = at.iter().zip(&line.shaded);
    let ends: Vec<(f64, (f64, f64))> = ends
        .filter(|(_, (low, high))| low.is_finite() && high.is_finite())
        .map(|(x, ends)| (*x, *ends))
        .collect();
    let upper = ends.iter().map(|(x, (_, high))| (frame.x(*x), frame.y(*high)));
    let lower = ends.iter().rev().map(|(x, (low, _))| (frame.x(*x), frame.y(*low)));
    let step = |(k, to): (usize, Point)| if k == 0 { Step::Move(to) } else { Step::Line(to) };
    let mut steps: Vec<Step> = upper.chain(lower).enumerate().map(step).collect();
    if steps.len() > 3 {
        steps.push(Step::Close);
        let look = Look { opacity: SHADE, ..Look::fill(Colour::Series(i)) };
        drawing.add(Shape::Path(steps), look);
    }
}

fn strips(drawing: &mut Drawing, frame: &Frame, figure: &Lines<'_>) {
    let Lines { at, series, across, .. } = figure;
    drawing.add(Shape::Guide, Look::default());
    let whole = at.iter().all(|x| x.fract() == 0.0);
    for (k, x) in at.iter().enumerate() {
        let half = |other: Option<&f64>| other.map_or(0.0, |other| (other - x).abs() / 2.0);
        let before = half(k.checked_sub(1).and_then(|k| at.get(k)));
        let ends = (x - before, *x, x + half(at.get(k + 1)));
        let known = series.iter().filter(|line| line.values[k].is_finite());
        let said: Vec<String> =
            known.map(|line| format!("{} {:.3}", line.name, line.values[k])).collect();
        let place = match &figure.ticks {
            Across::Names(names) => names.get(k).cloned().unwrap_or_default(),
            Across::Powers => format!("{across} {}", power(*x)),
            _ if whole => format!("{across} {x:.0}"),
            _ => format!("{across} {x:.2}"),
        };
        let said = format!("{place}: {}", said.join(", "));
        frame.strip(drawing, k + 1, ends, &said);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_by_hand() {
        let exponents = [-6.0, -5.6, -4.0, -1.0, 0.0, 0.3, 3.0, 4.0];
        let texts = exponents.map(power);
        assert_eq!(texts, ["1e-6", "2.5e-6", "0.0001", "0.1", "1", "2", "1000", "1e4"]);
        let series = [Line::new("loss", vec![2.0, 1.0, 3.0])];
        let figure = Lines {
            heading: "",
            across: "learning rate",
            name: "loss",
            label: "loss",
            at: &[-3.0, -2.0, -1.0],
            ticks: Across::Powers,
            within: None,
            series: &series,
            area: HALF,
        };
        let svg = lines_marked(&figure, -2.5, "suggested: 0.003").unwrap().svg();
        assert!(svg.contains("learning rate 0.01: loss 1.000"), "{svg}");
        assert!(svg.contains(">suggested: 0.003</text>"), "{svg}");
        assert_eq!(svg.matches("stroke-dasharray=\"2 4\"").count(), 1);
    }

    #[test]
    fn each_place_is_read_out_with_every_line() {
        let series = [Line::new("<map>", vec![1.0, 0.5]), Line::new("random", vec![1.0, 0.75])];
        let figure = Lines {
            heading: "",
            across: "share",
            name: "p",
            label: "deletion",
            at: &[0.0, 0.5],
            ticks: Across::Numbers,
            within: None,
            series: &series,
            area: HALF,
        };
        let svg = lines(&figure).unwrap().svg();
        assert!(svg.contains("share 0.50: &lt;map&gt; 0.500, random 0.750"), "{svg}");
        // In the legend and over the axis, each with its own dashes.
        assert_eq!(svg.matches("class=\"k-s0\"").count(), 2);
        assert_eq!(svg.matches("class=\"k-s1\"").count(), 2);
        assert_eq!(svg.matches("stroke-dasharray=\"9 3\"").count(), 2);
        let series = [Line::new("a", vec![f64::NAN, 1.0]), Line::new("b", vec![2.0, 3.0])];
        // A thin line has no dashes, and lies under the others.
        let thin = [Line::new("smoothed", vec![1.0, 2.0]), Line::thin("each", vec![1.5, 1.0])];
        let drawn = lines(&Lines { series: &thin, ..figure.clone() }).unwrap().svg();
        let places = ["stroke-width=\"0.75\"", "stroke-width=\"2\""].map(|mark| drawn.find(mark));
        assert!(places[0].is_some() && places[0] < places[1], "{drawn}");
        assert!(!drawn.contains("stroke-dasharray"), "{drawn}");
        let lost = lines(&Lines { series: &series, ..figure.clone() }).unwrap().svg();
        assert!(lost.contains("share 0.00: b 2.000\"") && !lost.contains("NaN"), "{lost}");
        let none = lines(&Lines { at: &[], series: &[], ..figure }).unwrap().svg();
        assert!(none.contains("no finite values"), "{none}");
    }
}
