//! The runs' models held against the first one's, on the same test songs.

use super::record::RunRecord;
use crate::compare::{DataReport, ModelRuns, RunFigures};
use crate::data::{Dataset, Part, PartName};
use crate::error::Result;

/// A run against the first.
#[derive(Debug)]
pub(super) enum Versus {
    /// On the same data: two models, the first run's the baseline; test, then validation.
    Same(Box<DataReport>),
    /// Why they cannot be compared.
    Unlike(String),
}

/// Holds `run` against `first`.
pub(super) fn versus(first: &RunRecord, run: &RunRecord) -> Result<Versus> {
    let [here, there] = [&run.facts, &first.facts].map(|facts| &facts.data_hash);
    if here != there {
        return Ok(Versus::Unlike(format!(
            "The runs are of different data ({} with hash {here}, {} with hash {there}), so their \
             figures are not held against each other.",
            run.metrics.data, first.metrics.data
        )));
    }
    let data = dataset(first);
    let model = |run: &RunRecord| -> Result<ModelRuns> {
        let (name, parameters) = (run.heading(), run.metrics.parameters);
        let figures = RunFigures::read(&run.folder, run.config.seed, &run.facts.classes, &data)?;
        Ok(ModelRuns { name, parameters, runs: vec![figures] })
    };
    let models = [model(first)?, model(run)?];
    let shown = [PartName::Test, PartName::Val];
    Ok(Versus::Same(Box::new(DataReport::new(&run.metrics.data, &data, &models, 0, &shown)?)))
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
    }
}
