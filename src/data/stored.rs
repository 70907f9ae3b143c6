//! Samples of a npy file, read by their position: memory holds those that are asked for.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::time::SystemTime;

use rayon::prelude::*;

use super::file_order::FileOrder;
use super::header::Dtype;
use super::npy::{Npy, each};
use crate::error::{DataProblem, Error, Result};

/// Bytes of samples, as f32, that one thread reads at once.
const PIECE: usize = 1 << 18;

/// An array of samples that stays in its file.
#[derive(Debug)]
pub(super) struct Stored {
    place: String,
    file: File,
    /// Where the first sample begins, in bytes.
    start: u64,
    dtype: Dtype,
    /// The axes of a sample as they stand in the file.
    size: [usize; 2],
    transpose: bool,
    /// Size and time of the file when it was opened.
    seen: (u64, Option<SystemTime>),
}

impl Stored {
    /// The samples of `npy`, whose shape has been checked; none where they have no places.
    pub(super) fn new(npy: Npy<'_>, transpose: bool) -> Result<Option<Self>> {
        let &[_, a, b, ..] = npy.shape.as_slice() else { return Ok(None) };
        let (place, start, dtype, size) = (npy.place.clone(), npy.start, npy.dtype, [a, b]);
        if !npy.has_places() {
            return Ok(None);
        }
        let Some(file) = npy.into_file() else { return Ok(None) };
        let seen = file.metadata().map(|found| stamp(&found));
        let seen = seen.map_err(|source| unreadable(&place, source))?;
        Ok(Some(Self { place, file, start, dtype, size, transpose, seen }))
    }

    /// Values of a sample.
    fn len(&self) -> usize {
        self.size.iter().product()
    }

    /// Fails where the file is no longer what was opened.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        let now = self.file.metadata().map_err(|source| unreadable(&self.place, source))?;
        if stamp(&now) == self.seen {
            return Ok(());
        }
        Err(Error::data(&*self.place, DataProblem::Changed))
    }

    /// Reads the samples from `first` on as f32, `[h, w]` each, until `to` is full.
    pub(super) fn read_run(&self, first: usize, to: &mut [f32]) -> Result<()> {
        let samples = (PIECE / (4 * self.len())).max(1);
        let pieces = to.par_chunks_mut(samples * self.len()).enumerate();
        pieces.try_for_each(|(i, to)| self.read(first + i * samples, to))
    }

    /// Reads these samples, in this order; `to` has room for as many.
    pub(super) fn read_each(&self, samples: &[u32], to: &mut [f32]) -> Result<()> {
        let places = to.par_chunks_exact_mut(self.len()).zip(samples);
        places.try_for_each(|(to, &sample)| self.read(sample as usize, to))
    }

    fn read(&self, first: usize, to: &mut [f32]) -> Result<()> {
        let bytes = u64::from(self.dtype.bytes);
        let offset = self.start + (first * self.len()) as u64 * bytes;
        let [a, b] = self.size;
        let mut order = FileOrder::new(&[to.len() / self.len(), a, b], false, self.transpose);
        let mut from = Positioned { file: &self.file, offset };
        let read = if !order.is_sequential() {
            each(&mut from, to.len(), self.dtype, |number| {
                if let Some(value) = to.get_mut(order.next()) {
                    *value = number.to_f32();
                }
            })
        } else if self.dtype == Dtype::F32 {
            from.read_exact(bytemuck::cast_slice_mut(to))
        } else {
            let (count, mut places) = (to.len(), to.iter_mut());
            each(&mut from, count, self.dtype, |number| {
                if let Some(value) = places.next() {
                    *value = number.to_f32();
                }
            })
        };
        read.map_err(|source| unreadable(&self.place, source))
    }
}

fn stamp(file: &Metadata) -> (u64, Option<SystemTime>) {
    (file.len(), file.modified().ok())
}

fn unreadable(place: &str, source: io::Error) -> Error {
    Error::data(place, DataProblem::Unreadable { source })
}

/// A file from some byte on; many may read at once.
struct Positioned<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for Positioned<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = read_at(self.file, to, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

#[cfg(unix)]
fn read_at(file: &File, to: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, to, offset)
}

#[cfg(windows)]
fn read_at(file: &File, to: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, to, offset)
}
