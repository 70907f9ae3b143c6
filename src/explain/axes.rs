//! Units of the bands and frames of a sample, and named parts of the frequency axis.

use serde::{Deserialize, Serialize};

use crate::audio::FrontEnd;
use crate::audio::mel::band_edges_hz;

/// Units of a sample's axes; none where the front end is unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Axes {
    /// Centre of each band in Hz, lowest first.
    pub band_hz: Option<Vec<f64>>,
    /// Time from one frame to the next, in seconds.
    pub frame_seconds: Option<f64>,
}

impl Axes {
    /// The units of a front end's spectrograms.
    pub fn of(front_end: &FrontEnd) -> Self {
        let edges = band_edges_hz(front_end);
        Self {
            band_hz: Some(edges[1..=front_end.n_mels].to_vec()),
            frame_seconds: Some(front_end.hop_samples as f64 / f64::from(front_end.sample_rate_hz)),
        }
    }
}

/// What the values of a spectrogram are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Decibels, as the front end computes them.
    Decibels,
    /// Decibels by the range of the values: −80 to 0, as `librosa.power_to_db` gives.
    LikeDecibels,
    /// Unknown.
    Unknown,
}

impl Unit {
    /// ` dB`, or nothing.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Decibels | Self::LikeDecibels => " dB",
            Self::Unknown => "",
        }
    }
}

/// A named part of the frequency axis, as those who mix music name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedBand {
    /// Below 60 Hz.
    Sub,
    /// 60 to 250 Hz.
    Bass,
    /// 250 to 500 Hz.
    LowMid,
    /// 500 Hz to 2 kHz.
    Mid,
    /// 2 to 6 kHz.
    Presence,
    /// 6 kHz and above.
    Air,
}

impl NamedBand {
    /// Lowest first.
    pub const ALL: [Self; 6] =
        [Self::Sub, Self::Bass, Self::LowMid, Self::Mid, Self::Presence, Self::Air];

    /// As people say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sub => "sub",
            Self::Bass => "bass",
            Self::LowMid => "low mid",
            Self::Mid => "mid",
            Self::Presence => "presence",
            Self::Air => "air",
        }
    }

    /// From (including) and to, in Hz; no end is infinity.
    pub fn range_hz(self) -> (f64, f64) {
        match self {
            Self::Sub => (0.0, 60.0),
            Self::Bass => (60.0, 250.0),
            Self::LowMid => (250.0, 500.0),
            Self::Mid => (500.0, 2_000.0),
            Self::Presence => (2_000.0, 6_000.0),
            Self::Air => (6_000.0, f64::INFINITY),
        }
    }

    /// Whether a mel band with this centre lies in it.
    pub fn holds(self, hz: f64) -> bool {
        let (low, high) = self.range_hz();
        low <= hz && hz < high
    }
}

/// Named bands beside each other, as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BandRange {
    /// The first.
    pub low: NamedBand,
    /// The last; may be the first.
    pub high: NamedBand,
}

impl BandRange {
    /// Named bands that hold some of these centres, joined with the next higher until each part
    /// holds at least `least`: what a map tells of less than a cell is the cell's shape. A rest at
    /// the top joins the last part.
    pub fn resolved(hz: &[f64], least: usize) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut open: Option<Self> = None;
        for band in NamedBand::ALL {
            if !hz.iter().any(|hz| band.holds(*hz)) {
                continue;
            }
            let range = Self { low: open.map_or(band, |range| range.low), high: band };
            let count = hz.iter().filter(|hz| range.holds(**hz)).count();
            if count >= least.max(1) {
                found.push(range);
                open = None;
            } else {
                open = Some(range);
            }
        }
        if let Some(rest) = open {
            match found.last_mut() {
                Some(last) => last.high = rest.high,
                None => found.push(rest),
            }
        }
        found
    }

    /// From (including) and to, in Hz; no end is infinity.
    pub fn range_hz(self) -> (f64, f64) {
        (self.low.range_hz().0, self.high.range_hz().1)
    }

    /// Whether a mel band with this centre lies in it.
    pub fn holds(self, hz: f64) -> bool {
        let (low, high) = self.range_hz();
        low <= hz && hz < high
    }

    /// `sub to low mid`.
    pub fn name(self) -> String {
        match self.low == self.high {
            true => self.low.as_str().to_owned(),
            false => format!("{} to {}", self.low.as_str(), self.high.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_narrower_than_asked_join_the_next() {
        // One below 60 Hz, 4, 5, 23 and 22 below 6 kHz, 25 above, as in 80 bands to 12 kHz.
        let of = [(30.0, 1), (100.0, 4), (300.0, 5), (1e3, 23), (3e3, 22), (8e3, 25)];
        let hz: Vec<f64> = of.iter().flat_map(|(hz, n)| std::iter::repeat_n(*hz, *n)).collect();
        let names = |hz: &[f64], least| -> Vec<String> {
            BandRange::resolved(hz, least).into_iter().map(BandRange::name).collect()
        };
        assert_eq!(names(&hz, 1), ["sub", "bass", "low mid", "mid", "presence", "air"]);
        assert_eq!(names(&hz, 2), ["sub to bass", "low mid", "mid", "presence", "air"]);
        assert_eq!(names(&hz, 8), ["sub to low mid", "mid", "presence", "air"]);
        // Four cells of 16 bands: the last nine are too few for a part of their own.
        assert_eq!(names(&hz[..64], 16), ["sub to mid", "presence to air"]);
        assert_eq!(names(&hz, 100), ["sub to air"]);
        assert_eq!(names(&hz[1..5], 1), ["bass"], "what holds nothing is no part");
        assert_eq!(names(&[], 1), [""; 0]);
    }

    #[test]
    fn every_frequency_has_one_name() {
        for hz in [0.0, 59.9, 60.0, 250.0, 499.0, 500.0, 2_000.0, 5_999.0, 6_000.0, 22_050.0] {
            assert_eq!(NamedBand::ALL.iter().filter(|band| band.holds(hz)).count(), 1, "{hz}");
        }
        assert!(NamedBand::Bass.holds(60.0) && NamedBand::Air.holds(6_000.0));
    }
}
