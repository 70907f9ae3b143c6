//! Convolutions on the CPU, sample by sample, each copied into a frame of zeros first ([`frame`]).
//!
//! - [`tile`]: forward. Sums of a few positions by a vector of output channels in registers; also the
//!   input's gradient, with the kernel rotated by 180°. Shader twins:
//!   `shaders/conv2d/forward_tiled.wgsl`, `shaders/conv2d/forward_staged.wgsl`,
//!   `shaders/conv2d/backward_input_tiled.wgsl`, `shaders/conv2d/backward_staged.wgsl`.
//! - [`pool`]: forward with a fused 2×2 max-pooling, of the same sums, so that nothing of the full
//!   size is written. [`columns`]: the same by a vector of columns, for the few channels of a first
//!   layer. Shader twin: `shaders/conv2d/max_pool2d_forward.wgsl`.
//! - [`winograd`]: forward with such a pooling, with fewer products for kernels of five columns.
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
pub(crate) mod dense;
mod frame;
mod maxima;
mod packed;
mod pool;
mod sparse;
mod strided;
pub(crate) mod tile;
mod windows;
mod winograd;

use maxima::{Maxima, Pooled};
pub(crate) use packed::{Block, Packed};
pub(crate) use strided::StridedConv2dLayer;
pub(crate) use tile::Job;
use windows::{Entries, Layout};
use winograd::Winograd;

use super::{Conv2d, Extents};
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
    forward: ForwardKernel,
    input_gradient: InputGradient,
    /// The sum of all shards' gradients of the kernel, in the order of the loops.
    dw: Aligned,
    workspaces: Workspaces<Workspace>,
}

/// How the outputs are computed, with the weights in the order of its loops.
#[derive(Debug)]
enum ForwardKernel {
    /// By [`tile`], or by [`pool`] with a fused pooling.
    Tiles(Packed),
    /// By [`columns`].
    Columns(Packed),
    Winograd(Box<Winograd>),
}

impl ForwardKernel {
    /// The fastest.
    fn new(op: Conv2d) -> Self {
        let d = op.extents;
        match op.pool() {
            // There a vector holds columns, and four filters stand side by side.
            Some(_) if columns::suits(d) => Self::Columns(Packed::new(d, 4)),
            Some(pool) if Winograd::suits(d) => {
                Self::Winograd(Box::new(Winograd::new(d, pool, lanes())))
            }
            _ => Self::Tiles(Packed::new(d, lanes())),
        }
    }

    fn pack(&mut self, d: Extents, w: &[f32], b: Option<&[f32]>) {
        match self {
            Self::Tiles(packed) | Self::Columns(packed) => packed.pack(d, w, b),
            Self::Winograd(winograd) => winograd.pack(w, b),
        }
    }

    /// Lengths of [`Workspace::winograd`].
    fn scratch_len(&self) -> [usize; 2] {
        match self {
            Self::Tiles(_) | Self::Columns(_) => [0, 0],
            Self::Winograd(winograd) => winograd.scratch_len(),
        }
    }
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

/// What one shard needs. What backward alone needs is empty or none where there is no backward.
#[derive(Debug)]
struct Workspace {
    /// The inputs of the last forward, `[samples, frame]`.
    frames: Aligned,
    /// Inputs and products of [`winograd`], of one sample.
    winograd: [Aligned; 2],
    /// The argmax within each window of a fused pooling, `[samples]` of its output, of a forward
    /// that a backward follows.
    argmax: Vec<u32>,
    /// Behind a fused pooling: of one sample, and for the input's gradient of one row of windows.
    maxima: Option<Maxima>,
    entries: Option<Entries>,
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
        let forward = ForwardKernel::new(op);
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
        let frame = match (shards.trains, &input_gradient) {
            (false, _) | (true, InputGradient::Skipped) => 0,
            (true, InputGradient::Windows { .. }) => d.frame_len(),
            (true, InputGradient::Flipped { .. }) => d.reversed().frame_len(),
        };
        let trained_pool = pool.filter(|_| shards.trains);
        let workspaces = Workspaces::new(shards.count, || Workspace {
            frames: Aligned::zeros(shards.samples * d.frame_len()),
            winograd: forward.scratch_len().map(Aligned::zeros),
            argmax: vec![0; trained_pool.map_or(0, |pool| shards.samples * pool.out_len())],
            maxima: trained_pool.map(|pool| Maxima::new(d, pool)),
            entries: trained_pool.and_then(|pool| match &input_gradient {
                InputGradient::Windows { layout, .. } => Some(Entries::new(*layout, pool.w_out)),
                InputGradient::Skipped | InputGradient::Flipped { .. } => None,
            }),
            frame_gradient: Aligned::zeros(frame),
            dw: Aligned::zeros(dw_len),
            db: vec![0.0; if shards.trains { d.c_out } else { 0 }],
        });
        Self { op, forward, input_gradient, dw: Aligned::zeros(dw_len), workspaces }
    }

    fn pack(&mut self, w: &[f32], b: Option<&[f32]>) {
        let d = self.op.extents;
        self.forward.pack(d, w, b);
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
        let Workspace { frames, winograd: [inputs, products], argmax, .. } = &mut *workspace;
        let outputs = io.y.chunks_exact_mut(self.op.written_len());
        let samples = io.x.get(0).chunks_exact(d.in_len()).zip(outputs);
        let frames = frames.chunks_exact_mut(d.frame_len()).enumerate();
        for ((x, y), (s, frame)) in samples.zip(frames) {
            d.fill_frame(x, frame);
            let argmax = match io.shard.mode {
                Mode::Training { .. } | Mode::LogitGradients => {
                    argmax.get_mut(s * y.len()..(s + 1) * y.len()).unwrap_or_default()
                }
                Mode::Inference => &mut [],
            };
            let job = |packed| Job { d, activation, frame, packed };
            match (&self.forward, self.op.pool()) {
                (ForwardKernel::Winograd(winograd), _) => {
                    winograd.forward(activation, frame, [inputs, products], y, argmax);
                }
                (ForwardKernel::Columns(packed), Some(pool)) => {
                    columns::forward(job(packed), pool, y, argmax);
                }
                (ForwardKernel::Tiles(packed), Some(pool)) => {
                    pool::forward(job(packed), pool, y, argmax);
                }
                (ForwardKernel::Tiles(packed) | ForwardKernel::Columns(packed), None) => {
                    tile::forward(job(packed), Gradient::Set, y);
                }
            }
        }
    }

    /// The shard's gradients of kernel and bias into its workspace, and that of the input.
    fn backward(&self, io: Backward<'_>) {
        let Backward { shard, y, dy, mut dx, .. } = io;
        let (d, out) = (self.op.extents, self.op.written_len());
        let mut workspace = self.workspaces.lock(shard.workspace);
        let Workspace { frames, argmax, maxima, entries, frame_gradient, dw, db, .. } =
            &mut *workspace;
        dw.fill(0.0);
        db.fill(0.0);
        if maxima.is_none() {
            activate_backward(self.op.activation, y, dy);
        }
        let (rule, dx) = dx.get(0).unwrap_or((Gradient::Skip, &mut []));
        let samples = y.chunks_exact(out).zip(dy.chunks_exact(out));
        for (s, ((y, dy), frame)) in samples.zip(frames.chunks_exact(d.frame_len())).enumerate() {
            let argmax = argmax.get(s * out..(s + 1) * out).unwrap_or_default();
            let sample = Pooled { activation: self.op.activation, y, dy, argmax };
            if let Some(maxima) = maxima {
                maxima.list(sample);
                sparse::backward_weight(d, maxima, frame, dw, db);
            } else if let ForwardKernel::Tiles(packed) = &self.forward {
                dense::backward_weight(d, packed, frame, dy, dw, db);
            }
            if rule == Gradient::Skip {
                continue;
            }
            let dx = &mut dx[s * d.in_len()..(s + 1) * d.in_len()];
            match &self.input_gradient {
                InputGradient::Skipped => {}
                InputGradient::Windows { layout, w } => {
                    if let Some(entries) = entries {
                        windows::backward_input(*layout, sample, w, entries, frame_gradient);
                        d.read_frame(frame_gradient, rule, dx);
                    }
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
                let lists = usize::from(w.maxima.is_some()) + usize::from(w.entries.is_some());
                (
                    w.argmax.len() + lists + w.frame_gradient.len() + w.dw.len() + w.db.len(),
                    w.frames.len(),
                )
            };
            assert!(sizes(true).0 > 0);
            assert_eq!(sizes(false), (0, sizes(true).1));
        }
    }
}
