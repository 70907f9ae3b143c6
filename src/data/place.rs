//! Where arrays lie: a folder of npy files, or an npz.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use zip::{CompressionMethod, ZipArchive};

use super::npy::{Bytes, Npy};
use super::prepare::WORK;
use crate::error::{DataProblem, Error, Result};

/// Deflate makes at most 1,032 bytes of one; an entry that claims more is damaged.
const MOST_INFLATED: u64 = 1_032;

/// A folder or npz, and the names of the arrays in it.
pub(super) struct Place {
    path: PathBuf,
    names: Vec<String>,
    /// The npz files in a folder whose npy files are read.
    beside: Vec<String>,
    npz: Option<ZipArchive<BufReader<File>>>,
}

impl Place {
    /// Lists a folder or npz. A folder with one npz and no npy stands for that npz.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        if path.is_dir() {
            if path.join(WORK).is_dir() {
                return Err(Error::data(shown, DataProblem::PrepareStopped));
            }
            let names = files(path, "npy")?;
            let npz = files(path, "npz")?;
            return match npz.as_slice() {
                [one] if names.is_empty() => Self::open_npz(&path.join(one)),
                [_, ..] if names.is_empty() => {
                    Err(Error::data(shown, DataProblem::SeveralNpz { found: npz }))
                }
                _ => Ok(Self { path: path.to_path_buf(), names, beside: npz, npz: None }),
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
        let file = File::open(path).map_err(Error::io(path, "read"))?;
        let npz = ZipArchive::new(BufReader::new(file)).map_err(|e| {
            Error::data(path.display().to_string(), DataProblem::Npz { problem: e.to_string() })
        })?;
        let names = npz
            .file_names()
            .flatten()
            .filter_map(|name| Some(name.strip_suffix(".npy")?.to_owned()));
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(Self { path: path.to_path_buf(), names, beside: Vec::new(), npz: Some(npz) })
    }

    /// The folder or npz itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// File names in a folder (`x_train.npy`), keys in an npz (`x_train`); sorted.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The names of npz files that lie unread in the folder.
    pub(super) fn beside(&self) -> &[String] {
        &self.beside
    }

    /// Which array a name that `names` or `find` gave stands for: equal for equal ones.
    pub(super) fn identity(&self, name: &str) -> PathBuf {
        if self.npz.is_some() {
            return PathBuf::from(name);
        }
        let path = self.file(name);
        path.canonicalize().unwrap_or(path)
    }

    /// The file in a folder, or elsewhere, that `names` or `find` gave.
    fn file(&self, name: &str) -> PathBuf {
        let inside = self.path.join(name);
        if inside.is_file() { inside } else { PathBuf::from(name) }
    }

    /// What a user means by a name: one of `names`, or (beside a folder) a path.
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
            let lies_here = self.path.join(name).is_file();
            (lies_here || Path::new(name).is_file()).then(|| name.to_owned())
        }
    }

    /// Opens an array by a name that `names` or `find` gave.
    pub(super) fn array(&mut self, name: &str) -> Result<Npy<'_>> {
        let path = self.file(name);
        let Some(npz) = &mut self.npz else {
            let file = File::open(&path).map_err(Error::io(&path, "read"))?;
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
        Npy::open(place, size, Bytes::Stream(Box::new(entry)))
    }
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
            // macOS leaves "._x_train.npy" beside "x_train.npy" on foreign disks.
            && !name.starts_with('.')
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}
