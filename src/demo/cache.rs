//! The corpus as a folder of numpy arrays: made once, verified whenever it is opened.
//!
//! ```text
//! demo-2-42/x_train.npy     float32 [n, 80, 80], dB; likewise _val and _test
//! demo-2-42/y_train.npy     uint8 [n], 0 classical … 3 rock
//! demo-2-42/song_train.npy  int64 [n]
//! demo-2-42/songs.csv       style, tempo and key of each song
//! demo-2-42/demo.toml       the manifest: the recipe, each file's BLAKE3, and the data hash
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::corpus::{Recipe, write_corpus};
use super::{Genre, SOURCE};
use crate::audio::FrontEnd;
use crate::data::{DataOptions, Dataset, PartName};
use crate::error::{Error, Result};
use crate::files::{create_folder, temporary_folder, write_atomic};
use crate::progress::{Progress, Silent};

/// Version of the generator; must increase whenever the same seed makes other songs or files.
const GENERATOR: u32 = 2;

pub(super) const MANIFEST: &str = "demo.toml";
const SONGS: &str = "songs.csv";
const UNFINISHED: &str = ".partial-demo-";

/// A corpus: a folder of arrays that [`Dataset::load`] reads.
#[derive(Debug, Clone, PartialEq)]
pub struct DemoCorpus {
    /// Where the arrays are.
    pub folder: PathBuf,
    /// How the songs became spectrograms.
    pub front_end: FrontEnd,
    /// The classes' names, by label.
    pub classes: Vec<String>,
    /// The seed of the songs.
    pub seed: u64,
    /// Whether this version's generator made the songs, so that it can make them again.
    pub current: bool,
    /// If the files have not been compared with their hashes: what [`Dataset::hash`] of all parts must
    /// be. None for a verified corpus.
    pub expected_hash: Option<String>,
}

/// The contents of `demo.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    source: String,
    generator: u32,
    classes: Vec<String>,
    /// Missing in older manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_hash: Option<String>,
    recipe: Recipe,
    front_end: FrontEnd,
    /// By file name, in hexadecimal.
    blake3: BTreeMap<String, String>,
}

/// `genre-gpu` in the user's cache folder, where the system has one.
pub fn default_cache_dir() -> Option<PathBuf> {
    dirs::cache_dir().map(|folder| folder.join("genre-gpu"))
}

/// Opens the corpus in `cache_dir/demo-{generator}-{seed}` and verifies its files; makes it if it is
/// missing, of another size, or damaged.
pub fn open(cache_dir: &Path, progress: &dyn Progress) -> Result<DemoCorpus> {
    open_recipe(cache_dir, &Recipe::default(), progress)
}

/// [`open`] for a corpus of another seed or size.
pub fn open_recipe(
    cache_dir: &Path,
    recipe: &Recipe,
    progress: &dyn Progress,
) -> Result<DemoCorpus> {
    let folder = corpus_folder(cache_dir, recipe);
    let manifest = expected(recipe);
    if let Some(fault) = fault(&folder, &manifest) {
        renew(cache_dir, &folder, recipe, manifest, progress).map_err(|e| match e {
            Error::Io { .. } => Error::DemoCache { fault, source: Box::new(e) },
            other => other,
        })?;
    }
    Ok(corpus(folder, expected(recipe)))
}

/// Each generator version and seed has its own folder.
fn corpus_folder(cache_dir: &Path, recipe: &Recipe) -> PathBuf {
    cache_dir.join(format!("demo-{GENERATOR}-{}", recipe.seed))
}

/// The corpus in `folder`, which has been verified if the manifest has no data hash.
fn corpus(folder: PathBuf, manifest: Manifest) -> DemoCorpus {
    let Manifest { front_end, classes, recipe, data_hash, generator, .. } = manifest;
    let (seed, current) = (recipe.seed, generator == GENERATOR);
    DemoCorpus { folder, front_end, classes, seed, current, expected_hash: data_hash }
}

/// The corpus in `cache_dir` without reading its arrays: whoever loads them must compare their hash
/// with [`DemoCorpus::expected_hash`], and call [`open`] if it differs. None if the manifest is not
/// the expected one, has no such hash, or the list of songs is damaged.
pub fn find_unverified(cache_dir: &Path) -> Option<DemoCorpus> {
    let recipe = Recipe::default();
    let (manifest, corpus) = read_unverified(&corpus_folder(cache_dir, &recipe))?;
    (manifest == expected(&recipe)).then_some(corpus)
}

/// As [`recognise`], without reading the arrays: whoever loads them must compare their hash with
/// [`DemoCorpus::expected_hash`], and call [`recognise`] if it differs. None does not mean that
/// `folder` is no copy, only that it must be verified file by file.
pub fn recognise_unverified(folder: &Path) -> Option<DemoCorpus> {
    let (manifest, corpus) = read_unverified(folder)?;
    (manifest.source == SOURCE && manifest.front_end.check().is_ok()).then_some(corpus)
}

/// The manifest without hashes, and the corpus that it describes; none if it has no data hash or the
/// list of songs is damaged.
fn read_unverified(folder: &Path) -> Option<(Manifest, DemoCorpus)> {
    let text = fs::read_to_string(folder.join(MANIFEST)).ok()?;
    let mut manifest: Manifest = toml::from_str(&text).ok()?;
    let songs = hash(&folder.join(SONGS)).ok()?;
    if manifest.blake3.get(SONGS) != Some(&songs) {
        return None;
    }
    let expected_hash = Some(manifest.data_hash.take()?);
    manifest.blake3.clear();
    let corpus = DemoCorpus { expected_hash, ..corpus(folder.to_path_buf(), manifest.clone()) };
    Some((manifest, corpus))
}

/// Makes the corpus unless another process has just made it.
fn renew(
    cache_dir: &Path,
    folder: &Path,
    recipe: &Recipe,
    manifest: Manifest,
    progress: &dyn Progress,
) -> Result<()> {
    create_folder(cache_dir)?;
    // One process makes it; others wait here until it is made.
    let _lock = lock(&cache_dir.join("demo.lock"), progress)?;
    let Some(fault) = fault(folder, &manifest) else { return Ok(()) };
    let notice = format!("{SOURCE}: {fault}; generating it now");
    if folder.exists() {
        progress.warn(&notice);
    } else {
        progress.note(&notice);
    }
    make(cache_dir, folder, recipe, manifest, progress)
}

/// The corpus of which `folder` is a copy, as `demo --arrays` writes it, with every file verified.
/// None if there is no manifest or, with a warning, if it does not match the files.
pub fn recognise(folder: &Path, progress: &dyn Progress) -> Option<DemoCorpus> {
    let path = folder.join(MANIFEST);
    let text = fs::read_to_string(&path).ok()?;
    let fault = match toml::from_str::<Manifest>(&text) {
        Ok(mut manifest) if manifest.source == SOURCE && manifest.front_end.check().is_ok() => {
            match damage(folder, &manifest.blake3) {
                None => {
                    manifest.data_hash = None;
                    return Some(corpus(folder.to_path_buf(), manifest));
                }
                Some(fault) => fault,
            }
        }
        _ => "it is damaged or of another version".to_owned(),
    };
    progress.warn(&format!(
        "{} does not match the files beside it ({fault}); they are read as ordinary arrays",
        path.display()
    ));
    None
}

/// The manifest that the corpus of a recipe must have, without hashes.
fn expected(recipe: &Recipe) -> Manifest {
    Manifest {
        source: SOURCE.into(),
        generator: GENERATOR,
        classes: Genre::ALL.map(|genre| genre.as_str().to_string()).to_vec(),
        recipe: recipe.clone(),
        front_end: FrontEnd::bristol_80(),
        data_hash: None,
        blake3: BTreeMap::new(),
    }
}

/// The files of a corpus, without the manifest.
pub(super) fn file_names() -> Vec<String> {
    let arrays = PartName::ALL
        .into_iter()
        .flat_map(|part| ["x", "y", "song"].map(|role| format!("{role}_{part}.npy")));
    arrays.chain([SONGS.to_string()]).collect()
}

/// Why `folder` cannot be used, or `None` if it can.
fn fault(folder: &Path, expected: &Manifest) -> Option<String> {
    let path = folder.join(MANIFEST);
    let shown = path.display();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Some(format!("not yet in {} (once, about 20 s)", folder.display()));
        }
        Err(e) => return Some(format!("{shown} cannot be read ({e})")),
    };
    let mut manifest: Manifest = match toml::from_str(&text) {
        Ok(manifest) => manifest,
        Err(_) => return Some(format!("{shown} is damaged or of another version")),
    };
    let hashes = std::mem::take(&mut manifest.blake3);
    manifest.data_hash = None;
    if manifest != *expected {
        return Some(format!("{shown} describes another generator, seed or size"));
    }
    damage(folder, &hashes)
}

/// The first file that differs from its hash, or cannot be read.
fn damage(folder: &Path, hashes: &BTreeMap<String, String>) -> Option<String> {
    file_names().par_iter().find_map_first(|name| match hash(&folder.join(name)) {
        Ok(hash) if hashes.get(name) == Some(&hash) => None,
        Ok(_) => Some(format!("{} is damaged", folder.join(name).display())),
        Err(e) => Some(format!("{} cannot be read ({e})", folder.join(name).display())),
    })
}

fn hash(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Locks the cache until the file is dropped or the process ends.
fn lock(path: &Path, progress: &dyn Progress) -> Result<File> {
    let file = File::options().create(true).append(true).open(path);
    let file = file.map_err(Error::io(path, "write"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress.warn(&format!("{SOURCE}: waiting for another process that is generating it"));
            file.lock().map_err(Error::io(path, "lock"))?;
        }
        Err(TryLockError::Error(e)) => return Err(Error::io(path, "lock")(e)),
    }
    Ok(file)
}

/// Makes the corpus in a temporary folder and renames it to `folder`. The lock must be held.
fn make(
    cache_dir: &Path,
    folder: &Path,
    recipe: &Recipe,
    mut manifest: Manifest,
    progress: &dyn Progress,
) -> Result<()> {
    remove_unfinished(cache_dir)?;
    let unfinished = temporary_folder(cache_dir, UNFINISHED);
    let (unfinished, _listed) = unfinished.map_err(Error::io(cache_dir, "create a folder in"))?;
    write_corpus(unfinished.path(), recipe, &manifest.front_end, progress)?;
    for name in file_names() {
        let path = unfinished.path().join(&name);
        manifest.blake3.insert(name, hash(&path).map_err(Error::io(&path, "read"))?);
    }
    // A corpus without songs in some part cannot be loaded; it is verified file by file only.
    let data = Dataset::load(&DataOptions::new(unfinished.path()), &Silent);
    manifest.data_hash = data.ok().map(|data| data.hash);
    write_atomic(&unfinished.path().join(MANIFEST), |w| {
        let text = toml::to_string(&manifest).map_err(io::Error::other)?;
        w.write_all(text.as_bytes())
    })?;
    if folder.exists() {
        let old = temporary_folder(cache_dir, UNFINISHED);
        let (old, _listed) = old.map_err(Error::io(cache_dir, "create a folder in"))?;
        fs::rename(folder, old.path().join("demo")).map_err(Error::io(folder, "move away"))?;
    }
    fs::rename(unfinished.keep(), folder).map_err(Error::io(folder, "write"))
}

/// Removes the temporary folders of processes that were killed.
fn remove_unfinished(cache_dir: &Path) -> Result<()> {
    for entry in fs::read_dir(cache_dir).map_err(Error::io(cache_dir, "read"))? {
        let path = entry.map_err(Error::io(cache_dir, "read"))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(UNFINISHED) {
            fs::remove_dir_all(&path).map_err(Error::io(&path, "remove"))?;
        }
    }
    Ok(())
}
