//! What the arrays of a run were made of: the demo corpus, a copy of it, or songs.

use std::path::{Path, PathBuf};

use super::super::recordings::Recordings;
use super::Source;
use crate::audio::{CutFrom, Cutting, FrontEnd, ZeroDb};
use crate::data::{DataFrom, DataOptions, Dataset, PartName};
use crate::demo::{self, DemoCorpus};
use crate::error::{Error, Result};
use crate::prepare::{self, Record};
use crate::progress::Progress;

/// What the arrays of a run are, decided before they are loaded.
#[derive(Debug)]
enum Origin {
    /// The demo corpus in the cache folder.
    Demo(DemoCorpus),
    /// A copy of the demo corpus in the user's folder.
    DemoCopy(DemoCorpus),
    /// Other arrays, with the record beside them if `prepare` made them.
    Arrays(Option<Box<Record>>),
}

/// Loads arrays of the user's, with all that is known of their sound.
pub(super) fn load_arrays(
    options: &DataOptions,
    cache_dir: Option<&Path>,
    progress: &dyn Progress,
) -> Result<Source> {
    Origin::of_arrays(options, progress)?.load_verified(cache_dir, options, progress)
}

/// Loads the demo corpus from the cache, where it is made if it is not there.
pub(super) fn load_demo(
    cache_dir: Option<&Path>,
    parts: &[PartName],
    from: DataFrom,
    progress: &dyn Progress,
) -> Result<Source> {
    let corpus = open_demo(&cache_folder(cache_dir)?, parts, progress)?;
    let options = DataOptions { parts: parts.to_vec(), from, ..DataOptions::new(&corpus.folder) };
    Origin::Demo(corpus).load_verified(cache_dir, &options, progress)
}

/// The demo corpus in the cache. Its files are verified here unless all parts will be loaded, whose
/// hash is then compared.
fn open_demo(cache: &Path, parts: &[PartName], progress: &dyn Progress) -> Result<DemoCorpus> {
    let unverified = if parts == PartName::ALL { demo::find_unverified(cache) } else { None };
    unverified.map_or_else(|| demo::open(cache, progress), Ok)
}

impl Origin {
    /// What the arrays of a folder or npz are.
    fn of_arrays(options: &DataOptions, progress: &dyn Progress) -> Result<Self> {
        if options.parts == PartName::ALL
            && as_in_files(options)
            && let Some(corpus) = demo::recognise_unverified(&options.path)
        {
            return Ok(Self::DemoCopy(corpus));
        }
        Self::of_verified_arrays(options, progress)
    }

    /// The same, after every file of a copy of the demo corpus was compared with its hash.
    fn of_verified_arrays(options: &DataOptions, progress: &dyn Progress) -> Result<Self> {
        if !as_in_files(options) {
            return Ok(Self::Arrays(None));
        }
        match demo::recognise(&options.path, progress) {
            Some(corpus) => Ok(Self::DemoCopy(corpus)),
            None => Ok(Self::Arrays(prepare::read(&options.path)?.map(Box::new))),
        }
    }

    /// The hash that the loaded data must have; none if nothing is left to verify.
    fn expected_hash(&self) -> Option<String> {
        match self {
            Self::Demo(corpus) | Self::DemoCopy(corpus) => corpus.expected_hash.clone(),
            Self::Arrays(_) => None,
        }
    }

    /// Loads the arrays; those that were not compared with their hashes are, once they are loaded.
    fn load_verified(
        &self,
        cache_dir: Option<&Path>,
        options: &DataOptions,
        progress: &dyn Progress,
    ) -> Result<Source> {
        let Some(expected) = self.expected_hash() else {
            return self.load(options.clone(), progress);
        };
        // The files were not compared with their hashes: reading them twice would take longer. The hash
        // of what was loaded decides. Errors are those of the second attempt.
        if let Ok(source) = self.load(options.clone(), progress)
            && source.data.hash == expected
        {
            return Ok(source);
        }
        self.verified(cache_dir, options, progress)?.load(options.clone(), progress)
    }

    /// Decides again where the loaded data did not have the expected hash: a damaged corpus in the
    /// cache is made again, a damaged copy counts as arrays like any other.
    fn verified(
        &self,
        cache_dir: Option<&Path>,
        options: &DataOptions,
        progress: &dyn Progress,
    ) -> Result<Self> {
        match self {
            Self::Demo(_) => Ok(Self::Demo(demo::open(&cache_folder(cache_dir)?, progress)?)),
            Self::DemoCopy(_) | Self::Arrays(_) => Self::of_verified_arrays(options, progress),
        }
    }

    /// Loads the arrays, with what is known of their sound.
    fn load(&self, options: DataOptions, progress: &dyn Progress) -> Result<Source> {
        match self {
            Self::Demo(corpus) | Self::DemoCopy(corpus) => load_corpus(corpus, options, progress),
            Self::Arrays(Some(record)) => load_prepared(record, options, progress),
            Self::Arrays(None) => {
                let data = Dataset::load(&options, progress)?;
                Ok(Source { data, front_end: None, cutting: None, recordings: None })
            }
        }
    }
}

/// Whether all arrays are read as they are in the files: a record beside them describes those only.
fn as_in_files(options: &DataOptions) -> bool {
    options.explicit.is_empty() && !options.transpose && options.split.is_none()
}

fn load_corpus(
    corpus: &DemoCorpus,
    mut options: DataOptions,
    progress: &dyn Progress,
) -> Result<Source> {
    options.class_names.get_or_insert_with(|| corpus.classes.clone());
    let mut data = Dataset::load(&options, progress)?;
    data.source = demo::SOURCE.into();
    let segments = demo::CUTS_PER_SONG;
    let cutting = Cutting { segments, from: CutFrom::Spectrogram, zero_db: ZeroDb::Song };
    let recordings = Recordings::Demo { folder: corpus.folder.clone(), seed: corpus.seed };
    Ok(Source {
        data,
        front_end: Some(corpus.front_end.clone()),
        cutting: Some(cutting),
        // A copy from another version has other songs.
        recordings: corpus.current.then_some(recordings),
    })
}

/// Loads arrays that `prepare` made. Its record is ignored, with a warning, if it describes samples
/// of another shape.
fn load_prepared(
    record: &Record,
    mut options: DataOptions,
    progress: &dyn Progress,
) -> Result<Source> {
    let settings = &record.settings;
    options.class_names.get_or_insert_with(|| settings.classes.clone());
    let data = Dataset::load(&options, progress)?;
    let FrontEnd { n_mels, frames, .. } = settings.front_end;
    if data.sample_shape != [n_mels, frames, 1] {
        progress.warn(&format!(
            "{}: prepare.json describes samples of {n_mels} x {frames}: the front end is unknown",
            data.source
        ));
        return Ok(Source { data, front_end: None, cutting: None, recordings: None });
    }
    let recordings = Recordings::Files { folder: options.path, record: Box::new(record.clone()) };
    Ok(Source {
        data,
        front_end: Some(settings.front_end.clone()),
        cutting: Some(settings.cutting),
        recordings: Some(recordings),
    })
}

/// Whether a cache has the demo corpus.
pub(super) fn is_made(cache: &Path) -> bool {
    demo::find_unverified(cache).is_some()
}

/// The folder for what can be made again: the demo corpus, and which GPUs were checked.
///
/// # Errors
/// If none is given and the system has no cache folder.
pub fn cache_folder(given: Option<&Path>) -> Result<PathBuf> {
    given.map(Path::to_path_buf).or_else(demo::default_cache_dir).ok_or(Error::NoCacheFolder)
}
