//! Mean heatmaps of each class, right and wrong, and how they lie on named bands.

use super::tables::Table;
use crate::error::Result;
use crate::explain::{BandShare, Explanation, Figure, MeanMap, MeanOf};
use crate::report::pictures::HEAT;

/// What is shown of all maps of a layer.
#[derive(Debug)]
pub(in crate::report) struct LayerMaps {
    /// The layer's number and name.
    pub(in crate::report) layer: usize,
    pub(in crate::report) name: String,
    /// The mean maps as SVG; empty where there are none.
    pub(in crate::report) drawing: String,
    pub(in crate::report) shares: Option<Table>,
}

/// Of a layer, by its number.
///
/// # Errors
/// If its maps cannot be drawn.
pub(in crate::report) fn of_layer(found: &Explanation, layer: usize) -> Result<LayerMaps> {
    let name = found.layers[layer].name.clone();
    let drawing = match means_of(found, &name).is_empty() {
        true => String::new(),
        false => Figure::Means(layer).draw(found, HEAT)?.svg(),
    };
    Ok(LayerMaps { layer, drawing, shares: shares(found, &name), name })
}

fn means_of<'a>(found: &'a Explanation, layer: &str) -> Vec<&'a MeanMap> {
    found.means.iter().filter(|mean| mean.layer == layer).collect()
}

fn class(found: &Explanation, mean: &MeanMap) -> String {
    found.classes.get(mean.label as usize).cloned().unwrap_or_default()
}

/// How much of the heatmaps of each class lies in each named band; none where frequencies are not
/// known.
fn shares(found: &Explanation, layer: &str) -> Option<Table> {
    let means = means_of(found, layer);
    let all = means.iter().flat_map(|mean| {
        let maps = &mean.maps.grad_cam;
        [("correct", &maps.right), ("incorrect", &maps.wrong)]
            .map(|(word, of)| (format!("{}, {word} ({})", class(found, mean), of.n), of))
    });
    let known: Vec<(String, &MeanOf)> = all.filter(|(_, of)| !of.shares.is_empty()).collect();
    let bands = &known.first()?.1.shares;
    let mut head = vec!["class (maps)".to_owned()];
    head.extend(bands.iter().map(|share| {
        let hz = |f: f64| if f < 1000.0 { format!("{f}") } else { format!("{}k", f / 1000.0) };
        match share.band.range_hz() {
            (low, high) if high.is_finite() => {
                format!("{} ({}–{} Hz)", share.band.name(), hz(low), hz(high))
            }
            (low, _) => format!("{} (over {} Hz)", share.band.name(), hz(low)),
        }
    }));
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let mut even = vec!["uniform map".to_owned()];
    even.extend(bands.iter().map(|share| percent(share.of_bands)));
    let cell = |share: &BandShare| match (share.of_map.mean, share.of_map.deviation) {
        (Some(mean), Some(deviation)) => format!("{} ± {:.1}", percent(mean), 100.0 * deviation),
        (Some(mean), None) => percent(mean),
        (None, _) => "–".into(),
    };
    let rows = known.iter().map(|(name, of)| {
        let mut row = vec![name.clone()];
        row.extend(of.shares.iter().map(cell));
        row
    });
    Some(Table {
        caption: format!(
            "Share of Grad-CAM's heat at {layer} by parts of the frequency axis, none narrower than a \
             cell: mean ± standard deviation over segments, in percentage points"
        ),
        words: 1,
        head,
        rows: rows.chain([even]).collect(),
    })
}
