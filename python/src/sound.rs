//! Log-mel spectrograms of samples, verdicts of sound files.

use std::path::PathBuf;

use genre_gpu::audio::{FrontEndSpec, LogMel, Reference};
use genre_gpu::predict::{self, Options, Predictor};
use genre_gpu::train::run_folder::RunFolder;
use genre_gpu::train::settings::Config;
use numpy::{IntoPyArray, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::callbacks::Listener;
use crate::errors::exception;
use crate::network::device;

/// The log-mel spectrogram of samples in dB, `[mels, frames]`.
#[pyfunction]
pub(crate) fn log_mel<'py>(
    py: Python<'py>,
    y: PyReadonlyArray1<'py, f32>,
    front_end: &str,
    max_is_zero: bool,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let spec: FrontEndSpec = front_end.parse().map_err(PyValueError::new_err)?;
    let samples = y.as_slice()?;
    if let Some(at) = samples.iter().position(|sample| !sample.is_finite()) {
        let found = samples[at];
        return Err(PyValueError::new_err(format!(
            "y: expected finite samples, found {found} at {at}"
        )));
    }
    let reference = if max_is_zero { Reference::Max } else { Reference::Fixed(1.0) };
    let made = py.detach(|| LogMel::new(spec.front_end())?.transform(samples, reference));
    let made = made.map_err(exception)?;
    made.values.into_pyarray(py).reshape([made.n_mels, made.frames])
}

/// What the run in a folder makes of sound files, as JSON.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one for each option of predict")]
pub(crate) fn predict_files(
    py: Python<'_>,
    run: PathBuf,
    files: Vec<PathBuf>,
    cuts: Option<usize>,
    front_end: Option<&str>,
    most_minutes: u32,
    device: &str,
    adapter: Option<String>,
    threads: usize,
    listener: Py<PyAny>,
) -> PyResult<String> {
    let device = self::device(device)?;
    let front_end: Option<FrontEndSpec> =
        front_end.map(str::parse).transpose().map_err(PyValueError::new_err)?;
    let listener = Listener::new(py, listener)?;
    let json = py.detach(|| {
        let folder = RunFolder::open(&run)?;
        let mut config = Config::read(&folder.config())?;
        config.run_on(Some(device), adapter);
        config.threads = threads;
        let options = Options { front_end: front_end.as_ref(), cuts, most_minutes };
        let mut predictor = Predictor::open(&folder, &config, options, &listener)?;
        let mut songs = Vec::with_capacity(files.len());
        let mut paths = files.iter();
        predictor.predict(&files, &listener, &mut |song| {
            songs.extend(paths.next().map(|path| (path.clone(), song)));
            Ok(())
        })?;
        predict::json(&songs, &predictor.facts().classes)
    });
    listener.raised()?;
    json.map_err(exception)
}
