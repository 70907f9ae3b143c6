//! A figure of training and validation against epoch.

use std::fmt::Write;

use super::Escaped;
use crate::report::{decimals, epoch_ticks, number, range, ticks};

/// What is drawn.
#[derive(Debug, Clone)]
pub(in crate::page) struct Panel<'a> {
    /// Of the y axis.
    pub(in crate::page) name: &'a str,
    /// For those who hear the drawing instead.
    pub(in crate::page) label: &'a str,
    /// Training and validation, by epoch.
    pub(in crate::page) rows: &'a [[f64; 2]],
    /// Behind the point, in what is read out.
    pub(in crate::page) digits: usize,
    /// After a value: ` %`.
    pub(in crate::page) unit: &'a str,
    /// The epoch to mark, from 1.
    pub(in crate::page) best: Option<usize>,
}

const SIZE: (f64, f64) = (440.0, 290.0);
const LEFT: f64 = 52.0;
const RIGHT: f64 = 426.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 244.0;
/// With more epochs than this, dots would run together.
const MOST_DOTS: usize = 40;

/// An SVG element. Each epoch has a strip over the whole height (`data-epoch`), whose `data-say`
/// the script reads out. What is not finite is left out.
pub(in crate::page) fn curve(panel: &Panel<'_>) -> String {
    let Panel { name, label, rows, digits, unit, best } = panel;
    let last = rows.len().max(1);
    let found = range(rows.iter().flatten().copied());
    let (low, high) = found.unwrap_or((0.0, 1.0));
    let air = 0.03 * (last - 1).max(1) as f64;
    let (from, to) = (1.0 - air, last as f64 + air);
    let x_of = |epoch: usize| LEFT + (RIGHT - LEFT) * (epoch as f64 - from) / (to - from);
    let y_of = |value: f64| BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low);
    let (width, height) = SIZE;
    let mut svg = format!(
        "<svg class=\"curve\" viewBox=\"0 0 {width} {height}\" role=\"img\" tabindex=\"0\" \
         aria-label=\"{}\">",
        Escaped(label)
    );
    // Writing to a string cannot fail.
    let steps = ticks((low, high), 8.0);
    let places = decimals(&steps);
    for &tick in &steps {
        let (y, text) = (y_of(tick), number(tick, places));
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/><text class=\"end\" x=\"{:.1}\" \
             y=\"{:.1}\">{text}</text>",
            LEFT - 7.0,
            y + 4.5
        );
    }
    for epoch in epoch_ticks(1, last as u32) {
        let x = x_of(epoch as usize);
        let _ = write!(
            svg,
            "<path class=\"axis\" d=\"M{x:.1} {BOTTOM}v5\"/><text class=\"mid\" x=\"{x:.1}\" \
             y=\"{:.1}\">{epoch}</text>",
            BOTTOM + 20.0
        );
    }
    let _ = write!(
        svg,
        "<path class=\"axis\" d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\"/><text class=\"mid\" x=\"{:.1}\" \
         y=\"{:.1}\">epoch</text><text class=\"mid\" transform=\"translate(13 {:.1}) \
         rotate(-90)\">{}</text>",
        (LEFT + RIGHT) / 2.0,
        BOTTOM + 40.0,
        (TOP + BOTTOM) / 2.0,
        Escaped(name)
    );
    if let Some(best) = best {
        let x = x_of(*best);
        let _ = write!(svg, "<path class=\"best\" d=\"M{x:.1} {TOP}V{BOTTOM}\"/>");
    }
    for (which, class) in ["validation", "training"].into_iter().enumerate() {
        let points: Vec<(f64, f64)> = (1..)
            .zip(rows.iter())
            .map(|(epoch, row)| (x_of(epoch), row[1 - which]))
            .filter(|(_, value)| value.is_finite())
            .map(|(x, value)| (x, y_of(value)))
            .collect();
        let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        if !line.is_empty() {
            let _ = write!(svg, "<path class=\"line {class}\" d=\"M{}\"/>", line.join("L"));
        }
        if points.len() == 1 || (class == "validation" && points.len() <= MOST_DOTS) {
            for (x, y) in &points {
                let _ = write!(
                    svg,
                    "<circle class=\"dot {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"
                );
            }
        }
    }
    if found.is_none() {
        let (x, y) = ((LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0);
        let _ = write!(svg, "<text class=\"mid\" x=\"{x}\" y=\"{y}\">no finite values</text>");
    }
    svg.push_str("<path class=\"guide\" d=\"\"/>");
    let half = (x_of(2) - x_of(1)) / 2.0;
    for (epoch, [training, validation]) in (1..).zip(rows.iter()) {
        let mark = if Some(epoch) == *best { " (lowest validation loss)" } else { "" };
        let _ = write!(
            svg,
            "<rect class=\"strip\" data-epoch=\"{epoch}\" x=\"{:.1}\" y=\"{TOP}\" width=\"{:.1}\" \
             height=\"{}\" data-say=\"epoch {epoch}: training {training:.digits$}{unit}, \
             validation {validation:.digits$}{unit}{mark}\"/>",
            x_of(epoch) - half,
            2.0 * half,
            BOTTOM - TOP
        );
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(rows: &[[f64; 2]], best: Option<usize>) -> String {
        let label = "loss of \"<b>\"";
        curve(&Panel { name: "loss", label, rows, digits: 2, unit: "", best })
    }

    #[test]
    fn each_epoch_can_be_read_out_and_labels_are_escaped() {
        let svg = drawn(&[[2.0, 1.5], [1.0, 1.25], [0.5, 1.75]], Some(2));
        assert_eq!(svg.matches("data-epoch=").count(), 3);
        let say = "epoch 2: training 1.00, validation 1.25 (lowest validation loss)";
        assert!(svg.contains(say), "{svg}");
        assert!(svg.contains("loss of &quot;&lt;b&gt;&quot;") && !svg.contains("<b>"));
    }

    /// The lower a value, the larger its y; an epoch to the right has the larger x.
    #[test]
    fn lines_go_through_their_values() {
        let svg = drawn(&[[2.0, 1.0], [1.0, 1.0]], None);
        let line = svg.split("line training\" d=\"M").nth(1).unwrap();
        let line: Vec<f64> =
            line.split('"').next().unwrap().split([' ', 'L']).map(|n| n.parse().unwrap()).collect();
        assert!(line[0] < line[2] && line[1] < line[3], "{line:?}");
        assert!(!svg.contains("class=\"best\""));
    }

    #[test]
    fn what_is_not_finite_is_left_out() {
        let svg = drawn(&[[f64::NAN, f64::INFINITY]], None);
        assert!(svg.contains("no finite values") && !svg.contains("MNaN"), "{svg}");
        let one = drawn(&[[1.0, f64::NAN]], None);
        assert_eq!(one.matches("<circle").count(), 1);
    }
}
