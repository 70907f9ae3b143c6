//! Dispatches of the optimiser: `shaders/sgd/` for plain gradient descent, `shaders/optimizer/` for
//! all others.

use super::Optimizer;
use crate::ops::gpu::{Binding, Buffer, DispatchDesc, Grid, constants, kernels, switch};
use crate::ops::sgd::gpu::{self as sgd, Chunk, penalties, words};

kernels! {
    "optimizer": CLIPPED_STEP = "clipped_step", GRADIENT = "gradient", STEP = "step",
}

/// Which dispatches an optimiser takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Gradient descent without weight decay: [`crate::ops::sgd`].
    Plain,
    /// One dispatch, of Adam or of gradient descent.
    Single { adam: bool },
    /// The gradients, then the step from as much of them as clipping leaves.
    Clipped { adam: bool },
}

impl Form {
    pub(crate) fn of(optimizer: &Optimizer) -> Self {
        let adam = optimizer.has_second_moment();
        match optimizer.clip_norm {
            Some(_) => Self::Clipped { adam },
            None if adam || optimizer.weight_decay != 0.0 => Self::Single { adam },
            None => Self::Plain,
        }
    }

    /// Whether it needs the norm of all gradients.
    pub(crate) fn clips(self) -> bool {
        match self {
            Self::Plain | Self::Single { .. } => false,
            Self::Clipped { .. } => true,
        }
    }

    /// Whether it keeps second moments.
    pub(crate) fn is_adam(self) -> bool {
        match self {
            Self::Plain => false,
            Self::Single { adam } | Self::Clipped { adam } => adam,
        }
    }
}

/// The update of all `len` parameters, from `partial_sums` elements of partial sums.
pub(crate) fn update(
    form: Form,
    chunks: &[Chunk],
    len: usize,
    partial_sums: usize,
) -> Vec<DispatchDesc> {
    match form {
        Form::Plain => vec![sgd::step(chunks, len, partial_sums)],
        Form::Single { adam } => vec![step(adam, chunks, len, partial_sums)],
        Form::Clipped { adam } => {
            vec![gradient(chunks, len, partial_sums), clipped_step(adam, chunks, len)]
        }
    }
}

/// Moments in the order of the kernels, and the elements that a step reads plus writes.
fn moments(adam: bool, len: usize) -> Binding {
    match adam {
        true => Buffer::AdamMoments.with_traffic(4 * len),
        false => Buffer::Velocity.with_traffic(2 * len),
    }
}

/// Multiplications and additions of a parameter, roots and divisions counted as one each.
fn flop(adam: bool) -> usize {
    if adam { 14 } else { 6 }
}

/// The penalty's shares, where there are any.
fn shares(chunks: &[Chunk]) -> (usize, Buffer) {
    let shares = penalties(chunks);
    (shares, if shares == 0 { Buffer::Unused } else { Buffer::Penalties })
}

fn step(adam: bool, chunks: &[Chunk], len: usize, partial_sums: usize) -> DispatchDesc {
    let (shares, penalties) = shares(chunks);
    let mut constants = constants([("penalties_per_step", shares), ("second_moment", len)]);
    constants.push(switch("shares_parts", chunks.iter().any(|chunk| chunk.lanes > 1)));
    constants.push(switch("adam", adam));
    DispatchDesc {
        kernel: STEP,
        constants,
        bindings: vec![
            Buffer::UpdateChunks.with_traffic(words(chunks)),
            Buffer::AllPartialSums.with_traffic(partial_sums),
            Buffer::AllParameterGradients.with_traffic(2 * len),
            Buffer::AllParameters.with_traffic(2 * len),
            moments(adam, len),
            Buffer::FirstNotFinite.untouched(),
            penalties.with_traffic(shares),
        ],
        grid: Grid::Groups(chunks.len()),
        flop: flop(adam) * len + partial_sums,
    }
}

fn gradient(chunks: &[Chunk], len: usize, partial_sums: usize) -> DispatchDesc {
    let (shares, penalties) = shares(chunks);
    let mut constants = constants([("penalties_per_step", shares)]);
    constants.push(switch("shares_parts", chunks.iter().any(|chunk| chunk.lanes > 1)));
    DispatchDesc {
        kernel: GRADIENT,
        constants,
        bindings: vec![
            Buffer::UpdateChunks.with_traffic(words(chunks)),
            Buffer::AllPartialSums.with_traffic(partial_sums),
            Buffer::AllParameters.with_traffic(len),
            Buffer::AllParameterGradients.with_traffic(2 * len),
            Buffer::ChunkSquares.with_traffic(chunks.len()),
            penalties.with_traffic(shares),
        ],
        grid: Grid::Groups(chunks.len()),
        flop: 4 * len + partial_sums,
    }
}

fn clipped_step(adam: bool, chunks: &[Chunk], len: usize) -> DispatchDesc {
    // The penalty is the gradient's affair.
    let mut constants = constants([("penalties_per_step", 0), ("second_moment", len)]);
    constants.push(switch("adam", adam));
    DispatchDesc {
        kernel: CLIPPED_STEP,
        constants,
        bindings: vec![
            Buffer::UpdateChunks.with_traffic(words(chunks)),
            Buffer::ChunkSquares.with_traffic(chunks.len()),
            Buffer::AllParameterGradients.with_traffic(len),
            Buffer::AllParameters.with_traffic(2 * len),
            moments(adam, len),
            Buffer::FirstNotFinite.untouched(),
        ],
        grid: Grid::Groups(chunks.len()),
        flop: (flop(adam) + 1) * len,
    }
}
