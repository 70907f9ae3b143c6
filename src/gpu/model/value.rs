//! Values of all threads of a workgroup at once: scalars by lane, composites as their scalars in order.

use std::rc::Rc;

use wgpu::naga;

/// What a scalar's bits mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Type {
    Float,
    Signed,
    Unsigned,
    /// 0 or 1.
    Bool,
}

impl Type {
    pub(super) fn of(scalar: naga::Scalar) -> Result<Self, String> {
        match (scalar.kind, scalar.width) {
            (naga::ScalarKind::Float, 4) => Ok(Self::Float),
            (naga::ScalarKind::Sint, 4) => Ok(Self::Signed),
            (naga::ScalarKind::Uint, 4) => Ok(Self::Unsigned),
            (naga::ScalarKind::Bool, _) => Ok(Self::Bool),
            (
                naga::ScalarKind::Float
                | naga::ScalarKind::Sint
                | naga::ScalarKind::Uint
                | naga::ScalarKind::AbstractInt
                | naga::ScalarKind::AbstractFloat,
                width,
            ) => Err(format!("{:?} of {width} bytes", scalar.kind)),
        }
    }
}

/// The bits of a scalar in each thread.
#[derive(Debug, Clone)]
pub(super) enum Lanes {
    /// The same in all.
    Same(u32),
    Each(Box<[u32]>),
}

impl Lanes {
    pub(super) fn get(&self, lane: usize) -> u32 {
        match self {
            Self::Same(bits) => *bits,
            Self::Each(each) => each.get(lane).copied().unwrap_or_default(),
        }
    }

    /// Of each of so many threads.
    pub(super) fn make(lanes: usize, of: impl FnMut(usize) -> u32) -> Self {
        let each: Box<[u32]> = (0..lanes).map(of).collect();
        match each.first() {
            Some(first) if each.iter().all(|bits| bits == first) => Self::Same(*first),
            Some(_) | None => Self::Each(each),
        }
    }

    /// A function of one, lane by lane.
    pub(super) fn map(&self, f: impl Fn(u32) -> u32) -> Self {
        match self {
            Self::Same(bits) => Self::Same(f(*bits)),
            Self::Each(each) => Self::Each(each.iter().map(|bits| f(*bits)).collect()),
        }
    }

    /// A function of two, lane by lane.
    pub(super) fn map2(&self, other: &Self, f: impl Fn(u32, u32) -> u32) -> Self {
        match (self, other) {
            (Self::Same(a), Self::Same(b)) => Self::Same(f(*a, *b)),
            (Self::Each(a), Self::Same(b)) => Self::Each(a.iter().map(|a| f(*a, *b)).collect()),
            (Self::Same(a), Self::Each(b)) => Self::Each(b.iter().map(|b| f(*a, *b)).collect()),
            (Self::Each(a), Self::Each(b)) => {
                Self::Each(a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect())
            }
        }
    }
}

/// A scalar of all threads.
#[derive(Debug)]
pub(super) struct Register {
    pub(super) ty: Type,
    /// The instruction that computes it.
    pub(super) node: u32,
    /// Known when the kernel is compiled.
    pub(super) is_constant: bool,
    /// Computed from data that the recording does not have, in whose place zeros are read. Floats of
    /// such data are not computed: nothing that is counted depends on them.
    pub(super) is_data: bool,
    pub(super) lanes: Lanes,
}

pub(super) type Scalar = Rc<Register>;

/// What a pointer points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// Cells of variables.
    Local,
    Global(naga::Handle<naga::GlobalVariable>),
}

/// A place: words from the beginning of its root.
#[derive(Debug, Clone)]
pub(super) struct Pointer {
    pub(super) root: Root,
    pub(super) words: u32,
    /// What differs by thread or is known at run time only.
    pub(super) more: Option<Scalar>,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    One(Scalar),
    /// The scalars of a vector, of a matrix by columns, of an array or a struct in order.
    Many(Rc<[Scalar]>),
    Pointer(Pointer),
}

impl Value {
    pub(super) fn of(scalars: Vec<Scalar>) -> Self {
        match <[Scalar; 1]>::try_from(scalars) {
            Ok([one]) => Self::One(one),
            Err(many) => Self::Many(many.into()),
        }
    }

    pub(super) fn scalars(&self) -> Result<&[Scalar], String> {
        match self {
            Self::One(one) => Ok(std::slice::from_ref(one)),
            Self::Many(many) => Ok(many),
            Self::Pointer(_) => Err("a pointer as a value".into()),
        }
    }

    pub(super) fn scalar(&self) -> Result<&Scalar, String> {
        match self {
            Self::One(one) => Ok(one),
            Self::Many(_) | Self::Pointer(_) => Err("a composite as a scalar".into()),
        }
    }

    pub(super) fn pointer(&self) -> Result<&Pointer, String> {
        match self {
            Self::Pointer(pointer) => Ok(pointer),
            Self::One(_) | Self::Many(_) => Err("a value as a pointer".into()),
        }
    }
}

/// Threads that execute, 32 to a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mask(pub(super) Vec<u32>);

impl Mask {
    pub(super) fn none(warps: usize) -> Self {
        Self(vec![0; warps])
    }

    pub(super) fn any(&self) -> bool {
        self.0.iter().any(|word| *word != 0)
    }

    pub(super) fn has(&self, lane: usize) -> bool {
        self.0.get(lane / 32).is_some_and(|word| word >> (lane % 32) & 1 == 1)
    }

    /// Its warps with an active thread, a bit each.
    pub(super) fn warps(&self) -> u32 {
        let bits = self.0.iter().enumerate();
        bits.fold(0, |all, (warp, word)| all | u32::from(*word != 0) << warp)
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a | b).collect())
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & !b).collect())
    }

    /// The threads in which a boolean holds.
    pub(super) fn of(lanes: &Lanes, warps: usize) -> Self {
        let word = |warp: usize| {
            (0..32).fold(0, |word, i| word | u32::from(lanes.get(warp * 32 + i) != 0) << i)
        };
        match lanes {
            Lanes::Same(bits) => Self(vec![if *bits == 0 { 0 } else { u32::MAX }; warps]),
            Lanes::Each(_) => Self((0..warps).map(word).collect()),
        }
    }
}
