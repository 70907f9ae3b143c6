//! Ticks of a sample's axes.

use crate::explain::{Explanation, sample_axes};
use crate::plot::SampleAxes;

/// Ticks beside and below every picture of a sample.
#[derive(Debug, Clone)]
pub(in crate::report) struct Axes {
    /// What goes upwards.
    pub(in crate::report) up: &'static str,
    /// What goes to the right.
    pub(in crate::report) along: &'static str,
    pub(in crate::report) y: Vec<Tick>,
    pub(in crate::report) x: Vec<Tick>,
}

/// A label and its place.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Tick {
    /// From the beginning of the axis, in per cent.
    pub(in crate::report) at: f64,
    pub(in crate::report) label: String,
}

impl Axes {
    pub(in crate::report) fn of(found: &Explanation) -> Self {
        let [bands, frames] = found.sample_shape;
        let axes = SampleAxes {
            band_hz: found.axes.band_hz.clone().filter(|hz| hz.len() == bands && bands > 1),
            ..sample_axes(found)
        };
        let seconds = found.axes.frame_seconds;
        let whole = seconds.map(|step| step * frames as f64);
        Self {
            up: if axes.band_hz.is_some() {
                "Frequency (mel scale, in Hz)"
            } else {
                "Mel bands, lowest first,"
            },
            along: if whole.is_some() { "time in seconds" } else { "frames" },
            y: upwards(&axes, bands),
            x: match whole {
                Some(whole) => vec![
                    Tick { at: 0.0, label: "0".into() },
                    Tick { at: 100.0, label: format!("{whole:.2} s") },
                ],
                None => vec![
                    Tick { at: 0.0, label: "0".into() },
                    Tick { at: 100.0, label: frames.to_string() },
                ],
            },
        }
    }
}

/// As beside the pictures of `genre-gpu explain`.
fn upwards(axes: &SampleAxes, bands: usize) -> Vec<Tick> {
    let (ticks, _) = axes.ticks((bands, 1), (HEIGHT, HEIGHT));
    let tick = |tick: crate::plot::Tick| Tick {
        at: 100.0 * tick.at / bands.max(1) as f64,
        label: tick.label,
    };
    ticks.into_iter().map(tick).collect()
}

/// Of a sample's picture in the page, in CSS pixels.
const HEIGHT: f64 = 130.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_lie_between_their_bands() {
        let band_hz = Some(vec![0.0, 1024.0, 3072.0, 5120.0]);
        let ticks = upwards(&SampleAxes { band_hz, ..SampleAxes::default() }, 4);
        let want = [("0", 12.5), ("512", 25.0), ("1024", 37.5), ("2048", 50.0), ("4096", 75.0)];
        let got: Vec<(&str, f64)> = ticks.iter().map(|t| (t.label.as_str(), t.at)).collect();
        assert_eq!(got, want);
        let ticks = upwards(&SampleAxes::default(), 80);
        assert!(ticks.len() >= 3 && ticks[0].label == "0", "{ticks:?}");
    }
}
