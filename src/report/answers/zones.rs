//! Parts of the frequency axis and how they are called.

use crate::explain::{Axes, BandRange};

/// A part that rests on fewer bands says nothing that a single filter could not.
const LEAST_BANDS: usize = 2;

/// A part of the frequency axis: some bands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BandZone {
    pub(super) name: ZoneName,
    pub(super) bands: Vec<usize>,
}

/// How a part of the frequency axis is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ZoneName {
    /// `between 500 Hz and 2 kHz`, `in the lowest quarter of the bands`.
    pub(super) words: String,
    /// From and to (excluded), where the words do not say which.
    pub(super) span: Option<(usize, usize)>,
}

impl ZoneName {
    pub(super) fn of_range(range: BandRange) -> Self {
        Self { words: in_hz(range), span: None }
    }

    /// A quarter of the bands, from the lowest, 0.
    pub(super) fn of_quarter(quarter: usize, first: usize, end: usize) -> Self {
        let which = ["lowest", "second", "third", "highest"];
        let which = which.get(quarter).copied().unwrap_or_default();
        Self { words: format!("in the {which} quarter of the bands"), span: Some((first, end)) }
    }

    /// `in the lowest quarter of the bands (bands 0 to 31)`.
    pub(super) fn with_bands(&self) -> String {
        match self.span {
            Some(_) => format!("{} ({})", self.words, self.bands().unwrap_or_default()),
            None => self.words.clone(),
        }
    }

    /// `bands 0 to 31`, for a bracket.
    pub(super) fn bands(&self) -> Option<String> {
        self.span.map(|(first, end)| format!("bands {first} to {}", end.saturating_sub(1)))
    }
}

/// Named bands where frequencies are known, narrow ones joined; quarters of the bands where they
/// are not.
pub(super) fn band_zones(axes: &Axes, bands: usize) -> Vec<BandZone> {
    let Some(hz) = axes.band_hz.as_ref().filter(|hz| hz.len() == bands) else {
        return (0..4).filter_map(|quarter| quarter_of(quarter, bands)).collect();
    };
    let zone = |range: BandRange| BandZone {
        name: ZoneName::of_range(range),
        bands: (0..hz.len()).filter(|i| range.holds(hz[*i])).collect(),
    };
    BandRange::resolved(hz, LEAST_BANDS).into_iter().map(zone).collect()
}

fn quarter_of(quarter: usize, bands: usize) -> Option<BandZone> {
    let (first, end) = (quarter * bands / 4, (quarter + 1) * bands / 4);
    (first < end).then(|| BandZone {
        name: ZoneName::of_quarter(quarter, first, end),
        bands: (first..end).collect(),
    })
}

/// `between 500 Hz and 2 kHz`.
fn in_hz(range: BandRange) -> String {
    let text = |hz: f64| match hz < 1_000.0 {
        true => format!("{hz} Hz"),
        false => format!("{} kHz", hz / 1_000.0),
    };
    match range.range_hz() {
        (0.0, high) if high.is_infinite() => "at all frequencies".into(),
        (0.0, high) => format!("below {}", text(high)),
        (low, high) if high.is_infinite() => format!("above {}", text(low)),
        (low, high) => format!("between {} and {}", text(low), text(high)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hz: Vec<f64>) -> Vec<String> {
        let bands = hz.len();
        let axes = Axes { band_hz: Some(hz), frame_seconds: None };
        band_zones(&axes, bands).into_iter().map(|zone| zone.name.with_bands()).collect()
    }

    #[test]
    fn zones_are_named_in_hz_or_counted_in_bands() {
        let hz = [30.0, 100.0, 1_000.0, 9_000.0];
        assert_eq!(
            names(hz.iter().flat_map(|hz| [*hz; 2]).collect()),
            ["below 60 Hz", "between 60 Hz and 250 Hz", "between 500 Hz and 2 kHz", "above 6 kHz"]
        );
        assert_eq!(names(hz.into()), ["below 250 Hz", "above 500 Hz"], "no part of one band");
        assert_eq!(names(vec![100.0]), ["between 60 Hz and 250 Hz"]);
        let zones = band_zones(&Axes::default(), 128);
        let name = &zones[3].name;
        assert_eq!(name.with_bands(), "in the highest quarter of the bands (bands 96 to 127)");
        assert_eq!(name.bands().as_deref(), Some("bands 96 to 127"));
        assert_eq!((zones.len(), zones[1].bands.len()), (4, 32));
        assert_eq!(band_zones(&Axes::default(), 2).len(), 2);
    }
}
