//! 2-D cross-correlation, channels last:
//! `y[n, r, s, o] = f(b[o] + Σ_{i,j,c} x[n, r·s_h + i − pad_top, s·s_w + j − pad_left, c] · w[i, j, c, o])`,
//! with `x = 0` outside its borders. With strides other than 1 it takes paths of its own: on the CPU a
//! pointwise convolution of its patches, on the GPU the kernels with one thread per element. A 2×2
//! max-pooling that alone reads the output of stride 1 can be fused with it: then only the pooled output
//! and the argmax are written.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;

use std::fmt;

use super::pool2d;
use super::{Pass, update_work, work};
use crate::graph::{Activation, Border, NodeId, Padding, Shape};
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
    /// Rows from an output to the next.
    pub s_h: usize,
    /// Columns from an output to the next.
    pub s_w: usize,
}

impl Extents {
    /// From the shape of the input, the number of filters, `[k_h, k_w]` and strides, and the border
    /// rule. A kernel that does not fit, which a graph has not, leaves no output.
    pub fn new(
        input: Shape,
        c_out: usize,
        [[k_h, k_w], [s_h, s_w]]: [[usize; 2]; 2],
        padding: Padding,
    ) -> Self {
        const NONE: Border = Border { out: 0, before: 0, after: 0 };
        let [h_in, w_in, c_in] = input.as_map();
        // A stride beyond the input is one of its length: there is one output.
        let (s_h, s_w) = (s_h.min(h_in), s_w.min(w_in));
        let rows = padding.along(h_in, k_h, s_h).unwrap_or(NONE);
        let columns = padding.along(w_in, k_w, s_w).unwrap_or(NONE);
        let extents = Self {
            h_in,
            w_in,
            c_in,
            h_out: rows.out,
            w_out: columns.out,
            c_out,
            k_h,
            k_w,
            pad_top: rows.before,
            pad_left: columns.before,
            s_h,
            s_w,
        };
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
            s_h: self.s_w,
            s_w: self.s_h,
            ..self
        }
    }

    /// Whether outputs are further apart than inputs.
    pub fn is_strided(&self) -> bool {
        [self.s_h, self.s_w] != [1, 1]
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
        let Self { h_in, w_in, c_in, h_out, w_out, c_out, k_h, k_w, .. } = self;
        let Self { pad_top, pad_left, s_h, s_w, .. } = self;
        write!(f, "{h_in}×{w_in}×{c_in} → {h_out}×{w_out}×{c_out}, kernel {k_h}×{k_w}")?;
        write!(f, ", pad {pad_top},{pad_left}")?;
        if self.is_strided() { write!(f, ", strides {s_h},{s_w}") } else { Ok(()) }
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
