//! A folder of npy files or an npz, and which of its arrays make up a dataset.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use zip::{CompressionMethod, ZipArchive};

use super::npy::{Bytes, Npy};
use super::{ArrayName, DataOptions, Role};
use crate::error::{DataProblem, Error, Result};
use crate::files::open_regular;
use crate::progress::Progress;

/// While `prepare` has not finished, its output folder holds a folder of this name.
pub(crate) const PREPARE_WORK: &str = ".prepare";

/// Deflate expands one byte to at most 1,032; an entry that claims more is damaged.
const MOST_INFLATED: u64 = 1_032;

/// Entries that take no more bytes in memory may be compressed as much as Deflate can.
const MOST_UNCHECKED: u64 = 1 << 28;
/// Larger ones not beyond this: spectrograms of sound compress to a tenth at best.
const LARGEST_RATIO: u64 = 256;

/// Where arrays are read from: a folder or an npz, with the names of the arrays in it.
pub(super) struct ArraySource {
    path: PathBuf,
    names: Vec<String>,
    /// The npz files of a folder whose npy files are read instead.
    unread_npz: Vec<String>,
    npz: Option<ZipArchive<BufReader<File>>>,
}

impl ArraySource {
    /// Lists a folder or npz. For a folder with one npz and no npy that npz is opened.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        if path.is_dir() {
            if path.join(PREPARE_WORK).is_dir() {
                return Err(Error::data(shown, DataProblem::PrepareStopped));
            }
            let names = files(path, "npy")?;
            let npz = files(path, "npz")?;
            return match npz.as_slice() {
                [one] if names.is_empty() => Self::open_npz(&path.join(one)),
                [_, ..] if names.is_empty() => {
                    Err(Error::data(shown, DataProblem::SeveralNpz { found: npz }))
                }
                _ => Ok(Self { path: path.to_path_buf(), names, unread_npz: npz, npz: None }),
            };
        }
        match path.try_exists() {
            Ok(true) if has_extension(path, "npz") => Self::open_npz(path),
            Ok(true) => Err(Error::data(shown, DataProblem::NeitherFolderNorNpz)),
            Ok(false) => Err(Error::data(shown, DataProblem::NoSuchPath)),
            Err(source) => Err(Error::io(path, "read")(source)),
        }
    }

    fn open_npz(path: &Path) -> Result<Self> {
        let file = open_regular(path).map_err(Error::io(path, "read"))?;
        let npz = ZipArchive::new(BufReader::new(file)).map_err(|e| {
            Error::data(path.display().to_string(), DataProblem::Npz { problem: e.to_string() })
        })?;
        let names = npz
            .file_names()
            .flatten()
            .filter_map(|name| Some(name.strip_suffix(".npy")?.to_owned()));
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(Self { path: path.to_path_buf(), names, unread_npz: Vec::new(), npz: Some(npz) })
    }

    /// The folder or npz itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// File names in a folder (`x_train.npy`), keys in an npz (`x_train`); sorted.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The npz files in the folder, which are not read.
    pub(super) fn unread_npz(&self) -> &[String] {
        &self.unread_npz
    }

    /// Identifies the array of a name that `names` or `find` returned: equal for the same array.
    pub(super) fn identity(&self, name: &str) -> PathBuf {
        if self.npz.is_some() {
            return PathBuf::from(name);
        }
        let path = self.file(name);
        path.canonicalize().unwrap_or(path)
    }

    /// The file of a name that `names` or `find` returned, in the folder or elsewhere.
    fn file(&self, name: &str) -> PathBuf {
        let inside = self.path.join(name);
        if inside.is_file() { inside } else { PathBuf::from(name) }
    }

    /// The array that a user names: one of `names`, with or without `.npy`, or (for a folder) a path.
    pub(super) fn find(&self, name: &str) -> Option<String> {
        let with_extension = format!("{name}.npy");
        let bare = name.strip_suffix(".npy").unwrap_or(name);
        let known = |wanted: &str| self.names.iter().any(|n| n == wanted);
        if known(name) {
            Some(name.to_owned())
        } else if self.npz.is_some() {
            known(bare).then(|| bare.to_owned())
        } else if known(&with_extension) {
            Some(with_extension)
        } else {
            let in_folder = self.path.join(name).is_file();
            (in_folder || Path::new(name).is_file()).then(|| name.to_owned())
        }
    }

    /// Opens an array by a name that `names` or `find` returned.
    pub(super) fn array(&mut self, name: &str) -> Result<Npy<'_>> {
        let path = self.file(name);
        let Some(npz) = &mut self.npz else {
            let file = open_regular(&path).map_err(Error::io(&path, "read"))?;
            let size = file.metadata().map_err(Error::io(&path, "read"))?.len();
            return Npy::open(path.display().to_string(), size, Bytes::File(file));
        };
        let place = format!("{}:{name}", self.path.display());
        let bad = |problem: String| Error::data(place.clone(), DataProblem::Npz { problem });
        let on_disk = std::fs::metadata(&self.path).map_err(Error::io(&self.path, "read"))?.len();
        let entry = npz.by_name(&format!("{name}.npy")).map_err(|e| bad(e.to_string()))?;

        // The directory of a damaged archive can claim any size.
        let (size, packed) = (entry.size(), entry.compressed_size());
        let most = match entry.compression() {
            CompressionMethod::Stored => packed,
            _ => packed.saturating_mul(MOST_INFLATED),
        };
        if packed > on_disk || size > most {
            return Err(bad(format!(
                "its entry claims {size} bytes from {packed} in an archive of {on_disk}"
            )));
        }
        let array = Npy::open(place.clone(), size, Bytes::Stream(Box::new(entry)))?;
        let values = 4 * array.shape.iter().map(|&extent| extent as u64).product::<u64>();
        if values > MOST_UNCHECKED && values / LARGEST_RATIO > packed {
            return Err(bad(format!(
                "its entry of {packed} bytes would take {values} in memory, as no recording does; if it \
                 is right, save it with numpy.save as a .npy file"
            )));
        }
        Ok(array)
    }
}

/// Picks the arrays to read, as names for [`ArraySource::array`]; every part needs samples and
/// labels.
pub(super) fn choose(
    source: &ArraySource,
    options: &DataOptions,
    progress: &dyn Progress,
) -> Result<HashMap<ArrayName, String>> {
    let mut chosen = HashMap::new();
    let mut uses: HashMap<PathBuf, ArrayName> = HashMap::new();
    for &part in &options.parts {
        for role in Role::ALL {
            let name = ArrayName { role, part };
            let file = match options.explicit.get(&name) {
                Some(named) => Some(array_by_flag(source, name, named)?),
                None => array_by_name(source, name, options, progress)?,
            };
            let Some(file) = file else { continue };
            if let Some(other) = uses.insert(source.identity(&file), name) {
                progress.warn(&format!("{file} serves as both {other} and {name}"));
            }
            chosen.insert(name, file);
        }
    }
    Ok(chosen)
}

/// The array that a flag names.
fn array_by_flag(source: &ArraySource, name: ArrayName, named: &str) -> Result<String> {
    source.find(named).ok_or_else(|| {
        let (array, named) = (name.to_string(), named.to_owned());
        problem(source, DataProblem::NoSuchArray { array, named, found: source.names().to_vec() })
    })
}

/// The array whose name has the words for this part and role; songs may be missing.
fn array_by_name(
    source: &ArraySource,
    name: ArrayName,
    options: &DataOptions,
    progress: &dyn Progress,
) -> Result<Option<String>> {
    let array = name.to_string();
    let stem = |file: &str| file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned();
    let candidates =
        source.names().iter().filter(|&file| ArrayName::of(&stem(file)) == Some(name)).cloned();
    let candidates: Vec<String> = candidates.collect();
    match candidates.as_slice() {
        [one] => return Ok(Some(one.clone())),
        [] if name.role == Role::Song => return Ok(None),
        [] => {
            let (found, npz) = (source.names().to_vec(), source.unread_npz().to_vec());
            let missing = DataProblem::Missing { array, accepted: name.accepted(), found, npz };
            return Err(problem(source, missing));
        }
        _ => {}
    }
    // Of several: none that a flag gives to another array; then the plain name is preferred.
    let given: Vec<PathBuf> = options
        .explicit
        .values()
        .filter_map(|named| source.find(named))
        .map(|file| source.identity(&file))
        .collect();
    let is_free = |file: &&String| !given.contains(&source.identity(file));
    let free: Vec<&String> = candidates.iter().filter(is_free).collect();
    if let &[one] = free.as_slice() {
        return Ok(Some(one.clone()));
    }
    let exact = free.iter().find(|file| stem(file) == array);
    let any_case = || {
        let mut found = free.iter().filter(|file| stem(file).eq_ignore_ascii_case(&array));
        found.next().filter(|_| found.next().is_none())
    };
    if let Some(&one) = exact.or_else(any_case) {
        let others: Vec<&str> = free.iter().filter(|&&f| f != one).map(|f| f.as_str()).collect();
        progress.note(&format!("{array}: {one} is read, not {}", others.join(", ")));
        return Ok(Some(one.clone()));
    }
    Err(problem(source, DataProblem::Ambiguous { array, candidates }))
}

/// The error that names the source and the problem.
fn problem(source: &ArraySource, problem: DataProblem) -> Error {
    Error::data(source.path().display().to_string(), problem)
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(wanted))
}

/// The names of a folder's files with this extension, sorted.
fn files(folder: &Path, extension: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder, "read"))? {
        let path = entry.map_err(Error::io(folder, "read"))?.path();
        if has_extension(&path, extension)
            && path.is_file()
            && let Some(name) = path.file_name().and_then(|name| name.to_str())
            // macOS writes "._x_train.npy" beside "x_train.npy" on disks of other systems.
            && !name.starts_with('.')
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}
