//! Of a class: spectrograms and maps of its first six right and wrong.

use image::RgbImage;

use super::{Drawing, axes, place, title};
use crate::error::{Error, Result};
use crate::explain::quantize::SignedMap;
use crate::explain::record::{ExplainedSample, Explanation};
use crate::explain::right_wrong::FIRST;
use crate::plot::{
    ColourMap, MapKind, MapPanel, SamplePanel, Spectrogram, map_grid, spectrogram_grid,
};

/// Right and wrong ones of a class among those shown of the explained part; none if there are none.
pub(super) fn panels(of: &Explanation, class: usize) -> Option<[Vec<&ExplainedSample>; 2]> {
    let part = &of.parts.first()?.part;
    let own = |shown: &&ExplainedSample| shown.part == *part && shown.truth as usize == class;
    let (right, wrong): (Vec<_>, Vec<_>) =
        of.shown.iter().filter(own).partition(|shown| shown.predicted == shown.truth);
    let first = |mut panels: Vec<_>| {
        panels.truncate(FIRST);
        panels
    };
    (right.len() + wrong.len() > 0).then(|| [first(right), first(wrong)])
}

fn sample(of: &Explanation, shown: &ExplainedSample) -> Result<SamplePanel> {
    let [bands, frames] = of.sample_shape;
    let values = shown.picture.values().ok_or_else(damaged)?;
    let taken_for = (shown.predicted != shown.truth).then(|| named(of, shown, shown.predicted));
    Ok(SamplePanel {
        index: shown.index,
        song: shown.song,
        taken_for,
        spectrogram: Spectrogram { bands, frames, values },
    })
}

fn named(of: &Explanation, shown: &ExplainedSample, class: u32) -> (String, f32) {
    (of.classes[class as usize].clone(), shown.probabilities[class as usize])
}

fn damaged() -> Error {
    Error::Mismatch {
        what: "pictures of an explanation",
        expected: "Base64".into(),
        found: "other text".into(),
    }
}

fn rows<T>(
    of: &Explanation,
    class: usize,
    panel: impl Fn(&ExplainedSample) -> Result<T>,
) -> Result<[Vec<T>; 2]> {
    let [right, wrong] = panels(of, class).unwrap_or_default();
    let all = |row: Vec<&ExplainedSample>| row.into_iter().map(&panel).collect::<Result<Vec<T>>>();
    Ok([all(right)?, all(wrong)?])
}

pub(super) fn spectrograms(of: &Explanation, class: usize) -> Result<RgbImage> {
    let [right, wrong] = rows(of, class, |shown| sample(of, shown))?;
    let part = of.parts.first().map_or("", |part| part.part.as_str());
    let title = format!("{}: {} ({part})", title(of), of.classes[class]);
    spectrogram_grid(&right, &wrong, &axes(of), &title)
}

pub(super) fn maps(of: &Explanation, drawing: Drawing, heat: ColourMap) -> Result<RgbImage> {
    let (layer, class, kind, name) = match drawing {
        Drawing::GradCam(layer, class) => (layer, class, MapKind::Heat(heat), "Grad-CAM"),
        Drawing::Signed(layer, class) => (layer, class, MapKind::Signed, "Grad-CAM, signed"),
        Drawing::HiresCam(layer, class) => (layer, class, MapKind::Heat(heat), "HiResCAM"),
        _ => return spectrograms(of, 0),
    };
    let values = |shown: &ExplainedSample| -> Option<Vec<f32>> {
        let maps = shown.maps.get(layer)?;
        let map: &SignedMap = match drawing {
            Drawing::HiresCam(..) => &maps.hires_cam,
            _ => &maps.grad_cam,
        };
        map.values()
    };
    let [right, wrong] = rows(of, class, |shown| {
        let (target, probability) = named(of, shown, shown.target);
        let map = values(shown).ok_or_else(damaged)?;
        Ok(MapPanel { sample: sample(of, shown)?, map, target, probability })
    })?;
    let facts = &of.layers[layer];
    let title = format!("{}: {}, {name} of {}", title(of), of.classes[class], facts.name);
    map_grid(&right, &wrong, &place(facts), kind, name, &axes(of), &title)
}
