//! Loads the samples of a run: the user's arrays, or the demo corpus.

use std::path::{Path, PathBuf};

use super::recordings::Recordings;
use super::settings::Config;
use crate::audio::{CutFrom, Cutting, FrontEnd, ZeroDb};
use crate::data::{ArrayName, DataFrom, DataOptions, Dataset, PartName};
use crate::demo::{self, DemoCorpus};
use crate::error::{Error, Result};
use crate::prepare::{self, Record};
use crate::progress::Progress;

/// A dataset, and how its sound became spectrograms where that is known.
#[derive(Debug)]
pub struct Source {
    /// Samples, labels, songs.
    pub data: Dataset,
    /// How sound became spectrograms: known for the demo corpus and for arrays that `prepare` made.
    pub front_end: Option<FrontEnd>,
    /// How songs were cut, where the front end is known.
    pub cutting: Option<Cutting>,
    /// The recordings that samples were cut from, where the front end is known.
    pub recordings: Option<Recordings>,
}

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
    let (options, origin) = match &config.data {
        Some(path) => {
            let options = array_options(config, path, parts, from)?;
            let origin = Origin::of_arrays(&options, progress)?;
            (options, origin)
        }
        None => {
            let corpus = open_demo(&demo_cache(cache_dir)?, parts, progress)?;
            let options = DataOptions::new(&corpus.folder);
            (DataOptions { parts: parts.to_vec(), from, ..options }, Origin::Demo(corpus))
        }
    };
    let Some(expected) = origin.expected_hash() else { return origin.load(options, progress) };
    // The files were not compared with their hashes: reading them twice would take longer. The hash
    // of what was loaded decides. Errors are those of the second attempt.
    if let Ok(source) = origin.load(options.clone(), progress)
        && source.data.hash == expected
    {
        return Ok(source);
    }
    origin.verified(cache_dir, &options, progress)?.load(options, progress)
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
    (options.parts, options.from) = (parts.to_vec(), from);
    for (key, array) in &config.arrays {
        // One key for each array, so that none can be given twice.
        let name = ArrayName::of(key).filter(|name| name.to_string() == *key);
        let name = name.ok_or_else(|| Error::Setting {
            name: "arrays",
            expected: "keys x_train, y_train, song_train, or the same with val or test",
            found: key.clone(),
        })?;
        options.explicit.insert(name, array.clone());
    }
    Ok(options)
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

    /// Decides again where the loaded data did not have the expected hash: a damaged corpus in the
    /// cache is made again, a damaged copy counts as arrays like any other.
    fn verified(
        &self,
        cache_dir: Option<&Path>,
        options: &DataOptions,
        progress: &dyn Progress,
    ) -> Result<Self> {
        match self {
            Self::Demo(_) => Ok(Self::Demo(demo::open(&demo_cache(cache_dir)?, progress)?)),
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
    options.explicit.is_empty() && !options.transpose
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
        recordings: Some(recordings),
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

/// The folder that the demo corpus is kept in.
///
/// # Errors
/// If none is given and the system has no cache folder.
pub fn demo_cache(given: Option<&Path>) -> Result<PathBuf> {
    given.map(Path::to_path_buf).or_else(demo::default_cache_dir).ok_or(Error::NoCacheFolder)
}
