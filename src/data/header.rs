//! The header of a npy file: element type, order and shape.
//!
//! Read here and not by a crate because a damaged header must be an error: npyz
//! 0.9.1 multiplies the extents unchecked and allocates what the length field says.

use std::io::Read;

use crate::error::DataProblem;

/// numpy itself refuses headers above 10,000 characters.
const LONGEST_HEADER: usize = 65_536;

/// What a npy file says of its array.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) dtype: Dtype,
    /// The first axis runs fastest.
    pub(super) fortran: bool,
    pub(super) shape: Vec<u64>,
    /// Where the elements begin, in bytes.
    pub(super) start: u64,
}

/// An element type that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dtype {
    pub(super) kind: Kind,
    pub(super) bytes: u8,
    pub(super) big_endian: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    Uint,
    Float,
}

impl Dtype {
    /// What this machine computes with, as it lies in memory.
    pub(super) const F32: Self =
        Self { kind: Kind::Float, bytes: 4, big_endian: cfg!(target_endian = "big") };

    /// numpy's name: `float32`, `int64`, `bool`.
    pub(super) fn name(self) -> String {
        let bits = u32::from(self.bytes) * 8;
        match self.kind {
            Kind::Bool => "bool".to_owned(),
            Kind::Int => format!("int{bits}"),
            Kind::Uint => format!("uint{bits}"),
            Kind::Float => format!("float{bits}"),
        }
    }

    fn parse(descr: &str) -> Result<Self, DataProblem> {
        let unsupported = || {
            let kind = match descr.trim_start_matches(['<', '>', '|', '=']).chars().next() {
                Some('U' | 'S' | 'a' | 'T') => {
                    return DataProblem::Text { found: descr.to_owned() };
                }
                Some('c') => "complex numbers",
                Some('M' | 'm') => "dates",
                Some('V') => "structured or raw data",
                _ => "another type",
            };
            DataProblem::Dtype { found: format!("{kind} ('{descr}')") }
        };
        let mut chars = descr.chars();
        let (order, kind) = (chars.next(), chars.next());
        let bytes: u8 = match chars.as_str() {
            "1" => 1,
            "2" => 2,
            "4" => 4,
            "8" => 8,
            _ if kind == Some('O') => return Err(DataProblem::Pickled),
            _ => return Err(unsupported()),
        };
        let kind = match (kind, bytes) {
            (Some('b'), 1) => Kind::Bool,
            (Some('i'), _) => Kind::Int,
            (Some('u'), _) => Kind::Uint,
            (Some('f'), 2..) => Kind::Float,
            _ => return Err(unsupported()),
        };
        match order {
            Some('<' | '|') => Ok(Self { kind, bytes, big_endian: false }),
            Some('>') => Ok(Self { kind, bytes, big_endian: true }),
            _ => Err(unsupported()),
        }
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

/// What follows `'key':`.
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
