//! Parts of the frequency axis and how they are called.

use crate::explain::{Axes, NamedBand};

/// A part of the frequency axis: some bands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BandZone {
    /// `between 500 Hz and 2 kHz`, `in the lowest quarter of the bands (0 to 31)`.
    pub(super) name: String,
    pub(super) bands: Vec<usize>,
}

/// Named bands where frequencies are known, quarters of the bands where they are not.
pub(super) fn band_zones(axes: &Axes, bands: usize) -> Vec<BandZone> {
    let Some(hz) = axes.band_hz.as_ref().filter(|hz| hz.len() == bands) else {
        return (0..4).filter_map(|quarter| quarter_of(quarter, bands)).collect();
    };
    let zone = |band: NamedBand| {
        let bands: Vec<usize> = (0..hz.len()).filter(|i| band.holds(hz[*i])).collect();
        (!bands.is_empty()).then(|| BandZone { name: named(band), bands })
    };
    NamedBand::ALL.into_iter().filter_map(zone).collect()
}

fn quarter_of(quarter: usize, bands: usize) -> Option<BandZone> {
    let (first, end) = (quarter * bands / 4, (quarter + 1) * bands / 4);
    (first < end).then(|| BandZone {
        name: quarter_name(quarter, first, end),
        bands: (first..end).collect(),
    })
}

/// A quarter of the bands, from the lowest, 0.
pub(super) fn quarter_name(quarter: usize, first: usize, end: usize) -> String {
    let which = ["lowest", "second", "third", "highest"].get(quarter).copied().unwrap_or_default();
    format!("in the {which} quarter of the bands ({first} to {})", end.saturating_sub(1))
}

/// `between 500 Hz and 2 kHz`.
pub(super) fn named(band: NamedBand) -> String {
    let text = |hz: f64| match hz < 1_000.0 {
        true => format!("{hz} Hz"),
        false => format!("{} kHz", hz / 1_000.0),
    };
    match band.range_hz() {
        (0.0, high) => format!("below {}", text(high)),
        (low, high) if high.is_infinite() => format!("above {}", text(low)),
        (low, high) => format!("between {} and {}", text(low), text(high)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_named_in_hz_or_counted_in_bands() {
        let hz = Axes { band_hz: Some(vec![30.0, 100.0, 1_000.0, 9_000.0]), frame_seconds: None };
        let names: Vec<String> = band_zones(&hz, 4).into_iter().map(|zone| zone.name).collect();
        assert_eq!(
            names,
            ["below 60 Hz", "between 60 Hz and 250 Hz", "between 500 Hz and 2 kHz", "above 6 kHz"]
        );
        let zones = band_zones(&Axes::default(), 128);
        assert_eq!(zones[3].name, "in the highest quarter of the bands (96 to 127)");
        assert_eq!((zones.len(), zones[1].bands.len()), (4, 32));
        assert_eq!(band_zones(&Axes::default(), 2).len(), 2);
    }
}
