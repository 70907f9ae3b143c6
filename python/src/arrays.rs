//! numpy arrays as the library reads them.

use genre_gpu::data::HeldArray;
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;

/// Name, npy header, and the bytes behind it.
pub(crate) type Given<'py> = (String, Vec<u8>, Bound<'py, PyArray1<u8>>);

/// Arrays that stay borrowed while the library reads them.
pub(crate) struct Borrowed<'py> {
    arrays: Vec<(String, Vec<u8>, PyReadonlyArray1<'py, u8>)>,
}

impl<'py> Borrowed<'py> {
    pub(crate) fn new(given: Vec<Given<'py>>) -> PyResult<Self> {
        let borrow = |(name, header, bytes): Given<'py>| Ok((name, header, bytes.try_readonly()?));
        Ok(Self { arrays: given.into_iter().map(borrow).collect::<PyResult<_>>()? })
    }

    pub(crate) fn held(&self) -> PyResult<Vec<HeldArray<'_>>> {
        let mut held = Vec::with_capacity(self.arrays.len());
        for (name, header, bytes) in &self.arrays {
            held.push(HeldArray { name, header, values: bytes.as_slice()? });
        }
        Ok(held)
    }
}
