//! Axes, grid and lines that figures share.

use std::fmt::Write;

use super::Escaped;
use crate::plot::{decimals, number, range, ticks};

const SIZE: (f64, f64) = (440.0, 290.0);
pub(super) const LEFT: f64 = 52.0;
pub(super) const RIGHT: f64 = 426.0;
pub(super) const TOP: f64 = 14.0;
pub(super) const BOTTOM: f64 = 244.0;

/// From values to places in the drawing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    x: (f64, f64),
    y: (f64, f64),
    /// Whether there was any finite value.
    is_known: bool,
}

impl Frame {
    /// For places from `first` to `last`, and what there is of finite values.
    pub(super) fn new((first, last): (f64, f64), values: impl Iterator<Item = f64>) -> Self {
        let found = range(values);
        let air = if last > first { 0.03 * (last - first) } else { 0.03 };
        Self {
            x: (first - air, last + air),
            y: found.unwrap_or((0.0, 1.0)),
            is_known: found.is_some(),
        }
    }

    pub(super) fn x(&self, value: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * (value - self.x.0) / (self.x.1 - self.x.0)
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * (value - self.y.0) / (self.y.1 - self.y.0)
    }

    /// Whether a value lies strictly inside.
    pub(super) fn holds(&self, value: f64) -> bool {
        self.y.0 < value && value < self.y.1
    }

    /// The element's beginning, the axes, and the y axis's grid.
    pub(super) fn begin(&self, label: &str, name: &str, across: &str) -> String {
        let (width, height) = SIZE;
        let mut svg = format!(
            "<svg class=\"curve\" viewBox=\"0 0 {width} {height}\" role=\"img\" tabindex=\"0\" \
             aria-label=\"{}\">",
            Escaped(label)
        );
        // Writing to a string cannot fail.
        let steps = ticks(self.y, 8.0);
        let places = decimals(&steps);
        for &tick in &steps {
            let (y, text) = (self.y(tick), number(tick, places));
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/><text class=\"end\" \
                 x=\"{:.1}\" y=\"{:.1}\">{text}</text>",
                LEFT - 7.0,
                y + 4.5
            );
        }
        let (middle, half) = ((LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0);
        let _ = write!(
            svg,
            "<path class=\"axis\" d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\"/><text class=\"mid\" \
             x=\"{middle}\" y=\"{}\">{}</text><text class=\"mid\" \
             transform=\"translate(13 {half}) rotate(-90)\">{}</text>",
            BOTTOM + 40.0,
            Escaped(across),
            Escaped(name)
        );
        if !self.is_known {
            let _ = write!(
                svg,
                "<text class=\"mid\" x=\"{middle}\" y=\"{half}\">no finite values</text>"
            );
        }
        svg
    }

    /// A mark on the x axis.
    pub(super) fn tick(&self, svg: &mut String, at: f64, text: &str) {
        let x = self.x(at);
        let _ = write!(
            svg,
            "<path class=\"axis\" d=\"M{x:.1} {BOTTOM}v5\"/><text class=\"mid\" x=\"{x:.1}\" \
             y=\"{:.1}\">{text}</text>",
            BOTTOM + 20.0
        );
    }

    /// A line through points, without those that are not finite.
    pub(super) fn line(&self, svg: &mut String, class: &str, points: &[(f64, f64)]) {
        let points = points.iter().filter(|(_, value)| value.is_finite());
        let points: Vec<String> =
            points.map(|(x, y)| format!("{:.1} {:.1}", self.x(*x), self.y(*y))).collect();
        if !points.is_empty() {
            let _ = write!(svg, "<path class=\"line {class}\" d=\"M{}\"/>", points.join("L"));
        }
    }

    /// Dots on points, likewise.
    pub(super) fn dots(&self, svg: &mut String, class: &str, points: &[(f64, f64)]) {
        for (x, y) in points.iter().filter(|(_, value)| value.is_finite()) {
            let _ = write!(
                svg,
                "<circle class=\"dot {class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>",
                self.x(*x),
                self.y(*y)
            );
        }
    }
}
