//! A finished run with its data, as `evaluate` and `explain` need it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use super::SavedModel;
use super::run_folder::RunFolder;
use super::settings::Config;
use super::source::{self, Source};
use crate::data::{ArrayFacts, ArrayName, DEMO_SOURCE, DataFrom, Dataset, PartName, Role, Values};
use crate::error::{DataProblem, Error, Result};
use crate::graph::Graph;
use crate::progress::{Progress, Silent};

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
    /// Which weights these are, if training has gone on since they were written.
    pub behind: Option<String>,
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
        let (saved, graph, behind) = folder.read_model_and_age()?;
        let facts = &saved.facts;
        if data_are_unknown(&config, &saved) {
            let problem = format!(
                "was imported; where {} lie is not known: give data with --data PATH",
                if facts.is_foreign() { "its training data" } else { &facts.data_source }
            );
            return Err(Error::Run { path: folder.path().into(), problem });
        }
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
        Ok(Self { folder, config, saved, graph, behind, source })
    }

    /// A warning if the run's data have changed since. Of some parts alone the run's metrics tell it,
    /// but for those of older versions.
    pub fn data_change(&self, parts: &[PartName]) -> Option<String> {
        let (data, trained_on) = (&self.source.data, &self.saved.facts.data_hash);
        let fold = self.config.fold.as_ref();
        let source = fold.map_or_else(|| data.source.clone(), |fold| fold.made_of(&data.source));
        if parts.len() == PartName::ALL.len() {
            return (data.hash != *trained_on).then(|| {
                // The demo corpus: each version of its generator makes other songs.
                let way = if self.config.data.is_none() {
                    "; where an earlier version has left the run's own in the cache (a folder demo-1-SEED), \
                     --data FOLDER reads it"
                } else {
                    ""
                };
                format!(
                    "{source} has changed since the run: its hash is {}, that of the run's data \
                     {trained_on}{way}",
                    data.hash
                )
            });
        }
        let metrics = self.folder.read_metrics().ok()?;
        let changed = |part: &PartName| {
            let then = metrics.parts.get(part.as_str())?.data_hash.as_ref()?;
            let now = data.part_hash(*part)?;
            (now != *then).then(|| {
                format!(
                    "the {} part of {source} has changed since the run: its hash is {now}, that of the \
                     run's data {then}",
                    part.word()
                )
            })
        };
        parts.iter().find_map(changed)
    }

    /// Which samples of `parts` that are not for training the run was trained on, if the data are
    /// others than the run's or only a part of them. Both are compared by value, so that it does not
    /// matter how data are split, named or copied.
    ///
    /// # Errors
    /// Why it is not known: the run's data cannot be read, or have changed.
    pub fn trained_on(
        &self,
        cache_dir: Option<&Path>,
        parts: &[PartName],
    ) -> Result<Vec<TrainedOn>, String> {
        let (data, facts) = (&self.source.data, &self.saved.facts);
        let judged: Vec<PartName> =
            parts.iter().copied().filter(|part| *part != PartName::Train).collect();
        // The run's own parts, which were audited when it was trained: its data need not be read again.
        let metrics = self.folder.read_metrics().ok();
        let is_own = |part: &PartName| {
            let then = metrics.as_ref().and_then(|metrics| metrics.parts.get(part.as_str()));
            let then = then.and_then(|then| then.data_hash.clone());
            then.is_some() && then == data.part_hash(*part)
        };
        if data.hash == facts.data_hash || judged.iter().all(is_own) {
            return Ok(Vec::new());
        }
        let own = Config::read(&self.folder.config()).map_err(|error| error.to_string())?;
        if data_are_unknown(&own, &self.saved) {
            return Err(
                "the model was imported, and the data it was trained on are not here".into()
            );
        }
        if own.data.is_none() && !source::has_demo(cache_dir) {
            return Err("the demo corpus that it was trained on is not in the cache".into());
        }
        let trained = source::open(&own, cache_dir, &PartName::ALL, DataFrom::Auto, &Silent)
            .map_err(|error| format!("the run's data cannot be read ({error})"))?
            .data;
        if trained.hash != facts.data_hash {
            return Err(format!("{} has changed since the run", trained.source));
        }
        let place = |config: &Config| config.data.as_ref().map(|path| path.canonicalize().ok());
        let same_place = place(&own) == place(&self.config) && own.arrays == self.config.arrays;
        let split = match (own.split, self.config.split) {
            (Some(own), Some(other)) if same_place && own != other => Some([own, other]),
            _ => None,
        };
        let samples: BTreeSet<u128> = prints(&trained, PartName::Train).collect();
        let songs = songs(&trained, PartName::Train);
        let found = judged.into_iter().map(|part| {
            let own_songs = self::songs(data, part).filter(|_| same_place);
            TrainedOn {
                part,
                samples: prints(data, part).filter(|hash| samples.contains(hash)).count(),
                of_samples: data.part(part).len(),
                songs: songs.as_ref().zip(own_songs).map(|(songs, own)| {
                    (own.iter().filter(|song| songs.contains(*song)).count(), own.len())
                }),
                splits: split.map(|splits| splits.map(|split| split.to_string())),
            }
        });
        Ok(found
            .filter(|found| found.samples > 0 || found.songs.is_some_and(|s| s.0 > 0))
            .collect())
    }

    /// Scales the samples as the training set was. To be called once.
    pub fn scale(&mut self) {
        self.source.data.apply(&self.saved.facts.scale);
    }
}

/// Whether settings without data do not mean the demo corpus: those of an imported model.
fn data_are_unknown(config: &Config, saved: &SavedModel) -> bool {
    config.data.is_none() && saved.facts.data_source != DEMO_SOURCE
}

/// Samples of a part that a run was trained on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainedOn {
    /// The part.
    pub part: PartName,
    /// Its samples that equal one of training.
    pub samples: usize,
    /// All its samples.
    pub of_samples: usize,
    /// Its songs that training has too, and all its songs, where ids are those of the run.
    pub songs: Option<(usize, usize)>,
    /// How the run's data were split, and how these are, if otherwise.
    pub splits: Option<[String; 2]>,
}

impl fmt::Display for TrainedOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, samples, of_samples, songs, splits } = self;
        write!(f, "the run was trained on {samples} of these {of_samples} {part} samples")?;
        if let Some((songs, of_songs)) = songs {
            write!(f, " and {songs} of their {of_songs} songs")?;
        }
        f.write_str(", so scores look too good")?;
        match splits {
            Some([own, other]) => {
                write!(f, "; its own split is --split {own}, not {other}: leave --split out")
            }
            None => Ok(()),
        }
    }
}

/// Identifies the samples of a part by their values. Equal constant ones prove nothing.
fn prints(data: &Dataset, part: PartName) -> impl Iterator<Item = u128> {
    let of_part = move |facts: &&ArrayFacts| facts.name == ArrayName { role: Role::X, part };
    let values = data.found.iter().filter(of_part).map(|facts| &facts.values);
    let prints = values.filter_map(|values| match values {
        Values::Samples { fingerprints, .. } => Some(fingerprints),
        _ => None,
    });
    prints.flatten().filter(|print| !print.constant).map(|print| print.hash)
}

/// The songs of a part, which id and label identify together.
fn songs(data: &Dataset, part: PartName) -> Option<BTreeSet<(i64, u32)>> {
    let part = data.part(part);
    Some(part.song.as_ref()?.iter().copied().zip(part.y.iter().copied()).collect())
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
