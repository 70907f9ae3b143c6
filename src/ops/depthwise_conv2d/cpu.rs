//! Depthwise convolutions on the CPU. Shader twins: `shaders/depthwise_conv2d/forward.wgsl`,
//! `shaders/depthwise_conv2d/backward_input.wgsl`, `shaders/depthwise_conv2d/backward_weight.wgsl`.
//!
//! A sample is copied into a frame of zeros with each channel as often as it has filters, so that
//! output and frame have the same channels, and no loop tests a border. A few positions of a row,
//! side by side in memory, are then a chunk whose length is a whole number of blocks of [`LANES`]
//! where strides allow; the weights of a tap are repeated as often.
//!
//! ```text
//!  frame row   c0 c1 c2 c3 c0 c1 c2 c3 c0 c1 c2 c3 c0 c1 c2 c3 …
//!  weights of  w0 w1 w2 w3 w0 w1 w2 w3 w0 w1 w2 w3 w0 w1 w2 w3        one chunk
//!  a tap
//! ```

use super::DepthwiseConv2d;
use crate::ops::Gradient;
use crate::ops::cpu::{
    Backward, Export, Forward, Layer, Shards, Update, Workspaces, activate, activate_backward,
    kernel_and_bias,
};
use crate::simd::vectorised;

/// Floats that a loop takes side by side.
const LANES: usize = 16;

#[derive(Debug)]
pub(crate) struct DepthwiseConv2dLayer {
    op: DepthwiseConv2d,
    chunks: Chunks,
    /// The weights of each tap, and after the last the bias: repeated over a chunk, then zeros.
    packed: Vec<f32>,
    workspaces: Workspaces<Workspace>,
}

/// What one shard needs. What backward alone needs is empty where there is no backward.
#[derive(Debug)]
struct Workspace {
    /// The inputs of the last forward, `[samples, frame]`.
    frames: Vec<f32>,
    /// The frame of one sample's gradient.
    frame_gradient: Vec<f32>,
    /// One sample's gradient at the sum, a row of whole chunks behind another.
    dz: Vec<f32>,
    /// The gradients of the kernel and behind it of the bias, as `packed`.
    sums: Vec<f32>,
    /// The same as the parameters lie.
    dw: Vec<f32>,
}

/// How a sample lies in memory.
#[derive(Debug, Clone, Copy)]
struct Chunks {
    op: DepthwiseConv2d,
    /// Positions of a chunk.
    positions: usize,
    /// Its elements, and these rounded up to whole blocks.
    len: usize,
    padded: usize,
    /// Rows and columns of a frame.
    rows: usize,
    columns: usize,
}

impl Chunks {
    fn new(op: DepthwiseConv2d) -> Self {
        let d = op.extents;
        let whole = LANES >> d.c_out.trailing_zeros().min(LANES.trailing_zeros());
        let positions = if d.s_w == 1 { whole.min(d.w_out) } else { 1 };
        let len = positions * d.c_out;
        Self {
            op,
            positions,
            len,
            padded: len.next_multiple_of(LANES),
            rows: (d.h_out - 1) * d.s_h + d.k_h,
            columns: (d.w_out - 1) * d.s_w + d.k_w,
        }
    }

    /// Elements of a frame. Behind it are those that a chunk may reach beyond a row.
    fn frame_len(&self) -> usize {
        self.rows * self.columns * self.op.extents.c_out + self.padded
    }

    /// Elements of a row of `dz`.
    fn dz_row(&self) -> usize {
        let d = self.op.extents;
        d.w_out.div_ceil(self.positions) * self.len
    }

    /// Offsets in a frame of the taps.
    fn taps(&self) -> impl Iterator<Item = usize> + use<> {
        let (d, columns) = (self.op.extents, self.columns);
        (0..d.k_h).flat_map(move |i| (0..d.k_w).map(move |j| (i * columns + j) * d.c_out))
    }

    /// The first position of each chunk of a row.
    fn starts(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.op.extents.w_out).step_by(self.positions)
    }

    /// Offset in a frame of the patch of the output at (row, column).
    fn patch(&self, row: usize, column: usize) -> usize {
        let d = self.op.extents;
        (row * d.s_h * self.columns + column * d.s_w) * d.c_out
    }

    /// Calls `f` with the offsets of each row of the input that a frame has, and their positions.
    fn inside(&self, mut f: impl FnMut(usize, usize, usize)) {
        let d = self.op.extents;
        let count = d.w_in.min(self.columns.saturating_sub(d.pad_left));
        for r in 0..d.h_in.min(self.rows.saturating_sub(d.pad_top)) {
            let frame = ((r + d.pad_top) * self.columns + d.pad_left) * d.c_out;
            f(r * d.w_in * d.c_in, frame, count);
        }
    }
}

impl DepthwiseConv2dLayer {
    /// `has_dx`: whether the input's gradient is computed.
    pub(crate) fn new(op: DepthwiseConv2d, has_dx: bool, shards: Shards) -> Self {
        let (d, chunks) = (op.extents, Chunks::new(op));
        let packed = (d.k_h * d.k_w + 1) * chunks.padded;
        let of_training = |len: usize| vec![0.0; if shards.trains { len } else { 0 }];
        let workspaces = Workspaces::new(shards.count, || Workspace {
            frames: vec![0.0; shards.samples * chunks.frame_len()],
            frame_gradient: vec![0.0; if has_dx { chunks.frame_len() } else { 0 }],
            dz: of_training(d.h_out * chunks.dz_row() + chunks.padded),
            sums: of_training(packed),
            dw: of_training(op.kernel_len() + d.c_out),
        });
        Self { op, chunks, packed: vec![0.0; packed], workspaces }
    }

    fn pack(&mut self, w: &[f32], b: Option<&[f32]>) {
        let (c, len) = (self.op.extents.c_out, self.chunks.len);
        let taps = w.chunks_exact(c).chain(b);
        for (packed, tap) in self.packed.chunks_exact_mut(self.chunks.padded).zip(taps) {
            packed[..len].chunks_exact_mut(c).for_each(|position| position.copy_from_slice(tap));
        }
    }
}

impl Layer for DepthwiseConv2dLayer {
    fn pack_weights(&mut self, parameters: &[f32]) {
        let (w, b) = kernel_and_bias(parameters, self.op.kernel_len(), self.op.bias);
        self.pack(w, b);
    }

    fn forward(&self, io: Forward<'_>) {
        let (d, chunks) = (self.op.extents, self.chunks);
        let mut workspace = self.workspaces.lock(io.shard.workspace);
        let frames = workspace.frames.chunks_exact_mut(chunks.frame_len());
        let outputs = io.y.chunks_exact_mut(d.out_len());
        for ((x, y), frame) in io.x.get(0).chunks_exact(d.in_len()).zip(outputs).zip(frames) {
            fill_frame(chunks, x, frame);
            vectorised(
                #[inline(always)]
                || {
                    forward(chunks, frame, &self.packed, y);
                    activate(self.op.activation, y);
                },
            );
        }
    }

    /// The shard's gradients of kernel and bias into its workspace, and that of the input.
    fn backward(&self, io: Backward<'_>) {
        let Backward { shard, y, dy, mut dx, .. } = io;
        let (d, chunks) = (self.op.extents, self.chunks);
        let mut workspace = self.workspaces.lock(shard.workspace);
        let Workspace { frames, frame_gradient, dz, sums, dw } = &mut *workspace;
        sums.fill(0.0);
        activate_backward(self.op.activation, y, dy);
        let (rule, dx) = dx.get(0).unwrap_or((Gradient::Skip, &mut []));
        let frames = frames.chunks_exact(chunks.frame_len());
        for (s, (dy, frame)) in dy.chunks_exact(d.out_len()).zip(frames).enumerate() {
            // What is behind the last position of a row stays 0.
            for (dz, dy) in
                dz.chunks_exact_mut(chunks.dz_row()).zip(dy.chunks_exact(d.w_out * d.c_out))
            {
                dz[..dy.len()].copy_from_slice(dy);
            }
            vectorised(
                #[inline(always)]
                || backward_weight(chunks, frame, dz, sums),
            );
            if rule != Gradient::Skip {
                frame_gradient.fill(0.0);
                vectorised(
                    #[inline(always)]
                    || backward_input(chunks, dz, &self.packed, frame_gradient),
                );
                let dx = &mut dx[s * d.in_len()..(s + 1) * d.in_len()];
                read_frame(chunks, frame_gradient, rule, dx);
            }
        }
        let taps = sums.chunks_exact(chunks.padded).zip(dw.chunks_exact_mut(d.c_out));
        for (sums, dw) in taps {
            dw.fill(0.0);
            for position in sums[..chunks.len].chunks_exact(d.c_out) {
                dw.iter_mut().zip(position).for_each(|(dw, sum)| *dw += sum);
            }
        }
    }

    /// Exchanges the gradients.
    fn export_saved(&self, io: Export<'_>) {
        let (from, to) = (&mut *self.workspaces.lock(io.from), &mut *self.workspaces.lock(io.to));
        std::mem::swap(&mut from.dw, &mut to.dw);
    }

    fn update(&mut self, io: Update<'_>) {
        let kernel_len = self.op.kernel_len();
        let (mut kernel, mut bias) = io.slice.split_at(kernel_len);
        if io.stage.sums() {
            kernel.gradients.fill(0.0);
            bias.gradients.fill(0.0);
            for shard in self.workspaces.first_mut(io.shards.len()) {
                let (dw, db) = shard.dw.split_at(kernel_len);
                for (to, from) in [(&mut *kernel.gradients, dw), (&mut *bias.gradients, db)] {
                    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                }
            }
        }
        kernel.update(0.0, io.stage);
        bias.update(0.0, io.stage);
        if io.stage.steps() {
            self.pack(kernel.parameters, self.op.bias.then_some(&*bias.parameters));
        }
    }
}

/// Copies a sample into a frame, whose border is zero from the start and is never written.
fn fill_frame(chunks: Chunks, x: &[f32], frame: &mut [f32]) {
    let (c_in, m) = (chunks.op.extents.c_in, chunks.op.multiplier());
    chunks.inside(|from, to, count| {
        let x = &x[from..][..count * c_in];
        let frame = &mut frame[to..][..count * c_in * m];
        if m == 1 {
            frame.copy_from_slice(x);
        } else {
            frame.chunks_exact_mut(m).zip(x).for_each(|(frame, x)| frame.fill(*x));
        }
    });
}

/// Sums the inside of a frame's gradient over the filters of each channel.
fn read_frame(chunks: Chunks, frame: &[f32], rule: Gradient, dx: &mut [f32]) {
    let (c_in, m) = (chunks.op.extents.c_in, chunks.op.multiplier());
    // What no kernel reaches has a gradient of 0.
    if rule == Gradient::Set {
        dx.fill(0.0);
    }
    chunks.inside(|to, from, count| {
        let dx = &mut dx[to..][..count * c_in];
        let frame = &frame[from..][..count * c_in * m];
        if m == 1 {
            dx.iter_mut().zip(frame).for_each(|(dx, g)| *dx += g);
        } else {
            let sums = frame.chunks_exact(m).map(|filters| filters.iter().sum::<f32>());
            dx.iter_mut().zip(sums).for_each(|(dx, g)| *dx += g);
        }
    });
}

/// A block of floats.
#[inline(always)]
fn block(from: &[f32], at: usize) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    lanes.copy_from_slice(&from[at..][..LANES]);
    lanes
}

/// `sums + a · b`, lane by lane.
#[inline(always)]
fn multiply_add(mut sums: [f32; LANES], a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
    for k in 0..LANES {
        sums[k] += a[k] * b[k];
    }
    sums
}

/// The sums of a sample, each from the bias on over the taps. What blocks have behind a row is
/// dropped.
#[inline(always)]
fn forward(chunks: Chunks, frame: &[f32], packed: &[f32], y: &mut [f32]) {
    let d = chunks.op.extents;
    let bias = &packed[d.k_h * d.k_w * chunks.padded..];
    for (row, y) in y.chunks_exact_mut(d.w_out * d.c_out).enumerate() {
        for column in chunks.starts() {
            let y = &mut y[column * d.c_out..];
            let len = y.len().min(chunks.len);
            let patch = chunks.patch(row, column);
            for at in (0..len).step_by(LANES) {
                let mut sums = block(bias, at);
                for (tap, offset) in chunks.taps().enumerate() {
                    let w = block(packed, tap * chunks.padded + at);
                    sums = multiply_add(sums, block(frame, patch + offset + at), w);
                }
                let count = LANES.min(len - at);
                y[at..][..count].copy_from_slice(&sums[..count]);
            }
        }
    }
}

/// Adds `Σ x · dz` of a sample for each tap, and `Σ dz` behind them: each lane over rows, then chunks.
#[inline(always)]
fn backward_weight(chunks: Chunks, frame: &[f32], dz: &[f32], sums: &mut [f32]) {
    let d = chunks.op.extents;
    for at in (0..chunks.len).step_by(LANES) {
        for (tap, offset) in chunks.taps().enumerate() {
            let sums = &mut sums[tap * chunks.padded + at..][..LANES];
            let mut own = block(sums, 0);
            for row in 0..d.h_out {
                let start = row * chunks.dz_row();
                for (k, column) in chunks.starts().enumerate() {
                    let x = block(frame, chunks.patch(row, column) + offset + at);
                    own = multiply_add(own, x, block(dz, start + k * chunks.len + at));
                }
            }
            sums.copy_from_slice(&own);
        }
        let sums = &mut sums[d.k_h * d.k_w * chunks.padded + at..][..LANES];
        let mut own = block(sums, 0);
        for start in (0..d.h_out * chunks.dz_row()).step_by(chunks.len) {
            own = multiply_add(own, [1.0; LANES], block(dz, start + at));
        }
        sums.copy_from_slice(&own);
    }
}

/// Adds `dz · w` to the frame's gradient, tap by tap; weights behind a chunk are 0, and so is there what of
/// another chunk may be no number.
#[inline(always)]
fn backward_input(chunks: Chunks, dz: &[f32], packed: &[f32], frame: &mut [f32]) {
    let d = chunks.op.extents;
    for row in 0..d.h_out {
        for (k, column) in chunks.starts().enumerate() {
            let patch = chunks.patch(row, column);
            for at in (0..chunks.len).step_by(LANES) {
                let mut g = block(dz, row * chunks.dz_row() + k * chunks.len + at);
                if chunks.len - at < LANES {
                    g[chunks.len - at..].fill(0.0);
                }
                for (tap, offset) in chunks.taps().enumerate() {
                    let w = block(packed, tap * chunks.padded + at);
                    let frame = &mut frame[patch + offset + at..][..LANES];
                    let sums = multiply_add(block(frame, 0), g, w);
                    frame.copy_from_slice(&sums);
                }
            }
        }
    }
}
