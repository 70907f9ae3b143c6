//! Reads a npy array as a stream: any number type, order and endianness, with
//! one small buffer beside the result.

use std::fs::File;
use std::io::Read;

use half::f16;

use super::file_order::FileOrder;
use super::header::{Dtype, Header, Kind};
use crate::error::{DataProblem, Error, Result};

const BUFFER_BYTES: usize = 1 << 16;

/// An array whose header has been read and whose size has been checked.
pub(super) struct Npy<'a> {
    /// The file, or file:key.
    pub(super) place: String,
    pub(super) shape: Vec<usize>,
    pub(super) dtype: Dtype,
    elements: usize,
    pub(super) fortran: bool,
    /// Where the elements begin, in bytes.
    pub(super) start: u64,
    reader: Bytes<'a>,
}

/// Where an array's bytes come from.
pub(super) enum Bytes<'a> {
    /// A file of its own.
    File(File),
    /// An archive, which gives them one after the other.
    Stream(Box<dyn Read + 'a>),
}

impl Read for Bytes<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::File(file) => file.read(to),
            Self::Stream(stream) => stream.read(to),
        }
    }
}

/// An element before it becomes a sample's value, a label or an id.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Int(i64),
    Uint(u64),
    Float(f64),
}

impl<'a> Npy<'a> {
    /// Reads the header. `size` is the true number of bytes: nothing is
    /// allocated for an array that the file cannot hold.
    pub(super) fn open(place: String, size: u64, mut reader: Bytes<'a>) -> Result<Self> {
        let checked = Header::read(&mut reader, size).and_then(|header| {
            let (elements, expected) = header.extent()?;
            if expected != size {
                return Err(DataProblem::Length { expected, found: size });
            }
            let shape = header.shape.iter().map(|&extent| usize::try_from(extent));
            let shape = shape.collect::<Result<Vec<_>, _>>();
            let shape =
                shape.map_err(|_| DataProblem::ImpossibleShape { shape: header.shape.clone() })?;
            Ok((header, shape, elements))
        });
        let (header, shape, elements) = checked.map_err(|problem| Error::data(&*place, problem))?;
        let Header { dtype, fortran, start, .. } = header;
        Ok(Self { place, shape, dtype, elements, fortran, start, reader })
    }

    /// Its file, where it has one of its own.
    pub(super) fn into_file(self) -> Option<File> {
        match self.reader {
            Bytes::File(file) => Some(file),
            Bytes::Stream(_) => None,
        }
    }

    /// Whether it has a file of its own in which samples stand one after the other, so that each
    /// can be read by its position.
    pub(super) fn has_places(&self) -> bool {
        let one = self.shape.iter().filter(|extent| **extent > 1).count() < 2;
        matches!(self.reader, Bytes::File(_)) && (one || !self.fortran)
    }

    /// This array has that problem.
    pub(super) fn problem(&self, problem: DataProblem) -> Error {
        Error::data(&*self.place, problem)
    }

    /// All elements as f32 in row-major order; `transpose` swaps axes 1 and 2.
    /// Integers and f64 are rounded to the nearest f32.
    pub(super) fn into_f32(mut self, transpose: bool) -> Result<Vec<f32>> {
        let order = FileOrder::new(&self.shape, self.fortran, transpose);
        if order.is_sequential() && self.dtype == Dtype::F32 {
            let mut values = self.zeros()?;
            let read = self.reader.read_exact(bytemuck::cast_slice_mut(&mut values));
            read.map_err(|source| self.problem(DataProblem::Unreadable { source }))?;
            self.finish()?;
            return Ok(values);
        }
        self.convert(order, Number::to_f32)
    }

    /// All elements in row-major order.
    pub(super) fn into_numbers(self) -> Result<Vec<Number>> {
        let order = FileOrder::new(&self.shape, self.fortran, false);
        self.convert(order, |number| number)
    }

    fn convert<T: Copy + Default>(
        mut self,
        mut order: FileOrder,
        to: impl Fn(Number) -> T,
    ) -> Result<Vec<T>> {
        let mut values = self.room()?;
        let read = if order.is_sequential() {
            each(&mut self.reader, self.elements, self.dtype, |number| values.push(to(number)))
        } else {
            values.resize(self.elements, T::default());
            each(&mut self.reader, self.elements, self.dtype, |number| {
                if let Some(value) = values.get_mut(order.next()) {
                    *value = to(number);
                }
            })
        };
        read.map_err(|source| self.problem(DataProblem::Unreadable { source }))?;
        self.finish()?;
        Ok(values)
    }

    /// All elements, zero. Such memory costs nothing before it is written to, but where there is
    /// not enough of it the process ends, so it is asked for first.
    pub(super) fn zeros(&self) -> Result<Vec<f32>> {
        drop(self.room::<f32>()?);
        Ok(vec![0.0; self.elements])
    }

    /// Memory for all elements.
    fn room<T>(&self) -> Result<Vec<T>> {
        let mut values = Vec::new();
        values.try_reserve_exact(self.elements).map_err(|_| {
            let bytes = (self.elements as u64).saturating_mul(size_of::<T>() as u64);
            self.problem(DataProblem::TooLarge { bytes })
        })?;
        Ok(values)
    }

    /// An archive's checksum is compared only when its end has been seen.
    fn finish(&mut self) -> Result<()> {
        let rest = self.reader.read(&mut [0u8]);
        rest.map(|_| ()).map_err(|source| self.problem(DataProblem::Unreadable { source }))
    }
}

impl Default for Number {
    fn default() -> Self {
        Self::Int(0)
    }
}

impl Number {
    #[inline]
    pub(super) fn to_f32(self) -> f32 {
        match self {
            Self::Int(v) => v as f32,
            Self::Uint(v) => v as f32,
            Self::Float(v) => v as f32,
        }
    }

    /// The whole number that this is, if it is one and fits.
    pub(super) fn whole(self) -> Option<i64> {
        match self {
            Self::Int(v) => Some(v),
            Self::Uint(v) => i64::try_from(v).ok(),
            // Above 2^53 a float no longer tells neighbouring ids apart.
            Self::Float(v) => {
                (v.fract() == 0.0 && v.abs() <= 9_007_199_254_740_992.0).then_some(v as i64)
            }
        }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(v) => v.fmt(f),
            Self::Uint(v) => v.fmt(f),
            Self::Float(v) => v.fmt(f),
        }
    }
}

/// Decodes `count` elements and hands them to `put` one by one.
pub(super) fn each(
    reader: &mut dyn Read,
    count: usize,
    dtype: Dtype,
    put: impl FnMut(Number),
) -> std::io::Result<()> {
    use Number::{Float, Int, Uint};
    let big = dtype.big_endian;
    match (dtype.kind, dtype.bytes) {
        (Kind::Float, 2) => {
            decode(reader, count, big, |b| Float(f64::from(f16::from_le_bytes(b))), put)
        }
        (Kind::Float, 4) => {
            decode(reader, count, big, |b| Float(f64::from(f32::from_le_bytes(b))), put)
        }
        (Kind::Float, _) => decode(reader, count, big, |b| Float(f64::from_le_bytes(b)), put),
        (Kind::Int, 1) => decode(reader, count, big, |[b]| Int(i64::from(b as i8)), put),
        (Kind::Int, 2) => {
            decode(reader, count, big, |b| Int(i64::from(i16::from_le_bytes(b))), put)
        }
        (Kind::Int, 4) => {
            decode(reader, count, big, |b| Int(i64::from(i32::from_le_bytes(b))), put)
        }
        (Kind::Int, _) => decode(reader, count, big, |b| Int(i64::from_le_bytes(b)), put),
        (Kind::Uint, 2) => {
            decode(reader, count, big, |b| Uint(u64::from(u16::from_le_bytes(b))), put)
        }
        (Kind::Uint, 4) => {
            decode(reader, count, big, |b| Uint(u64::from(u32::from_le_bytes(b))), put)
        }
        (Kind::Uint, 8) => decode(reader, count, big, |b| Uint(u64::from_le_bytes(b)), put),
        (Kind::Bool, _) | (Kind::Uint, _) => {
            decode(reader, count, big, |[b]| Uint(u64::from(b)), put)
        }
    }
}

fn decode<const BYTES: usize>(
    reader: &mut dyn Read,
    count: usize,
    big_endian: bool,
    number: impl Fn([u8; BYTES]) -> Number,
    mut put: impl FnMut(Number),
) -> std::io::Result<()> {
    // A whole number of elements fits: all widths divide the buffer.
    let mut buffer = vec![0u8; BUFFER_BYTES.min(count * BYTES)];
    let mut left = count * BYTES;
    while left > 0 {
        let now = left.min(buffer.len());
        let (bytes, _) = buffer.split_at_mut(now);
        reader.read_exact(bytes)?;
        for element in bytes.as_chunks().0 {
            let mut element: [u8; BYTES] = *element;
            if big_endian {
                element.reverse();
            }
            put(number(element));
        }
        left -= now;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An array whose size fits its header, and no memory.
    fn huge(descr: &str, shape: &str, bytes: u64) -> Npy<'static> {
        let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((text.len() as u16).to_le_bytes());
        file.extend(text.as_bytes());
        let size = bytes + file.len() as u64;
        Npy::open("huge.npy".to_owned(), size, Bytes::Stream(Box::new(std::io::Cursor::new(file))))
            .unwrap()
    }

    #[test]
    fn what_no_memory_holds_is_an_error() {
        let samples = huge("<f4", "(1152921504606846976,)", 1 << 62).into_f32(false);
        let labels = huge("|u1", "(1152921504606846976,)", 1 << 60).into_numbers();
        for (error, wanted) in [(samples.err(), 1u64 << 62), (labels.err(), u64::MAX)] {
            let Some(Error::Data { problem, .. }) = error else { panic!("accepted") };
            assert!(matches!(problem, DataProblem::TooLarge { bytes } if bytes == wanted));
        }
    }
}
