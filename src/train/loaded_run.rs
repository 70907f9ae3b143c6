//! A finished run with its data, as `evaluate` and `explain` need it.

use std::path::Path;

use super::SavedModel;
use super::run_folder::RunFolder;
use super::settings::Config;
use super::source::{self, Source};
use crate::data::PartName;
use crate::error::{DataProblem, Error, Result};
use crate::graph::Graph;
use crate::progress::Progress;

/// Weights, network and data of a run. Samples are scaled by [`LoadedRun::scale`].
#[derive(Debug)]
pub struct LoadedRun {
    /// Its folder.
    pub folder: RunFolder,
    /// Its settings, with the changes that were asked for.
    pub config: Config,
    /// The weights and the facts stored with them.
    pub saved: SavedModel,
    /// The network.
    pub graph: Graph,
    /// The data it was trained on, or others that were asked for.
    pub source: Source,
}

impl LoadedRun {
    /// Loads a run's weights and the data that `config` names.
    ///
    /// # Errors
    /// If the run is not finished, a file is damaged, or the data have another shape or number of
    /// classes than the model.
    pub fn open(
        folder: RunFolder,
        mut config: Config,
        cache_dir: Option<&Path>,
        parts: &[PartName],
        progress: &dyn Progress,
    ) -> Result<Self> {
        folder.check_finished()?;
        let (saved, graph) = folder.read_model()?;
        let facts = &saved.facts;
        let named = config.class_names.is_some();
        config.class_names.get_or_insert_with(|| facts.classes.clone());
        let source = source::load(&config, cache_dir, parts, progress)
            .map_err(|error| if named { error } else { of_model(error) })?;
        let data = &source.data;
        if (data.sample_shape, data.classes.len()) != (facts.sample_shape, facts.classes.len()) {
            let problem = format!(
                "expected samples of shape {:?} and {} classes, as its model was trained on; {} \
                 has {:?} and {}",
                facts.sample_shape,
                facts.classes.len(),
                data.source,
                data.sample_shape,
                data.classes.len()
            );
            return Err(Error::Run { path: folder.path().into(), problem });
        }
        Ok(Self { folder, config, saved, graph, source })
    }

    /// A warning if the run's data have changed since. Of some parts alone the run's metrics tell it,
    /// but for those of older versions.
    pub fn data_change(&self, parts: &[PartName]) -> Option<String> {
        let (data, trained_on) = (&self.source.data, &self.saved.facts.data_hash);
        if parts.len() == PartName::ALL.len() {
            return (data.hash != *trained_on).then(|| {
                format!(
                    "{} has changed since the run: its hash is {}, that of the run's data \
                     {trained_on}",
                    data.source, data.hash
                )
            });
        }
        let metrics = self.folder.read_metrics().ok()?;
        let changed = |part: &PartName| {
            let then = metrics.parts.get(part.as_str())?.data_hash.as_ref()?;
            let now = data.part_hash(*part)?;
            (now != *then).then(|| {
                format!(
                    "the {} part of {} has changed since the run: its hash is {now}, that of the \
                     run's data {then}",
                    part.word(),
                    data.source
                )
            })
        };
        parts.iter().find_map(changed)
    }

    /// Scales the samples as the training set was. To be called once.
    pub fn scale(&mut self) {
        self.source.data.apply(&self.saved.facts.scale);
    }
}

/// Labels that do not fit: not names that a flag gave are to blame, but the classes of the model.
fn of_model(error: Error) -> Error {
    match error {
        Error::Data {
            place,
            problem: DataProblem::Label { index, value, classes, by: Some(_) },
        } => {
            let by = Some("the run's model".to_owned());
            Error::Data { place, problem: DataProblem::Label { index, value, classes, by } }
        }
        Error::Data { place, problem: DataProblem::OneHotWidth { expected, found, .. } } => {
            let by = "the run's model".to_owned();
            Error::Data { place, problem: DataProblem::OneHotWidth { expected, by, found } }
        }
        other => other,
    }
}
