//! The library's errors as exceptions, with the same words.

use std::io::ErrorKind;

use genre_gpu::Error;
use genre_gpu::error::DataProblem;
use pyo3::create_exception;
use pyo3::exceptions::{
    PyException, PyFileNotFoundError, PyMemoryError, PyOSError, PyPermissionError, PyValueError,
};
use pyo3::prelude::*;

create_exception!(
    genre_gpu,
    GenreGpuError,
    PyException,
    "What failed is neither an argument nor a missing file: damaged weights, a device, a diverged run."
);

/// The exception of the kind that Python has for an error.
pub(crate) fn exception(error: Error) -> PyErr {
    let text = error.to_string();
    match kind(&error) {
        Kind::Value => PyValueError::new_err(text),
        Kind::NotFound => PyFileNotFoundError::new_err(text),
        Kind::Permission => PyPermissionError::new_err(text),
        Kind::System => PyOSError::new_err(text),
        Kind::Memory => PyMemoryError::new_err(text),
        Kind::Other => GenreGpuError::new_err(text),
    }
}

enum Kind {
    Value,
    NotFound,
    Permission,
    System,
    Memory,
    Other,
}

fn kind(error: &Error) -> Kind {
    match error {
        Error::Io { source, .. } => match source.kind() {
            ErrorKind::NotFound => Kind::NotFound,
            ErrorKind::PermissionDenied => Kind::Permission,
            _ => Kind::System,
        },
        Error::Data { problem: DataProblem::NoSuchPath, .. } => Kind::NotFound,
        Error::WithHelp { source, .. } => kind(source),
        Error::Memory { .. } => Kind::Memory,
        Error::Data { .. }
        | Error::Node { .. }
        | Error::Model { .. }
        | Error::UnknownModel { .. }
        | Error::Setting { .. }
        | Error::Config { .. }
        | Error::FrontEnd { .. }
        | Error::Audio { .. }
        | Error::Prepare { .. }
        | Error::Mismatch { .. } => Kind::Value,
        _ => Kind::Other,
    }
}
