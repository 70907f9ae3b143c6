//! The runs' models held against the first one's, on the same test songs.

use std::rc::Rc;

use super::record::RunRecord;
use crate::compare::{DataReport, ModelRuns, RunFigures};
use crate::data::{Dataset, Part, PartName};
use crate::error::Result;

/// A run against the first.
#[derive(Debug)]
pub(super) enum Versus {
    /// On the same data: all such models, the first run's the baseline; test, then validation.
    Same {
        report: Rc<DataReport>,
        /// The run's place among the models.
        at: usize,
    },
    /// Why they cannot be compared.
    Unlike(String),
}

/// Compares each run with the first; none for the first itself.
pub(super) fn versus(runs: &[RunRecord]) -> Result<Vec<Option<Versus>>> {
    let Some(first) = runs.first() else { return Ok(Vec::new()) };
    let data = dataset(first);
    let is_alike = |run: &&RunRecord| run.facts.data_hash == first.facts.data_hash;
    let model = |run: &RunRecord| -> Result<ModelRuns> {
        let (name, parameters) = (run.heading(), run.metrics.parameters);
        let figures = RunFigures::read(&run.folder, run.config.seed, &run.facts.classes, &data)?;
        Ok(ModelRuns { name, parameters, runs: vec![figures] })
    };
    let models = runs.iter().filter(is_alike).map(model).collect::<Result<Vec<_>>>()?;
    let shown = [PartName::Test, PartName::Val];
    let report = match models.len() {
        1 => None,
        _ => Some(Rc::new(DataReport::new(&first.metrics.data, &data, &models, 0, &shown)?)),
    };
    let mut at = 0;
    let of = |run: &RunRecord| match report.as_ref().filter(|_| is_alike(&run)) {
        Some(report) => {
            at += 1;
            Versus::Same { report: Rc::clone(report), at }
        }
        None => Versus::Unlike(format!(
            "The runs are of different data ({} with hash {}, {} with hash {}), so they cannot be \
             compared.",
            run.metrics.data, run.facts.data_hash, first.metrics.data, first.facts.data_hash
        )),
    };
    Ok(std::iter::once(None).chain(runs[1..].iter().map(of).map(Some)).collect())
}

/// The data set but for its samples, which no figure here needs.
fn dataset(run: &RunRecord) -> Dataset {
    let part = |name: PartName| run.labels.get(&name).cloned().unwrap_or_default();
    Dataset {
        source: run.metrics.data.clone(),
        sample_shape: run.facts.sample_shape,
        classes: run.facts.classes.clone(),
        assumed_classes: false,
        train: Part::default(),
        val: part(PartName::Val),
        test: part(PartName::Test),
        found: Vec::new(),
        scale: run.facts.scale,
        disk: None,
        hash: run.facts.data_hash.clone(),
        song_ids: Default::default(),
        val_is_test: false,
    }
}
