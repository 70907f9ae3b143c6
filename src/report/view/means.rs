//! Mean heatmaps of each class, right and wrong, and how they lie on named bands.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{Rgb, RgbImage};

use super::tables::Table;
use crate::explain::{BandShare, Explanation, MeanMap, MeanOf};
use crate::plot::{ColourMap, png_bytes};
use crate::report::words::counted;

/// A class's mean heatmaps.
#[derive(Debug)]
pub(super) struct MeanRow {
    pub(super) name: String,
    /// Right, wrong, right less wrong, as far as there are any.
    pub(super) pictures: Vec<PictureView>,
}

/// A PNG file inside the page.
#[derive(Debug)]
pub(super) struct PictureView {
    pub(super) caption: String,
    /// `data:image/png;base64,…`.
    pub(super) source: String,
}

fn of_layer<'a>(found: &'a Explanation, layer: &str) -> Vec<&'a MeanMap> {
    found.means.iter().filter(|mean| mean.layer == layer).collect()
}

fn class(found: &Explanation, mean: &MeanMap) -> String {
    found.classes.get(mean.label as usize).cloned().unwrap_or_default()
}

/// Grad-CAM's, class by class.
pub(super) fn rows(found: &Explanation, layer: &str) -> Vec<MeanRow> {
    let facts = found.layers.iter().find(|facts| facts.name == layer);
    let Some([h, w, _]) = facts.map(|facts| facts.shape) else { return Vec::new() };
    let row = |mean: &&MeanMap| {
        let maps = &mean.maps.grad_cam;
        let of = |word: &str, of: &MeanOf| {
            let empty = if of.empty > 0 { format!(", {} empty", of.empty) } else { String::new() };
            let caption = format!("{word}: {}{empty}", counted(of.n, "map"));
            picture(of.map.as_ref()?.values()?, [h, w], ColourMap::Magma, caption)
        };
        let difference = || {
            let map = maps.difference.as_ref()?;
            let most = map.high.max(-map.low);
            // White is 0, the ends are the largest magnitude.
            let share = |v: f32| 0.5 + if most > 0.0 { v / most / 2.0 } else { 0.0 };
            let shares = map.values()?.into_iter().map(share).collect();
            let caption = format!("right less wrong, up to {most:.2}");
            picture(shares, [h, w], ColourMap::Diverging, caption)
        };
        let all = [of("right", &maps.right), of("wrong", &maps.wrong), difference()];
        MeanRow { name: class(found, mean), pictures: all.into_iter().flatten().collect() }
    };
    of_layer(found, layer).iter().map(row).collect()
}

/// Low bands at the bottom; none where the map is not of that size.
fn picture(
    map: Vec<f32>,
    [h, w]: [usize; 2],
    colours: ColourMap,
    caption: String,
) -> Option<PictureView> {
    if map.is_empty() || map.len() != h * w {
        return None;
    }
    let mut image = RgbImage::new(w as u32, h as u32);
    for (i, value) in map.into_iter().enumerate() {
        let (r, g, b) = colours.colour(value.into());
        image.put_pixel((i % w) as u32, (h - 1 - i / w) as u32, Rgb([r, g, b]));
    }
    let source = format!("data:image/png;base64,{}", STANDARD.encode(png_bytes(&image).ok()?));
    Some(PictureView { caption, source })
}

/// How much of the heatmaps of each class lies in each named band; none where frequencies are not
/// known.
pub(super) fn shares(found: &Explanation, layer: &str) -> Option<Table> {
    let means = of_layer(found, layer);
    let all = means.iter().flat_map(|mean| {
        let maps = &mean.maps.grad_cam;
        [("right", &maps.right), ("wrong", &maps.wrong)]
            .map(|(word, of)| (format!("{}, {word} ({})", class(found, mean), of.n), of))
    });
    let known: Vec<(String, &MeanOf)> = all.filter(|(_, of)| !of.shares.is_empty()).collect();
    let bands = &known.first()?.1.shares;
    let mut head = vec!["class (maps)".to_owned()];
    head.extend(bands.iter().map(|share| share.band.as_str().to_owned()));
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let mut even = vec!["a map that is the same everywhere".to_owned()];
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
        caption:
            "Where Grad-CAM's heatmaps lie on the frequency axis: mean share of their mass, ± \
                  deviation over samples in points"
                .into(),
        words: 1,
        head,
        rows: rows.chain([even]).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_bands_are_at_the_bottom() {
        // Two bands by three frames; the lower one is bright.
        let map = vec![1.0, 1.0, 1.0, 0.0, 0.0, 0.0];
        let draw = |shape| picture(map.clone(), shape, ColourMap::Magma, String::new());
        let found = draw([2, 3]).unwrap();
        let png = found.source.strip_prefix("data:image/png;base64,").unwrap();
        let image = image::load_from_memory(&STANDARD.decode(png).unwrap()).unwrap().to_rgb8();
        assert_eq!(image.dimensions(), (3, 2));
        assert_eq!(image.get_pixel(0, 0).0, [0, 0, 4]);
        assert_eq!(image.get_pixel(2, 1).0, [252, 253, 191]);
        assert!(draw([2, 2]).is_none());
    }
}
