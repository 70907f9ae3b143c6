//! The corpus as a folder of numpy arrays: made once, checked whenever it is opened.
//!
//! ```text
//! demo-1-42/x_train.npy     float32 [n, 80, 80], dB; likewise _val and _test
//! demo-1-42/y_train.npy     uint8 [n], 0 classical … 3 rock
//! demo-1-42/song_train.npy  int64 [n]
//! demo-1-42/songs.csv       what each song is
//! demo-1-42/demo.toml       the manifest: how it was made, each file's BLAKE3, and the data hash
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
use crate::files::{create_folder, write_atomic};
use crate::progress::{Progress, Silent};

/// Counts up whenever the same seed makes other songs or other files.
const GENERATOR: u32 = 1;

pub(super) const MANIFEST: &str = "demo.toml";
const SONGS: &str = "songs.csv";
const UNFINISHED: &str = ".partial-demo-";

/// An opened corpus: a folder that the loader of arrays accepts.
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
    /// What [`Dataset::hash`] of all parts must be, where the arrays have not been looked at.
    pub data_hash: Option<String>,
}

/// How a folder was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    source: String,
    generator: u32,
    classes: Vec<String>,
    /// Older manifests do not say.
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

/// Opens the corpus in `cache_dir/demo-{generator}-{seed}`; makes it where it is
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
    // Each generator and seed has its own folder: versions side by side leave each other's alone.
    let folder = cache_dir.join(format!("demo-{GENERATOR}-{}", recipe.seed));
    let manifest = expected(recipe);
    if let Some(fault) = fault(&folder, &manifest) {
        renew(cache_dir, &folder, recipe, manifest, progress).map_err(|e| match e {
            Error::Io { .. } => Error::DemoCache { fault, source: Box::new(e) },
            other => other,
        })?;
    }
    Ok(corpus(folder, expected(recipe)))
}

fn corpus(folder: PathBuf, manifest: Manifest) -> DemoCorpus {
    let Manifest { front_end, classes, recipe, data_hash, .. } = manifest;
    DemoCorpus { folder, front_end, classes, seed: recipe.seed, data_hash }
}

/// [`open`] for who loads all arrays at once: they are not read here, where the manifest has
/// their [`DemoCorpus::data_hash`], which is to be compared. If it is another, [`open`] tells why.
pub fn open_to_load(cache_dir: &Path, progress: &dyn Progress) -> Result<DemoCorpus> {
    let recipe = Recipe::default();
    let folder = cache_dir.join(format!("demo-{GENERATOR}-{}", recipe.seed));
    let made = recognise_to_load(&folder).filter(|(manifest, _)| *manifest == expected(&recipe));
    made.map_or_else(|| open(cache_dir, progress), |(_, corpus)| Ok(corpus))
}

/// [`recognise`] for who loads all arrays at once, likewise; `None` tells nothing.
pub fn copy_to_load(folder: &Path) -> Option<DemoCorpus> {
    let (manifest, corpus) = recognise_to_load(folder)?;
    (manifest.source == SOURCE && manifest.front_end.check().is_ok()).then_some(corpus)
}

/// The manifest, hashes excepted, and what it tells of, where its arrays have a data hash and its
/// list of songs is whole.
fn recognise_to_load(folder: &Path) -> Option<(Manifest, DemoCorpus)> {
    let text = fs::read_to_string(folder.join(MANIFEST)).ok()?;
    let mut found: Manifest = toml::from_str(&text).ok()?;
    let songs = hash(&folder.join(SONGS)).ok()?;
    if found.blake3.get(SONGS) != Some(&songs) {
        return None;
    }
    let data_hash = Some(found.data_hash.take()?);
    found.blake3.clear();
    let corpus = DemoCorpus { data_hash, ..corpus(folder.to_path_buf(), found.clone()) };
    Some((found, corpus))
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
    // One process makes it; others wait here and find it made.
    let _lock = lock(&cache_dir.join("demo.lock"), progress)?;
    let Some(fault) = fault(folder, &manifest) else { return Ok(()) };
    let told = format!("{SOURCE}: {fault}; making it now");
    if folder.exists() {
        progress.warn(&told);
    } else {
        progress.note(&told);
    }
    make(cache_dir, folder, recipe, manifest, progress)
}

/// The corpus that `folder` is a copy of, as `demo --arrays` writes it; `None` where it is none.
pub fn recognise(folder: &Path, progress: &dyn Progress) -> Option<DemoCorpus> {
    let path = folder.join(MANIFEST);
    let text = fs::read_to_string(&path).ok()?;
    let fault = match toml::from_str::<Manifest>(&text) {
        Ok(mut found) if found.source == SOURCE && found.front_end.check().is_ok() => {
            match damage(folder, &found.blake3) {
                None => {
                    found.data_hash = None;
                    return Some(corpus(folder.to_path_buf(), found));
                }
                Some(fault) => fault,
            }
        }
        _ => "it is damaged or of another version".to_owned(),
    };
    progress.warn(&format!(
        "{} does not describe what lies beside it ({fault}): these count as arrays like any other",
        path.display()
    ));
    None
}

/// The manifest that a good folder has, its hashes excepted.
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

/// The files that a corpus has beside its manifest.
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
            return Some(format!("there is none in {} yet", folder.display()));
        }
        Err(e) => return Some(format!("{shown} cannot be read ({e})")),
    };
    let mut found: Manifest = match toml::from_str(&text) {
        Ok(found) => found,
        Err(_) => return Some(format!("{shown} is damaged or of another version")),
    };
    let hashes = std::mem::take(&mut found.blake3);
    found.data_hash = None;
    if found != *expected {
        return Some(format!("{shown} tells of another generator, seed or size"));
    }
    damage(folder, &hashes)
}

/// The first file that is not as its hash says.
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

/// Held until it is dropped; the system lets go of it if the process dies.
fn lock(path: &Path, progress: &dyn Progress) -> Result<File> {
    let file = File::options().create(true).append(true).open(path);
    let file = file.map_err(Error::io(path, "write"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress.warn(&format!("{SOURCE}: waiting for another process that is making it"));
            file.lock().map_err(Error::io(path, "lock"))?;
        }
        Err(TryLockError::Error(e)) => return Err(Error::io(path, "lock")(e)),
    }
    Ok(file)
}

/// Makes the corpus beside its place and moves it there whole. Call with the lock held.
fn make(
    cache_dir: &Path,
    folder: &Path,
    recipe: &Recipe,
    mut manifest: Manifest,
    progress: &dyn Progress,
) -> Result<()> {
    remove_unfinished(cache_dir)?;
    let beside = folder_beside(cache_dir);
    let beside = beside.map_err(Error::io(cache_dir, "create a folder in"))?;
    write_corpus(beside.path(), recipe, &manifest.front_end, progress)?;
    for name in file_names() {
        let path = beside.path().join(&name);
        manifest.blake3.insert(name, hash(&path).map_err(Error::io(&path, "read"))?);
    }
    // A corpus without songs in some part cannot be loaded, but checked file by file.
    let data = Dataset::load(&DataOptions::new(beside.path()), &Silent);
    manifest.data_hash = data.ok().map(|data| data.hash);
    write_atomic(&beside.path().join(MANIFEST), |w| {
        let text = toml::to_string(&manifest).map_err(io::Error::other)?;
        w.write_all(text.as_bytes())
    })?;
    if folder.exists() {
        let old = folder_beside(cache_dir);
        let old = old.map_err(Error::io(cache_dir, "create a folder in"))?;
        fs::rename(folder, old.path().join("demo")).map_err(Error::io(folder, "move away"))?;
    }
    fs::rename(beside.keep(), folder).map_err(Error::io(folder, "write"))
}

/// A temporary folder that may become the corpus: as open to others as the umask has it.
fn folder_beside(cache_dir: &Path) -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder.prefix(UNFINISHED).tempdir_in(cache_dir)
}

/// Removes what killed processes left behind.
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
