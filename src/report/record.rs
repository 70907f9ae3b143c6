//! What a run's folder holds, read and checked.

use std::collections::BTreeMap;
use std::path::Path;

use crate::data::{Part, PartName};
use crate::error::{Error, Result};
use crate::explain::{ExplainFolder, Explanation, SignedMap};
use crate::graph::Graph;
use crate::models::Model;
use crate::train::checkpoint::Checkpoint;
use crate::train::history::Epoch;
use crate::train::results::PartMetrics;
use crate::train::run_folder::{Metrics, Predictions, RunFolder};
use crate::train::settings::Config;
use crate::train::{ModelFacts, SavedModel};

/// A finished and explained run.
#[derive(Debug)]
pub(super) struct RunRecord {
    pub(super) folder: RunFolder,
    pub(super) config: Config,
    pub(super) metrics: Metrics,
    pub(super) history: Vec<Epoch>,
    pub(super) facts: ModelFacts,
    pub(super) model: Model,
    pub(super) graph: Graph,
    pub(super) explanation: Explanation,
    /// Labels and songs of validation and test, without samples.
    pub(super) labels: BTreeMap<PartName, Part>,
}

impl RunRecord {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let folder = RunFolder::open(path)?;
        let config = Config::read(&folder.config())?;
        folder.check_finished()?;
        folder.check_resumable()?;
        let (saved, graph) = SavedModel::read(&folder.model())?;
        let SavedModel { facts, .. } = saved;
        let model = Model::parse(&facts.name, &facts.model)?;
        let history = Checkpoint::read(&folder.checkpoint())?.position.history;
        if history.len() != config.epochs {
            let problem = format!(
                "expected the history of {} epochs, found {}: the run is not finished; go on with \
                 genre-gpu train --resume {}",
                config.epochs,
                history.len(),
                path.display()
            );
            return Err(Error::Run { path: path.into(), problem });
        }
        let metrics = folder.read_metrics()?;
        let fail = |problem: String| Error::Run { path: folder.metrics(), problem };
        let n = facts.classes.len();
        let square = |rows: &Vec<Vec<u64>>| rows.len() == n && rows.iter().all(|r| r.len() == n);
        for name in PartName::ALL {
            let part = metrics.parts.get(name.as_str());
            let part =
                part.ok_or_else(|| fail(format!("expected figures of {name}, found none")))?;
            if !square(&part.confusion) || part.song_confusion.as_ref().is_some_and(|m| !square(m))
            {
                return Err(fail(format!("expected matrices of {n} classes for {name}")));
            }
        }
        let explanation = explanation(&folder, &facts)?;
        let labels = [PartName::Val, PartName::Test].into_iter();
        let labels = labels
            .map(|part| Ok((part, labels_of(folder.read_predictions(part, &facts.classes)?))))
            .collect::<Result<_>>()?;
        Ok(Self { folder, config, metrics, history, facts, model, graph, explanation, labels })
    }

    /// Figures of a part; [`RunRecord::read`] made sure that they are there.
    pub(super) fn part(&self, name: PartName) -> &PartMetrics {
        &self.metrics.parts[name.as_str()]
    }

    /// The command line that names this run's folder.
    pub(super) fn path(&self) -> String {
        self.folder.path().display().to_string()
    }
}

fn explanation(run: &RunFolder, facts: &ModelFacts) -> Result<Explanation> {
    let folder = ExplainFolder::of(run);
    let found = folder.read(run)?;
    let fail = |problem: String| {
        let again = format!("{problem}; run genre-gpu explain {}", run.path().display());
        Error::Run { path: folder.json(), problem: again }
    };
    check(&found, facts).map_err(fail)?;
    Ok(found)
}

/// Number of cells, where it fits a word.
fn cells([rows, columns]: [usize; 2]) -> Option<usize> {
    rows.checked_mul(columns)
}

/// What the page relies on.
fn check(found: &Explanation, facts: &ModelFacts) -> Result<(), String> {
    let [h, w, _] = facts.sample_shape;
    if found.classes != facts.classes || found.sample_shape != [h, w] {
        return Err(format!(
            "expected classes {:?} and samples of {:?}, found {:?} and {:?}",
            facts.classes,
            [h, w],
            found.classes,
            found.sample_shape
        ));
    }
    let n = facts.classes.len();
    let label = |label: u32| (label as usize) < n;
    for part in &found.parts {
        let wrong = part.classes.iter().flat_map(|class| &class.wrong);
        if part.classes.len() != n || !wrong.map(|w| w.predicted).all(label) {
            return Err(format!("part {}: expected {n} classes", part.part));
        }
    }
    for shown in &found.shown {
        let place = format!("{} sample {}", shown.part, shown.index);
        let labels = [shown.truth, shown.predicted, shown.target];
        if !labels.into_iter().all(label) || shown.probabilities.len() != n {
            return Err(format!("{place}: expected {n} classes"));
        }
        if shown.picture.values().is_none_or(|values| values.len() != h * w) {
            return Err(format!("{place}: expected a spectrogram of {h} x {w}"));
        }
        if shown.maps.len() != found.layers.len() {
            return Err(format!("{place}: expected a map of each layer"));
        }
        for (layer, map) in found.layers.iter().zip(&shown.maps) {
            let [h, w, _] = layer.shape;
            let count =
                cells([h, w]).ok_or_else(|| format!("layer {}: {h} x {w} cells", layer.name))?;
            let places = cells([layer.place.bands.count, layer.place.frames.count]);
            let len = |map: &SignedMap| map.values().map(|values| values.len());
            let sizes = [places, len(&map.grad_cam), len(&map.hires_cam)];
            if sizes.iter().any(|size| *size != Some(count)) {
                return Err(format!("{place}, layer {}: expected {count} cells", layer.name));
            }
        }
    }
    Ok(())
}

/// Labels and songs of predictions, without samples.
fn labels_of(predictions: Predictions) -> Part {
    Part { x: Vec::new(), y: predictions.labels, song: predictions.songs }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_do_not_fit_a_word_are_refused() {
        assert_eq!(cells([3, 5]), Some(15));
        assert_eq!(cells([usize::MAX, 2]), None);
        assert_eq!(cells([0, usize::MAX]), Some(0));
    }
}
