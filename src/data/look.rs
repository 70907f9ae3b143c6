//! What a file or folder without arrays holds instead, and what to do with it.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::DataProblem;
use crate::text::{python, shell, thousands};

/// A kind of file that people give in place of arrays, by its extensions; what is asked for first
/// comes first.
const KINDS: [(Kind, &[&str]); 9] = [
    (
        Kind::Sound,
        &[
            "wav", "wave", "au", "snd", "mp3", "mp2", "flac", "ogg", "oga", "opus", "m4a", "aac",
            "aif", "aiff", "aifc", "wma",
        ],
    ),
    (Kind::Hdf5, &["h5", "hdf5", "hdf", "he5"]),
    (Kind::Pickle, &["pkl", "pickle", "p"]),
    (Kind::Json, &["json"]),
    (Kind::Matlab, &["mat"]),
    (Kind::Torch, &["pt", "pth"]),
    (Kind::Picture, &["png", "jpg", "jpeg", "bmp", "gif", "tif", "tiff", "webp"]),
    (Kind::Packed, &["zip", "tar", "gz", "tgz", "bz2", "xz", "7z", "rar"]),
    (Kind::Table, &["csv", "tsv", "parquet", "feather", "xlsx"]),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sound,
    Hdf5,
    Pickle,
    Json,
    Matlab,
    Torch,
    Picture,
    Packed,
    Table,
}

/// Folders within folders, and entries, that are looked at.
const DEPTH: usize = 4;
const MOST_ENTRIES: usize = 20_000;

/// The problem of a file that is no npz.
pub(super) fn at_file(path: &Path) -> DataProblem {
    if has_extension(path, "npy") {
        return DataProblem::OneArray;
    }
    match kind_of(path) {
        Some(kind) => {
            let (found, help) = (name(kind, 1), help(kind, path, path));
            DataProblem::OtherFiles { found, help }
        }
        None => DataProblem::NeitherFolderNorNpz,
    }
}

/// The problem of a folder that has no arrays, if it has files of a known kind.
pub(super) fn at_folder(path: &Path) -> Option<DataProblem> {
    let mut files = Vec::new();
    let mut left = MOST_ENTRIES;
    list(path, DEPTH, &mut left, &mut files);
    files.sort();
    // Arrays further down, where they are not looked for.
    let below = files.iter().find(|file| has_extension(file, "npy") || has_extension(file, "npz"));
    if let Some(folder) = below.and_then(|file| file.parent()) {
        let found = format!("arrays only further down, in {}", folder.display());
        let help = format!("give that folder:\n  --data {}", shell(&folder.display().to_string()));
        return Some(DataProblem::OtherFiles { found, help });
    }
    let (kind, _) =
        KINDS.iter().find(|(kind, _)| files.iter().any(|f| kind_of(f) == Some(*kind)))?;
    let of_kind: Vec<&PathBuf> = files.iter().filter(|f| kind_of(f) == Some(*kind)).collect();
    let first = of_kind.first()?;
    let example = first.strip_prefix(path).unwrap_or(first).display();
    let found = format!("{}, such as {example}", name(*kind, of_kind.len()));
    Some(DataProblem::OtherFiles { found, help: help(*kind, path, first) })
}

/// The files of a folder and its folders, as far as they are looked at; hidden ones are not.
fn list(folder: &Path, depth: usize, left: &mut usize, files: &mut Vec<PathBuf>) {
    // What cannot be read is not what was meant.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 && !hidden => {
                list(&entry.path(), depth - 1, left, files);
            }
            Ok(kind) if kind.is_file() && !hidden => files.push(entry.path()),
            _ => {}
        }
    }
}

pub(super) fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(wanted))
}

fn kind_of(path: &Path) -> Option<Kind> {
    let is_kind =
        |(_, extensions): &&(Kind, &[&str])| extensions.iter().any(|e| has_extension(path, e));
    KINDS.iter().find(is_kind).map(|(kind, _)| *kind)
}

/// Whether a JSON file begins as one with the keys mapping, labels and mfcc does.
fn is_course_json(path: &Path) -> bool {
    let mut start = Vec::new();
    let file = crate::files::open_regular(path);
    let read = file.and_then(|file| file.take(JSON_START).read_to_end(&mut start));
    let start = String::from_utf8_lossy(&start);
    let key = |name: &str| start.contains(&format!("\"{name}\""));
    read.is_ok() && key("mapping") && (key("mfcc") || key("labels"))
}

/// Bytes that are looked at; the arrays come later.
const JSON_START: u64 = 1 << 16;

/// `1,000 sound files`, `an HDF5 file`.
fn name(kind: Kind, count: usize) -> String {
    let (one, many) = match kind {
        Kind::Sound => ("a sound file", "sound files"),
        Kind::Hdf5 => ("an HDF5 file", "HDF5 files"),
        Kind::Pickle => ("a pickle", "pickles"),
        Kind::Json => ("a JSON file", "JSON files"),
        Kind::Matlab => ("a MATLAB file", "MATLAB files"),
        Kind::Torch => ("a PyTorch file", "PyTorch files"),
        Kind::Picture => ("a picture", "pictures"),
        Kind::Packed => ("a packed archive", "packed archives"),
        Kind::Table => ("a table", "tables"),
    };
    if count == 1 { one.to_owned() } else { format!("{} {many}", thousands(count as u64)) }
}

/// What to do with files of a kind: `given` is the path that was given, `first` the first such file.
fn help(kind: Kind, given: &Path, first: &Path) -> String {
    let npz = first.with_extension("npz");
    let [from, to] = [first, &npz].map(|path| python(&path.display().to_string()));
    let convert = |lines: &str| {
        format!(
            "make arrays of it in Python:\n{lines}\nand give --data {}, with --split song or --split \
             sample if it has one x and y",
            shell(&npz.display().to_string())
        )
    };
    let save = format!("np.savez_compressed({to}, **d)");
    match kind {
        Kind::Sound => {
            let folder = if given.is_dir() { given } else { Path::new("FOLDER") };
            format!(
                "make arrays of sound, in one folder for each class, and train on those:\n  genre-gpu \
                 prepare {} --out arrays\n  genre-gpu train --data arrays",
                shell(&folder.display().to_string())
            )
        }
        Kind::Hdf5 => convert(&format!(
            "  import h5py, numpy as np\n  f = h5py.File({from}); d = {{}}\n  f.visititems(lambda k, v: \
             d.update({{k.replace('/', '_'): v[()]}}) if hasattr(v, 'shape') else None)\n  {save}"
        )),
        Kind::Pickle => convert(&format!(
            "  import numpy as np\n  d = np.load({from}, allow_pickle=True)  # runs code in the file: \
             only your own\n  {save}"
        )),
        Kind::Json if is_course_json(first) => format!(
            "this is data.json of a well-known course on music genres: mapping has the names of the \
             classes, mfcc [n, frames, coefficients]. Make arrays of it in Python:\n  import json, numpy \
             as np\n  d = json.load(open({from}))\n  np.savez_compressed({to}, x=np.array(d['mfcc'], \
             'float32'), y=np.array(d['labels']), mapping=np.array(d['mapping']))\nand give --data {} \
             --transpose --split sample; it has no song ids, so cuts of one song get into several parts \
             and scores look too good",
            shell(&npz.display().to_string())
        ),
        Kind::Json => convert(&format!(
            "  import json, numpy as np\n  d = {{k: np.array(v) for k, v in json.load(open({from})).items()}}\
             \n  {save}"
        )),
        Kind::Matlab => convert(&format!(
            "  import numpy as np, scipy.io\n  d = {{k: v for k, v in scipy.io.loadmat({from}).items() if \
             k[0] != '_'}}\n  {save}"
        )),
        Kind::Torch => convert(&format!(
            "  import numpy as np, torch\n  d = {{k: v.numpy() for k, v in torch.load({from}).items()}}\
             \n  {save}"
        )),
        Kind::Picture => "pictures of spectrograms are not read: their colours are no decibels and their \
                          axes are unknown; make arrays of the sound itself:\n  genre-gpu prepare SOUND \
                          --out arrays\n  genre-gpu train --data arrays"
            .to_owned(),
        Kind::Packed => "unpack it and give what is in it".to_owned(),
        Kind::Table => "a network here reads spectrograms, not tables of features; make arrays of the \
                        sound itself:\n  genre-gpu prepare SOUND --out arrays\n  genre-gpu train --data \
                        arrays"
            .to_owned(),
    }
}
