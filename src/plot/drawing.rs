//! A drawing: a list of marks, written as SVG or painted as pixels.

use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::RgbaImage;

use super::font;
use super::png::rgba_bytes;
use super::style::{Colour, LABEL, SMALLEST, style_sheet};
use crate::error::Result;

/// A place, x to the right and y down, in CSS pixels.
pub(super) type Point = (f64, f64);

/// Where the given point lies in a line of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A part of a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    Move(Point),
    Line(Point),
    /// Two control points and the end of a cubic Bézier curve.
    Curve(Point, Point, Point),
    Close,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Path(Vec<Step>),
    Circle(Point, f64),
    /// Upper left corner, width and height, radius of the corners.
    Rect(Point, (f64, f64), f64),
    Text(Text),
    /// Upper left corner, width and height; the PNG file; whether pixels blend into each other.
    Image(Point, (f64, f64), Box<(RgbaImage, Vec<u8>)>, bool),
    /// Invisible, for the page's script: position, width and height, further attributes.
    Strip(Point, (f64, f64), String),
    /// Likewise: where the script draws the line under the pointer.
    Guide,
}

/// A line of text; `at.1` is its baseline.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    pub(super) at: Point,
    pub(super) text: String,
    pub(super) size: f64,
    pub(super) anchor: Anchor,
    pub(super) upwards: bool,
    pub(super) bold: bool,
}

/// How a shape is painted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Look {
    pub(super) fill: Option<Colour>,
    /// Colour and width.
    pub(super) stroke: Option<(Colour, f64)>,
    /// Lengths of strokes and gaps.
    pub(super) dash: &'static [f64],
    /// 0 stands for opaque.
    pub(super) opacity: f64,
}

impl Look {
    pub(super) fn fill(colour: Colour) -> Self {
        Self { fill: Some(colour), ..Self::default() }
    }

    pub(super) fn stroke(colour: Colour, width: f64) -> Self {
        Self { stroke: Some((colour, width)), ..Self::default() }
    }
}

/// Marks on a sheet of a given size. Colours carry a class each, so that a style sheet can replace
/// them (see [`super::style_sheet`]); without one they are right on white paper.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    pub(super) size: (f64, f64),
    /// Class of the SVG element.
    class: &'static str,
    /// For those who hear the drawing instead.
    label: String,
    pub(super) marks: Vec<(Shape, Look)>,
}

impl Drawing {
    pub(super) fn new(size: (f64, f64), class: &'static str, label: &str) -> Self {
        Self { size, class, label: label.to_owned(), marks: Vec::new() }
    }

    /// Width and height in CSS pixels.
    pub fn size(&self) -> (f64, f64) {
        self.size
    }

    pub(super) fn add(&mut self, shape: Shape, look: Look) {
        self.marks.push((shape, look));
    }

    /// A line through points.
    pub(super) fn line(&mut self, points: &[Point], look: Look) {
        let step = |(i, point): (usize, &Point)| match i {
            0 => Step::Move(*point),
            _ => Step::Line(*point),
        };
        if !points.is_empty() {
            self.add(Shape::Path(points.iter().enumerate().map(step).collect()), look);
        }
    }

    pub(super) fn rect(&mut self, from: Point, to: Point, look: Look) {
        self.add(Shape::Rect(from, (to.0 - from.0, to.1 - from.1), 0.0), look);
    }

    /// A line of text whose small letters have `at` in their middle.
    pub(super) fn text(&mut self, at: Point, anchor: Anchor, text: &str, look: (f64, Colour)) {
        self.label_at(at, anchor, text, look, false);
    }

    /// A line of text at most `width` wide, for which its letters shrink before it is cut.
    pub(super) fn fitted(
        &mut self,
        at: Point,
        anchor: Anchor,
        text: &str,
        (size, colour): (f64, Colour),
        (width, upwards): (f64, bool),
    ) {
        let wide = font::width(text, size).max(1.0);
        let size = (size * width / wide).clamp(SMALLEST.min(size), size);
        // What just fits is not cut for rounding's sake.
        let text = font::shorten(text, size, width + 0.5);
        self.label_at(at, anchor, &text, (size, colour), upwards);
    }

    fn label_at(
        &mut self,
        (x, y): Point,
        anchor: Anchor,
        text: &str,
        (size, colour): (f64, Colour),
        upwards: bool,
    ) {
        if text.is_empty() {
            return;
        }
        // The middle of digits and capitals lies so far above the baseline.
        let down = 0.35 * size;
        let at = if upwards { (x + down, y) } else { (x, y + down) };
        let text = Text { at, text: text.to_owned(), size, anchor, upwards, bold: false };
        self.add(Shape::Text(text), Look::fill(colour));
    }

    /// A title above everything, in smaller letters and at last cut where the sheet is too narrow.
    pub(super) fn title(&mut self, text: &str) {
        let at = (self.size.0 / 2.0, 22.0);
        let width = self.size.0 - 30.0;
        self.fitted(at, Anchor::Middle, text, (1.35 * LABEL, Colour::Ink), (width, false));
    }

    /// A picture stretched over a rectangle; its pixels are blocks, or blend where `smooth`.
    pub(super) fn image(
        &mut self,
        from: Point,
        to: Point,
        picture: RgbaImage,
        smooth: bool,
    ) -> Result<()> {
        let bytes = rgba_bytes(&picture)?;
        let size = (to.0 - from.0, to.1 - from.1);
        self.add(Shape::Image(from, size, Box::new((picture, bytes)), smooth), Look::default());
        Ok(())
    }

    /// Puts another drawing's marks here.
    pub(super) fn put(&mut self, other: Self, (dx, dy): Point) {
        let by = |(x, y): Point| (x + dx, y + dy);
        for (mut shape, look) in other.marks {
            match &mut shape {
                Shape::Path(steps) => {
                    for step in steps {
                        *step = match *step {
                            Step::Move(to) => Step::Move(by(to)),
                            Step::Line(to) => Step::Line(by(to)),
                            Step::Curve(a, b, to) => Step::Curve(by(a), by(b), by(to)),
                            Step::Close => Step::Close,
                        };
                    }
                }
                Shape::Circle(at, _) | Shape::Rect(at, ..) | Shape::Image(at, ..) => *at = by(*at),
                Shape::Text(text) => text.at = by(text.at),
                // Of one drawing in the page only.
                Shape::Strip(..) | Shape::Guide => continue,
            }
            self.marks.push((shape, look));
        }
    }

    /// An SVG file on paper of its own, which follows light and dark where it is looked at.
    pub fn svg_file(&self) -> String {
        let svg = self.svg();
        let (element, marks) = svg.split_once('>').unwrap_or((&svg, ""));
        let mut paper = String::new();
        let _ = write_mark(
            &mut paper,
            &Shape::Rect((0.0, 0.0), self.size, 0.0),
            &Look::fill(Colour::Paper),
        );
        format!("{element}><style>{}</style>{paper}{marks}", style_sheet())
    }

    /// An SVG element, which is a file as well.
    pub fn svg(&self) -> String {
        let (width, height) = self.size;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"drawing {}\" viewBox=\"0 0 {} {}\" \
             width=\"{}\" height=\"{}\" font-family=\"Ubuntu, system-ui, sans-serif\" role=\"img\" \
             aria-label=\"{}\"{}>",
            self.class,
            Short(width),
            Short(height),
            Short(width),
            Short(height),
            Escaped(&self.label),
            // The script reads these out.
            if self.class == "curve" { " tabindex=\"0\"" } else { "" }
        );
        for (shape, look) in &self.marks {
            // Writing to a string cannot fail.
            let _ = write_mark(&mut svg, shape, look);
        }
        svg.push_str("</svg>");
        svg
    }
}

fn write_mark(svg: &mut String, shape: &Shape, look: &Look) -> fmt::Result {
    match shape {
        Shape::Path(steps) => {
            svg.push_str("<path d=\"");
            for step in steps {
                match step {
                    Step::Move(to) => write!(svg, "M{}", At(*to))?,
                    Step::Line(to) => write!(svg, "L{}", At(*to))?,
                    Step::Curve(a, b, to) => write!(svg, "C{} {} {}", At(*a), At(*b), At(*to))?,
                    Step::Close => svg.push('Z'),
                }
            }
            svg.push('"');
        }
        Shape::Circle(at, r) => {
            write!(
                svg,
                "<circle cx=\"{}\" cy=\"{}\" r=\"{}\"",
                Short(at.0),
                Short(at.1),
                Short(*r)
            )?;
        }
        Shape::Rect(at, size, radius) => {
            svg.push_str("<rect");
            write_box(svg, *at, *size)?;
            if *radius > 0.0 {
                write!(svg, " rx=\"{}\"", Short(*radius))?;
            }
        }
        Shape::Text(text) => return write_text(svg, text, look),
        Shape::Image(at, size, picture, smooth) => {
            svg.push_str("<image");
            write_box(svg, *at, *size)?;
            let pixels = if *smooth { "" } else { " image-rendering=\"pixelated\"" };
            return write!(
                svg,
                " preserveAspectRatio=\"none\"{pixels} href=\"{}\"/>",
                data_uri(&picture.1)
            );
        }
        Shape::Strip(at, size, attributes) => {
            svg.push_str("<rect class=\"strip\"");
            write_box(svg, *at, *size)?;
            return write!(svg, " fill=\"none\" pointer-events=\"all\"{attributes}/>");
        }
        Shape::Guide => {
            return write!(
                svg,
                "<path class=\"guide k-ink\" d=\"\" fill=\"none\" stroke=\"#1e1e1e\"/>"
            );
        }
    }
    write_look(svg, look)?;
    svg.push_str("/>");
    Ok(())
}

fn write_box(svg: &mut String, at: Point, size: (f64, f64)) -> fmt::Result {
    let [x, y, w, h] = [at.0, at.1, size.0, size.1].map(Short);
    write!(svg, " x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"")
}

fn write_text(svg: &mut String, text: &Text, look: &Look) -> fmt::Result {
    svg.push_str("<text");
    let [x, y] = [text.at.0, text.at.1].map(Short);
    match text.upwards {
        true => write!(svg, " transform=\"translate({x} {y}) rotate(-90)\"")?,
        false => write!(svg, " x=\"{x}\" y=\"{y}\"")?,
    }
    write!(svg, " font-size=\"{}\"", Short(text.size))?;
    match text.anchor {
        Anchor::Start => {}
        Anchor::Middle => svg.push_str(" text-anchor=\"middle\""),
        Anchor::End => svg.push_str(" text-anchor=\"end\""),
    }
    if text.bold {
        svg.push_str(" font-weight=\"600\"");
    }
    write_look(svg, look)?;
    write!(svg, ">{}</text>", Escaped(&text.text))
}

fn write_look(svg: &mut String, look: &Look) -> fmt::Result {
    let classes: Vec<String> = [
        look.fill.and_then(|colour| Some(format!("f-{}", colour.class()?))),
        look.stroke.and_then(|(colour, _)| Some(format!("k-{}", colour.class()?))),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !classes.is_empty() {
        write!(svg, " class=\"{}\"", classes.join(" "))?;
    }
    match look.fill {
        Some(colour) => write!(svg, " fill=\"{}\"", colour.hex())?,
        None => svg.push_str(" fill=\"none\""),
    }
    if let Some((colour, width)) = look.stroke {
        write!(svg, " stroke=\"{}\" stroke-width=\"{}\"", colour.hex(), Short(width))?;
        svg.push_str(" stroke-linejoin=\"round\"");
    }
    if !look.dash.is_empty() {
        let dash: Vec<String> = look.dash.iter().map(|d| Short(*d).to_string()).collect();
        write!(svg, " stroke-dasharray=\"{}\"", dash.join(" "))?;
    }
    if look.opacity > 0.0 {
        write!(svg, " opacity=\"{}\"", look.opacity)?;
    }
    Ok(())
}

/// A PNG file as an address: `data:image/png;base64,…`.
pub fn data_uri(png: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png))
}

/// A length to a hundredth, without zeros at its end.
#[derive(Clone, Copy)]
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounding makes no "-0".
        write!(f, "{}", (100.0 * self.0).round() / 100.0 + 0.0)
    }
}

struct At(Point);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Short(self.0.0), Short(self.0.1))
    }
}

/// Text that may stand between tags and inside quotes.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            // XML allows no others below a space.
            c if c < ' ' && !"\t\n\r".contains(c) => f.write_str(" "),
            c => write!(f, "{c}"),
        })
    }
}
