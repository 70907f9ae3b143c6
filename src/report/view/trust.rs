//! How far the maps can be trusted: findings, tables and drawings.

use super::means::{self, MeanRow};
use super::tables::Table;
use crate::explain::trust::{
    About, Curves, Gain, Outcome, Sentence, Similarity, Stage, Test, Trust, sentences, summary,
};
use crate::explain::{ClassOcclusion, Estimate, Explanation, Methods};
use crate::report::svg::{Lines, lines};
use crate::report::words::counted;

/// An answer from measured figures.
#[derive(Debug)]
pub(super) struct TrustView {
    /// Why there is nothing, if there is nothing.
    pub(super) missing: String,
    /// What all of it comes to.
    pub(super) judgement: Vec<String>,
    pub(super) layers: Vec<LayerTrust>,
    /// What the network loses without a band or a frame, by class.
    pub(super) occlusion: Option<Figure>,
}

/// What is measured at a layer.
#[derive(Debug)]
pub(super) struct LayerTrust {
    pub(super) name: String,
    pub(super) samples: String,
    pub(super) methods: Vec<MethodView>,
    pub(super) randomisation: Table,
    pub(super) curves: Option<Figure>,
    pub(super) means: Vec<MeanRow>,
    pub(super) shares: Option<Table>,
}

/// A kind of map and what was found of it.
#[derive(Debug)]
pub(super) struct MethodView {
    pub(super) name: &'static str,
    pub(super) findings: Vec<Finding>,
}

/// A sentence and how it comes out.
#[derive(Debug)]
pub(super) struct Finding {
    /// `for`, `against`, `open`.
    pub(super) outcome: &'static str,
    pub(super) text: String,
}

/// Drawings beside each other, and what their lines are.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) drawings: Vec<String>,
    pub(super) keys: Vec<String>,
    pub(super) caption: String,
}

impl TrustView {
    pub(super) fn new(found: &Explanation) -> Self {
        let missing = match found.trust.is_empty() {
            true => "This was not measured: explain was run with --no-checks.".into(),
            false => String::new(),
        };
        Self {
            missing,
            judgement: found.trust.iter().flat_map(judgement).collect(),
            layers: found.trust.iter().map(|trust| layer(found, trust)).collect(),
            occlusion: occlusion(found),
        }
    }
}

/// What the checks at a layer come to, method by method.
fn judgement(trust: &Trust) -> Vec<String> {
    let Methods { grad_cam, hires_cam } = sentences(trust);
    let gain = |of: fn(&Methods<Gain>) -> &Gain| {
        let curves = trust.curves.as_ref()?;
        let mean = |test: &Test| of(&test.over_random).gain.spread.mean;
        Some([mean(&curves.deletion)?, mean(&curves.insertion)?])
    };
    vec![
        judged("Grad-CAM", &trust.layer, &grad_cam, gain(|methods| &methods.grad_cam)),
        judged("HiResCAM", &trust.layer, &hires_cam, gain(|methods| &methods.hires_cam)),
    ]
}

/// `gain` is what a map's order is better than random order, by deletion and by insertion.
fn judged(name: &str, layer: &str, found: &[Sentence], gain: Option<[f64; 2]>) -> String {
    let count = |outcome| found.iter().filter(|sentence| sentence.outcome == outcome).count();
    let mut text = format!(
        "{name} at {layer}: of {} checks {} for it, {} against it, {} open. {}",
        found.len(),
        count(Outcome::For),
        count(Outcome::Against),
        count(Outcome::Open),
        summary(found)
    );
    let over_random = found.iter().find(|sentence| sentence.about == About::OverRandom);
    if let (Some(sentence), Some([deletion, insertion])) = (over_random, gain) {
        let verdict = match sentence.outcome {
            Outcome::For => {
                "on average it marks what the network uses better than chance does; of a single map \
                 that says less"
            }
            Outcome::Against => "where it is bright must not be read as where the genre is heard",
            Outcome::Open => "whether it marks what the network uses better than chance stays open",
        };
        text.push_str(&format!(
            " Against random order it gains {deletion:+.3} in area by deletion and \
             {insertion:+.3} by insertion (samples and intervals below): {verdict}."
        ));
    }
    text
}

fn layer(found: &Explanation, trust: &Trust) -> LayerTrust {
    let Methods { grad_cam, hires_cam } = sentences(trust);
    LayerTrust {
        name: trust.layer.clone(),
        samples: counted(trust.samples.len(), "sample"),
        methods: vec![method("Grad-CAM", &grad_cam), method("HiResCAM", &hires_cam)],
        randomisation: randomisation(&trust.randomisation.stages),
        curves: trust.curves.as_ref().map(curves),
        means: means::rows(found, &trust.layer),
        shares: means::shares(found, &trust.layer),
    }
}

fn method(name: &'static str, found: &[Sentence]) -> MethodView {
    let finding = |sentence: &Sentence| Finding {
        outcome: match sentence.outcome {
            Outcome::For => "for",
            Outcome::Against => "against",
            Outcome::Open => "open",
        },
        text: sentence.text.clone(),
    };
    MethodView { name, findings: found.iter().map(finding).collect() }
}

/// A mean and its interval.
fn told(estimate: &Estimate) -> String {
    match (estimate.spread.mean, estimate.interval_95) {
        (Some(mean), Some((low, high))) => format!("{mean:.2} ({low:.2} to {high:.2})"),
        (Some(mean), None) => format!("{mean:.2}"),
        (None, _) => "–".into(),
    }
}

fn randomisation(stages: &[Stage]) -> Table {
    let head = ["redrawn down to", "Grad-CAM, signed", "heatmap", "HiResCAM"];
    let row = |stage: &Stage| {
        let of = |similarity: &Similarity| told(&similarity.rho);
        let all = &stage.similarity;
        vec![stage.node.clone(), of(&all.grad_cam), of(&all.heatmap), of(&all.hires_cam)]
    };
    Table {
        caption: "Rank correlation of maps under trained and under redrawn weights, from the \
                  output towards the input: mean and 95 % interval. A map that depends on what was \
                  learned falls to 0."
            .into(),
        words: 1,
        head: head.map(String::from).into(),
        rows: stages.iter().map(row).collect(),
    }
}

fn curves(curves: &Curves) -> Figure {
    let keys = ["Grad-CAM", "HiResCAM", "loudest first", "random order"].map(String::from);
    let draw = |what: &str, test: &Test| {
        let all = [&test.by_map.grad_cam, &test.by_map.hires_cam, &test.by_energy, &test.by_random];
        let series: Vec<(String, Vec<f64>)> =
            keys.iter().cloned().zip(all.map(|course| course.curve.mean.clone())).collect();
        let areas: Vec<String> = keys
            .iter()
            .zip(all)
            .filter_map(|(key, course)| Some(format!("{key} {:.3}", course.area.mean?)))
            .collect();
        let label = format!(
            "Mean probability of the class against the share of cells {what}; areas under the \
             curves: {}",
            areas.join(", ")
        );
        let across = format!("share of cells {what}");
        lines(&Lines {
            across: &across,
            name: "probability of the class",
            label: &label,
            at: &curves.shares,
            series: &series,
        })
    };
    Figure {
        drawings: vec![draw("deleted", &curves.deletion), draw("inserted", &curves.insertion)],
        caption: format!(
            "Deletion (low is good) and insertion (high is good) of {} cells in the order of each \
             map, of loudness, and of {} random orders a sample.",
            curves.cells, curves.random_draws
        ),
        keys: keys.into(),
    }
}

fn occlusion(found: &Explanation) -> Option<Figure> {
    let known = |class: &&ClassOcclusion| class.n > 0;
    let classes: Vec<&ClassOcclusion> = found.occlusion.iter().filter(known).collect();
    let name = |class: &&ClassOcclusion| {
        found.classes.get(class.label as usize).cloned().unwrap_or_default()
    };
    let first = classes.first()?;
    let draw = |axis: &str, length: usize, of: fn(&ClassOcclusion) -> &Vec<f64>| {
        let at: Vec<f64> = (0..length).map(|i| i as f64).collect();
        let series: Vec<(String, Vec<f64>)> =
            classes.iter().map(|class| (name(class), of(class).clone())).collect();
        let label = format!("Mean fall of the class's probability without a {axis}, by class");
        lines(&Lines {
            across: axis,
            name: "fall of probability",
            label: &label,
            at: &at,
            series: &series,
        })
    };
    Some(Figure {
        drawings: vec![
            draw("band", first.bands.mean.len(), |class| &class.bands.mean),
            draw("frame", first.frames.mean.len(), |class| &class.frames.mean),
        ],
        keys: classes.iter().map(name).collect(),
        caption: format!(
            "Without maps: the mean fall of the explained class's probability where a window of \
             bands or frames is muted, by true class ({}).",
            classes.iter().map(|c| format!("{} {}", name(c), c.n)).collect::<Vec<_>>().join(", ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_judgement_counts_outcomes_and_turns_on_what_the_network_uses() {
        let sentence = |about, outcome| Sentence { about, outcome, text: String::new() };
        let found = [
            sentence(About::Empty, Outcome::For),
            sentence(About::Energy, Outcome::Open),
            sentence(About::OverRandom, Outcome::Against),
            sentence(About::OverEnergy, Outcome::Against),
        ];
        let text = judged("Grad-CAM", "pool", &found, Some([-0.05, 0.01]));
        for part in [
            "Grad-CAM at pool: of 4 checks 1 for it, 2 against it, 1 open",
            "gains -0.050 in area by deletion and +0.010 by insertion (samples and intervals below): where it is",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let found = [sentence(About::OverRandom, Outcome::For)];
        let text = judged("Grad-CAM", "pool", &found, Some([0.1, 0.1]));
        assert!(text.contains("on average it marks what the network uses"), "{text}");
        assert!(!judged("Grad-CAM", "pool", &found, None).contains("it gains"));
    }
}
