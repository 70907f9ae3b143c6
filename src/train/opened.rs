//! A finished run with its data: what looks at it again begins with.

use std::path::Path;

use super::SavedModel;
use super::config::Config;
use super::run_folder::RunFolder;
use super::source::{self, Source};
use crate::data::PartName;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::progress::Progress;

/// Weights, network and data of a run; samples are not scaled yet.
#[derive(Debug)]
pub struct Opened {
    /// Where it lies.
    pub folder: RunFolder,
    /// What it was told to do, but for what was asked to be otherwise now.
    pub config: Config,
    /// The weights, and what their file says of them.
    pub saved: SavedModel,
    /// The network.
    pub graph: Graph,
    /// What it was trained on, or what was asked for instead.
    pub source: Source,
}

impl Opened {
    /// Opens a run's weights and the data that `config` names.
    ///
    /// # Errors
    /// If the run is not finished, a file is damaged, or the data are not such as its model takes.
    pub fn open(
        folder: RunFolder,
        mut config: Config,
        cache_dir: Option<&Path>,
        parts: &[PartName],
        progress: &dyn Progress,
    ) -> Result<Self> {
        folder.check_finished()?;
        let (saved, graph) = SavedModel::read(&folder.model())?;
        let facts = &saved.facts;
        config.class_names.get_or_insert_with(|| facts.classes.clone());
        let source = source::load(&config, cache_dir, parts, progress)?;
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

    /// What to say where the run's own data are no longer what they were; the hash is over all
    /// parts, so of some alone nothing is said.
    pub fn change(&self, parts: &[PartName]) -> Option<String> {
        let (data, was) = (&self.source.data, &self.saved.facts.data_hash);
        (parts.len() == PartName::ALL.len() && data.hash != *was).then(|| {
            format!(
                "{} has changed since the run: its hash is {}, that of the run's data {was}",
                data.source, data.hash
            )
        })
    }

    /// Scales the samples as the training set was; once.
    pub fn scale(&mut self) {
        self.source.data.apply(&self.saved.facts.scale);
    }
}
