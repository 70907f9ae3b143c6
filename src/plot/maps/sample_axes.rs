//! What the bands and frames of a sample are, as axes beside a panel.

use super::place::AxisCells;
use crate::error::{Error, Result};
use crate::plot::axis;
use crate::plot::canvas::{Anchor, Canvas};
use crate::plot::font::Font;
use crate::plot::style::{INK, TICK};

/// Units of a sample's axes and values, where they are known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SampleAxes {
    /// Centre of each band in Hz, lowest first.
    pub band_hz: Option<Vec<f64>>,
    /// From one frame to the next.
    pub frame_seconds: Option<f64>,
    /// Unit of the spectrogram's values: "dB".
    pub unit: Option<String>,
}

/// Where a panel stands: upper left and lower right corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Panel {
    pub(super) from: (f64, f64),
    pub(super) to: (f64, f64),
}

/// A tick as a share of its axis.
#[derive(Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

/// As librosa's mel axis has them.
const MEL_TICKS: [f64; 6] = [0.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0];
/// Between labels above each other.
const LINE: f64 = 28.0;
/// Between labels beside each other.
const SPACE: f64 = 14.0;
/// From a panel to the labels of its ticks.
const OFF: f64 = 12.0;

impl Panel {
    pub(super) fn width(&self) -> f64 {
        self.to.0 - self.from.0
    }

    pub(super) fn height(&self) -> f64 {
        self.to.1 - self.from.1
    }

    pub(super) fn middle(&self) -> (f64, f64) {
        ((self.from.0 + self.to.0) / 2.0, (self.from.1 + self.to.1) / 2.0)
    }

    /// A share of the width, from the left.
    pub(super) fn x(&self, share: f64) -> f64 {
        self.from.0 + share * self.width()
    }

    /// A share of the height, from the bottom.
    pub(super) fn y(&self, share: f64) -> f64 {
        self.to.1 - share * self.height()
    }
}

impl SampleAxes {
    /// Fails where there are centres of other bands than the sample's.
    pub(super) fn check(&self, bands: usize) -> Result<()> {
        match &self.band_hz {
            Some(hz) if hz.len() != bands => Err(Error::Mismatch {
                what: "centres of bands",
                expected: bands.to_string(),
                found: hz.len().to_string(),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn band_name(&self) -> &'static str {
        if self.band_hz.is_some() { "frequency (Hz)" } else { "mel band" }
    }

    pub(super) fn frame_name(&self) -> &'static str {
        if self.frame_seconds.is_some() { "time (s)" } else { "frame" }
    }

    pub(super) fn band_ticks(&self, bands: usize, height: f64) -> Vec<Tick> {
        let hz = match &self.band_hz {
            Some(hz) if bands > 0 => hz,
            _ => return counted(bands, height / 60.0),
        };
        let tick = |&f: &f64| {
            let at = band_of(hz, f)? / bands as f64;
            Some(Tick { at, label: f.to_string() })
        };
        let mut ticks: Vec<Tick> = MEL_TICKS.iter().filter_map(tick).collect();
        if ticks.is_empty() {
            ticks = counted(bands, height / 60.0);
            for (tick, f) in ticks.iter_mut().zip(hz) {
                tick.label = axis::number(*f, 0);
            }
            ticks.truncate(1);
        }
        thinned(ticks, |_, apart| apart * height >= LINE)
    }

    pub(super) fn frame_ticks(&self, frames: usize, width: f64, font: &Font) -> Vec<Tick> {
        let wanted = (width / 60.0).max(1.0);
        let ticks = match self.frame_seconds {
            Some(step) if step.is_finite() && step > 0.0 && frames > 0 => {
                let whole = step * frames as f64;
                let ticks = axis::ticks((0.0, whole), wanted);
                let digits = axis::decimals(&ticks);
                let label = |t: f64| axis::number(t, if ticks.len() > 1 { digits } else { 0 });
                ticks.iter().map(|&t| Tick { at: t / whole, label: label(t) }).collect()
            }
            _ => counted(frames, wanted),
        };
        thinned(ticks, |(a, b), apart| {
            let needed = (font.width(a, TICK) + font.width(b, TICK)) / 2.0 + SPACE;
            apart * width >= needed
        })
    }
}

/// Ticks at the middles of every so many of `count` bands or frames.
fn counted(count: usize, wanted: f64) -> Vec<Tick> {
    if count <= 1 {
        return (0..count).map(|_| Tick { at: 0.5, label: "0".to_owned() }).collect();
    }
    let last = count as f64 - 1.0;
    let whole = axis::ticks((0.0, last), wanted.max(1.0).min(last));
    let whole = whole.into_iter().filter(|t| (t - t.round()).abs() < 1e-9);
    let middle = |i: f64| AxisCells::each(count).middle(i as usize) / count as f64;
    whole.map(|t| Tick { at: middle(t.round()), label: format!("{t:.0}") }).collect()
}

/// Without those that come too near to the last one kept.
fn thinned(ticks: Vec<Tick>, fits: impl Fn((&str, &str), f64) -> bool) -> Vec<Tick> {
    let mut kept: Vec<Tick> = Vec::new();
    for tick in ticks {
        let near = kept.last().is_some_and(|k| !fits((&k.label, &tick.label), tick.at - k.at));
        if !near {
            kept.push(tick);
        }
    }
    kept
}

/// Where a frequency lies, in bands from the lowest one's lower edge: linearly between centres,
/// and up to one band beyond them, drawn at the edge.
fn band_of(hz: &[f64], f: f64) -> Option<f64> {
    let count = hz.len();
    let next = hz.partition_point(|&centre| centre < f);
    let (low, high) = match next {
        _ if count < 2 => return None,
        0 => (0, 1),
        n if n == count => (count - 2, count - 1),
        n => (n - 1, n),
    };
    let at = low as f64 + 0.5 + (f - hz[low]) / (hz[high] - hz[low]);
    let whole = count as f64;
    // A filter's own edge lies one centre away; rounding may put it a little beyond.
    (at > -0.55 && at < whole + 0.55).then(|| at.clamp(0.0, whole))
}

/// Marks left of a panel, without numbers.
pub(super) fn band_marks(
    canvas: &mut Canvas<'_>,
    axes: &SampleAxes,
    bands: usize,
    panel: &Panel,
) -> Result<()> {
    for tick in axes.band_ticks(bands, panel.height()) {
        let y = panel.y(tick.at);
        canvas.rect((panel.from.0 - 7.0, y - 0.75), (panel.from.0, y + 0.75), INK)?;
    }
    Ok(())
}

/// Marks, numbers and name left of a panel.
pub(super) fn band_axis(
    canvas: &mut Canvas<'_>,
    axes: &SampleAxes,
    bands: usize,
    panel: &Panel,
) -> Result<()> {
    band_marks(canvas, axes, bands, panel)?;
    let mut widest = 0.0_f64;
    for tick in axes.band_ticks(bands, panel.height()) {
        let y = panel.y(tick.at);
        canvas.text(&tick.label, (panel.from.0 - OFF, y), Anchor::Right, TICK, INK)?;
        widest = widest.max(canvas.font.width(&tick.label, TICK));
    }
    let at = (panel.from.0 - OFF - widest - 26.0, panel.middle().1);
    canvas.text_upwards(axes.band_name(), at, Anchor::Centre, TICK, INK)
}

/// How much room [`band_axis`] takes left of a panel.
pub(super) const BAND_AXIS: f64 = 118.0;

/// Marks, numbers and name under a panel.
pub(super) fn frame_axis(
    canvas: &mut Canvas<'_>,
    axes: &SampleAxes,
    frames: usize,
    panel: &Panel,
) -> Result<()> {
    frame_marks(canvas, axes, frames, panel, true)?;
    let at = (panel.middle().0, panel.to.1 + 60.0);
    canvas.text(axes.frame_name(), at, Anchor::Centre, TICK, INK)
}

/// How much room [`frame_axis`] takes under a panel.
pub(super) const FRAME_AXIS: f64 = 84.0;

/// Marks under a panel, with numbers or without.
pub(super) fn frame_marks(
    canvas: &mut Canvas<'_>,
    axes: &SampleAxes,
    frames: usize,
    panel: &Panel,
    numbers: bool,
) -> Result<()> {
    for tick in axes.frame_ticks(frames, panel.width(), canvas.font) {
        let (x, y) = (panel.x(tick.at), panel.to.1);
        canvas.rect((x - 0.75, y), (x + 0.75, y + 7.0), INK)?;
        if numbers {
            canvas.text(&tick.label, (x, y + 25.0), Anchor::Centre, TICK, INK)?;
        }
    }
    Ok(())
}

/// The side of a panel of `count` bands or frames: about `wanted`, so that each is a whole number
/// of half pixels where that costs little.
pub(super) fn side(count: usize, wanted: f64) -> f64 {
    let count = count.max(1) as f64;
    let whole = (2.0 * wanted / count).floor() * count / 2.0;
    if whole < 0.75 * wanted { wanted.floor() } else { whole }
}

/// The same where a whole number of half pixels may cost a quarter more.
pub(super) fn height(count: usize, wanted: f64) -> f64 {
    let count = count.max(1) as f64;
    let near = (2.0 * wanted / count).round() * count / 2.0;
    if (near - wanted).abs() > 0.25 * wanted { wanted.floor() } else { near }
}

/// Text in one line: at most `width` wide, for which its letters shrink before it is cut.
pub(super) fn fitted(
    canvas: &mut Canvas<'_>,
    text: &str,
    at: (f64, f64),
    size: f64,
    width: f64,
) -> Result<()> {
    let (text, size) = shrunk(canvas, text, size, width);
    canvas.text(&text, at, Anchor::Centre, size, INK)
}

/// The same upwards.
pub(super) fn fitted_upwards(
    canvas: &mut Canvas<'_>,
    text: &str,
    at: (f64, f64),
    size: f64,
    width: f64,
) -> Result<()> {
    let (text, size) = shrunk(canvas, text, size, width);
    canvas.text_upwards(&text, at, Anchor::Centre, size, INK)
}

fn shrunk(canvas: &Canvas<'_>, text: &str, size: f64, width: f64) -> (String, f64) {
    let size = (size * width / canvas.font.width(text, size).max(1.0)).clamp(0.75 * size, size);
    // What just fits is not cut for rounding's sake.
    (canvas.font.shorten(text, size, width + 1.0), size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|t| t.label.as_str()).collect()
    }

    #[test]
    fn frequencies_stand_between_their_neighbours() {
        // One band each 512 Hz, from 512 on: 0 Hz is the lower edge's filter edge.
        let hz: Vec<f64> = (1..=10).map(|i| 512.0 * f64::from(i)).collect();
        assert_eq!(band_of(&hz, 0.0), Some(0.0));
        assert_eq!(band_of(&hz, 512.0), Some(0.5));
        assert_eq!(band_of(&hz, 768.0), Some(1.0));
        assert_eq!(band_of(&hz, 5120.0), Some(9.5));
        assert_eq!(band_of(&hz, 8192.0), None);
        let axes = SampleAxes { band_hz: Some(hz), ..SampleAxes::default() };
        assert_eq!(labels(&axes.band_ticks(10, 240.0)), ["0", "1024", "2048", "4096"]);
        assert_eq!(labels(&axes.band_ticks(10, 1000.0)), ["0", "512", "1024", "2048", "4096"]);
    }

    #[test]
    fn bands_and_frames_are_counted_where_nothing_is_known() {
        let axes = SampleAxes::default();
        assert_eq!(labels(&axes.band_ticks(80, 240.0)), ["0", "20", "40", "60"]);
        assert_eq!(axes.band_ticks(80, 240.0)[1].at, 20.5 / 80.0);
        assert_eq!(labels(&axes.band_ticks(1, 240.0)), ["0"]);
        assert_eq!(labels(&axes.band_ticks(2, 240.0)), ["0", "1"]);
        assert!(axes.band_ticks(0, 240.0).is_empty());
        let font = Font::embedded().unwrap();
        assert_eq!(labels(&axes.frame_ticks(25, 240.0, &font)), ["0", "10", "20"]);
        let seconds = SampleAxes { frame_seconds: Some(0.023), ..SampleAxes::default() };
        assert_eq!(labels(&seconds.frame_ticks(87, 240.0, &font)), ["0", "1", "2"]);
        assert!(!seconds.frame_ticks(1, 240.0, &font).is_empty());
    }

    #[test]
    fn panels_are_whole_half_pixels_a_cell_or_as_large_as_wanted() {
        let got = [1, 25, 80, 87, 128, 256, 1000].map(|count| side(count, 240.0));
        assert_eq!(got, [240.0, 237.5, 240.0, 217.5, 192.0, 240.0, 240.0]);
        assert_eq!([80, 128, 256].map(|count| height(count, 240.0)), [240.0, 256.0, 256.0]);
    }
}
