//! Spectrograms and maps as pictures inside the page, on one scale for all runs.

use serde::Serialize;

use crate::error::Result;
use crate::explain::{
    ExplainedSample, Explanation, SignedMap, map_place, shown_range, spectrogram_of,
};
use crate::plot::{
    ColourMap, MapKind, SampleAxes, data_uri, ground_png, heat_overlay_png, map_scale,
    spectrogram_png, spectrogram_scale,
};

/// Of heatmaps.
pub(super) const HEAT: ColourMap = ColourMap::Viridis;

/// A picture of a sample.
#[derive(Debug, Serialize)]
pub(super) struct Plot {
    /// Pictures that lie on each other.
    pub(super) sources: Vec<String>,
    pub(super) alt: String,
    /// Over the picture, where there are several maps.
    pub(super) label: String,
    /// Whether a map has no positive value.
    pub(super) is_empty: bool,
}

/// Draws samples; every spectrogram has the same scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiles {
    /// What the darkest and the brightest colour stand for, in the unit of the arrays.
    range: (f32, f32),
}

impl Tiles {
    /// With the range of all samples that are shown.
    pub(super) fn of<'a>(all: impl Iterator<Item = &'a Explanation>) -> Self {
        let range = shown_range(all).filter(|(low, high)| low <= high);
        Self { range: range.unwrap_or((0.0, 1.0)) }
    }

    /// The colours of spectrograms and of heatmaps as drawings.
    pub(super) fn scales(self, axes: &SampleAxes) -> Result<[String; 2]> {
        let heat = map_scale(MapKind::Heat(HEAT), "Grad-CAM (share of each map's maximum)")?;
        Ok([spectrogram_scale(self.range, axes)?.svg(), heat.svg()])
    }

    /// A spectrogram, then Grad-CAM of each layer.
    pub(super) fn plots(
        self,
        found: &Explanation,
        shown: &ExplainedSample,
        layers: &[usize],
    ) -> Result<Vec<Plot>> {
        let truth = &found.classes[shown.truth as usize];
        let sample = format!("{} segment {}, {truth}", shown.part.word(), shown.index);
        let spectrogram = spectrogram_of(found, shown)?;
        let picture = spectrogram_png(&spectrogram, self.range, ColourMap::Magma)?;
        let mut plots = vec![Plot {
            sources: vec![data_uri(&picture)],
            alt: format!("Spectrogram of {sample}"),
            label: String::new(),
            is_empty: false,
        }];
        let ground = data_uri(&ground_png(&spectrogram, self.range)?);
        for &layer in layers {
            let facts = &found.layers[layer];
            let over = self.overlay(found, &shown.maps[layer].grad_cam, layer)?;
            let target = &found.classes[shown.target as usize];
            plots.push(Plot {
                is_empty: over.is_none(),
                sources: [ground.clone()].into_iter().chain(over).collect(),
                alt: format!("Grad-CAM at {} for {target}, {sample}", facts.name),
                label: if layers.len() > 1 { facts.name.clone() } else { String::new() },
            });
        }
        Ok(plots)
    }

    fn overlay(self, found: &Explanation, map: &SignedMap, layer: usize) -> Result<Option<String>> {
        let [bands, frames] = found.sample_shape;
        let place = map_place(&found.layers[layer]);
        let values = map.values().unwrap_or_default();
        let over = heat_overlay_png(&values, &place, (bands, frames), MapKind::Heat(HEAT))?;
        Ok(over.as_deref().map(data_uri))
    }
}
