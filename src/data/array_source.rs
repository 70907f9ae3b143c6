//! A folder of npy files or an npz, and which of its arrays make up a dataset.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use zip::{CompressionMethod, ZipArchive};

use super::npy::{Bytes, Npy};
use super::{ArrayName, DataOptions, PartName, Role, look, names};
use crate::error::{DataProblem, Error, Result};
use crate::files::open_regular;
use crate::progress::Progress;

/// While `prepare` has not finished, its output folder holds a folder of this name.
pub(crate) const PREPARE_WORK: &str = ".prepare";

/// Arrays that are looked into where one is missing.
const MOST_EXAMINED: usize = 16;

/// Deflate expands one byte to at most 1,032; an entry that claims more is damaged.
const MOST_INFLATED: u64 = 1_032;

/// Entries that take no more bytes in memory may be compressed as much as Deflate can.
const MOST_UNCHECKED: u64 = 1 << 28;
/// Larger ones not beyond this: spectrograms of sound compress to a tenth at best.
const LARGEST_RATIO: u64 = 256;

/// An array that a caller holds in memory, laid out as a npy file.
#[derive(Debug, Clone, Copy)]
pub struct HeldArray<'a> {
    /// What a npy file of it would be called: `x_train`.
    pub name: &'a str,
    /// The npy header: magic string, version, and the text with type, order and shape.
    pub header: &'a [u8],
    /// The values behind it.
    pub values: &'a [u8],
}

/// What the source of arrays is called that a caller holds.
pub const HELD: &str = "arrays in memory";

/// Where arrays are read from: a folder, an npz, a folder with an npz or a folder for each part, or a
/// caller's memory.
pub(super) struct ArraySource<'a> {
    held: &'a [HeldArray<'a>],
    path: PathBuf,
    names: Vec<String>,
    /// The npz files of a folder whose npy files are read instead.
    unread_npz: Vec<String>,
    archives: Vec<Archive>,
}

/// An npz.
struct Archive {
    path: PathBuf,
    /// What stands before its keys in `names`: nothing, or `train_data.npz:` if it is one of several.
    prefix: String,
    zip: ZipArchive<BufReader<File>>,
}

impl Archive {
    fn open(path: PathBuf, prefix: String) -> Result<Self> {
        let file = open_regular(&path).map_err(Error::io(&path, "read"))?;
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|e| {
            Error::data(path.display().to_string(), DataProblem::Npz { problem: e.to_string() })
        })?;
        Ok(Self { path, prefix, zip })
    }

    /// Its keys, behind its prefix.
    fn names(&self) -> impl Iterator<Item = String> {
        let names = self.zip.file_names().flatten();
        names.filter_map(|name| Some(format!("{}{}", self.prefix, name.strip_suffix(".npy")?)))
    }
}

impl<'a> ArraySource<'a> {
    /// Arrays that a caller holds.
    pub(super) fn of_held(held: &'a [HeldArray<'a>]) -> Self {
        let names = held.iter().map(|array| array.name.to_owned()).collect();
        Self { held, ..Self::of(Path::new(HELD), names) }
    }

    /// Lists a folder or npz. A folder with one npz and no npy is that npz; several npz, or folders,
    /// are read together if each names its part.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        if path.is_dir() {
            if path.join(PREPARE_WORK).is_dir() {
                return Err(Error::data(shown, DataProblem::PrepareStopped));
            }
            let (mut names, mut npz) = (files(path, "npy")?, files(path, "npz")?);
            if names.is_empty() && npz.is_empty() {
                for folder in part_folders(path)? {
                    let inside = path.join(&folder);
                    let within = |name: String| format!("{folder}/{name}");
                    names.extend(files(&inside, "npy")?.into_iter().map(within));
                    npz.extend(files(&inside, "npz")?.into_iter().map(within));
                }
            }
            return match npz.as_slice() {
                [] if names.is_empty() => match look::at_folder(path) {
                    Some(problem) => Err(Error::data(shown, problem)),
                    None => Ok(Self::of(path, names)),
                },
                [one] if names.is_empty() => Self::open_npz(&path.join(one)),
                [_, ..] if names.is_empty() => Self::open_several(path, npz),
                _ => Ok(Self { unread_npz: npz, ..Self::of(path, names) }),
            };
        }
        match path.try_exists() {
            Ok(true) if look::has_extension(path, "npz") => Self::open_npz(path),
            Ok(true) => Err(Error::data(shown, look::at_file(path))),
            Ok(false) => Err(Error::data(shown, DataProblem::NoSuchPath)),
            Err(source) => Err(Error::io(path, "read")(source)),
        }
    }

    fn of(path: &Path, mut names: Vec<String>) -> Self {
        names.sort();
        let path = path.to_path_buf();
        Self { held: &[], path, names, unread_npz: Vec::new(), archives: Vec::new() }
    }

    fn open_npz(path: &Path) -> Result<Self> {
        let archive = Archive::open(path.to_path_buf(), String::new())?;
        let names = archive.names().collect();
        Ok(Self { archives: vec![archive], ..Self::of(path, names) })
    }

    /// Several npz of a folder, of which no two have the same array.
    fn open_several(path: &Path, npz: Vec<String>) -> Result<Self> {
        let open = |name: &String| Archive::open(path.join(name), format!("{name}:"));
        let archives = npz.iter().map(open).collect::<Result<Vec<_>>>()?;
        let names: Vec<String> = archives.iter().flat_map(Archive::names).collect();
        let mut seen = HashSet::new();
        let known = names.iter().filter_map(|name| ArrayName::of(stem(name)));
        let alone = known.filter(|name| !seen.insert(*name)).count() == 0;
        if !alone || seen.is_empty() {
            let found = npz;
            return Err(Error::data(path.display().to_string(), DataProblem::SeveralNpz { found }));
        }
        Ok(Self { archives, ..Self::of(path, names) })
    }

    /// The folder or npz itself, or what arrays in memory are called.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// File names in a folder (`x_train.npy`), keys in an npz (`x_train`), both where there are several
    /// (`train.npz:x`, `train/x.npy`); sorted.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The npz files in the folder, which are not read.
    pub(super) fn unread_npz(&self) -> &[String] {
        &self.unread_npz
    }

    /// Identifies the array of a name that `names` or `find` returned: equal for the same array.
    pub(super) fn identity(&self, name: &str) -> PathBuf {
        if !self.archives.is_empty() || !self.held.is_empty() {
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
        } else if !self.archives.is_empty() {
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
        if let Some(array) = self.held.iter().find(|array| array.name == name) {
            let size = (array.header.len() + array.values.len()) as u64;
            let bytes = Bytes::Stream(Box::new(array.header.chain(array.values)));
            return Npy::open(name.to_owned(), size, bytes);
        }
        let path = self.file(name);
        let within = self.archives.iter_mut().find_map(|archive| {
            let key = name.strip_prefix(&archive.prefix)?.to_owned();
            Some((archive, key))
        });
        let Some((Archive { path, zip, .. }, key)) = within else {
            let file = open_regular(&path).map_err(Error::io(&path, "read"))?;
            let size = file.metadata().map_err(Error::io(&path, "read"))?.len();
            return Npy::open(path.display().to_string(), size, Bytes::File(file));
        };
        let place = format!("{}:{key}", path.display());
        let bad = |problem: String| Error::data(place.clone(), DataProblem::Npz { problem });
        let on_disk = std::fs::metadata(&*path).map_err(Error::io(path, "read"))?.len();
        let entry = zip.by_name(&format!("{key}.npy")).map_err(|e| bad(e.to_string()))?;

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
        // A number is kept in four bytes, text as it is.
        let elements = array.shape.iter().map(|&extent| extent as u64).product::<u64>();
        let values = u64::from(array.dtype.bytes.max(4)).saturating_mul(elements);
        if values > MOST_UNCHECKED && values / LARGEST_RATIO > packed {
            return Err(bad(format!(
                "its entry of {packed} bytes would take {values} in memory, as no recording does; if it \
                 is right, save it with numpy.save as a .npy file"
            )));
        }
        Ok(array)
    }
}

/// Which arrays become which parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Each part has its own.
    Parts,
    /// One array of samples, called that of training, is divided into three parts.
    One,
    /// That of training is divided into training and validation.
    TrainAndTest,
}

impl Layout {
    /// The parts that the arrays of this part become.
    pub(super) fn parts_of(self, part: PartName) -> &'static [PartName] {
        use PartName::{Test, Train, Val};
        match (self, part) {
            (Self::One, Train) => &[Train, Val, Test],
            (Self::TrainAndTest, Train) => &[Train, Val],
            (_, Train) => &[Train],
            (_, Val) => &[Val],
            (_, Test) => &[Test],
        }
    }
}

/// Picks the arrays to read, as names for [`ArraySource::array`]; every part needs samples and
/// labels.
pub(super) fn choose(
    source: &mut ArraySource<'_>,
    options: &DataOptions,
    progress: &dyn Progress,
) -> Result<(HashMap<ArrayName, String>, Layout)> {
    let layout = layout(source, options)?;
    let mut chosen = HashMap::new();
    let mut uses: HashMap<PathBuf, ArrayName> = HashMap::new();
    for part in PartName::ALL {
        let wanted = match layout {
            Layout::Parts => options.parts.contains(&part),
            Layout::One => part == PartName::Train,
            Layout::TrainAndTest => part != PartName::Val,
        };
        for role in Role::ALL.into_iter().filter(|_| wanted) {
            let name = ArrayName { role, part };
            let file = match options.explicit.get(&name) {
                Some(named) => Some(array_by_flag(source, name, named)?),
                None => array_by_name(source, name, layout, options, progress)
                    .map_err(|missing| unread_objects(source).unwrap_or(missing))?,
            };
            let Some(file) = file else { continue };
            if let Some(other) = uses.insert(source.identity(&file), name) {
                progress.warn(&format!("{file} serves as both {other} and {name}"));
            }
            chosen.insert(name, file);
        }
    }
    Ok((chosen, layout))
}

/// The layout: parts, unless the options say how to divide what is there.
fn layout(source: &ArraySource<'_>, options: &DataOptions) -> Result<Layout> {
    let has = |part| {
        let name = ArrayName { role: Role::X, part };
        let named = |file: &String| ArrayName::of(stem(file)) == Some(name);
        options.explicit.contains_key(&name) || source.names().iter().any(named)
    };
    let found = PartName::ALL.map(has);
    match (options.split, found) {
        (None, _) => Ok(Layout::Parts),
        (Some(_), [true, false, true]) => Ok(Layout::TrainAndTest),
        (Some(_), [_, false, false]) => Ok(Layout::One),
        (Some(split), _) => Err(Error::Setting {
            name: "split",
            expected: "one array of samples, or those of training and test, to be split here",
            found: format!(
                "{split} for {}, which has parts of its own; leave it out",
                source.path().display()
            ),
        }),
    }
}

/// A pickled object among the arrays, which may hold those that are missing.
fn unread_objects(source: &mut ArraySource<'_>) -> Option<Error> {
    for name in source.names().to_vec().iter().take(MOST_EXAMINED) {
        let Ok(npy) = source.array(name) else { continue };
        if npy.shape.is_empty()
            && let Err(problem) = npy.expect_numbers(false)
        {
            return Some(problem);
        }
    }
    None
}

/// The array that a flag names.
fn array_by_flag(source: &ArraySource<'_>, name: ArrayName, named: &str) -> Result<String> {
    source.find(named).ok_or_else(|| {
        let (array, named) = (name.to_string(), named.to_owned());
        problem(source, DataProblem::NoSuchArray { array, named, found: source.names().to_vec() })
    })
}

/// The array whose name has the words for this part and role; songs may be missing.
fn array_by_name(
    source: &ArraySource<'_>,
    name: ArrayName,
    layout: Layout,
    options: &DataOptions,
    progress: &dyn Progress,
) -> Result<Option<String>> {
    let whole = layout == Layout::One;
    let array = if whole { name.role.as_str().to_owned() } else { name.to_string() };
    let is_meant = |file: &&String| match ArrayName::of(stem(file)) {
        Some(found) => found == name,
        None => whole && ArrayName::role_without_part(stem(file)) == Some(name.role),
    };
    let candidates: Vec<String> = source.names().iter().filter(is_meant).cloned().collect();
    match candidates.as_slice() {
        [one] => return Ok(Some(one.clone())),
        [] if name.role == Role::Song => return Ok(None),
        [] => return Err(problem(source, missing(source, name, array, whole))),
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

/// What is wrong where an array has no candidate, and what would do.
fn missing(source: &ArraySource<'_>, name: ArrayName, array: String, whole: bool) -> DataProblem {
    let (found, npz) = (source.names().to_vec(), source.unread_npz().to_vec());
    let has = |role| {
        let is_role = |file: &&String| ArrayName::role_without_part(stem(file)) == Some(role);
        found.iter().find(is_role)
    };
    let of_part = |file: &String| ArrayName::of(stem(file)).is_some_and(|n| n.role == Role::X);
    if let (false, false, Some(x), Some(y)) =
        (whole, found.iter().any(of_part), has(Role::X), has(Role::Y))
    {
        let songs = has(Role::Song).is_some();
        return DataProblem::OnePart { x: x.clone(), y: y.clone(), songs };
    }
    let has_part =
        |part| found.iter().any(|f| ArrayName::of(stem(f)) == Some(ArrayName { part, ..name }));
    let splittable = !whole
        && name == ArrayName { role: Role::X, part: PartName::Val }
        && has_part(PartName::Train);
    let accepted = if whole { name.role.accepted_alone() } else { name.accepted() };
    match splittable {
        true => DataProblem::NoValidation { test: has_part(PartName::Test), accepted, found },
        false => DataProblem::Missing { array, accepted, found, npz },
    }
}

/// A name without its extension; its words are those of [`ArrayName::of`].
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, extension)) if extension.eq_ignore_ascii_case("npy") => stem,
        _ => name,
    }
}

/// The error that names the source and the problem.
fn problem(source: &ArraySource<'_>, problem: DataProblem) -> Error {
    Error::data(source.path().display().to_string(), problem)
}

/// The names of a folder's folders that mean parts: `train`, `Validation`.
fn part_folders(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder, "read"))? {
        let path = entry.map_err(Error::io(folder, "read"))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if names::part_of_folder(name).is_some() && path.is_dir() {
            found.push(name.to_owned());
        }
    }
    found.sort();
    Ok(found)
}

/// The names of a folder's files with this extension, sorted.
fn files(folder: &Path, extension: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder, "read"))? {
        let path = entry.map_err(Error::io(folder, "read"))?.path();
        if look::has_extension(&path, extension)
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
