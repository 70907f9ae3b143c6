//! A convolution with strides as a pointwise convolution: the patch under each output becomes a position
//! of `k_h · k_w · c_in` channels, and the kernel, which lies in memory in the same order, one of a single
//! tap.
//!
//! ```text
//!  input [h_in, w_in, c_in]        patches [h_out · w_out, k_h · k_w · c_in]
//!   ┌───────┐ · ┌───────┐           ┌───────────────┐
//!   │ k_h   │ · │       │     →     │ row │ row │ … │  output 0
//!   │ · k_w │ · │       │           ├───────────────┤
//!   └───────┘   └───────┘           │               │  output 1
//! ```

use super::super::{Conv2d, Extents};
use super::Conv2dLayer;
use crate::ops::Gradient;
use crate::ops::cpu::{
    Backward, Export, Forward, Input, InputGradients, Inputs, Layer, Shards, Update, Workspaces,
};
use crate::simd::vectorised;

/// A strided convolution: its patches, and the convolution of them.
#[derive(Debug)]
pub(crate) struct StridedConv2dLayer {
    d: Extents,
    pointwise: Conv2dLayer,
    workspaces: Workspaces<Patches>,
}

/// The patches of a shard and their gradients, each as the one buffer of the pointwise layer.
#[derive(Debug)]
struct Patches {
    /// Padding is zero from the start and is never written.
    values: [Vec<f32>; 1],
    /// Empty where the input's gradient is not computed.
    gradients: [Vec<f32>; 1],
}

impl StridedConv2dLayer {
    /// `has_dx`: whether the input's gradient is computed.
    pub(crate) fn new(op: Conv2d, has_dx: bool, shards: Shards) -> Self {
        let d = op.extents;
        let (positions, taps) = (d.h_out * d.w_out, d.k_h * d.k_w * d.c_in);
        let extents = Extents {
            h_in: 1,
            w_in: positions,
            c_in: taps,
            h_out: 1,
            w_out: positions,
            c_out: d.c_out,
            k_h: 1,
            k_w: 1,
            pad_top: 0,
            pad_left: 0,
            s_h: 1,
            s_w: 1,
        };
        let len = shards.samples * positions * taps;
        let gradients = if has_dx { len } else { 0 };
        Self {
            d,
            pointwise: Conv2dLayer::new(Conv2d { extents, ..op }, has_dx, shards),
            workspaces: Workspaces::new(shards.count, || Patches {
                values: [vec![0.0; len]],
                gradients: [vec![0.0; gradients]],
            }),
        }
    }

    /// The pointwise layer's input.
    fn input(&self, rule: Gradient) -> [Input; 1] {
        let len = self.d.h_out * self.d.w_out * self.d.k_h * self.d.k_w * self.d.c_in;
        [Input { slot: 0, len, rule }]
    }
}

impl Layer for StridedConv2dLayer {
    fn pack_weights(&mut self, parameters: &[f32]) {
        self.pointwise.pack_weights(parameters);
    }

    fn forward(&self, io: Forward<'_>) {
        let inputs = self.input(Gradient::Skip);
        let mut workspace = self.workspaces.lock(io.shard.workspace);
        let samples = io.x.get(0).chunks_exact(self.d.in_len());
        for (x, patches) in samples.zip(workspace.values[0].chunks_exact_mut(inputs[0].len)) {
            self.d.for_runs(|at, run| {
                patches[run..][..at.len()].copy_from_slice(&x[at]);
            });
        }
        let samples = io.x.samples;
        let x = Inputs { buffers: &workspace.values, inputs: &inputs, samples };
        self.pointwise.forward(Forward { x, ..io });
    }

    fn backward(&self, mut io: Backward<'_>) {
        let d = self.d;
        let samples = io.x.samples;
        let target = io.dx.get(0);
        let rule = if target.is_some() { Gradient::Set } else { Gradient::Skip };
        let inputs = self.input(rule);
        let mut workspace = self.workspaces.lock(io.shard.workspace);
        let Patches { values, gradients } = &mut *workspace;
        self.pointwise.backward(Backward {
            shard: io.shard,
            x: Inputs { buffers: values, inputs: &inputs, samples },
            y: io.y,
            dy: io.dy,
            dsecond: io.dsecond,
            dx: InputGradients { buffers: gradients, inputs: &inputs, samples },
            parameters: io.parameters,
        });
        let Some((rule, dx)) = target else { return };
        if rule == Gradient::Set {
            dx.fill(0.0);
        }
        let patches = gradients[0].chunks_exact(inputs[0].len);
        for (dx, patches) in dx.chunks_exact_mut(d.in_len()).zip(patches) {
            vectorised(
                #[inline(always)]
                || {
                    d.for_runs(
                        #[inline(always)]
                        |at, run| {
                            let gradients = &patches[run..][..at.len()];
                            dx[at].iter_mut().zip(gradients).for_each(|(dx, g)| *dx += g);
                        },
                    );
                },
            );
        }
    }

    fn export_saved(&self, io: Export<'_>) {
        self.pointwise.export_saved(io);
    }

    fn update(&mut self, io: Update<'_>) {
        self.pointwise.update(io);
    }
}

impl Extents {
    /// Calls `f` for each row of each patch, output by output, with the range of the input that it is
    /// of and its place among the patches. What is outside of the input is left out.
    #[inline(always)]
    fn for_runs(self, mut f: impl FnMut(std::ops::Range<usize>, usize)) {
        let d = self;
        for r in 0..d.h_out {
            for s in 0..d.w_out {
                // Columns of the kernel that meet the input.
                let left = s * d.s_w;
                let first = d.pad_left.saturating_sub(left).min(d.k_w);
                let end = (d.w_in + d.pad_left).saturating_sub(left).min(d.k_w);
                if first >= end {
                    continue;
                }
                for i in 0..d.k_h {
                    let row = r * d.s_h + i;
                    if row < d.pad_top || row >= d.h_in + d.pad_top {
                        continue;
                    }
                    let at = ((row - d.pad_top) * d.w_in + left + first - d.pad_left) * d.c_in;
                    let patch = (r * d.w_out + s) * d.k_h * d.k_w;
                    let run = (patch + i * d.k_w + first) * d.c_in;
                    f(at..at + (end - first) * d.c_in, run);
                }
            }
        }
    }
}
