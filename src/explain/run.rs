//! Explains a finished run: maps, means, occlusion and checks.

use std::collections::BTreeSet;
use std::time::Instant;

use super::axes::Axes;
use super::explainer::Explainer;
use super::files::weights_hash;
use super::gallery::{of_cells, one_per_song, twelves};
use super::maps::{Maps, SampleMaps};
use super::means::mean_maps;
use super::occlusion::{Occlusion, occlusions};
use super::quantize::{Picture, SignedMap};
use super::record::{ExplainOptions, ExplainedSample, Explanation, MapOf};
use super::right_wrong::ExplainedPart;
use super::textures::textures;
use super::trust::{Checks, Explained, Settings, Subject, trust};
use crate::data::{Bands, Part, PartName};
use crate::device;
use crate::error::{Error, Result};
use crate::metrics::predictions;
use crate::models::model_name;
use crate::progress::Progress;
use crate::train::{LoadedRun, data_name};

/// Explains a run whose samples are scaled.
///
/// # Errors
/// If a layer or an index is not there, or the device fails.
pub fn explain(
    opened: &LoadedRun,
    wanted: &ExplainOptions,
    progress: &dyn Progress,
) -> Result<Explanation> {
    let begin = Instant::now();
    let LoadedRun { folder, config, saved, graph, source, .. } = opened;
    let (data, facts) = (&source.data, &saved.facts);
    let part = data.part(wanted.part);
    check(wanted, part, data.classes.len())?;
    let batch = device::inference_batch(config.batch_size, data.longest_part());
    let options = config.device_options();
    let mut explainer = Explainer::open(graph, &wanted.layers, batch, config.device, options)?;
    explainer.set_parameters(&saved.parameters)?;

    // All parts that are loaded, the one that is explained first.
    let mut names = vec![wanted.part];
    names.extend(PartName::ALL.iter().filter(|name| **name != wanted.part));
    names.retain(|name| !data.part(*name).is_empty());
    let mut parts = Vec::new();
    let mut probabilities_of_part = Vec::new();
    for name in &names {
        let part = data.part(*name);
        let probabilities = explainer.probabilities(&part.x)?;
        if probabilities.iter().any(|p| !p.is_finite()) {
            let problem = "its weights give no finite probabilities; train it again".into();
            return Err(Error::Weights { path: folder.model(), problem });
        }
        parts.push(ExplainedPart::of(*name, part, &probabilities, &data.classes)?);
        if *name == wanted.part {
            probabilities_of_part = probabilities;
        }
    }
    let target = |predicted: u32| wanted.class.unwrap_or(predicted);
    let predicted = predictions(&probabilities_of_part, data.classes.len())?;
    let targets: Vec<u32> = predicted.iter().map(|predicted| target(*predicted)).collect();
    progress.begin("maps", part.len() as u64, "samples");
    let maps = explainer.each_maps(&part.x, &targets, &mut |n| progress.advance(n as u64));
    progress.end();
    let maps = maps?;

    let shape = data.sample_shape;
    let fill: Vec<f32> =
        Bands::of(&data.train.x, shape).mean.into_iter().map(|mean| mean as f32).collect();
    let explained = Explained { part, shape, targets: &targets, maps: &maps, fill: &fill };
    let layers = explainer.layers().to_vec();
    let subject = Subject { graph, parameters: &saved.parameters, layers: &layers };
    let checks = match wanted.checks {
        true => trust(&mut explainer, &subject, &explained, Settings::default(), progress)?,
        false => Checks::default(),
    };
    let axes = facts.front_end.as_ref().map_or_else(Axes::default, Axes::of);
    let classes = data.classes.len();
    let means = mean_maps(&layers, &maps, part, &predicted, classes, shape, &axes);

    let mut shown = Vec::new();
    for (name, sorted) in names.iter().zip(&parts) {
        let is_explained = *name == wanted.part;
        let mut indices = match (is_explained, wanted.indices.is_empty()) {
            (true, true) => {
                let by_song = part.song.as_ref().map(|song| one_per_song(sorted, song));
                [twelves(sorted), by_song.unwrap_or_default()].concat()
            }
            (true, false) => wanted.indices.clone(),
            (false, _) => vec![],
        };
        if wanted.indices.is_empty() && *name != PartName::Val {
            indices.extend(of_cells(sorted));
        }
        let mut seen = BTreeSet::new();
        indices.retain(|index| seen.insert(*index));
        let of_part = SampleExplainer { opened, name: *name, part: data.part(*name) };
        if is_explained {
            let x: Vec<f32> = indices.iter().flat_map(|i| of_part.sample(*i)).copied().collect();
            let own: Vec<u32> = indices.iter().map(|i| targets[*i]).collect();
            let muted = match wanted.checks {
                true => occlusions(&mut explainer, &x, &own, shape, &fill, progress)?,
                false => vec![],
            };
            for (k, i) in indices.iter().enumerate() {
                let mut one = of_part.show(*i, targets[*i], &maps[*i]);
                if let Some(Occlusion { bands, frames }) = muted.get(k) {
                    (one.band_occlusion, one.time_occlusion) = (bands.clone(), frames.clone());
                }
                shown.push(one);
            }
            continue;
        }
        let x: Vec<f32> = indices.iter().flat_map(|i| of_part.sample(*i)).copied().collect();
        let probabilities = explainer.probabilities(&x)?;
        let predicted = predictions(&probabilities, data.classes.len())?;
        let targets: Vec<u32> = predicted.into_iter().map(target).collect();
        let maps = explainer.maps(&x, &targets)?;
        let all = indices.iter().zip(&targets).zip(&maps);
        shown.extend(all.map(|((i, target), maps)| of_part.show(*i, *target, maps)));
    }
    Ok(Explanation {
        version: env!("CARGO_PKG_VERSION").into(),
        model: model_name(&config.model),
        data: data_name(data),
        data_hash: data.hash.clone(),
        weights_hash: weights_hash(folder)?,
        asked: wanted.clone(),
        device: explainer.backend().describe(),
        classes: data.classes.clone(),
        sample_shape: [data.sample_shape[0], data.sample_shape[1]],
        axes,
        layers,
        parts,
        trust: checks.trust,
        occlusion: checks.occlusion,
        means,
        textures: textures(&data.train, shape, facts.scale, classes),
        shown,
        seconds: begin.elapsed().as_secs_f64(),
    })
}

fn check(wanted: &ExplainOptions, part: &Part, classes: usize) -> Result<()> {
    if part.is_empty() {
        let found = format!("{}, which has no sample", wanted.part);
        return Err(Error::Setting { name: "part", expected: "a part with samples", found });
    }
    if let Some(class) = wanted.class.filter(|class| *class as usize >= classes) {
        let expected = "a class of the run's data";
        return Err(Error::Setting { name: "class", expected, found: class.to_string() });
    }
    if let Some(index) = wanted.indices.iter().find(|index| **index >= part.len()) {
        let found = format!("{index}, where {} has {} samples", wanted.part, part.len());
        return Err(Error::Setting { name: "index", expected: "indices of the part", found });
    }
    Ok(())
}

/// Shows samples of a part.
struct SampleExplainer<'a> {
    opened: &'a LoadedRun,
    name: PartName,
    part: &'a Part,
}

impl SampleExplainer<'_> {
    fn sample(&self, index: usize) -> &[f32] {
        let len = self.opened.source.data.sample_shape.iter().product::<usize>();
        &self.part.x[index * len..(index + 1) * len]
    }

    fn show(&self, index: usize, target: u32, found: &SampleMaps) -> ExplainedSample {
        let scale = self.opened.saved.facts.scale;
        // In the unit of the arrays again.
        let values: Vec<f32> =
            self.sample(index).iter().map(|x| x / scale.factor + scale.offset).collect();
        let best = |best: usize, k: usize| {
            if found.probabilities[k] > found.probabilities[best] { k } else { best }
        };
        let map = |maps: &Maps| MapOf {
            grad_cam: SignedMap::of(&maps.grad_cam),
            hires_cam: SignedMap::of(&maps.hires_cam),
        };
        ExplainedSample {
            part: self.name,
            index,
            song: self.part.song.as_ref().map(|song| song[index]),
            truth: self.part.y[index],
            predicted: (0..found.probabilities.len()).fold(0, best) as u32,
            target,
            probabilities: found.probabilities.clone(),
            picture: Picture::of(&values),
            maps: found.layers.iter().map(map).collect(),
            band_occlusion: vec![],
            time_occlusion: vec![],
            sound: None,
        }
    }
}
