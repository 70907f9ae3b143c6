//! A figure of several lines over one axis.

use std::fmt::Write;

use super::Escaped;
use super::frame::{BOTTOM, Frame, LEFT, RIGHT, TOP};
use crate::plot::{decimals, number, ticks};

/// Styles of lines that page.css has.
const STYLES: usize = 10;

/// What is drawn.
#[derive(Debug, Clone)]
pub(in crate::report) struct Lines<'a> {
    /// Of the x axis and what is read out of it: `share deleted`.
    pub(in crate::report) across: &'a str,
    /// Of the y axis.
    pub(in crate::report) name: &'a str,
    /// For those who hear the drawing instead.
    pub(in crate::report) label: &'a str,
    /// Places of the points.
    pub(in crate::report) at: &'a [f64],
    /// Name and values of each line, one for each place.
    pub(in crate::report) series: &'a [(String, Vec<f64>)],
}

/// An SVG element; each place has a strip that the script reads out, as curves over epochs have.
pub(in crate::report) fn lines(figure: &Lines<'_>) -> String {
    let Lines { across, name, label, at, series } = figure;
    let (first, last) = (at.first().copied().unwrap_or(0.0), at.last().copied().unwrap_or(1.0));
    let values = series.iter().flat_map(|(_, values)| values.iter().copied());
    let frame = Frame::new((first, last), values);
    let mut svg = frame.begin(label, name, across);
    let steps = ticks((first, last), 6.0);
    let places = decimals(&steps);
    for tick in steps {
        frame.tick(&mut svg, tick, &number(tick, places));
    }
    if frame.holds(0.0) {
        let y = frame.y(0.0);
        // Writing to a string cannot fail.
        let _ = write!(svg, "<path class=\"axis\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>");
    }
    for (i, (_, values)) in series.iter().enumerate() {
        let points: Vec<(f64, f64)> = at.iter().copied().zip(values.iter().copied()).collect();
        frame.line(&mut svg, &format!("s{}", i % STYLES), &points);
    }
    svg.push_str("<path class=\"guide\" d=\"\"/>");
    let digits = places.max(2);
    for (k, x) in at.iter().enumerate() {
        let half = |other: Option<&f64>| other.map_or(0.0, |other| (other - x).abs() / 2.0);
        let before = half(k.checked_sub(1).and_then(|k| at.get(k)));
        let (from, to) = (frame.x(x - before), frame.x(x + half(at.get(k + 1))));
        let said: Vec<String> = series
            .iter()
            .filter_map(|(name, values)| Some(format!("{name} {:.3}", values.get(k)?)))
            .collect();
        let said = format!("{across} {x:.digits$}: {}", said.join(", "));
        let _ = write!(
            svg,
            "<rect class=\"strip\" data-epoch=\"{}\" data-x=\"{:.1}\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" \
             height=\"{}\" data-say=\"{}\"/>",
            k + 1,
            frame.x(*x),
            to - from,
            BOTTOM - TOP,
            Escaped(&said)
        );
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_read_out_with_every_line() {
        let series = [("<map>".to_owned(), vec![1.0, 0.5]), ("random".to_owned(), vec![1.0, 0.75])];
        let figure = Lines {
            across: "share",
            name: "p",
            label: "deletion",
            at: &[0.0, 1.0],
            series: &series,
        };
        let svg = lines(&figure);
        assert!(svg.contains("share 1.00: &lt;map&gt; 0.500, random 0.750"), "{svg}");
        assert_eq!(svg.matches("class=\"line s").count(), 2);
        let none = lines(&Lines { at: &[], series: &[], ..figure });
        assert!(none.contains("no finite values"), "{none}");
    }
}
