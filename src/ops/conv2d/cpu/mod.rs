//! Convolutions on the CPU, sample by sample, each copied into a frame of zeros first ([`frame`]).
//!
//! - [`tile`]: forward. Sums of a few positions by a vector of output channels in registers; also the
//!   input's gradient, with the kernel rotated by 180°. Shader twins:
//!   `shaders/conv2d/forward_tiled.wgsl`, `shaders/conv2d/forward_staged.wgsl`,
//!   `shaders/conv2d/backward_input_tiled.wgsl`, `shaders/conv2d/backward_staged.wgsl`.
//! - [`pool`]: forward with a fused 2×2 max-pooling, of the same sums, so that nothing of the full
//!   size is written. [`columns`]: the same by a vector of columns, for the few channels of a first
//!   layer. Shader twin: `shaders/conv2d/max_pool2d_forward.wgsl`.
//! - [`dense`]: the gradient of the weights where every output has one. Shader twin:
//!   `shaders/conv2d/backward_weight_tiled.wgsl`.
//! - [`sparse`], [`windows`]: the gradients of weights and input behind a fused pooling, which leaves
//!   one of four sums with a gradient ([`maxima`]). Shader twins:
//!   `shaders/conv2d/max_pool2d_backward_weight.wgsl`,
//!   `shaders/conv2d/max_pool2d_backward_input.wgsl`.
//! - [`strided`]: strides other than 1, as a pointwise convolution of patches. Shader twins:
//!   `shaders/conv2d/forward.wgsl`, `shaders/conv2d/backward_input.wgsl`,
//!   `shaders/conv2d/backward_weight.wgsl`.

mod columns;
mod dense;
mod frame;
mod maxima;
mod packed;
mod pool;
mod sparse;
mod strided;
mod tile;
mod windows;

use maxima::{Maxima, first_patches, patches_of_maxima};
use packed::Packed;
pub(crate) use strided::StridedConv2dLayer;
use tile::Job;
use windows::Layout;

use super::Conv2d;
use crate::graph::Activation;
use crate::ops::Gradient;
use crate::ops::cpu::{
    Backward, Export, Forward, Layer, Mode, Shards, Update, Workspaces, activate_backward,
    kernel_and_bias,
};
use crate::simd::{Aligned, lanes, vectorised};

/// A convolution with its weights in the orders that the loops read.
#[derive(Debug)]
pub(crate) struct Conv2dLayer {
    op: Conv2d,
    packed: Packed,
    input_gradient: InputGradient,
    /// [`first_patches`] of a fused pooling.
    first_patches: Vec<u32>,
    /// The sum of all shards' gradients of the kernel, in the order of the loops.
    dw: Aligned,
    workspaces: Workspaces<Workspace>,
}

/// How the input's gradient is computed.
#[derive(Debug)]
enum InputGradient {
    /// No parameter depends on the input.
    Skipped,
    /// From the maxima of a fused pooling, with the kernel in the order of [`windows`].
    Windows { layout: Layout, w: Aligned },
    /// By a convolution with the rotated kernel.
    Flipped { w: Aligned, packed: Packed },
}

/// What one shard needs. What backward alone needs is empty where there is no backward.
#[derive(Debug)]
struct Workspace {
    /// The inputs of the last forward, `[samples, frame]`.
    frames: Aligned,
    /// The argmax within each window of a fused pooling, `[samples]` of its output, of a forward
    /// that a backward follows.
    argmax: Vec<u32>,
    /// Of one sample behind a fused pooling: see [`Maxima`].
    dz: Vec<f32>,
    patches: Vec<u32>,
    /// Of one row of windows.
    entries: Vec<windows::Entry>,
    /// The frame of one sample's gradient: of the input behind a fused pooling, else of the output.
    frame_gradient: Aligned,
    /// Gradients of the kernel, in the order of the loops, and of the bias.
    dw: Aligned,
    db: Vec<f32>,
}

impl Conv2dLayer {
    /// `has_dx`: whether the input's gradient is computed.
    pub(crate) fn new(op: Conv2d, has_dx: bool, shards: Shards) -> Self {
        let (d, pool) = (op.extents, op.pool());
        let pooled = pool.is_some();
        // There a vector holds columns, and four filters stand side by side.
        let widest = if pooled && columns::suits(d) { 4 } else { lanes() };
        let input_gradient = match (has_dx, pooled) {
            (false, _) => InputGradient::Skipped,
            (true, true) => {
                let layout = Layout::new(d);
                InputGradient::Windows { layout, w: Aligned::zeros(layout.len()) }
            }
            (true, false) => InputGradient::Flipped {
                w: Aligned::zeros(d.kernel_len()),
                packed: Packed::new(d.reversed(), lanes()),
            },
        };
        let dw_len = match (shards.trains, pooled) {
            (false, _) => 0,
            (true, true) => sparse::padded_len(d),
            (true, false) => d.kernel_len(),
        };
        let maxima = if pooled && shards.trains { op.written_len() } else { 0 };
        let (trained, entries, frame) = match (shards.trains, &input_gradient) {
            (false, _) => (0, 0, 0),
            (true, InputGradient::Skipped) => (maxima, 0, 0),
            (true, InputGradient::Windows { .. }) => {
                (maxima, pool.map_or(0, |pool| pool.w_out * pool.c), d.frame_len())
            }
            (true, InputGradient::Flipped { .. }) => (maxima, 0, d.reversed().frame_len()),
        };
        let workspaces = Workspaces::new(shards.count, || Workspace {
            frames: Aligned::zeros(shards.samples * d.frame_len()),
            argmax: vec![0; shards.samples * maxima],
            dz: vec![0.0; trained],
            patches: vec![0; trained],
            entries: vec![(0, 0.0); entries],
            frame_gradient: Aligned::zeros(frame),
            dw: Aligned::zeros(dw_len),
            db: vec![0.0; if shards.trains { d.c_out } else { 0 }],
        });
        Self {
            op,
            packed: Packed::new(d, widest),
            input_gradient,
            first_patches: match pool {
                Some(pool) if shards.trains => first_patches(d, pool),
                _ => Vec::new(),
            },
            dw: Aligned::zeros(dw_len),
            workspaces,
        }
    }

    fn pack(&mut self, w: &[f32], b: Option<&[f32]>) {
        let d = self.op.extents;
        self.packed.pack(d, w, b);
        match &mut self.input_gradient {
            InputGradient::Skipped => {}
            InputGradient::Windows { layout, w: packed } => layout.pack(w, packed),
            InputGradient::Flipped { w: flipped, packed } => {
                dense::rotate_180(d, w, flipped);
                packed.pack(d.reversed(), flipped, None);
            }
        }
    }
}

impl Layer for Conv2dLayer {
    fn pack_weights(&mut self, parameters: &[f32]) {
        let (w, b) = kernel_and_bias(parameters, self.op.extents.kernel_len(), self.op.bias);
        self.pack(w, b);
    }

    /// The outputs, after a fused pooling.
    fn forward(&self, io: Forward<'_>) {
        let (d, activation) = (self.op.extents, self.op.activation);
        let mut workspace = self.workspaces.lock(io.shard.workspace);
        let Workspace { frames, argmax, .. } = &mut *workspace;
        let outputs = io.y.chunks_exact_mut(self.op.written_len());
        let samples = io.x.get(0).chunks_exact(d.in_len()).zip(outputs);
        let frames = frames.chunks_exact_mut(d.frame_len()).enumerate();
        for ((x, y), (s, frame)) in samples.zip(frames) {
            d.fill_frame(x, frame);
            let job = Job { d, activation, frame, packed: &self.packed };
            if let Some(pool) = self.op.pool() {
                let argmax = match io.shard.mode {
                    Mode::Training { .. } | Mode::LogitGradients => {
                        &mut argmax[s * y.len()..][..y.len()]
                    }
                    Mode::Inference => &mut [],
                };
                if columns::suits(d) {
                    columns::forward(job, pool, y, argmax);
                } else {
                    pool::forward(job, pool, y, argmax);
                }
            } else {
                tile::forward(job, Gradient::Set, y);
            }
        }
    }

    /// The shard's gradients of kernel and bias into its workspace, and that of the input.
    fn backward(&self, io: Backward<'_>) {
        let Backward { shard, y, dy, mut dx, .. } = io;
        let (d, out) = (self.op.extents, self.op.written_len());
        let pooled = self.op.max_pool2d.is_some();
        let mut workspace = self.workspaces.lock(shard.workspace);
        let Workspace { frames, argmax, dz, patches, entries, frame_gradient, dw, db } =
            &mut *workspace;
        dw.fill(0.0);
        db.fill(0.0);
        if !pooled {
            activate_backward(self.op.activation, y, dy);
        }
        let (rule, dx) = dx.get(0).unwrap_or((Gradient::Skip, &mut []));
        let samples = y.chunks_exact(out).zip(dy.chunks_exact(out));
        for (s, ((y, dy), frame)) in samples.zip(frames.chunks_exact(d.frame_len())).enumerate() {
            let maxima = if pooled {
                let argmax = &argmax[s * out..][..out];
                dz.copy_from_slice(dy);
                vectorised(
                    #[inline(always)]
                    || activate_backward(self.op.activation, y, dz),
                );
                patches_of_maxima(d, &self.first_patches, argmax, patches);
                let maxima = Maxima { dz, argmax, patches };
                sparse::backward_weight(d, maxima, frame, dw, db);
                maxima
            } else {
                dense::backward_weight(d, &self.packed, frame, dy, dw, db);
                Maxima { dz: &[], argmax: &[], patches: &[] }
            };
            if rule == Gradient::Skip {
                continue;
            }
            let dx = &mut dx[s * d.in_len()..(s + 1) * d.in_len()];
            match &self.input_gradient {
                InputGradient::Skipped => {}
                InputGradient::Windows { layout, w } => {
                    windows::backward_input(*layout, maxima, w, entries, frame_gradient);
                    d.read_frame(frame_gradient, rule, dx);
                }
                InputGradient::Flipped { packed, .. } => {
                    let d = d.reversed();
                    d.fill_frame(dy, frame_gradient);
                    let activation = Activation::Linear;
                    tile::forward(Job { d, activation, frame: frame_gradient, packed }, rule, dx);
                }
            }
        }
    }

    /// Exchanges the gradients.
    fn export_saved(&self, io: Export<'_>) {
        let (from, to) = (&mut *self.workspaces.lock(io.from), &mut *self.workspaces.lock(io.to));
        std::mem::swap(&mut from.dw, &mut to.dw);
        std::mem::swap(&mut from.db, &mut to.db);
    }

    fn update(&mut self, io: Update<'_>) {
        let (mut kernel, mut bias) = io.slice.split_at(self.op.extents.kernel_len());
        if io.stage.sums() {
            self.dw.fill(0.0);
            bias.gradients.fill(0.0);
            for shard in self.workspaces.first_mut(io.shards.len()) {
                for (to, from) in [(&mut *self.dw, &*shard.dw), (&mut *bias.gradients, &shard.db)] {
                    vectorised(
                        #[inline(always)]
                        || to.iter_mut().zip(from).for_each(|(to, from)| *to += from),
                    );
                }
            }
            if self.op.max_pool2d.is_some() {
                sparse::unpack(self.op.extents, &self.dw, kernel.gradients);
            } else {
                kernel.gradients.copy_from_slice(&self.dw);
            }
        }
        kernel.update(0.0, io.stage);
        bias.update(0.0, io.stage);
        if io.stage.steps() {
            self.pack(kernel.parameters, self.op.bias.then_some(&*bias.parameters));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Extents;
    use super::*;
    use crate::graph::{Graph, Padding, Shape};
    use crate::ops::pool2d;

    #[test]
    fn without_backward_there_is_no_workspace_for_it() {
        let input = Shape::Map { h: 6, w: 8, c: 2 };
        let extents = Extents::new(input, 4, [[3, 3], [1, 1]], Padding::Same);
        let graph = Graph::new("test", input);
        let pool = (graph.input(), pool2d::Extents::new(Shape::Map { h: 6, w: 8, c: 4 }, [2, 2]));
        for max_pool2d in [None, Some(pool)] {
            let op = Conv2d { extents, bias: true, activation: Activation::Relu, max_pool2d };
            let sizes = |trains| {
                let shards = Shards { count: 1, samples: 2, trains };
                let layer = Conv2dLayer::new(op, trains, shards);
                let w = layer.workspaces.lock(0);
                let floats = w.dz.len() + w.frame_gradient.len() + w.dw.len() + w.db.len();
                let indices = w.patches.len() + w.entries.len() + w.argmax.len();
                (floats + indices, w.frames.len())
            };
            assert!(sizes(true).0 > 0);
            assert_eq!(sizes(false), (0, sizes(true).1));
        }
    }
}
