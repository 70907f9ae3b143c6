//! Over samples: mean maps, occlusion, randomisation, deletion and insertion.

use image::RgbImage;

use super::{axes, place, title};
use crate::error::Result;
use crate::explain::means::{MeanMap, MeanOf};
use crate::explain::occlusion::MeanCurve;
use crate::explain::quantize::SignedMap;
use crate::explain::record::Explanation;
use crate::explain::spread::Estimate;
use crate::explain::trust::{Course, Stage, Test, Trust};
use crate::plot::{
    AxisCells, BandLine, ColourMap, GenreOcclusion, MeanMaps, Occlusion, Profile, cascade,
    deletion_insertion as draw_curves, genre_occlusion, mean_maps,
};

fn means_of(of: &Explanation, layer: usize) -> impl Iterator<Item = &MeanMap> {
    let name = &of.layers[layer].name;
    of.means.iter().filter(move |mean| mean.layer == *name)
}

pub(super) fn means(of: &Explanation, layer: usize, heat: ColourMap) -> Result<RgbImage> {
    let one = |mean: &MeanOf| Some((mean.n, mean.map.as_ref()?.values()?));
    let genre = |mean: &MeanMap| {
        let maps = &mean.maps.grad_cam;
        MeanMaps {
            genre: of.classes[mean.label as usize].clone(),
            right: one(&maps.right),
            wrong: one(&maps.wrong),
            difference: maps.difference.as_ref().and_then(SignedMap::values),
        }
    };
    let genres: Vec<MeanMaps> = means_of(of, layer).map(genre).collect();
    let facts = &of.layers[layer];
    let [h, w] = of.sample_shape;
    let title = format!("{}: mean Grad-CAM of {}", title(of), facts.name);
    mean_maps(&genres, &place(facts), (h, w), heat, &axes(of), &title)
}

pub(super) fn occlusion(of: &Explanation, layer: usize) -> Result<RgbImage> {
    let genre = |label: usize| {
        let found = of.occlusion.iter().find(|one| one.label as usize == label);
        let map = means_of(of, layer).find(|mean| mean.label as usize == label);
        let map = map.map(|mean| &mean.maps.grad_cam.right);
        let along = |values: fn(&MeanOf) -> &Vec<f32>| {
            let values = map.map(values).filter(|values| !values.is_empty())?;
            let cells = AxisCells::each(values.len());
            Some(Profile { cells, mean: values.clone(), low: vec![], high: vec![] })
        };
        let curves = found.filter(|one| one.n > 0).map(|one| Occlusion {
            bands: profile(&one.bands),
            frames: profile(&one.frames),
            map_bands: along(|mean| &mean.bands),
            map_frames: along(|mean| &mean.frames),
        });
        let n = found.map_or(0, |one| one.n);
        GenreOcclusion { genre: of.classes[label].clone(), n, curves }
    };
    let genres: Vec<GenreOcclusion> = (0..of.classes.len()).map(genre).collect();
    let [h, w] = of.sample_shape;
    let name = &of.layers[layer].name;
    let title = format!("{}: occlusion, shaded one deviation", title(of));
    genre_occlusion(&genres, (h, w), &format!("Grad-CAM of {name}"), &axes(of), &title)
}

/// A curve with one deviation on either side.
fn profile(curve: &MeanCurve) -> Profile {
    let around = |sign: f64| {
        let pairs = curve.mean.iter().zip(&curve.deviation);
        pairs.map(|(mean, d)| (mean + sign * d) as f32).collect()
    };
    Profile {
        cells: AxisCells::each(curve.mean.len()),
        mean: curve.mean.iter().map(|v| *v as f32).collect(),
        low: around(-1.0),
        high: around(1.0),
    }
}

fn trust(of: &Explanation, layer: usize) -> Option<&Trust> {
    of.trust.get(layer)
}

pub(super) fn randomisation(of: &Explanation, layer: usize) -> Result<RgbImage> {
    let stages = trust(of, layer).map(|trust| &trust.randomisation.stages[..]).unwrap_or_default();
    let line = |name: &str, pick: fn(&Stage) -> &Estimate| {
        let value = |of: fn(&Estimate) -> Option<f64>| {
            stages.iter().map(|stage| of(pick(stage)).unwrap_or(f64::NAN)).collect()
        };
        BandLine {
            name: name.into(),
            mean: value(|one| one.spread.mean),
            low: value(|one| one.spread.q10),
            high: value(|one| one.spread.q90),
        }
    };
    let lines = [
        line("Grad-CAM, signed", |stage| &stage.similarity.grad_cam.rho),
        line("Grad-CAM, heatmap", |stage| &stage.similarity.heatmap.rho),
        line("HiResCAM", |stage| &stage.similarity.hires_cam.rho),
    ];
    let names: Vec<String> = stages.iter().map(|stage| stage.node.clone()).collect();
    let name = &of.layers[layer].name;
    let title = format!("{}: maps of {name} under random weights, 10 to 90 %", title(of));
    cascade(&names, &lines, &title)
}

pub(super) fn deletion_insertion(of: &Explanation, layer: usize) -> Result<RgbImage> {
    let curves = trust(of, layer).and_then(|trust| trust.curves.as_ref());
    let shares = curves.map(|curves| &curves.shares[..]).unwrap_or_default();
    let line = |name: &str, course: &Course, shaded: bool| {
        let MeanCurve { mean, deviation } = &course.curve;
        let around = |sign: f64| match shaded && deviation.len() == mean.len() {
            true => {
                mean.iter().zip(deviation).map(|(m, d)| (m + sign * d).clamp(0.0, 1.0)).collect()
            }
            false => vec![],
        };
        BandLine { name: name.into(), mean: mean.clone(), low: around(-1.0), high: around(1.0) }
    };
    let lines = |test: &Test| {
        vec![
            line("Grad-CAM", &test.by_map.grad_cam, false),
            line("HiResCAM", &test.by_map.hires_cam, false),
            line("loudest first", &test.by_energy, false),
            line("random", &test.by_random, true),
        ]
    };
    let deletion = curves.map(|curves| lines(&curves.deletion)).unwrap_or_default();
    let insertion = curves.map(|curves| lines(&curves.insertion)).unwrap_or_default();
    let n = trust(of, layer).map_or(0, |trust| trust.samples.len());
    let name = &of.layers[layer].name;
    let title =
        format!("{}: cells of {name} in order, {n} samples; shaded one deviation", title(of));
    draw_curves(shares, &deletion, &insertion, &title)
}
