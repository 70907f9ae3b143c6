//! How far the maps can be trusted: findings, tables and drawings.

use super::tables::Table;
use crate::explain::trust::{Curves, Similarity, Stage, Trust};
use crate::explain::{ClassOcclusion, Estimate, Explanation, occlusion_panels, order_panels};
use crate::plot::Drawing;
use crate::report::answers::{CheckRow, CheckTable};
use crate::report::words::decimals;

/// What was measured about the maps.
#[derive(Debug)]
pub(in crate::report) struct TrustView {
    /// Why there is nothing, if there is nothing.
    pub(in crate::report) missing: String,
    /// The checks, a table for each layer.
    pub(in crate::report) checks: Vec<Table>,
    pub(in crate::report) layers: Vec<LayerTrust>,
    /// What the network loses without a band or a frame, by class.
    pub(in crate::report) occlusion: Option<Figure>,
}

/// What is measured at a layer.
#[derive(Debug)]
pub(in crate::report) struct LayerTrust {
    pub(in crate::report) randomisation: Table,
    pub(in crate::report) curves: Option<Figure>,
}

/// Drawings beside each other.
#[derive(Debug)]
pub(in crate::report) struct Figure {
    pub(in crate::report) drawings: Vec<String>,
    pub(in crate::report) caption: String,
}

impl TrustView {
    pub(in crate::report) fn new(found: &Explanation, checks: &[CheckTable]) -> Self {
        let missing = match found.trust.is_empty() {
            true => "The checks were not measured: explain was run with --no-checks.".into(),
            false => String::new(),
        };
        Self {
            missing,
            checks: checks.iter().map(check_table).collect(),
            layers: found.trust.iter().map(layer).collect(),
            occlusion: occlusion(found),
        }
    }
}

fn check_table(checks: &CheckTable) -> Table {
    let head = ["check", "verdict", "effect", "95 % interval"];
    let row = |row: &CheckRow| {
        vec![row.check.clone(), row.verdict.into(), row.effect.clone(), row.interval.clone()]
    };
    let CheckTable { layer, method, measured_on, rows } = checks;
    Table {
        caption: format!("Checks of {method} at {layer}, on {measured_on}"),
        words: 3,
        head: head.map(String::from).into(),
        rows: rows.iter().map(row).collect(),
    }
}

fn layer(trust: &Trust) -> LayerTrust {
    LayerTrust {
        randomisation: randomisation(&trust.layer, &trust.randomisation.stages),
        curves: trust.curves.as_ref().and_then(curves),
    }
}

/// A mean and its interval.
fn with_interval(estimate: &Estimate) -> String {
    let rounded = |value| decimals(value, 2);
    match (estimate.spread.mean, estimate.interval_95) {
        (Some(mean), Some((low, high))) => {
            let [mean, low, high] = [mean, low, high].map(rounded);
            format!("{mean} ({low} to {high})")
        }
        (Some(mean), None) => rounded(mean),
        (None, _) => "–".into(),
    }
}

fn randomisation(layer: &str, stages: &[Stage]) -> Table {
    let head = ["re-initialised down to", "Grad-CAM, signed", "heatmap", "HiResCAM"];
    let row = |stage: &Stage| {
        let of = |similarity: &Similarity| with_interval(&similarity.rho);
        let all = &stage.similarity;
        vec![stage.node.clone(), of(&all.grad_cam), of(&all.heatmap), of(&all.hires_cam)]
    };
    Table {
        caption: format!(
            "Rank correlation of maps at {layer} under trained and under re-initialised weights, \
             from the output towards the input: mean and 95 % interval. A map that depends on what \
             was learned falls to 0."
        ),
        words: 1,
        head: head.map(String::from).into(),
        rows: stages.iter().map(row).collect(),
    }
}

fn curves(curves: &Curves) -> Option<Figure> {
    Some(Figure {
        drawings: order_panels(curves).ok()?.iter().map(Drawing::svg).collect(),
        caption: format!(
            "Deletion (lower is better) and insertion (higher is better) of {} cells in the order of \
             each map, of loudness, and of {} random orders per sample (shaded: ± one standard \
             deviation).",
            curves.cells, curves.random_draws
        ),
    })
}

fn occlusion(found: &Explanation) -> Option<Figure> {
    let known: Vec<&ClassOcclusion> = found.occlusion.iter().filter(|one| one.n > 0).collect();
    let name = |class: &&ClassOcclusion| {
        found.classes.get(class.label as usize).cloned().unwrap_or_default()
    };
    known.first()?;
    Some(Figure {
        drawings: occlusion_panels(found, 0).ok()?.iter().flatten().map(Drawing::svg).collect(),
        caption: format!(
            "Occlusion: mean drop of the predicted class's probability where a window of bands or \
             frames is replaced by the training mean of each band, over correctly classified samples \
             of each class (n = {}), and mean Grad-CAM of all correct predictions along the same \
             axes.",
            known.iter().map(|c| format!("{} {}", name(c), c.n)).collect::<Vec<_>>().join(", ")
        ),
    })
}
