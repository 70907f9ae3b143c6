//! What the figures allow to be said: every sentence states those that it rests on, and each can
//! come out the other way.

use super::sentence::{
    About, Outcome, Sentence, against, emptiness, follows_energy, occluded, randomisation,
};
use super::{Agreement, Empty, Gain, Similarity, Trust, Views};
use crate::explain::maps::Methods;
use crate::explain::spread::Estimate;

/// What is measured at a layer, in words, for either kind of map.
pub fn sentences(trust: &Trust) -> Methods<Vec<Sentence>> {
    let grad_cam = Method {
        name: "Grad-CAM",
        ranked: "Grad-CAM's heatmap",
        similarity: |v| &v.heatmap,
        energy: &trust.energy.heatmap,
        empty: &trust.empty.grad_cam,
        gain: |m| &m.grad_cam,
        occlusion: |m| &m.grad_cam,
    };
    let hires_cam = Method {
        name: "HiResCAM",
        ranked: "HiResCAM",
        similarity: |v| &v.hires_cam,
        energy: &trust.energy.hires_cam,
        empty: &trust.empty.hires_cam,
        gain: |m| &m.hires_cam,
        occlusion: |m| &m.hires_cam,
    };
    Methods { grad_cam: grad_cam.sentences(trust), hires_cam: hires_cam.sentences(trust) }
}

/// Where a method's figures are.
struct Method<'a> {
    name: &'static str,
    /// What is ranked of it: Grad-CAM's heatmap is what is drawn, HiResCAM goes by its sign.
    ranked: &'static str,
    similarity: fn(&Views<Similarity>) -> &Similarity,
    energy: &'a Estimate,
    empty: &'a Empty,
    gain: fn(&Methods<Gain>) -> &Gain,
    occlusion: fn(&Methods<Estimate>) -> &Estimate,
}

impl Method<'_> {
    fn sentences(&self, trust: &Trust) -> Vec<Sentence> {
        let Self { name, ranked, similarity, energy, empty, gain, occlusion } = *self;
        let stages = trust.randomisation.stages.iter();
        let stages: Vec<(&str, &Similarity)> =
            stages.map(|stage| (&stage.node[..], similarity(&stage.similarity))).collect();
        let cells = trust.curves.as_ref().map_or(1, |curves| curves.cells);
        let draws = trust.randomisation.draws;
        let mut found = vec![randomisation(ranked, &stages, draws, cells)];
        if let Some(curves) = &trust.curves {
            let tests = [&curves.deletion, &curves.insertion];
            let random = tests.map(|test| gain(&test.over_random));
            let energy = tests.map(|test| gain(&test.over_energy));
            let random = against(name, About::OverRandom, "random order", random);
            let mut energy = against(name, About::OverEnergy, "loudest cells first", energy);
            // Loudness may be a worse guide than chance.
            if energy.outcome == Outcome::For && random.outcome != Outcome::For {
                energy.outcome = Outcome::Open;
                energy.text.push_str(
                    " That says little, as it is not shown to be better than random order in both.",
                );
            }
            found.extend([random, energy]);
        } else {
            let text = "The layer has one cell, so there is no order to test.".into();
            found.push(Sentence { about: About::OverRandom, outcome: Outcome::Open, text });
        }
        found.push(follows_energy(ranked, energy));
        found.push(emptiness(name, empty));
        let Agreement { bands, frames } = &trust.occlusion;
        let (bands, frames) = (bands.as_ref().map(occlusion), frames.as_ref().map(occlusion));
        found.push(occluded(name, "bands", About::OcclusionBands, bands));
        found.push(occluded(name, "frames", About::OcclusionFrames, frames));
        found
    }
}

/// Which checks speak for a map, which against it and which are open.
pub fn summary(sentences: &[Sentence]) -> String {
    let list = |outcome| {
        let found = sentences.iter().filter(|sentence| sentence.outcome == outcome);
        let names: Vec<&str> = found.map(|sentence| sentence.about.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let [for_it, against, open] = [Outcome::For, Outcome::Against, Outcome::Open].map(list);
    format!("Checks that speak for it: {for_it}. Against it: {against}. Open: {open}.")
}
