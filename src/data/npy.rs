//! The npy format, read as a stream: any number type, axis order and endianness, with one small
//! buffer beside the result.
//!
//! The header is parsed here and not by a crate because a damaged header must be an error: npyz
//! 0.9.1 multiplies the extents unchecked and allocates what the length field states.

use std::cell::Cell;
use std::fs::File;
use std::io::Read;

use half::f16;

use crate::error::{DataProblem, Error, Result};

/// Bytes that are decoded at once.
const BUFFER_BYTES: usize = 1 << 16;

/// Channels of colour pictures, with their opacity.
const MOST_CHANNELS: usize = 4;

/// numpy itself refuses headers above 10,000 characters.
const LONGEST_HEADER: usize = 65_536;

/// The header of a npy file.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) dtype: Dtype,
    /// Fortran order: the first axis varies fastest.
    pub(super) fortran: bool,
    pub(super) shape: Vec<u64>,
    /// Offset of the first element, in bytes.
    pub(super) start: u64,
}

/// An element type that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dtype {
    pub(super) kind: Kind,
    /// Of one element.
    pub(super) bytes: u32,
    pub(super) big_endian: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    Uint,
    Float,
    /// Pairs of floats.
    Complex,
    /// Characters of four bytes.
    Unicode,
    /// Characters of one byte.
    Ascii,
    /// Pickled Python objects, whose number of bytes no header tells.
    Object,
}

/// No label and no song id is longer.
const LONGEST_TEXT: u32 = 4_096;

impl Dtype {
    /// f32 in this machine's byte order.
    pub(super) const F32: Self =
        Self { kind: Kind::Float, bytes: 4, big_endian: cfg!(target_endian = "big") };

    /// numpy's name: `float32`, `int64`, `bool`.
    pub(super) fn name(self) -> String {
        let bits = u64::from(self.bytes) * 8;
        match self.kind {
            Kind::Bool => "bool".to_owned(),
            Kind::Int => format!("int{bits}"),
            Kind::Uint => format!("uint{bits}"),
            Kind::Float => format!("float{bits}"),
            Kind::Complex => format!("complex{bits}"),
            Kind::Unicode => format!("text of {} characters", self.bytes / 4),
            Kind::Ascii => format!("text of {} characters", self.bytes),
            Kind::Object => "objects".to_owned(),
        }
    }

    /// Whether elements are text, as labels and song ids may be.
    pub(super) fn is_text(self) -> bool {
        matches!(self.kind, Kind::Unicode | Kind::Ascii)
    }

    fn parse(descr: &str) -> Result<Self, DataProblem> {
        let unsupported = || {
            let kind = match descr.trim_start_matches(['<', '>', '|', '=']).chars().next() {
                Some('M' | 'm') => "dates",
                Some('V') => "structured or raw data",
                Some('U' | 'S' | 'a') => "long text",
                _ => "another type",
            };
            DataProblem::Dtype { found: format!("{kind} ('{descr}')") }
        };
        let mut chars = descr.chars();
        let (order, kind) = (chars.next(), chars.next());
        let big_endian = match order {
            Some('<' | '|') => false,
            Some('>') => true,
            _ => return Err(unsupported()),
        };
        let size: u32 = match (kind, chars.as_str()) {
            (Some('O'), _) => 8,
            (_, size) => size.parse().map_err(|_| unsupported())?,
        };
        let (kind, bytes) = match (kind, size) {
            (Some('b'), 1) => (Kind::Bool, 1),
            (Some('i'), 1 | 2 | 4 | 8) => (Kind::Int, size),
            (Some('u'), 1 | 2 | 4 | 8) => (Kind::Uint, size),
            (Some('f'), 2 | 4 | 8) => (Kind::Float, size),
            (Some('c'), 8 | 16) => (Kind::Complex, size),
            (Some('U'), 1..=LONGEST_TEXT) => (Kind::Unicode, size * 4),
            (Some('S' | 'a'), 1..=LONGEST_TEXT) => (Kind::Ascii, size),
            (Some('O'), _) => (Kind::Object, size),
            _ => return Err(unsupported()),
        };
        Ok(Self { kind, bytes, big_endian })
    }
}

impl Header {
    /// Reads up to the first element. `size` is the number of bytes in the file or npz entry.
    pub(super) fn read(reader: &mut dyn Read, size: u64) -> Result<Self, DataProblem> {
        if size == 0 {
            return Err(DataProblem::EmptyFile);
        }
        let first = take(reader, 8)?;
        let version = match first.as_slice() {
            [0x93, b'N', b'U', b'M', b'P', b'Y', major, _minor] => *major,
            // A file that ends within its magic bytes is a truncated one only if they are right.
            _ => return Err(DataProblem::NotNpy { found: first }),
        };
        let (length, before) = match (version, take(reader, 2)?.as_slice()) {
            (1, &[a, b]) => (u32::from(u16::from_le_bytes([a, b])), 10),
            (2 | 3, &[a, b]) => match take(reader, 2)?.as_slice() {
                &[c, d] => (u32::from_le_bytes([a, b, c, d]), 12),
                _ => return Err(DataProblem::Length { expected: 12, found: size }),
            },
            (1..=3, _) => return Err(DataProblem::Length { expected: 10, found: size }),
            _ => {
                let problem = format!("format version {version} is not known (1, 2 and 3 are)");
                return Err(DataProblem::Header { problem });
            }
        };
        let length = length as usize;
        let start = before + length as u64;
        if length > LONGEST_HEADER {
            let problem = format!("it claims {length} bytes (at most {LONGEST_HEADER} are read)");
            return Err(DataProblem::Header { problem });
        }
        let text = take(reader, length)?;
        if text.len() < length {
            return Err(DataProblem::Length { expected: start, found: size });
        }
        Self::parse(&String::from_utf8_lossy(&text), start)
    }

    /// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, as numpy writes it.
    fn parse(text: &str, start: u64) -> Result<Self, DataProblem> {
        let wrong = |key: &str| DataProblem::Header {
            problem: format!("'{key}' is missing or not understood in {:.100}", text.trim_end()),
        };

        let descr = value(text, "descr").ok_or_else(|| wrong("descr"))?;
        if descr.starts_with('[') {
            // A list of fields; objects may hide in it, but neither can be read.
            return Err(DataProblem::Dtype { found: format!("structured data ({descr:.40}…)") });
        }
        let descr = ['\'', '"']
            .into_iter()
            .find_map(|quote| Some(descr.strip_prefix(quote)?.split_once(quote)?.0))
            .ok_or_else(|| wrong("descr"))?;
        let dtype = Dtype::parse(descr)?;

        let order = value(text, "fortran_order").ok_or_else(|| wrong("fortran_order"))?;
        let fortran = match (order.starts_with("True"), order.starts_with("False")) {
            (true, _) => true,
            (_, true) => false,
            _ => return Err(wrong("fortran_order")),
        };

        let shape = value(text, "shape")
            .and_then(|rest| rest.strip_prefix('(')?.split_once(')'))
            .ok_or_else(|| wrong("shape"))?;
        let shape = shape
            .0
            .split(',')
            // Python 2 wrote long integers as 3L.
            .map(|extent| extent.trim().trim_end_matches('L'))
            .filter(|extent| !extent.is_empty())
            .map(|extent| extent.parse().map_err(|_| wrong("shape")))
            .collect::<Result<Vec<u64>, _>>()?;
        Ok(Self { dtype, fortran, shape, start })
    }

    /// Number of elements and of bytes in the whole file; fails where they overflow.
    pub(super) fn extent(&self) -> Result<(usize, u64), DataProblem> {
        let elements = self.shape.iter().try_fold(1u64, |all, &extent| all.checked_mul(extent));
        let sizes = elements.and_then(|elements| {
            let bytes = elements.checked_mul(u64::from(self.dtype.bytes))?;
            Some((usize::try_from(elements).ok()?, bytes.checked_add(self.start)?))
        });
        sizes.ok_or_else(|| DataProblem::ImpossibleShape { shape: self.shape.clone() })
    }
}

/// The text after `'key':`.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text
        .split_once(&format!("'{key}':"))
        .or_else(|| text.split_once(&format!("\"{key}\":")))?;
    Some(rest.trim_start())
}

/// Up to `count` bytes; fewer where the file ends.
fn take(reader: &mut dyn Read, count: usize) -> Result<Vec<u8>, DataProblem> {
    let mut bytes = Vec::new();
    let read = reader.take(count as u64).read_to_end(&mut bytes);
    read.map_err(|source| DataProblem::Unreadable { source })?;
    Ok(bytes)
}

/// The positions in a row-major result of the elements of a file, in the order of the file.
pub(super) struct FileOrder {
    /// Extent, stride in the result and current position of each axis, the file's fastest first.
    axes: Vec<(usize, usize, usize)>,
    offset: usize,
}

impl FileOrder {
    /// For a file of this shape; `transpose` swaps axes 1 and 2 of the result.
    pub(super) fn new(shape: &[usize], fortran: bool, transpose: bool) -> Self {
        let mut by_result: Vec<usize> = (0..shape.len()).collect();
        if transpose && shape.len() > 2 {
            by_result.swap(1, 2);
        }
        Self::permuted(shape, fortran, &by_result)
    }

    /// For a result whose axes, from the slowest to the fastest, are these of the file.
    fn permuted(shape: &[usize], fortran: bool, by_result: &[usize]) -> Self {
        let extent = |axis: usize| shape.get(axis).copied().unwrap_or(1);
        let mut stride = 1;
        let mut axes: Vec<(usize, usize, usize)> = Vec::new();
        for &axis in by_result.iter().rev() {
            axes.push((axis, stride, 0));
            stride *= extent(axis);
        }
        axes.sort_by_key(|&(axis, ..)| if fortran { axis } else { usize::MAX - axis });
        for axis in &mut axes {
            axis.0 = extent(axis.0);
        }
        // An axis of one element has no effect.
        axes.retain(|&(extent, ..)| extent != 1);
        Self { axes, offset: 0 }
    }

    /// The order of the file is that of the result.
    pub(super) fn is_sequential(&self) -> bool {
        let mut next = 1;
        self.axes.iter().all(|&(extent, stride, _)| {
            let fits = stride == next;
            next *= extent;
            fits
        })
    }

    /// The position in the result of the file's next element.
    pub(super) fn next(&mut self) -> usize {
        let here = self.offset;
        for (extent, stride, position) in &mut self.axes {
            *position += 1;
            self.offset += *stride;
            if *position < *extent {
                break;
            }
            self.offset -= *stride * *extent;
            *position = 0;
        }
        here
    }
}

/// An array whose header has been read and whose size has been checked against it.
pub(super) struct Npy<'a> {
    /// The file, or file:key.
    pub(super) place: String,
    pub(super) shape: Vec<usize>,
    pub(super) dtype: Dtype,
    elements: usize,
    /// The axis of several channels, which must be equal: `shape` is without it.
    channels: Option<Channels>,
    pub(super) fortran: bool,
    /// Offset of the first element, in bytes.
    pub(super) start: u64,
    reader: Bytes<'a>,
}

/// An axis of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Channels {
    pub(super) count: usize,
    /// Before bands and frames, not behind them.
    pub(super) first: bool,
}

/// The bytes of an array.
pub(super) enum Bytes<'a> {
    /// A file of its own.
    File(File),
    /// An entry of an archive, which can only be read in sequence.
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

/// Shape and values of the array in a npy file's bytes; `place` names it in errors. Integers and f64 are
/// rounded to the nearest f32.
#[cfg(feature = "formats")]
pub(crate) fn npy_values(place: String, bytes: Vec<u8>) -> Result<(Vec<usize>, Vec<f32>)> {
    let size = bytes.len() as u64;
    let npy = Npy::open(place, size, Bytes::Stream(Box::new(std::io::Cursor::new(bytes))))?;
    npy.expect_numbers(false)?;
    let shape = npy.shape.clone();
    Ok((shape, npy.into_f32(false)?.0))
}

/// An element as it is in the file, before it becomes a sample's value, a label or an id.
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
            if expected != size && header.dtype.kind != Kind::Object {
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
        Ok(Self { place, shape, dtype, elements, channels: None, fortran, start, reader })
    }

    /// The file, if the array is not part of an archive.
    pub(super) fn into_file(self) -> Option<File> {
        match self.reader {
            Bytes::File(file) => Some(file),
            Bytes::Stream(_) => None,
        }
    }

    /// Whether samples are contiguous in a file of their own, so that each can be read by position.
    pub(super) fn has_positions(&self) -> bool {
        let one_axis = self.shape.iter().filter(|extent| **extent > 1).count() < 2;
        let in_place = self.channels.is_none() && (one_axis || !self.fortran);
        matches!(self.reader, Bytes::File(_)) && in_place
    }

    /// Takes samples `[n, 1, h, w]`, and those with up to four channels before or behind h and w, as
    /// `[n, h, w]`; what was done, in words. Whether channels are equal shows when they are read.
    pub(super) fn without_channels(&mut self) -> Option<String> {
        let (channels, axis) = match *self.shape.as_slice() {
            [_, _, _, 1] => return None,
            [_, count @ 1, _, _] => (Channels { count, first: true }, 1),
            [_, count @ 2..=MOST_CHANNELS, _, w] if w > MOST_CHANNELS => {
                (Channels { count, first: true }, 1)
            }
            [_, _, _, count @ 2..=MOST_CHANNELS] => (Channels { count, first: false }, 3),
            _ => return None,
        };
        let shape = format!("{:?}", self.shape);
        self.shape.remove(axis);
        let size = &self.shape;
        Some(match channels {
            Channels { count: 1, .. } => {
                format!("channels first, {shape}: read as {size:?}, the one channel alone")
            }
            Channels { count, first } => {
                self.channels = Some(channels);
                let order = if first { "channels first, " } else { "" };
                format!("{order}{count} equal channels, {shape}: read as {size:?}, one of them")
            }
        })
    }

    /// What is done with samples of this type, in words: nothing with float32.
    pub(super) fn conversion(dtype: Dtype, rounding: Rounding) -> Option<String> {
        let Dtype { kind, bytes, big_endian } = dtype;
        let order = if big_endian && bytes > 1 { "big-endian " } else { "" };
        let name = dtype.name();
        let rounded = if rounding > Rounding::Exact { ", rounded" } else { "" };
        match kind {
            Kind::Float if bytes == 8 && rounded.is_empty() && order.is_empty() => None,
            Kind::Float if bytes == 4 && order.is_empty() => None,
            Kind::Float if bytes == 4 => {
                Some(format!("{order}{name}: read in this machine's order"))
            }
            Kind::Bool => Some("bool: False is read as 0, True as 1".to_owned()),
            Kind::Int | Kind::Uint => {
                Some(format!("{order}{name}: whole numbers, read as float32{rounded}"))
            }
            _ => Some(format!("{order}{name}: read as float32{rounded}")),
        }
    }

    /// What is done with labels or song ids of this type and shape, in words: nothing with whole
    /// numbers in a row.
    pub(super) fn label_conversion(&self) -> Option<String> {
        let Dtype { kind, bytes, big_endian } = self.dtype;
        let mut done = Vec::new();
        match kind {
            Kind::Float => done.push(format!("{}: read as whole numbers", self.dtype.name())),
            Kind::Bool => done.push("bool: False is read as 0, True as 1".to_owned()),
            _ if big_endian && bytes > 1 && !self.dtype.is_text() => {
                done.push("big-endian: read in this machine's order".to_owned());
            }
            _ => {}
        }
        if let [n, 1] = *self.shape.as_slice() {
            done.push(format!("[{n}, 1]: read as [{n}]"));
        }
        (!done.is_empty()).then(|| done.join("; "))
    }

    /// Fails unless elements are numbers; `labels` for labels and song ids.
    pub(super) fn expect_numbers(&self, labels: bool) -> Result<()> {
        let problem = match self.dtype.kind {
            Kind::Bool | Kind::Int | Kind::Uint | Kind::Float => return Ok(()),
            Kind::Complex => DataProblem::Complex { found: self.dtype.name(), labels },
            Kind::Unicode | Kind::Ascii => DataProblem::Text { found: self.dtype.name() },
            Kind::Object => DataProblem::Pickled { shape: self.shape.clone(), labels },
        };
        Err(self.problem(problem))
    }

    /// All elements as text, in the order of the file.
    pub(super) fn into_text(mut self) -> Result<Vec<String>> {
        let Dtype { kind, bytes, big_endian } = self.dtype;
        let mut texts: Vec<String> = Vec::new();
        let mut element = vec![0; bytes as usize];
        for _ in 0..self.elements {
            let read = self.reader.read_exact(&mut element);
            read.map_err(|source| self.problem(DataProblem::Unreadable { source }))?;
            let text = match kind {
                Kind::Unicode => element
                    .as_chunks()
                    .0
                    .iter()
                    .map(
                        |&c| if big_endian { u32::from_be_bytes(c) } else { u32::from_le_bytes(c) },
                    )
                    .map(|c| char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect(),
                _ => String::from_utf8_lossy(&element).into_owned(),
            };
            texts.push(text.trim_end_matches('\0').to_owned());
        }
        self.finish()?;
        Ok(texts)
    }

    /// The error that names this array and the problem.
    pub(super) fn problem(&self, problem: DataProblem) -> Error {
        Error::data(&*self.place, problem)
    }

    /// All elements as f32 in row-major order; `transpose` swaps axes 1 and 2. Integers and f64 are
    /// rounded to the nearest f32: also whether one was not that.
    pub(super) fn into_f32(mut self, transpose: bool) -> Result<(Vec<f32>, Rounding)> {
        if let Some(channels) = self.channels {
            return self.into_equal_channels(channels, transpose);
        }
        let order = FileOrder::new(&self.shape, self.fortran, transpose);
        if order.is_sequential() && self.dtype == Dtype::F32 {
            let mut values = self.zeros()?;
            let read = self.reader.read_exact(bytemuck::cast_slice_mut(&mut values));
            read.map_err(|source| self.problem(DataProblem::Unreadable { source }))?;
            self.finish()?;
            return Ok((values, Rounding::Exact));
        }
        let rounding = Cell::new(Rounding::Exact);
        let values = self.convert(order, |number| {
            let value = number.to_f32();
            rounding.set(rounding.get().max(number.rounding(value)));
            value
        })?;
        Ok((values, rounding.get()))
    }

    /// The first channel of samples whose channels are all equal.
    fn into_equal_channels(
        mut self,
        channels: Channels,
        transpose: bool,
    ) -> Result<(Vec<f32>, Rounding)> {
        let &[n, h, w] = self.shape.as_slice() else {
            return Err(self.problem(DataProblem::SampleShape { found: self.shape.clone() }));
        };
        let Channels { count, first } = channels;
        let (shape, [mut a, mut b], last) = match first {
            true => ([n, count, h, w], [2, 3], 1),
            false => ([n, h, w, count], [1, 2], 3),
        };
        if transpose {
            (a, b) = (b, a);
        }
        // Channels vary fastest in the result; in both orders of a file a value's first channel comes
        // before its others.
        let mut order = FileOrder::permuted(&shape, self.fortran, &[0, a, b, last]);
        let elements = self.elements;
        self.elements /= count;
        let mut values = self.zeros()?;
        let (mut differs, mut rounding) = (None, Rounding::Exact);
        let read = decode_each(&mut self.reader, elements, self.dtype, |number| {
            let place = order.next();
            let (at, channel) = (place / count, place % count);
            let Some(value) = values.get_mut(at) else { return };
            match channel {
                0 => {
                    *value = number.to_f32();
                    rounding = rounding.max(number.rounding(*value));
                }
                _ if differs.is_none() && value.to_bits() != number.to_f32().to_bits() => {
                    differs = Some(at / (h * w));
                }
                _ => {}
            }
        });
        read.map_err(|source| self.problem(DataProblem::Unreadable { source }))?;
        self.finish()?;
        match differs {
            None => Ok((values, rounding)),
            Some(sample) => {
                Err(self.problem(DataProblem::Channels { found: shape.to_vec(), first, sample }))
            }
        }
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
        let mut values = self.reserve()?;
        let read = if order.is_sequential() {
            decode_each(&mut self.reader, self.elements, self.dtype, |number| {
                values.push(to(number));
            })
        } else {
            values.resize(self.elements, T::default());
            decode_each(&mut self.reader, self.elements, self.dtype, |number| {
                if let Some(value) = values.get_mut(order.next()) {
                    *value = to(number);
                }
            })
        };
        read.map_err(|source| self.problem(DataProblem::Unreadable { source }))?;
        self.finish()?;
        Ok(values)
    }

    /// Zeros for all elements. The system provides zeroed memory lazily and ends the process where
    /// there is not enough, so the same size is reserved, and checked, first.
    pub(super) fn zeros(&self) -> Result<Vec<f32>> {
        drop(self.reserve::<f32>()?);
        Ok(vec![0.0; self.elements])
    }

    /// Memory for all elements; an error where there is not enough.
    fn reserve<T>(&self) -> Result<Vec<T>> {
        let mut values = Vec::new();
        values.try_reserve_exact(self.elements).map_err(|_| {
            let bytes = (self.elements as u64).saturating_mul(size_of::<T>() as u64);
            self.problem(DataProblem::TooLarge { bytes })
        })?;
        Ok(values)
    }

    /// Reads to the end of an archive's entry: only then is its checksum compared.
    fn finish(&mut self) -> Result<()> {
        let rest = self.reader.read(&mut [0u8]);
        rest.map(|_| ()).map_err(|source| self.problem(DataProblem::Unreadable { source }))
    }
}

/// What reading as f32 does to values; of several, the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rounding {
    /// Nothing.
    Exact,
    /// A value is not that of the file exactly.
    Rounded,
    /// A value that is finite in the file is beyond the range of f32.
    Beyond,
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

    /// How far this value, its f32, is from it.
    #[inline]
    pub(super) fn rounding(self, value: f32) -> Rounding {
        match self.is(value) {
            true => Rounding::Exact,
            false if value.is_finite() => Rounding::Rounded,
            false => Rounding::Beyond,
        }
    }

    /// Whether it is this value exactly.
    #[inline]
    fn is(self, value: f32) -> bool {
        match self {
            // Above 2^24 not every whole number is an f32; these are the ends of what is compared.
            Self::Int(v) => v.unsigned_abs() <= 1 << 24 || i128::from(v) == value as i128,
            Self::Uint(v) => v <= 1 << 24 || u128::from(v) == value as u128,
            Self::Float(v) => v.is_nan() || f64::from(value) == v,
        }
    }

    /// The value as i64, if it is whole and fits.
    pub(super) fn whole(self) -> Option<i64> {
        match self {
            Self::Int(v) => Some(v),
            Self::Uint(v) => i64::try_from(v).ok(),
            // Above 2^53 neighbouring ids are no longer distinct as floats.
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
pub(super) fn decode_each(
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
        (Kind::Complex | Kind::Unicode | Kind::Ascii | Kind::Object, _) => {
            let wrong = "elements that are no numbers";
            Err(std::io::Error::new(std::io::ErrorKind::InvalidData, wrong))
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
    fn an_array_larger_than_memory_is_an_error() {
        let samples = huge("<f4", "(1152921504606846976,)", 1 << 62).into_f32(false).map(|x| x.0);
        let labels = huge("|u1", "(1152921504606846976,)", 1 << 60).into_numbers();
        for (error, wanted) in [(samples.err(), 1u64 << 62), (labels.err(), u64::MAX)] {
            let Some(Error::Data { problem, .. }) = error else { panic!("accepted") };
            assert!(matches!(problem, DataProblem::TooLarge { bytes } if bytes == wanted));
        }
    }
}
