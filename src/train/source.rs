//! Where a run's samples come from: arrays of the user's, or the demo corpus.

use std::path::{Path, PathBuf};

use super::settings::Config;
use crate::audio::{CutFrom, Cutting, FrontEnd, ZeroDb};
use crate::data::demo::{self, DemoCorpus};
use crate::data::prepare;
use crate::data::{ArrayName, DataFrom, DataOptions, Dataset, Origin, PartName};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// A data set, and how its sound became spectrograms where that is known.
#[derive(Debug)]
pub struct Source {
    /// Samples, labels, songs.
    pub data: Dataset,
    /// Known for the demo corpus and what `prepare` made; other arrays carry none.
    pub front_end: Option<FrontEnd>,
    /// How songs were cut, where the front end is known.
    pub cutting: Option<Cutting>,
    /// The songs, where their sound can be had again.
    pub origin: Option<Origin>,
}

/// Loads what a configuration names into memory: its arrays, or without any the demo
/// corpus from `cache_dir` (the user's cache folder where none is given).
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

/// [`load`] for what can do without samples in memory: those may stay on disk.
///
/// # Errors
/// As [`load`], or if samples are to stay on disk and lie so that they cannot.
pub fn open(
    config: &Config,
    cache_dir: Option<&Path>,
    parts: &[PartName],
    from: DataFrom,
    progress: &dyn Progress,
) -> Result<Source> {
    let Some(path) = &config.data else {
        return load_demo(cache_dir, parts, from, progress);
    };
    let mut options = DataOptions::new(path);
    options.transpose = config.transpose;
    options.class_names.clone_from(&config.class_names);
    (options.parts, options.from) = (parts.to_vec(), from);
    for (key, array) in &config.arrays {
        // Keys are no file names: one word for each array, so that none is given twice.
        let name = ArrayName::of(key).filter(|name| name.to_string() == *key);
        let name = name.ok_or_else(|| Error::Setting {
            name: "arrays",
            expected: "keys x_train, y_train, song_train, or the same with val or test",
            found: key.clone(),
        })?;
        options.explicit.insert(name, array.clone());
    }
    // Whole copies of the demo corpus are still that corpus.
    let whole = options.explicit.is_empty() && !options.transpose;
    if whole
        && parts == PartName::ALL
        && let Some(corpus) = demo::copy_to_load(path)
        && let Some(source) = load_whole(&corpus, &options, progress)
    {
        return Ok(source);
    }
    match if whole { demo::recognise(path, progress) } else { None } {
        Some(corpus) => load_corpus(corpus, options, progress),
        None => load_arrays(options, whole, progress),
    }
}

/// Arrays with all that the record beside them says, where `prepare` made them and they are `whole`.
fn load_arrays(mut options: DataOptions, whole: bool, progress: &dyn Progress) -> Result<Source> {
    let record = if whole { prepare::read(&options.path)? } else { None };
    let Some(record) = record else {
        let data = Dataset::load(&options, progress)?;
        return Ok(Source { data, front_end: None, cutting: None, origin: None });
    };
    let settings = record.settings.clone();
    options.class_names.get_or_insert(settings.classes);
    let data = Dataset::load(&options, progress)?;
    let FrontEnd { n_mels, frames, .. } = settings.front_end;
    let fits = data.sample_shape == [n_mels, frames, 1];
    if !fits {
        progress.warn(&format!(
            "{}: prepare.json tells of samples of {n_mels} x {frames}: the front end is not known",
            data.source
        ));
    }
    let cutting = fits.then_some(settings.cutting);
    let (folder, record) = (options.path, Box::new(record));
    let origin = fits.then_some(Origin::Files { folder, record });
    Ok(Source { data, front_end: fits.then_some(settings.front_end), cutting, origin })
}

fn load_demo(
    cache_dir: Option<&Path>,
    parts: &[PartName],
    from: DataFrom,
    progress: &dyn Progress,
) -> Result<Source> {
    let cache = demo_cache(cache_dir)?;
    let options = |corpus: &DemoCorpus| {
        let parts = parts.to_vec();
        DataOptions { parts, from, ..DataOptions::new(&corpus.folder) }
    };
    if parts == PartName::ALL {
        let corpus = demo::open_to_load(&cache, progress)?;
        if let Some(source) = load_whole(&corpus, &options(&corpus), progress) {
            return Ok(source);
        }
    }
    let corpus = demo::open(&cache, progress)?;
    let options = options(&corpus);
    load_corpus(corpus, options, progress)
}

/// Loads arrays that were not looked at before, so that they are read once: none if they are not
/// what they must be, or no one knows what that is.
fn load_whole(
    corpus: &DemoCorpus,
    options: &DataOptions,
    progress: &dyn Progress,
) -> Option<Source> {
    let expected = corpus.data_hash.as_ref()?;
    // What is wrong is told by who looks at each file.
    let source = load_corpus(corpus.clone(), options.clone(), progress).ok()?;
    (source.data.hash == *expected).then_some(source)
}

fn load_corpus(
    corpus: DemoCorpus,
    mut options: DataOptions,
    progress: &dyn Progress,
) -> Result<Source> {
    options.class_names.get_or_insert(corpus.classes);
    let mut data = Dataset::load(&options, progress)?;
    data.source = demo::SOURCE.into();
    let segments = demo::CUTS_PER_SONG;
    let cutting = Cutting { segments, from: CutFrom::Spectrogram, zero_db: ZeroDb::Song };
    let (front_end, cutting) = (Some(corpus.front_end), Some(cutting));
    let origin = Some(Origin::Demo { folder: corpus.folder, seed: corpus.seed });
    Ok(Source { data, front_end, cutting, origin })
}

/// The folder that the demo corpus is kept in.
///
/// # Errors
/// If none is given and the system has none for caches.
pub fn demo_cache(given: Option<&Path>) -> Result<PathBuf> {
    given.map(Path::to_path_buf).or_else(demo::default_cache_dir).ok_or(Error::NoCacheFolder)
}
