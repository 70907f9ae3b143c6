//! What the bands and frames of a sample are, as axes beside a panel.

use super::axis::{self, Tick};
use crate::error::{Error, Result};

/// Units of a sample's axes and values, where they are known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SampleAxes {
    /// Centre of each band in Hz, lowest first.
    pub band_hz: Option<Vec<f64>>,
    /// From one frame to the next.
    pub frame_seconds: Option<f64>,
    /// Unit of the spectrogram's values: "dB".
    pub unit: Option<String>,
    /// What the ends of a spectrogram's colours stand for; none: the values that are drawn.
    pub range: Option<(f32, f32)>,
}

/// As librosa's mel axis has them.
const MEL_TICKS: [f64; 6] = [0.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0];
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

    /// Name of the axis of bands.
    pub fn band_name(&self) -> &'static str {
        if self.band_hz.is_some() { "frequency (Hz)" } else { "mel band" }
    }

    /// Name of the axis of frames.
    pub fn frame_name(&self) -> &'static str {
        if self.frame_seconds.is_some() { "time (s)" } else { "frame" }
    }

    /// Unit of the values, for a colour bar.
    pub fn value_name(&self) -> &str {
        self.unit.as_deref().unwrap_or("value (unit of the array)")
    }

    /// Ticks of (bands, frames) on axes of these lengths in pixels, both lying.
    pub fn ticks(
        &self,
        (bands, frames): (usize, usize),
        (width, _): (f64, f64),
    ) -> (Vec<Tick>, Vec<Tick>) {
        (self.band_ticks(bands, width), self.frame_ticks(frames, width))
    }

    /// Ticks of so many bands on a side of `height` pixels, in bands from the lowest one's edge.
    pub(super) fn band_ticks(&self, bands: usize, height: f64) -> Vec<Tick> {
        let hz = match &self.band_hz {
            Some(hz) if bands > 0 => hz,
            _ => return counted(bands, height / 30.0),
        };
        let tick = |&f: &f64| Some(Tick { at: band_of(hz, f)?, label: f.to_string() });
        let mut ticks: Vec<Tick> = MEL_TICKS.iter().filter_map(tick).collect();
        if ticks.is_empty() {
            ticks = counted(bands, height / 30.0);
            for (tick, f) in ticks.iter_mut().zip(hz) {
                tick.label = axis::number(*f, 0);
            }
            ticks.truncate(1);
        }
        let mut kept: Vec<Tick> = Vec::new();
        for tick in ticks {
            let apart = |last: &Tick| (tick.at - last.at) * height / bands as f64;
            if kept.last().is_none_or(|last| apart(last) >= 14.0) {
                kept.push(tick);
            }
        }
        kept
    }

    /// Ticks of so many frames on a side of `width` pixels, in frames.
    pub(super) fn frame_ticks(&self, frames: usize, width: f64) -> Vec<Tick> {
        let wanted = (width / 40.0).max(1.0);
        match self.frame_seconds {
            Some(step) if step.is_finite() && step > 0.0 && frames > 0 => {
                let mut ticks = axis::numbers((0.0, step * frames as f64), wanted);
                ticks.iter_mut().for_each(|tick| tick.at /= step);
                ticks
            }
            _ => counted(frames, wanted),
        }
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
    whole.map(|t| Tick { at: t.round() + 0.5, label: format!("{t:.0}") }).collect()
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

/// The side of a panel of `count` bands or frames: about `wanted`, so that each is a whole number
/// of picture pixels, half CSS pixels each, where that costs little.
pub(super) fn side(count: usize, wanted: f64) -> f64 {
    let count = count.max(1) as f64;
    let whole = (2.0 * wanted / count).floor() * count / 2.0;
    if whole < 0.75 * wanted { wanted.floor() } else { whole }
}

/// The same where a whole number of picture pixels, half CSS pixels each, may cost a quarter more.
pub(super) fn height(count: usize, wanted: f64) -> f64 {
    let count = count.max(1) as f64;
    let near = (2.0 * wanted / count).round() * count / 2.0;
    if (near - wanted).abs() > 0.25 * wanted { wanted.floor() } else { near }
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
        assert_eq!(labels(&axes.band_ticks(10, 120.0)), ["0", "1024", "2048", "4096"]);
        assert_eq!(labels(&axes.band_ticks(10, 500.0)), ["0", "512", "1024", "2048", "4096"]);
    }

    #[test]
    fn bands_and_frames_are_counted_where_nothing_is_known() {
        let axes = SampleAxes::default();
        assert_eq!(labels(&axes.band_ticks(80, 120.0)), ["0", "20", "40", "60"]);
        assert_eq!(axes.band_ticks(80, 120.0)[1].at, 20.5);
        assert_eq!(labels(&axes.band_ticks(1, 120.0)), ["0"]);
        assert_eq!(labels(&axes.band_ticks(2, 120.0)), ["0", "1"]);
        assert!(axes.band_ticks(0, 120.0).is_empty());
        assert_eq!(labels(&axes.frame_ticks(25, 120.0)), ["0", "10", "20"]);
        let seconds = SampleAxes { frame_seconds: Some(0.023), ..SampleAxes::default() };
        assert_eq!(labels(&seconds.frame_ticks(87, 120.0)), ["0", "1", "2"]);
        assert!(!seconds.frame_ticks(1, 120.0).is_empty());
    }

    #[test]
    fn panels_are_whole_half_pixels_a_cell_or_as_large_as_wanted() {
        let got = [1, 25, 80, 87, 128, 256, 1000].map(|count| side(count, 240.0));
        assert_eq!(got, [240.0, 237.5, 240.0, 217.5, 192.0, 240.0, 240.0]);
        assert_eq!([80, 128, 256].map(|count| height(count, 240.0)), [240.0, 256.0, 256.0]);
    }
}
