//! The pictures of an explanation: which there are, and drawing them. What a page inlines and what
//! a PNG file holds is the same drawing.

use std::borrow::Cow;
use std::path::Path;

use rayon::prelude::*;

use super::axes::Unit;
use super::cells::{CellGrid, LayerFacts};
use super::maps::Methods;
use super::means::{MeanMap, MeanOf};
use super::occlusion::ClassOcclusion;
use super::quantize::SignedMap;
use super::record::{ExplainedSample, Explanation, MapOf};
use super::right_wrong::FIRST;
use super::spread::Spread;
use super::trust::{Course, Curves, Randomisation, Stage, Test};
use crate::error::{Error, Result};
use crate::plot::{
    Across, AxisCells, ColourMap, Drawing, HALF, Line, Lines, MapKind, MapPanel, MapPlace,
    MeanMaps, SampleAxes, SamplePanel, Spectrogram, Tick, lines, map_grid, mean_maps, png_names,
    sheet, spectrogram_grid, write_png,
};
use crate::progress::Progress;
use crate::train::titled;

/// Classes on one page of mean maps, each of which is a row.
const CLASSES_ON_A_PAGE: usize = 30;

/// What a picture shows. Layers and classes are indices of the explanation's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// The first six correct and incorrect of a class.
    Spectrograms(usize),
    /// Grad-CAM of the same at a layer.
    GradCam(usize, usize),
    /// The same with its sign.
    Signed(usize, usize),
    /// HiResCAM of the same.
    HiresCam(usize, usize),
    /// Mean Grad-CAM of all classes at a layer.
    Means(usize),
    /// Occlusion of all classes, beside the mean maps' profiles at a layer.
    Occlusion(usize),
    /// What is left of maps as weights are re-initialised, at a layer.
    Randomisation(usize),
    /// Deletion and insertion at a layer.
    DeletionInsertion(usize),
}

impl Figure {
    /// All that an explanation has values for.
    pub fn all(of: &Explanation) -> Vec<Self> {
        let layers = || 0..of.layers.len();
        let mut all = Vec::new();
        for class in (0..of.classes.len()).filter(|class| panels(of, *class).is_some()) {
            all.push(Self::Spectrograms(class));
            let maps =
                |l| [Self::GradCam(l, class), Self::HiresCam(l, class), Self::Signed(l, class)];
            all.extend(layers().flat_map(maps));
        }
        all.extend(layers().filter(|l| means_of(of, *l).next().is_some()).map(Self::Means));
        for (layer, trust) in of.trust.iter().enumerate() {
            all.extend([Self::Occlusion(layer), Self::Randomisation(layer)]);
            all.extend(trust.curves.as_ref().map(|_| Self::DeletionInsertion(layer)));
        }
        all
    }

    /// Whether a file of this name is one.
    pub(super) fn made(name: &str) -> bool {
        let kinds = [
            "spectrograms_",
            "grad_cam_",
            "signed_",
            "hires_cam_",
            "means_",
            "occlusion_",
            "randomisation_",
            "deletion_insertion_",
        ];
        name.ends_with(".png") && kinds.iter().any(|kind| name.starts_with(kind))
    }

    /// The name of its file.
    pub(super) fn file(self, of: &Explanation) -> String {
        let class = |class: usize| format!("{class}_{}", plain(&of.classes[class]));
        let layer = |layer: usize| plain(&of.layers[layer].name);
        match self {
            Self::Spectrograms(c) => format!("spectrograms_{}.png", class(c)),
            Self::GradCam(l, c) => format!("grad_cam_{}_{}.png", layer(l), class(c)),
            Self::Signed(l, c) => format!("signed_{}_{}.png", layer(l), class(c)),
            Self::HiresCam(l, c) => format!("hires_cam_{}_{}.png", layer(l), class(c)),
            Self::Means(l) => format!("means_{}.png", layer(l)),
            Self::Occlusion(l) => format!("occlusion_{}.png", layer(l)),
            Self::Randomisation(l) => format!("randomisation_{}.png", layer(l)),
            Self::DeletionInsertion(l) => format!("deletion_insertion_{}.png", layer(l)),
        }
    }

    /// Draws it for files: mean maps of many classes on several pages.
    fn pages(self, of: &Explanation, heat: ColourMap) -> Result<Vec<Drawing>> {
        let Self::Means(layer) = self else { return Ok(vec![self.draw(of, heat)?]) };
        let genres = mean_maps_at(of, layer);
        let pages = genres.chunks(CLASSES_ON_A_PAGE);
        let count = pages.len();
        let page = |(i, genres): (usize, &[MeanMaps])| {
            let page = match count {
                1 => String::new(),
                _ => format!(", page {} of {count}", i + 1),
            };
            means(of, layer, genres, MapKind::Heat(heat), &page)
        };
        pages.enumerate().map(page).collect()
    }

    /// Draws it; `heat` colours heat maps.
    ///
    /// # Errors
    /// If values do not fit together.
    pub fn draw(self, of: &Explanation, heat: ColourMap) -> Result<Drawing> {
        let heat = MapKind::Heat(heat);
        match self {
            Self::Spectrograms(class) => spectrograms(of, class),
            Self::GradCam(layer, class) => {
                maps(of, layer, class, (heat, "Grad-CAM"), |maps| &maps.grad_cam)
            }
            Self::Signed(layer, class) => {
                maps(of, layer, class, (MapKind::Signed, "signed Grad-CAM"), |maps| &maps.grad_cam)
            }
            Self::HiresCam(layer, class) => {
                maps(of, layer, class, (heat, "HiResCAM"), |maps| &maps.hires_cam)
            }
            Self::Means(layer) => means(of, layer, &mean_maps_at(of, layer), heat, ""),
            Self::Occlusion(layer) => occlusion(of, layer),
            Self::Randomisation(layer) => randomisation(of, layer),
            Self::DeletionInsertion(layer) => deletion_insertion(of, layer),
        }
    }
}

/// Draws all pictures of an explanation into a folder; `heat` colours heatmaps.
///
/// # Errors
/// If one cannot be drawn or written.
pub(super) fn write_pictures(
    of: &Explanation,
    folder: &Path,
    heat: ColourMap,
    progress: &dyn Progress,
) -> Result<()> {
    let all = Figure::all(of);
    progress.begin("pictures", all.len() as u64, "pictures");
    let named = with_png_names(of);
    let drawn = all.par_iter().try_for_each(|figure| {
        let file = figure.file(of);
        for (page, drawing) in figure.pages(&named, heat)?.iter().enumerate() {
            // means_pool.png, means_pool.2.png, …
            let name = match page {
                0 => file.clone(),
                _ => file.replace(".png", &format!(".{}.png", page + 1)),
            };
            match write_png(&folder.join(&name), drawing) {
                // With very many classes; all that it would show is in explain.json.
                Err(Error::Picture { problem }) => {
                    progress.warn(&format!("{name} is left out: {problem}"));
                }
                drawn => drawn?,
            }
        }
        progress.advance(1);
        Ok(())
    });
    progress.end();
    drawn
}

/// An explanation with names of classes that PNG files can show.
pub fn with_png_names(of: &Explanation) -> Cow<'_, Explanation> {
    let classes = png_names(&of.classes);
    match classes == of.classes {
        true => Cow::Borrowed(of),
        false => Cow::Owned(Explanation { classes, ..of.clone() }),
    }
}

/// A name as part of a file's name on any system.
fn plain(name: &str) -> String {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.chars().take(60).map(|c| if fine(c) { c } else { '_' }).collect()
}

/// Names and ticks of a sample's axes.
pub fn sample_axes(of: &Explanation) -> SampleAxes {
    SampleAxes {
        band_hz: of.axes.band_hz.clone(),
        frame_seconds: of.axes.frame_seconds,
        unit: match unit(of) {
            Unit::Decibels => Some("level (dB)".into()),
            Unit::LikeDecibels => Some("level (read as dB)".into()),
            Unit::Unknown => None,
        },
        range: shown_range([of]),
    }
}

/// Decibels if the front end is known, or if the values of all samples that are shown look like them.
pub fn unit(of: &Explanation) -> Unit {
    match (&of.axes.band_hz, shown_range([of])) {
        (Some(_), _) => Unit::Decibels,
        (None, Some((low, high))) if is_like_decibels(low, high) => Unit::LikeDecibels,
        (None, _) => Unit::Unknown,
    }
}

/// Whether values are between −80 and 0 and come near both: below −40 and above −10.
fn is_like_decibels(low: f32, high: f32) -> bool {
    (-80.5..-40.0).contains(&low) && (-10.0..=0.5).contains(&high)
}

/// The range of all samples that are shown, so that spectrograms of all genres, and of all runs of
/// a report, can be held against each other.
pub fn shown_range<'a>(all: impl IntoIterator<Item = &'a Explanation>) -> Option<(f32, f32)> {
    let pictures = all.into_iter().flat_map(|found| &found.shown).map(|shown| &shown.picture);
    let finite = pictures.filter(|picture| picture.low.is_finite() && picture.high.is_finite());
    finite.map(|picture| (picture.low, picture.high)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// Where a layer's cells lie.
pub fn map_place(layer: &LayerFacts) -> MapPlace {
    let cells =
        |cells: CellGrid| AxisCells { first: cells.first, size: cells.size, count: cells.count };
    MapPlace { bands: cells(layer.place.bands), frames: cells(layer.place.frames) }
}

/// `P1 on the demo corpus (synthesised)`.
fn title(of: &Explanation) -> String {
    titled(&of.model.to_uppercase(), &of.data)
}

/// Correct and incorrect ones of a class among those shown of the explained part; none if there
/// are none.
fn panels(of: &Explanation, class: usize) -> Option<[Vec<&ExplainedSample>; 2]> {
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

fn rows<T>(
    of: &Explanation,
    class: usize,
    panel: impl Fn(&ExplainedSample) -> Result<T>,
) -> Result<[Vec<T>; 2]> {
    let [right, wrong] = panels(of, class).unwrap_or_default();
    let all = |row: Vec<&ExplainedSample>| row.into_iter().map(&panel).collect::<Result<Vec<T>>>();
    Ok([all(right)?, all(wrong)?])
}

/// A sample's spectrogram in the unit of the arrays.
///
/// # Errors
/// If the explanation is damaged.
pub fn spectrogram_of(of: &Explanation, shown: &ExplainedSample) -> Result<Spectrogram> {
    let [bands, frames] = of.sample_shape;
    Ok(Spectrogram { bands, frames, values: shown.picture.values().ok_or_else(damaged)? })
}

fn sample(of: &Explanation, shown: &ExplainedSample) -> Result<SamplePanel> {
    Ok(SamplePanel {
        index: shown.index,
        song: shown.song,
        predicted: named(of, shown, shown.predicted),
        spectrogram: spectrogram_of(of, shown)?,
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

fn spectrograms(of: &Explanation, class: usize) -> Result<Drawing> {
    let [right, wrong] = rows(of, class, |shown| sample(of, shown))?;
    let part = of.parts.first().map_or("", |part| part.part.word());
    let title = format!("{}: {} ({part} set)", title(of), of.classes[class]);
    spectrogram_grid(&right, &wrong, &sample_axes(of), &title)
}

fn maps(
    of: &Explanation,
    layer: usize,
    class: usize,
    (kind, name): (MapKind, &str),
    map: fn(&MapOf) -> &SignedMap,
) -> Result<Drawing> {
    let [right, wrong] = rows(of, class, |shown| {
        let map = shown.maps.get(layer).and_then(|maps| map(maps).values()).ok_or_else(damaged)?;
        let target = named(of, shown, shown.target);
        Ok(MapPanel { sample: sample(of, shown)?, map, target })
    })?;
    let facts = &of.layers[layer];
    let title = format!("{}: {}, {name} of {}", title(of), of.classes[class], facts.name);
    map_grid(&right, &wrong, &map_place(facts), kind, name, &sample_axes(of), &title)
}

fn means_of(of: &Explanation, layer: usize) -> impl Iterator<Item = &MeanMap> {
    let name = &of.layers[layer].name;
    of.means.iter().filter(move |mean| mean.layer == *name)
}

/// Mean Grad-CAM of each class at a layer.
fn mean_maps_at(of: &Explanation, layer: usize) -> Vec<MeanMaps> {
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
    means_of(of, layer).map(genre).collect()
}

fn means(
    of: &Explanation,
    layer: usize,
    genres: &[MeanMaps],
    heat: MapKind,
    page: &str,
) -> Result<Drawing> {
    let MapKind::Heat(heat) = heat else { return Err(damaged()) };
    let (facts, [h, w]) = (&of.layers[layer], of.sample_shape);
    let title = format!("{}: mean Grad-CAM of {}{page}", title(of), facts.name);
    mean_maps(genres, &map_place(facts), (h, w), heat, &sample_axes(of), &title)
}

/// What occlusion does to the probability by band and by frame, a line for each class, and below it
/// the mean map of correct predictions along the same axes, where the layer has such a profile.
///
/// # Errors
/// If values do not fit together.
pub fn occlusion_panels(of: &Explanation, layer: usize) -> Result<Vec<[Drawing; 2]>> {
    let [bands, frames] = of.sample_shape;
    let axes = sample_axes(of);
    let name = |label: u32| of.classes.get(label as usize).cloned().unwrap_or_default();
    // Half a band up: a value stands in the middle of its band.
    let place = |length: usize| (0..length).map(|i| i as f64 + 0.5).collect::<Vec<f64>>();
    let panel = |(shows, across): (&str, &str),
                 ticks: Vec<Tick>,
                 at: &[f64],
                 what: &str,
                 series: &[Line]| {
        let label = format!("{what} by {across}, a line for each class");
        // The unit stands at the axis.
        let along = across.split(" (").next().unwrap_or(across);
        lines(&Lines {
            heading: &format!("{shows} by {along}"),
            across,
            name: what,
            label: &label,
            at,
            ticks: Across::Ticks(ticks),
            within: Some((0.0, 0.0)),
            series,
            area: HALF,
        })
    };
    let pair = |shows: &str, what: &str, by_band: &[Line], by_frame: &[Line]| {
        let (band_ticks, frame_ticks) = axes.ticks((bands, frames), HALF);
        Ok([
            panel((shows, axes.band_name()), band_ticks, &place(bands), what, by_band)?,
            panel((shows, axes.frame_name()), frame_ticks, &place(frames), what, by_frame)?,
        ])
    };
    let known = of.occlusion.iter().filter(|one| one.n > 0);
    let line = |one: &ClassOcclusion, values: &[f64]| Line::new(name(one.label), values.to_vec());
    let (by_band, by_frame): (Vec<Line>, Vec<Line>) =
        known.map(|one| (line(one, &one.bands.mean), line(one, &one.frames.mean))).unzip();
    let mut all = vec![pair("occlusion", "drop in probability", &by_band, &by_frame)?];
    let along = |values: fn(&MeanOf) -> &Vec<f32>, cells: AxisCells, length| -> Vec<Line> {
        let places = place(length);
        let line = |mean: &MeanMap| {
            let found = values(&mean.maps.grad_cam.right);
            // A class without maps keeps its colour; what no cell covers has no value.
            let value = |(i, at): (usize, &f64)| match found.get(i) {
                Some(value) if found.len() == length && cells.covers(*at) => f64::from(*value),
                _ => f64::NAN,
            };
            Line::new(name(mean.label), places.iter().enumerate().map(value).collect())
        };
        let measured =
            |mean: &&MeanMap| of.occlusion.iter().any(|one| one.n > 0 && one.label == mean.label);
        means_of(of, layer).filter(measured).map(line).collect()
    };
    let MapPlace { bands: rows, frames: columns } = map_place(&of.layers[layer]);
    let maps =
        [along(|mean| &mean.bands, rows, bands), along(|mean| &mean.frames, columns, frames)];
    let any = |line: &Line| line.values.iter().any(|v| v.is_finite());
    if maps.iter().flatten().any(any) {
        all.push(pair("mean Grad-CAM", "mean Grad-CAM", &maps[0], &maps[1])?);
    }
    Ok(all)
}

fn occlusion(of: &Explanation, layer: usize) -> Result<Drawing> {
    let rows = occlusion_panels(of, layer)?.into_iter().map(Vec::from).collect();
    let count: usize = of.occlusion.iter().map(|one| one.n).sum();
    let title = format!("{}: occlusion beside Grad-CAM of {}", title(of), of.layers[layer].name);
    let notes = [
        format!(
            "Above: mean drop in the probability of the explained class where a window of bands or \
             frames is replaced by the training mean of each band ({count} correctly classified \
             samples, by class)."
        ),
        "Below: mean Grad-CAM of correct predictions along the same axes, each map over its maximum. \
         Where the two rows disagree, the map does not mark what the network needs."
            .to_owned(),
    ];
    Ok(sheet(&title, rows, &notes))
}

/// Rank correlation of maps with those of the trained weights, as layer after layer is
/// re-initialised from the output down. Shaded: 10th to 90th percentile of samples.
///
/// # Errors
/// If values do not fit together.
pub fn randomisation_panel(found: &Randomisation, area: (f64, f64)) -> Result<Drawing> {
    let stages = &found.stages;
    let line = |name: &str, pick: fn(&Stage) -> &Spread| {
        // With the trained weights a map is itself.
        let spreads = stages.iter().map(pick);
        let mut line = Line::new(name, vec![1.0]);
        line.shaded.push((1.0, 1.0));
        for spread in spreads {
            let value = |v: Option<f64>| v.unwrap_or(f64::NAN);
            line.values.push(value(spread.mean));
            line.shaded.push((value(spread.q10), value(spread.q90)));
        }
        line
    };
    let names = ["none (trained)".to_owned()].into_iter();
    let names: Vec<String> = names.chain(stages.iter().map(|stage| stage.node.clone())).collect();
    let at: Vec<f64> = (0..names.len()).map(|i| i as f64).collect();
    lines(&Lines {
        heading: "",
        across: "re-initialised from the output down to this layer",
        name: "rank correlation with the trained map",
        label: "Rank correlation of maps with those of the trained weights as layers are \
                re-initialised",
        at: &at,
        ticks: Across::Names(names),
        within: Some((0.0, 1.0)),
        series: &[
            line("signed Grad-CAM", |stage| &stage.similarity.grad_cam.rho.spread),
            line("Grad-CAM heat map", |stage| &stage.similarity.heatmap.rho.spread),
            line("HiResCAM", |stage| &stage.similarity.hires_cam.rho.spread),
        ],
        area,
    })
}

fn randomisation(of: &Explanation, layer: usize) -> Result<Drawing> {
    let trust = of.trust.get(layer).ok_or_else(damaged)?;
    let name = &of.layers[layer].name;
    let title = format!("{}: maps of {name} as layers are re-initialised", title(of));
    let notes = [format!(
        "Mean over {} samples, each the mean of {} draws; shaded: 10th to 90th percentile of \
         samples. 1: the same order of cells as with the trained weights. A map that depends on \
         what was learned falls to 0.",
        trust.samples.len(),
        trust.randomisation.draws
    )];
    Ok(sheet(
        &title,
        vec![vec![randomisation_panel(&trust.randomisation, (840.0, 260.0))?]],
        &notes,
    ))
}

/// Deletion and insertion: the class's probability as cells are deleted or inserted in the order
/// of each map. Shaded: random order ± one standard deviation.
///
/// # Errors
/// If values do not fit together.
pub fn order_panels(curves: &Curves) -> Result<[Drawing; 2]> {
    let line = |name: &str, course: &Course| Line::new(name, course.curve.mean.clone());
    let panel = |heading: &str, what: &str, test: &Test| {
        let Methods { grad_cam, hires_cam } = &test.by_map;
        let mut random = line("random", &test.by_random);
        let (mean, deviation) = (&random.values, &test.by_random.curve.deviation);
        if mean.len() == deviation.len() {
            let end = |m: f64, d: f64| ((m - d).clamp(0.0, 1.0), (m + d).clamp(0.0, 1.0));
            random.shaded = mean.iter().zip(deviation).map(|(m, d)| end(*m, *d)).collect();
        }
        let series = [
            line("Grad-CAM", grad_cam),
            line("HiResCAM", hires_cam),
            line("loudest first", &test.by_energy),
            random,
        ];
        let courses = [grad_cam, hires_cam, &test.by_energy, &test.by_random];
        let areas = series.iter().zip(courses);
        let areas: Vec<String> = areas
            .filter_map(|(line, course)| Some(format!("{} {:.3}", line.name, course.area.mean?)))
            .collect();
        let label = format!(
            "Mean probability of the class against the share of cells {what}; areas under the \
             curves: {}",
            areas.join(", ")
        );
        lines(&Lines {
            heading,
            across: &format!("share of cells {what}"),
            name: "probability of the class",
            label: &label,
            at: &curves.shares,
            ticks: Across::Numbers,
            within: Some((0.0, 1.0)),
            series: &series,
            area: HALF,
        })
    };
    Ok([
        panel("deletion (lower is better)", "deleted", &curves.deletion)?,
        panel("insertion (higher is better)", "inserted", &curves.insertion)?,
    ])
}

fn deletion_insertion(of: &Explanation, layer: usize) -> Result<Drawing> {
    let trust = of.trust.get(layer).ok_or_else(damaged)?;
    let curves = trust.curves.as_ref().ok_or_else(damaged)?;
    let title = format!("{}: deletion and insertion of cells of {}", title(of), trust.layer);
    let notes = [format!(
        "Mean over {} samples; {} cells, highest of each order first. Shaded: random order, ± one \
         standard deviation over samples. A faithful map falls faster than random order on the left \
         and rises faster on the right.",
        trust.samples.len(),
        curves.cells
    )];
    Ok(sheet(&title, vec![order_panels(curves)?.into()], &notes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_come_near_both_ends() {
        for (low, high) in [(-80.0, -0.2), (-78.9, -9.0), (-41.0, 0.0)] {
            assert!(is_like_decibels(low, high), "{low} {high}");
        }
        for (low, high) in [(-80.0, -14.0), (-1.0, 0.0), (-30.0, 0.0), (-90.0, 0.0), (-80.0, 4.0)] {
            assert!(!is_like_decibels(low, high), "{low} {high}");
        }
    }
    use crate::explain::occlusion::MeanCurve;
    use crate::explain::spread::Estimate;
    use crate::explain::trust::{Similarity, Views};

    #[test]
    fn re_initialisation_begins_at_the_trained_weights() {
        let spread = |mean| Spread { mean: Some(mean), q10: Some(-0.2), ..Spread::default() };
        let one = |mean| Similarity {
            rho: Estimate { spread: spread(mean), ..Estimate::default() },
            ..Similarity::default()
        };
        let stage = |node: &str| Stage {
            node: node.into(),
            similarity: Views { grad_cam: one(0.5), heatmap: one(0.25), hires_cam: one(0.0) },
        };
        let found = Randomisation { draws: 3, stages: vec![stage("dense_1"), stage("dense")] };
        let svg = randomisation_panel(&found, HALF).unwrap().svg();
        for text in ["none (trained): signed Grad-CAM 1.000", "dense: signed Grad-CAM 0.500"] {
            assert!(svg.contains(text), "{text} in {svg}");
        }
        // The axis reaches down to what is there, no further.
        assert!(svg.contains(">0.0</text>") && !svg.contains(">-1.0</text>"), "{svg}");
    }

    #[test]
    fn orders_are_told_apart_and_random_order_is_shaded() {
        let course = |area| Course {
            curve: MeanCurve { mean: vec![0.9, area, 0.1], deviation: vec![0.1; 3] },
            area: Spread { mean: Some(area), ..Spread::default() },
        };
        let test = || Test {
            by_map: Methods { grad_cam: course(0.2), hires_cam: course(0.3) },
            by_energy: course(0.4),
            by_random: course(0.5),
            over_energy: Methods::default(),
            over_random: Methods::default(),
        };
        let curves = Curves {
            cells: 100,
            shares: vec![0.0, 0.5, 1.0],
            random_draws: 5,
            deletion: test(),
            insertion: test(),
        };
        let [deletion, insertion] = order_panels(&curves).unwrap().map(|drawing| drawing.svg());
        assert!(deletion.contains("deletion (lower is better)</text>"), "{deletion}");
        assert!(insertion.contains("Grad-CAM 0.200, HiResCAM 0.300, loudest first 0.400, random"));
        // One line is shaded, three have dashes of their own, in the legend too.
        assert_eq!(deletion.matches(" opacity=").count(), 1);
        for dash in ["9 3", "4 3", "1.5 3"] {
            let dash = format!("stroke-dasharray=\"{dash}\"");
            assert_eq!(deletion.matches(&dash).count(), 2, "{dash} in {deletion}");
        }
    }
}
