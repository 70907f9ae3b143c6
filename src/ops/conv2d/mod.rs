//! 2-D cross-correlation, stride 1, channels last:
//! `y[n, r, s, o] = f(b[o] + Σ_{i,j,c} x[n, r + i − pad_top, s + j − pad_left, c] · w[i, j, c, o])`,
//! with `x = 0` outside its borders. A 2×2 max-pooling that alone reads the output can be fused with
//! it: then only the pooled output and the argmax are written.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;

use std::fmt;

use super::pool2d;
use super::{Pass, update_work, work};
use crate::graph::{Activation, NodeId, Padding, Shape};
use crate::measure::Work;

/// Extents of a convolution. A map of one column under a kernel of one column is taken as one row,
/// which lies in memory alike: kernels run along rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the crate's letters for extents: see ARCHITECTURE.md")]
pub struct Extents {
    pub h_in: usize,
    pub w_in: usize,
    pub c_in: usize,
    pub h_out: usize,
    pub w_out: usize,
    pub c_out: usize,
    pub k_h: usize,
    pub k_w: usize,
    /// Rows of zeros above the input.
    pub pad_top: usize,
    /// Columns of zeros to the left of the input.
    pub pad_left: usize,
}

impl Extents {
    /// From the shape of the input, the number of filters, `[k_h, k_w]` and the border rule.
    pub fn new(input: Shape, c_out: usize, [k_h, k_w]: [usize; 2], padding: Padding) -> Self {
        let [h_in, w_in, c_in] = input.as_map();
        let (pad_top, pad_left, h_out, w_out) = match padding {
            Padding::Same => ((k_h - 1) / 2, (k_w - 1) / 2, h_in, w_in),
            Padding::Valid => (0, 0, h_in + 1 - k_h, w_in + 1 - k_w),
        };
        let extents = Self { h_in, w_in, c_in, h_out, w_out, c_out, k_h, k_w, pad_top, pad_left };
        if w_in == 1 && k_w == 1 { extents.transposed_column() } else { extents }
    }

    /// Rows and columns exchanged.
    fn transposed_column(self) -> Self {
        Self {
            h_in: self.w_in,
            w_in: self.h_in,
            h_out: self.w_out,
            w_out: self.h_out,
            k_h: self.k_w,
            k_w: self.k_h,
            pad_top: self.pad_left,
            pad_left: self.pad_top,
            ..self
        }
    }

    /// Elements of one sample of the input.
    pub fn in_len(&self) -> usize {
        self.h_in * self.w_in * self.c_in
    }

    /// Elements of one sample of the convolution's output, before any pooling.
    pub fn out_len(&self) -> usize {
        self.h_out * self.w_out * self.c_out
    }

    /// Elements of the kernel.
    pub fn kernel_len(&self) -> usize {
        self.k_h * self.k_w * self.c_in * self.c_out
    }

    /// Multiplications and additions of one dense pass (forward, or either gradient): every tap
    /// counts, whether a device skips zeros or not.
    pub fn flop(&self, batch: usize) -> usize {
        2 * batch * self.out_len() * self.k_h * self.k_w * self.c_in
    }
}

impl fmt::Display for Extents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { h_in, w_in, c_in, h_out, w_out, c_out, k_h, k_w, pad_top, pad_left } = self;
        write!(f, "{h_in}×{w_in}×{c_in} → {h_out}×{w_out}×{c_out}, kernel {k_h}×{k_w}")?;
        write!(f, ", pad {pad_top},{pad_left}")
    }
}

/// A convolution as both devices run it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv2d {
    /// Its extents.
    pub extents: Extents,
    /// Whether a bias is added.
    pub bias: bool,
    /// What follows the sum.
    pub activation: Activation,
    /// The 2×2 max-pooling that is computed in the same pass: its node and extents.
    pub max_pool2d: Option<(NodeId, pool2d::Extents)>,
}

impl Conv2d {
    /// Extents of the pooling that is fused.
    pub fn pool(&self) -> Option<pool2d::Extents> {
        self.max_pool2d.map(|(_, pool)| pool)
    }

    /// Elements of one sample that the pass writes: pooled ones if a pooling is fused.
    pub fn written_len(&self) -> usize {
        self.pool().map_or_else(|| self.extents.out_len(), |pool| pool.out_len())
    }

    /// Arithmetic and bytes of a pass at `batch` samples; `inputs_with_gradient` is 0 or 1.
    pub fn work(&self, pass: Pass, batch: usize, inputs_with_gradient: usize) -> Work {
        let d = &self.extents;
        let (x, y) = (batch * d.in_len(), batch * self.written_len());
        let parameters = d.kernel_len() + if self.bias { d.c_out } else { 0 };
        let flop = d.flop(batch);
        // A fused pooling writes the argmax too; backward then reads outputs, gradients and argmax.
        let written = if self.max_pool2d.is_some() { 2 * y } else { y };
        let read_back = match (self.max_pool2d, self.activation) {
            (Some(_), _) => 3 * y + y,
            // The ReLU's derivative reads the output and changes the gradient there.
            (None, Activation::Relu) => 3 * y,
            (None, Activation::Linear) => y,
        };
        match pass {
            Pass::Forward => work(flop, x + parameters + written),
            Pass::BackwardWeight => work(flop, x + read_back + parameters),
            Pass::BackwardInput if inputs_with_gradient > 0 => work(flop, parameters + x),
            Pass::BackwardInput => Work::default(),
            // Written once more in the order of the loops.
            Pass::Update => {
                let update = update_work(parameters, 0);
                Work { bytes: update.bytes + work(0, parameters).bytes, ..update }
            }
        }
    }
}
