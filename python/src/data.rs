//! Arrays of a folder, an npz or the demo corpus; arrays from sound files.

use std::path::PathBuf;

use genre_gpu::audio::{Cutting, FrontEnd, FrontEndSpec, LogMel};
use genre_gpu::data::{DataFrom, PartName};
use genre_gpu::prepare::{Options, file_cuts};
use genre_gpu::train::settings::{Recipe, Settings};
use genre_gpu::train::source;
use numpy::{IntoPyArray, PyArray3, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::callbacks::{Listener, watched};
use crate::errors::exception;

/// Settings from JSON, over those of a file.
pub(crate) fn settings(json: &str, config: Option<PathBuf>) -> PyResult<Settings> {
    let given: Settings =
        serde_json::from_str(json).map_err(|e| PyValueError::new_err(e.to_string()))?;
    match config {
        Some(path) => Ok(given.or(Settings::read(&path).map_err(exception)?)),
        None => Ok(given),
    }
}

/// The arrays that settings name, or the demo corpus, as a dictionary.
#[pyfunction]
pub(crate) fn load_data<'py>(
    py: Python<'py>,
    settings: &str,
    config: Option<PathBuf>,
    cache_dir: Option<PathBuf>,
    listener: Py<PyAny>,
) -> PyResult<Bound<'py, PyDict>> {
    let settings = self::settings(settings, config)?;
    let listener = Listener::new(py, listener)?;
    let loaded = py.detach(|| {
        let config = settings.resolve(Recipe::default())?.anchored();
        let cache = cache_dir.as_deref();
        let parts = &PartName::ALL;
        let source = source::open(&config, cache, parts, DataFrom::Memory, &listener)?;
        Ok((config, source))
    });
    listener.raised()?;
    let (config, source) = loaded.map_err(exception)?;
    let data = source.data;
    let [h, w, _] = data.sample_shape;
    let dict = PyDict::new(py);
    for (name, part) in
        [(PartName::Train, data.train), (PartName::Val, data.val), (PartName::Test, data.test)]
    {
        let n = part.len();
        dict.set_item(format!("x_{name}"), part.x.into_pyarray(py).reshape([n, h, w])?)?;
        let y: Vec<i64> = part.y.into_iter().map(i64::from).collect();
        dict.set_item(format!("y_{name}"), y.into_pyarray(py))?;
        let song = part.song.map(|song| song.into_pyarray(py));
        dict.set_item(format!("song_{name}"), song)?;
    }
    dict.set_item("classes", data.classes)?;
    dict.set_item("source", data.source)?;
    let own = serde_json::to_value(&config).map_err(wrong)?;
    let keys = ["data", "transpose", "class-names", "split", "fold", "arrays", "front-end"];
    let own = keys.iter().filter_map(|key| Some((*key, own.get(key)?.clone())));
    let own: serde_json::Map<_, _> = own.map(|(key, value)| (key.to_owned(), value)).collect();
    dict.set_item("settings", serde_json::Value::Object(own).to_string())?;
    let front_end = source.front_end.as_ref().map(serde_json::to_string).transpose();
    let front_end = front_end.map_err(|e| PyValueError::new_err(e.to_string()))?;
    dict.set_item("front_end", front_end)?;
    Ok(dict)
}

fn wrong(error: serde_json::Error) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A preset with changes, and with another number of frames.
fn front_end(spec: &str, frames: Option<usize>) -> PyResult<FrontEnd> {
    let spec: FrontEndSpec = spec.parse().map_err(PyValueError::new_err)?;
    let mut front_end = spec.front_end().clone();
    if let Some(frames) = frames
        && frames != front_end.frames
    {
        front_end.frames = frames;
        if !front_end.name.ends_with(" (changed)") {
            front_end.name += " (changed)";
        }
    }
    front_end.check().map_err(exception)?;
    Ok(front_end)
}

/// Values, starts in seconds, facts about the file.
type FileCuts<'py> = (Bound<'py, PyArray3<f32>>, Vec<f64>, Bound<'py, PyDict>);

/// The spectrograms of one sound file, `[cuts, mels, frames]`, where each begins in seconds, and facts
/// about the file.
#[pyfunction]
pub(crate) fn cuts<'py>(
    py: Python<'py>,
    path: PathBuf,
    front_end: &str,
    frames: Option<usize>,
    cutting: &str,
    most_minutes: u32,
) -> PyResult<FileCuts<'py>> {
    let front_end = self::front_end(front_end, frames)?;
    let cutting: Cutting = serde_json::from_str(cutting).map_err(wrong)?;
    let (mels, frames) = (front_end.n_mels, front_end.frames);
    let made = py.detach(|| file_cuts(&path, &mut LogMel::new(&front_end)?, cutting, most_minutes));
    let made = made.map_err(exception)?;
    let facts = PyDict::new(py);
    facts.set_item("seconds", made.seconds)?;
    facts.set_item("sample_rate_hz", made.sample_rate_hz)?;
    facts.set_item("overlap", made.overlap)?;
    facts.set_item("damage", made.damage)?;
    facts.set_item("remark", made.remark)?;
    let n = made.starts_s.len();
    let values = made.values.into_pyarray(py).reshape([n, mels, frames])?;
    Ok((values, made.starts_s, facts))
}

/// A front end and a cutting as `prepare.json` has them, as JSON.
#[pyfunction]
pub(crate) fn how_cut(front_end: &str, frames: Option<usize>, cutting: &str) -> PyResult<String> {
    let front_end = self::front_end(front_end, frames)?;
    let cutting: Cutting = serde_json::from_str(cutting).map_err(wrong)?;
    Ok(serde_json::json!({ "front_end": front_end, "cutting": cutting }).to_string())
}

/// Sound files to arrays in the folder `out`; what was made, as a dictionary.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one for each setting of prepare")]
pub(crate) fn prepare<'py>(
    py: Python<'py>,
    audio: PathBuf,
    out: PathBuf,
    list: Option<PathBuf>,
    classes: Option<Vec<String>>,
    front_end: &str,
    frames: Option<usize>,
    cutting: &str,
    song_from: Option<String>,
    split: Option<&str>,
    parts: Option<PathBuf>,
    seed: u64,
    strict: bool,
    most_minutes: u32,
    threads: usize,
    listener: Py<PyAny>,
) -> PyResult<Bound<'py, PyDict>> {
    let front_end = self::front_end(front_end, frames)?;
    let cutting: Cutting = serde_json::from_str(cutting).map_err(wrong)?;
    let split = split.map(|split| serde_json::from_value(split.into())).transpose();
    let split = split.map_err(wrong)?;
    let options = Options {
        audio,
        list,
        classes,
        front_end,
        cutting,
        song_from,
        split,
        parts,
        seed,
        strict,
        most_minutes,
        threads,
        out,
    };
    let listener = Listener::new(py, listener)?;
    let summary =
        py.detach(|| watched(&listener, || genre_gpu::prepare::prepare(&options, &listener)));
    listener.raised()?;
    let summary = summary.map_err(exception)?;
    let dict = PyDict::new(py);
    dict.set_item("classes", &summary.classes)?;
    dict.set_item("files", summary.files)?;
    dict.set_item("seconds", summary.seconds)?;
    dict.set_item("skipped", summary.skipped)?;
    dict.set_item("left_out", summary.left_out)?;
    let counts = PyList::empty(py);
    for ((part, class), count) in summary.counts {
        counts.append((part.as_str(), &summary.classes[class], count.songs, count.samples))?;
    }
    dict.set_item("counts", counts)?;
    Ok(dict)
}
