//! Writes small arrays byte by byte, so that nothing here shares code with the reader.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use genre_gpu::data::{DataOptions, Dataset, PartName};
use genre_gpu::error::{DataProblem, Error, Result};
use genre_gpu::progress::{Progress, Silent};
use zip::write::SimpleFileOptions;

pub use crate::npy::{npy, with_header};

/// Row-major little-endian float32.
pub fn f32s(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    npy("<f4", false, &tuple(shape), &data)
}

/// A column of int64.
pub fn i64s(values: &[i64]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    npy("<i8", false, &tuple(&[values.len()]), &data)
}

/// A shape as Python writes it.
pub fn tuple(shape: &[usize]) -> String {
    let extents: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
    format!("({extents})")
}

/// The values of `make.py`: (15 n + 5 h + w − 30) / 4 for `n` samples of 3 × 5.
pub fn ramp(n: usize) -> Vec<f32> {
    (0..n * 15).map(|i| (i as f32 - 30.0) / 4.0).collect()
}

/// Four training samples of 3 × 5, two of val and two of test, three classes.
pub struct Files(pub HashMap<String, Vec<u8>>);

impl Files {
    pub fn good() -> Self {
        let mut files = Self(HashMap::new());
        for (part, n) in [("train", 4), ("val", 2), ("test", 2)] {
            files.set(&format!("x_{part}.npy"), f32s(&[n, 3, 5], &ramp(n)));
            files.set(&format!("y_{part}.npy"), i64s(&[0, 1, 2, 1][..n]));
        }
        files
    }

    /// `good` with one file written otherwise.
    pub fn with(name: &str, bytes: Vec<u8>) -> Self {
        let mut files = Self::good();
        files.set(name, bytes);
        files
    }

    pub fn set(&mut self, name: &str, bytes: Vec<u8>) {
        self.0.insert(name.to_owned(), bytes);
    }

    pub fn rename(&mut self, from: &str, to: &str) {
        let bytes = self.0.remove(from).unwrap();
        self.set(to, bytes);
    }

    /// As files in a new folder.
    pub fn folder(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in &self.0 {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        folder
    }

    /// As entries of an npz in a new folder.
    pub fn npz(&self, method: zip::CompressionMethod) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.npz");
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        for (name, bytes) in &self.0 {
            let options = SimpleFileOptions::default().compression_method(method);
            zip.start_file(name.as_str(), options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        (folder, path)
    }

    pub fn load(&self) -> Result<Dataset> {
        load(self.folder().path())
    }

    /// The place and the problem of a load that must fail; their text must name the place.
    pub fn problem(&self) -> (String, DataProblem) {
        problem(self.load())
    }
}

pub fn load(path: &Path) -> Result<Dataset> {
    Dataset::load(&DataOptions::new(path), &Silent)
}

/// Loads `bytes` as the training samples, with as many labels as asked for.
pub fn load_x(bytes: Vec<u8>, n: usize, transpose: bool) -> Result<Dataset> {
    let mut files = Files(HashMap::new());
    files.set("x_train.npy", bytes);
    files.set("y_train.npy", i64s(&(0..n as i64).collect::<Vec<_>>()));
    let folder = files.folder();
    let parts = vec![PartName::Train];
    Dataset::load(&DataOptions { transpose, parts, ..DataOptions::new(folder.path()) }, &Silent)
}

/// The name of the file (or its key) and the problem; the message must begin with the place.
pub fn problem(result: Result<Dataset>) -> (String, DataProblem) {
    let Err(error) = result else { panic!("the data were accepted") };
    let message = error.to_string();
    let Error::Data { place, problem } = error else { panic!("another error: {message}") };
    assert!(message.starts_with(&format!("{place}: ")), "{message}");
    assert!(message.len() > place.len() + 20, "{message}");
    let name = place.rsplit('/').next().unwrap_or(&place).to_owned();
    (name, problem)
}

/// Keeps what it is told.
#[derive(Default)]
pub struct Notes(pub Mutex<Vec<String>>);

impl Progress for Notes {
    fn begin(&self, _label: &str, _total: u64, _unit: &'static str) {}
    fn advance(&self, _by: u64) {}
    fn end(&self) {}
    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn warn(&self, text: &str) {
        self.note(text);
    }
}
