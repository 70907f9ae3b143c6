//! `genre_gpu._native`: the library behind the Python package. It converts values, releases the
//! interpreter's lock and calls the library; the classes that users see are in `genre_gpu/*.py`.
//!
//! ```text
//! arrays.rs    numpy arrays as the library reads them, and back
//! callbacks.rs Python objects that are told of progress and of training; Ctrl-C
//! errors.rs    the library's errors as exceptions
//! data.rs      load_data, prepare
//! network.rs   a network with weights: predict, evaluate, maps, save
//! sound.rs     log_mel, predict_files
//! train.rs     train
//! ```

mod arrays;
mod callbacks;
mod data;
mod errors;
mod network;
mod sound;
mod train;

use std::ffi::OsString;
use std::process::ExitCode;

use pyo3::prelude::*;

/// Runs the command line; returns its exit code.
#[pyfunction]
fn main(py: Python<'_>, arguments: Vec<OsString>) -> Option<u8> {
    let code = py.detach(|| genre_gpu::cli::run(&arguments));
    // An ExitCode does not tell its number.
    (0..=u8::MAX).find(|number| ExitCode::from(*number) == code)
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("GenreGpuError", module.py().get_type::<errors::GenreGpuError>())?;
    module.add_class::<network::Network>()?;
    module.add_function(wrap_pyfunction!(main, module)?)?;
    module.add_function(wrap_pyfunction!(network::check_model, module)?)?;
    module.add_function(wrap_pyfunction!(data::load_data, module)?)?;
    module.add("SOUND_EXTENSIONS", genre_gpu::audio::EXTENSIONS)?;
    module.add_function(wrap_pyfunction!(data::cuts, module)?)?;
    module.add_function(wrap_pyfunction!(data::how_cut, module)?)?;
    module.add_function(wrap_pyfunction!(data::prepare, module)?)?;
    module.add_function(wrap_pyfunction!(sound::log_mel, module)?)?;
    module.add_function(wrap_pyfunction!(sound::predict_files, module)?)?;
    module.add_function(wrap_pyfunction!(train::train, module)?)
}
