//! Loads the samples of a run: the user's arrays, or the demo corpus.

#[cfg(feature = "audio")]
mod origin;

use std::path::Path;

#[cfg(feature = "audio")]
use super::recordings::Recordings;
use super::settings::{CheckpointSelection, Config};
use crate::audio::{Cutting, FrontEnd};
use crate::data::{ArrayName, DataFrom, DataOptions, Dataset, GroupBy, HeldArray, PartName, Role};
use crate::error::{Error, Result};
use crate::models::EarlyStopping;
use crate::progress::Progress;

#[cfg(feature = "audio")]
pub use origin::cache_folder;

/// A dataset, and how its sound became spectrograms where that is known.
#[derive(Debug)]
pub struct Source {
    /// Samples, labels, songs.
    pub data: Dataset,
    /// How sound became spectrograms: known for the demo corpus and arrays that `prepare` made, or
    /// given by the settings.
    pub front_end: Option<FrontEnd>,
    /// How songs were cut, where the front end is known.
    pub cutting: Option<Cutting>,
    /// The recordings that samples were cut from, where the front end is known.
    #[cfg(feature = "audio")]
    pub recordings: Option<Recordings>,
}

/// Loads the arrays that a configuration names into memory, or without any the demo corpus from
/// `cache_dir` (by default the user's cache folder).
///
/// # Errors
/// If arrays are missing or unusable, or the corpus cannot be made.
pub fn load(
    config: &Config,
    cache_dir: Option<&Path>,
    parts: &[PartName],
    progress: &dyn Progress,
) -> Result<Source> {
    open(config, cache_dir, parts, DataFrom::Memory, progress)
}

/// As [`load`], but samples may stay on disk, according to `from`.
///
/// # Errors
/// As [`load`], or if samples must stay on disk and cannot be read from there by position.
pub fn open(
    config: &Config,
    cache_dir: Option<&Path>,
    parts: &[PartName],
    from: DataFrom,
    progress: &dyn Progress,
) -> Result<Source> {
    let (parts, from, wanted) = match &config.fold {
        // All parts are divided anew, in memory.
        Some(fold) => (fold.parts(), DataFrom::Memory, parts),
        None => (parts, from, parts),
    };
    let options =
        config.data.as_deref().map(|path| array_options(config, path, parts, from)).transpose()?;
    #[cfg(feature = "audio")]
    let mut source = match options {
        Some(options) => origin::load_arrays(&options, cache_dir, progress),
        None => origin::load_demo(cache_dir, parts, from, progress),
    }?;
    #[cfg(not(feature = "audio"))]
    let mut source = {
        // The corpus is synthesised, and arrays of prepare are arrays like any other.
        let _ = cache_dir;
        let missing = Error::Feature { what: "demo corpus", feature: "audio" };
        let data = Dataset::load(&options.ok_or(missing)?, progress)?;
        Source { data, front_end: None, cutting: None }
    };
    if let Some(fold) = &config.fold {
        let fold = source.data.into_fold(fold).map_err(|error| match (&error, &fold.by) {
            (Error::Io { .. }, GroupBy::File(_)) => Error::WithHelp {
                source: Box::new(error),
                help:
                    "the run's folds were made of this list of groups; bring it back to this place"
                        .into(),
            },
            _ => error,
        })?;
        source.data = fold.only(wanted);
    }
    source.front_end = front_end(config, &source)?;
    Ok(source)
}

/// The samples of arrays that a caller holds in memory, under the names that files of them would have.
/// Validation and test samples may be absent where no setting asks for them.
///
/// # Errors
/// If arrays are unusable.
pub fn of_arrays(
    config: &Config,
    arrays: &[HeldArray<'_>],
    progress: &dyn Progress,
) -> Result<Source> {
    let has = |part: &PartName| {
        let name = ArrayName { role: Role::X, part: *part };
        arrays.iter().any(|array| ArrayName::of(array.name) == Some(name))
    };
    let parts: Vec<PartName> = PartName::ALL.into_iter().filter(has).collect();
    if parts.contains(&PartName::Train) && !parts.contains(&PartName::Val) {
        let by_validation = [
            ("early-stopping", config.early_stopping != EarlyStopping::None),
            ("keep", config.keep == CheckpointSelection::Best),
            ("schedule", config.schedule.depends_on_losses()),
        ];
        if let Some((name, _)) = by_validation.into_iter().find(|(_, chooses)| *chooses) {
            let expected = "validation samples, whose loss decides";
            return Err(Error::Setting { name, expected, found: "none".into() });
        }
    }
    let options = array_options(config, Path::new(""), &parts, DataFrom::Memory)?;
    let data = Dataset::load_held(arrays, &options, progress)?;
    let mut source = Source {
        data,
        front_end: None,
        cutting: None,
        #[cfg(feature = "audio")]
        recordings: None,
    };
    source.front_end = front_end(config, &source)?;
    Ok(source)
}

/// How the sound of a source became spectrograms: known, or given by the settings.
fn front_end(config: &Config, source: &Source) -> Result<Option<FrontEnd>> {
    let Some(given) = &config.front_end else { return Ok(source.front_end.clone()) };
    if let Some(known) = &source.front_end {
        return Err(Error::Setting {
            name: "front-end",
            expected: "arrays of unknown front end",
            found: format!(
                "{} of {}; leave out --front-end {given}",
                known.name, source.data.source
            ),
        });
    }
    let [h, w, _] = source.data.sample_shape;
    given.of_samples([h, w]).map(Some)
}

/// Whether the demo corpus need not be made.
pub fn has_demo(cache_dir: Option<&Path>) -> bool {
    #[cfg(feature = "audio")]
    let has = cache_folder(cache_dir).is_ok_and(|cache| origin::is_made(&cache));
    #[cfg(not(feature = "audio"))]
    let has = {
        let _ = cache_dir;
        false
    };
    has
}

/// The options for the arrays that a configuration names.
fn array_options(
    config: &Config,
    path: &Path,
    parts: &[PartName],
    from: DataFrom,
) -> Result<DataOptions> {
    let mut options = DataOptions::new(path);
    options.transpose = config.transpose;
    options.class_names.clone_from(&config.class_names);
    options.split = config.split;
    (options.parts, options.from) = (parts.to_vec(), from);
    for (key, array) in &config.arrays {
        // One key for each array, so that none can be given twice.
        let name = ArrayName::of_key(key).filter(|_| key.contains('_') || config.split.is_some());
        let name = name.ok_or_else(|| Error::Setting {
            name: "arrays",
            expected: "keys x_train, y_train, song_train, or the same with val or test; with --split \
                       also x, y, song",
            found: key.clone(),
        })?;
        options.explicit.insert(name, array.clone());
    }
    Ok(options)
}
