//! A figure of training and validation against epoch.

use std::fmt::Write;

use super::frame::{BOTTOM, Frame, TOP};
use crate::plot::epoch_ticks;

/// What is drawn.
#[derive(Debug, Clone)]
pub(in crate::report) struct Panel<'a> {
    /// Of the y axis.
    pub(in crate::report) name: &'a str,
    /// For those who hear the drawing instead.
    pub(in crate::report) label: &'a str,
    /// Training and validation, by epoch.
    pub(in crate::report) rows: &'a [[f64; 2]],
    /// Behind the point, in what is read out.
    pub(in crate::report) digits: usize,
    /// After a value: ` %`.
    pub(in crate::report) unit: &'a str,
    /// The epoch to mark, from 1.
    pub(in crate::report) best: Option<usize>,
}

/// With more epochs than this, dots would run together.
const MOST_DOTS: usize = 40;

/// An SVG element. Each epoch has a strip over the whole height (`data-epoch`), whose `data-say`
/// the script reads out. What is not finite is left out.
pub(in crate::report) fn curve(panel: &Panel<'_>) -> String {
    let Panel { name, label, rows, digits, unit, best } = panel;
    let last = rows.len().max(1);
    let frame = Frame::new((1.0, last as f64), rows.iter().flatten().copied());
    let mut svg = frame.begin(label, name, "epoch");
    for epoch in epoch_ticks(1, last as u32) {
        frame.tick(&mut svg, f64::from(epoch), &epoch.to_string());
    }
    // Writing to a string cannot fail.
    if let Some(best) = best {
        let x = frame.x(*best as f64);
        let _ = write!(svg, "<path class=\"best\" d=\"M{x:.1} {TOP}V{BOTTOM}\"/>");
    }
    for (which, class) in [(1, "validation"), (0, "training")] {
        let points: Vec<(f64, f64)> =
            rows.iter().enumerate().map(|(i, row)| ((i + 1) as f64, row[which])).collect();
        frame.line(&mut svg, class, &points);
        if points.len() == 1 || (which == 1 && points.len() <= MOST_DOTS) {
            frame.dots(&mut svg, class, &points);
        }
    }
    svg.push_str("<path class=\"guide\" d=\"\"/>");
    for (epoch, [training, validation]) in (1..).zip(rows.iter()) {
        let mark = if Some(epoch) == *best { " (lowest validation loss)" } else { "" };
        let (from, to) = (frame.x(epoch as f64 - 0.5), frame.x(epoch as f64 + 0.5));
        let _ = write!(
            svg,
            "<rect class=\"strip\" data-epoch=\"{epoch}\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" \
             height=\"{}\" data-say=\"epoch {epoch}: training {training:.digits$}{unit}, \
             validation {validation:.digits$}{unit}{mark}\"/>",
            to - from,
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
