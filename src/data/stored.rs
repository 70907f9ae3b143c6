//! Samples of a npy file, read by their position: only those that are asked for are in memory.

use std::fs::File;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::npy::{Dtype, FileOrder, Npy, Number, Rounding, decode_each};
use crate::error::{DataProblem, Error, Result};
use crate::files::Stamp;

/// Bytes of samples, as f32, that one thread reads at once.
const PIECE: usize = 1 << 18;

/// Bytes of samples, as f32, in a block: few enough to stay in a cache from reading to hashing.
const BLOCK: usize = 4 << 20;

/// Samples of `sample_len` values in a block, at least one.
pub(super) fn block_samples(sample_len: usize) -> usize {
    (BLOCK / (4 * sample_len)).max(1)
}

/// An array of samples that stays in its file.
#[derive(Debug)]
pub(super) struct StoredSamples {
    place: String,
    file: File,
    /// Offset of the first sample, in bytes.
    start: u64,
    dtype: Dtype,
    /// Number of samples.
    samples: usize,
    /// The axes of a sample in the order of the file.
    size: [usize; 2],
    transpose: bool,
    /// Of the values that were read.
    rounding: Mutex<Rounding>,
    /// Of the file when it was opened.
    stamp: Stamp,
}

impl StoredSamples {
    /// The samples of `npy`, whose shape has been checked.
    ///
    /// # Errors
    /// If they cannot be read by position: in an npz, or with the sample axis fastest.
    pub(super) fn open(npy: Npy<'_>, transpose: bool) -> Result<Self> {
        let no_positions = npy.problem(DataProblem::NoPositions);
        let (place, start, dtype) = (npy.place.clone(), npy.start, npy.dtype);
        let shape = npy.shape.clone();
        let (&[samples, a, b, ..], true) = (shape.as_slice(), npy.has_positions()) else {
            return Err(no_positions);
        };
        let file = npy.into_file().ok_or(no_positions)?;
        let stamp = Stamp::of(&file).map_err(|source| unreadable(&place, source))?;
        let rounding = Mutex::new(Rounding::Exact);
        Ok(Self { place, file, start, dtype, samples, size: [a, b], transpose, rounding, stamp })
    }

    /// What reading as f32 did to the values that were read so far.
    pub(super) fn rounding(&self) -> Rounding {
        *self.rounding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Values of a sample.
    fn sample_len(&self) -> usize {
        self.size.iter().product()
    }

    /// Fails where the file's size or time differ from when it was opened.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        let now = Stamp::of(&self.file).map_err(|source| unreadable(&self.place, source))?;
        if now == self.stamp {
            return Ok(());
        }
        Err(Error::data(&*self.place, DataProblem::Changed))
    }

    /// Calls `each` with all samples in order, `[.., h, w]`, block by block.
    pub(super) fn for_each_block(
        &self,
        each: &mut dyn FnMut(&mut [f32]) -> Result<()>,
    ) -> Result<()> {
        let per_block = block_samples(self.sample_len());
        let mut block = vec![0.0; per_block.min(self.samples) * self.sample_len()];
        for first in (0..self.samples).step_by(per_block) {
            let len = per_block.min(self.samples - first) * self.sample_len();
            let (block, _) = block.split_at_mut(len);
            self.read_run(first, block)?;
            each(block)?;
        }
        Ok(())
    }

    /// Fills `to` with the samples from `first` on as f32, `[h, w]` each.
    pub(super) fn read_run(&self, first: usize, to: &mut [f32]) -> Result<()> {
        let per_piece = (PIECE / (4 * self.sample_len())).max(1);
        let pieces = to.par_chunks_mut(per_piece * self.sample_len()).enumerate();
        pieces.try_for_each(|(i, to)| self.read(first + i * per_piece, to))
    }

    /// Reads these samples, in this order, into `to`, `[samples, h, w]`.
    pub(super) fn read_each(&self, samples: &[u32], to: &mut [f32]) -> Result<()> {
        let rows = to.par_chunks_exact_mut(self.sample_len()).zip(samples);
        rows.try_for_each(|(to, &sample)| self.read(sample as usize, to))
    }

    fn read(&self, first: usize, to: &mut [f32]) -> Result<()> {
        let bytes = u64::from(self.dtype.bytes);
        let offset = self.start + (first * self.sample_len()) as u64 * bytes;
        let [a, b] = self.size;
        let shape = [to.len() / self.sample_len(), a, b];
        let mut order = FileOrder::new(&shape, false, self.transpose);
        let mut from = PositionedReader { file: &self.file, offset };
        let mut rounding = Rounding::Exact;
        let mut put = |value: &mut f32, number: Number| {
            *value = number.to_f32();
            rounding = rounding.max(number.rounding(*value));
        };
        let read = if !order.is_sequential() {
            decode_each(&mut from, to.len(), self.dtype, |number| {
                if let Some(value) = to.get_mut(order.next()) {
                    put(value, number);
                }
            })
        } else if self.dtype == Dtype::F32 {
            from.read_exact(bytemuck::cast_slice_mut(to))
        } else {
            let (count, mut values) = (to.len(), to.iter_mut());
            decode_each(&mut from, count, self.dtype, |number| {
                if let Some(value) = values.next() {
                    put(value, number);
                }
            })
        };
        if rounding > Rounding::Exact {
            let mut all = self.rounding.lock().unwrap_or_else(PoisonError::into_inner);
            *all = rounding.max(*all);
        }
        read.map_err(|source| unreadable(&self.place, source))
    }
}

fn unreadable(place: &str, source: io::Error) -> Error {
    Error::data(place, DataProblem::Unreadable { source })
}

/// Reads a file from an offset on, without its shared position: many readers may read at once.
struct PositionedReader<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for PositionedReader<'_> {
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
