//! A batch norm with the convolution below it and the poolings over whole rows above it. Of the maps
//! between them nothing is written: two rows of outputs at a time stay in the nearest cache. A
//! convolution is linear and its input the same in all passes of a step, so what batch norm needs of
//! the whole batch follows from a few sums over that input ([`super::moments`]). Shader twins: those of
//! `src/ops/conv2d/cpu/mod.rs` and `src/ops/batch_norm/cpu.rs`.
//!
//! Of a channel that is constant over the whole batch `v` is beta but for rounding, divided by the root of
//! epsilon; exactly beta where the inputs are 0.
//!
//! ```text
//! measure:  S[p], R[p, q] over the batch, before anything is computed
//! reduce:   mean = Σ w S / N,  variance = Σ w R w / N − mean²;  w' = w · gamma · inv_std
//! forward:  v = Σ w' · x + beta − mean · gamma · inv_std, two rows at a time;
//!           max(v), its place, Σ max(v, 0) and, as a bit each, whether v > 0
//! backward: g = dmax at its place + dmean / columns, where v > 0, two rows at a time;
//!           G[p] = Σ g · x[p], dbeta = Σ g
//! update:   dgamma = inv_std · (Σ w G − mean · dbeta),
//!           dw[p] = gamma · inv_std · (G[p] − dbeta / N · S[p]
//!                   − inv_std · dgamma / N · (Σ_q R[p, q] w[q] − mean · S[p]))
//! ```

use super::super::{BatchNorm, FusedPools};
use super::moments::{Moments, Scratch};
use super::rows::{self, Row};
use crate::graph::Activation;
use crate::ops::Gradient;
use crate::ops::conv2d::Extents;
use crate::ops::conv2d::cpu::{Block, Job, Packed, dense, tile};
use crate::ops::cpu::{
    Backward, Export, Forward, Layer, MeasuringLayer, Mode, Shards, Update, Workspaces,
};
use crate::simd::{Aligned, lanes};

/// Rows of outputs that are in the nearest cache at a time.
const ROWS: usize = 2;

#[derive(Debug)]
pub(crate) struct ConvolvedNormLayer {
    op: BatchNorm,
    d: Extents,
    pools: FusedPools,
    /// The kernel times `gamma · inv_std`, and as its bias what remains.
    packed: Packed,
    statistics: Statistics,
    workspaces: Workspaces<Workspace>,
}

/// Of the last batch.
#[derive(Debug)]
struct Statistics {
    moments: Moments,
    /// `[c]` each.
    mean: Vec<f64>,
    variance: Vec<f64>,
    inv_std: Vec<f64>,
    /// The kernel `w'` and the bias, `[taps, c]` and `[c]`.
    kernel: Vec<f32>,
    bias: Vec<f32>,
    /// Both by blocks of channels, `[taps, lanes]` and `[lanes]`.
    folded: Aligned,
}

/// What one shard needs.
#[derive(Debug)]
struct Workspace {
    /// `[samples, frame]`.
    frames: Aligned,
    moments: Moments,
    scratch: Scratch,
    /// `[ROWS, w, c]`: outputs, then gradients.
    rows: Aligned,
    /// Columns of the maxima, `[samples, h, c]`.
    argmax: Vec<u32>,
    /// Whether outputs are 0 or less: the channels of a vector as the bits of a number, `[samples, h,
    /// vectors of channels, w]`.
    off: Vec<u16>,
    /// Of one sample: `G` (`[taps, c]`) and the gradients' sum (`[c]`).
    dw: Vec<f32>,
    db: Vec<f32>,
    /// Of the shard: the same.
    sums: Vec<f64>,
}

impl ConvolvedNormLayer {
    pub(crate) fn new(op: BatchNorm, (d, pools): (Extents, FusedPools), shards: Shards) -> Self {
        // No vector is filled in part.
        let widest = if d.c_out.is_multiple_of(8) { lanes() } else { 4 };
        let packed = Packed::new(d, widest);
        let (taps, rows) = (d.k_h * d.k_w, shards.samples * d.h_out);
        let vectors = packed.blocks.len();
        let trained = |len| if shards.trains { len } else { 0 };
        let workspaces = Workspaces::new(shards.count, || Workspace {
            frames: Aligned::zeros(shards.samples * d.frame_len()),
            moments: Moments::new(d),
            scratch: Scratch::new(d),
            rows: Aligned::zeros(ROWS * d.w_out * d.c_out),
            argmax: vec![0; rows * d.c_out],
            off: vec![0; rows * vectors * d.w_out],
            dw: vec![0.0; trained(taps * d.c_out)],
            db: vec![0.0; trained(d.c_out)],
            sums: vec![0.0; trained((taps + 1) * d.c_out)],
        });
        let statistics = Statistics {
            moments: Moments::new(d),
            mean: vec![0.0; d.c_out],
            variance: vec![0.0; d.c_out],
            inv_std: vec![0.0; d.c_out],
            kernel: vec![0.0; taps * d.c_out],
            bias: vec![0.0; d.c_out],
            folded: Aligned::zeros((taps + 1) * d.c_out),
        };
        Self { op, d, pools, packed, statistics, workspaces }
    }

    /// Maxima and means of the windows from the outputs' two poolings, whichever there are.
    fn outputs<T: Default>(&self, first: T, second: T) -> [T; 2] {
        match self.pools.max {
            Some(_) => [first, second],
            None => [T::default(), first],
        }
    }
}

impl Layer for ConvolvedNormLayer {
    /// The loops read weights that are made with the statistics.
    fn pack_weights(&mut self, _parameters: &[f32]) {}

    fn forward(&self, io: Forward<'_>) {
        let d = self.d;
        let mut workspace = self.workspaces.lock(io.shard.workspace);
        let workspace = &mut *workspace;
        if !matches!(io.shard.mode, Mode::Training { .. }) {
            workspace.fill_frames(d, io.x.get(0));
        }
        let [max, mean] = self.outputs(io.y, io.second);
        let job = Job { d, activation: Activation::Linear, frame: &[], packed: &self.packed };
        for s in 0..io.x.samples {
            let here = s * d.h_out * d.c_out..(s + 1) * d.h_out * d.c_out;
            let outputs = [
                max.get_mut(here.clone()).unwrap_or_default(),
                mean.get_mut(here).unwrap_or_default(),
            ];
            workspace.forward(job, &self.statistics.folded, s, outputs);
        }
    }

    /// The sums of [`Layer::update`]. Nothing before the layer learns.
    fn backward(&self, io: Backward<'_>) {
        // Gradients of parameters are those of a training step.
        if !matches!(io.shard.mode, Mode::Training { .. }) {
            return;
        }
        let mut workspace = self.workspaces.lock(io.shard.workspace);
        workspace.sums.fill(0.0);
        let [dmax, dmean] = self.outputs(&*io.dy, io.dsecond);
        let max = if self.pools.max.is_some() { io.y } else { &[] };
        let len = self.d.h_out * self.d.c_out;
        for s in 0..io.x.samples {
            let [max, dmax, dmean] =
                [max, dmax, dmean].map(|of| of.get(s * len..(s + 1) * len).unwrap_or_default());
            workspace.backward(self.d, &self.packed, s, [max, dmax, dmean]);
        }
    }

    /// Its shards wait for each other, so nothing is streamed.
    fn export_saved(&self, _io: Export<'_>) {}

    fn update(&mut self, io: Update<'_>) {
        let Update { slice, stage, shards } = io;
        let (c, kernel_len) = (self.op.c, self.d.kernel_len());
        let (mut kernel, norm) = slice.split_at(kernel_len);
        let (mut trained, mut moving) = norm.split_at(2 * c);
        if stage.sums() {
            let mut sums = vec![0.0; kernel_len + c];
            for shard in self.workspaces.first_mut(shards.len()) {
                sums.iter_mut().zip(&shard.sums).for_each(|(to, from)| *to += from);
            }
            let gamma = &trained.parameters[..c];
            let (dgamma, dbeta) = trained.gradients.split_at_mut(c);
            let to = [&mut *kernel.gradients, dgamma, dbeta];
            self.statistics.gradients(kernel.parameters, gamma, &sums, to);
        }
        kernel.update(0.0, stage);
        trained.update(0.0, stage);
        moving.update(0.0, stage.without_decay());
        if stage.steps() {
            let (mean, variance) = moving.parameters.split_at_mut(c);
            let Statistics { mean: new_mean, variance: new_variance, .. } = &self.statistics;
            for (moving, now) in [(mean, new_mean), (variance, new_variance)] {
                for (moving, now) in moving.iter_mut().zip(now) {
                    let momentum = self.op.momentum;
                    *moving = momentum * *moving + (1.0 - momentum) * *now as f32;
                }
            }
        }
    }
}

impl MeasuringLayer for ConvolvedNormLayer {
    fn measure_forward(&self, workspace: usize, x: &[f32]) {
        let d = self.d;
        let mut workspace = self.workspaces.lock(workspace);
        let workspace = &mut *workspace;
        workspace.fill_frames(d, x);
        let Workspace { frames, moments, scratch, .. } = workspace;
        moments.clear();
        let frames = frames.chunks_exact(d.frame_len());
        for frame in frames.take(x.len() / d.in_len()) {
            moments.add_sample(d, frame, scratch);
        }
    }

    fn reduce_forward(&mut self, shards: usize, parameters: &[f32], mode: Mode) {
        let c = self.op.c;
        let (kernel, norm) = parameters.split_at(self.d.kernel_len());
        let [gamma, beta, mean, variance] = [0, 1, 2, 3].map(|k| &norm[k * c..(k + 1) * c]);
        let statistics = &mut self.statistics;
        match mode {
            Mode::Training { .. } => {
                statistics.moments.clear();
                for shard in self.workspaces.first_mut(shards) {
                    statistics.moments.add(&shard.moments);
                }
                statistics.measure(kernel);
            }
            Mode::Inference | Mode::LogitGradients => {
                for (to, from) in
                    [(&mut statistics.mean, mean), (&mut statistics.variance, variance)]
                {
                    to.iter_mut().zip(from).for_each(|(to, from)| *to = f64::from(*from));
                }
            }
        }
        statistics.fold(self.op.epsilon, kernel, [gamma, beta]);
        let Statistics { kernel, bias, folded, .. } = statistics;
        self.packed.pack(self.d, kernel, Some(bias));
        let taps = kernel.len() / c + 1;
        for block in &self.packed.blocks {
            let folded = folded[block.o * taps..].chunks_exact_mut(block.lanes);
            for (to, from) in folded.zip(kernel.chunks_exact(c).chain([&**bias])) {
                to.copy_from_slice(&from[block.o..block.o + block.lanes]);
            }
        }
    }
}

impl Statistics {
    /// Mean and variance of each channel of the convolution's outputs.
    fn measure(&mut self, kernel: &[f32]) {
        let (c, taps) = (self.mean.len(), self.moments.sums.len());
        let count = self.moments.count as f64;
        let at = |tap: usize| self.moments.sums[tap] / count;
        // `[taps, taps]`, the same for all channels.
        let covariances: Vec<f64> = (0..taps * taps)
            .map(|i| (i / taps, i % taps))
            .map(|(p, q)| self.moments.product(p, q) / count - at(p) * at(q))
            .collect();
        for o in 0..c {
            let w = |tap: usize| f64::from(kernel[tap * c + o]);
            self.mean[o] = (0..taps).map(|p| w(p) * at(p)).sum();
            let rows = covariances.chunks_exact(taps).enumerate();
            let row = |row: &[f64]| row.iter().enumerate().map(|(q, v)| v * w(q)).sum::<f64>();
            let variance: f64 = rows.map(|(p, covariances)| w(p) * row(covariances)).sum();
            // A variance of 0 may be rounded to less; a NaN stays one.
            self.variance[o] = if variance < 0.0 { 0.0 } else { variance };
        }
    }

    /// The kernel and bias that give normalised outputs.
    fn fold(&mut self, epsilon: f32, kernel: &[f32], [gamma, beta]: [&[f32]; 2]) {
        let c = self.mean.len();
        for o in 0..c {
            let inv_std = 1.0 / (self.variance[o] + f64::from(epsilon)).sqrt();
            self.inv_std[o] = inv_std;
            let scale = f64::from(gamma[o]) * inv_std;
            for (to, w) in self.kernel[o..].iter_mut().zip(&kernel[o..]).step_by(c) {
                *to = (f64::from(*w) * scale) as f32;
            }
            self.bias[o] = (f64::from(beta[o]) - self.mean[o] * scale) as f32;
        }
    }

    /// The gradients of kernel, gamma and beta from `G` and the gradients' sums of the batch.
    fn gradients(&self, w: &[f32], gamma: &[f32], sums: &[f64], to: [&mut [f32]; 3]) {
        let (c, taps) = (self.mean.len(), self.moments.sums.len());
        let count = self.moments.count as f64;
        let [dw, dgamma, dbeta] = to;
        let (products, totals) = sums.split_at(taps * c);
        for o in 0..c {
            let (mean, inv_std, total) = (self.mean[o], self.inv_std[o], totals[o]);
            let w = |tap: usize| f64::from(w[tap * c + o]);
            let weighted: f64 = (0..taps).map(|p| w(p) * products[p * c + o]).sum();
            let of_gamma = inv_std * (weighted - mean * total);
            (dgamma[o], dbeta[o]) = (of_gamma as f32, total as f32);
            let (level, slope) = (total / count, inv_std * of_gamma / count);
            for p in 0..taps {
                let sum = self.moments.sums[p];
                let outputs: f64 = (0..taps).map(|q| self.moments.product(p, q) * w(q)).sum();
                let through = level * sum + slope * (outputs - mean * sum);
                let scale = f64::from(gamma[o]) * inv_std;
                dw[p * c + o] = (scale * (products[p * c + o] - through)) as f32;
            }
        }
    }
}

/// What forward finds of one sample: the poolings' outputs, empty where there is none, and what backward
/// reads.
struct Found<'a> {
    d: Extents,
    blocks: &'a [Block],
    max: &'a mut [f32],
    mean: &'a mut [f32],
    argmax: &'a mut [u32],
    off: &'a mut [u16],
}

impl Found<'_> {
    /// Of a row of outputs and block `k` of its channels.
    fn row(&mut self, r: usize, k: usize) -> Row<'_> {
        let Self { d, blocks, max, mean, argmax, off } = self;
        let Block { o, lanes, .. } = blocks[k];
        let here = r * d.c_out + o..r * d.c_out + o + lanes;
        Row {
            max: max.get_mut(here.clone()).unwrap_or_default(),
            mean: mean.get_mut(here.clone()).unwrap_or_default(),
            argmax: &mut argmax[here],
            off: &mut off[(r * blocks.len() + k) * d.w_out..][..d.w_out],
        }
    }
}

impl Workspace {
    fn fill_frames(&mut self, d: Extents, x: &[f32]) {
        let frames = self.frames.chunks_exact_mut(d.frame_len());
        x.chunks_exact(d.in_len()).zip(frames).for_each(|(x, frame)| d.fill_frame(x, frame));
    }

    /// Sample `s` of the shard; `folded` are the weights by blocks of channels.
    fn forward(&mut self, job: Job<'_>, folded: &[f32], s: usize, [max, mean]: [&mut [f32]; 2]) {
        let d = job.d;
        let (width, taps, blocks) = (d.w_out * d.c_out, d.k_h * d.k_w, &job.packed.blocks);
        let Self { frames, rows, argmax, off, .. } = self;
        let frame = &frames[s * d.frame_len()..][..d.frame_len()];
        let (len, bits) = (d.h_out * d.c_out, d.h_out * blocks.len() * d.w_out);
        let argmax = &mut argmax[s * len..][..len];
        let mut found = Found { d, blocks, max, mean, argmax, off: &mut off[s * bits..][..bits] };
        for first in (0..d.h_out).step_by(ROWS) {
            let frame = &frame[d.patch(first, 0)..];
            let count = ROWS.min(d.h_out - first);
            // Rows with a NaN are pooled by the general loops.
            let is_pooled = rows::suits(d)
                && (0..count).all(|r| {
                    let frame = &frame[d.patch(r, 0)..];
                    blocks.iter().enumerate().all(|(k, block)| {
                        let w = &folded[block.o * (taps + 1)..];
                        rows::convolve(d, *block, frame, w, found.row(first + r, k))
                    })
                });
            if !is_pooled {
                let some = Extents { h_out: count, ..d };
                let rows = &mut rows[..count * width];
                tile::forward(Job { d: some, frame, ..job }, Gradient::Set, rows);
                for (r, row) in (first..).zip(rows.chunks_exact(width)) {
                    for (k, block) in blocks.iter().enumerate() {
                        rows::pool(d.c_out, *block, row, found.row(r, k));
                    }
                }
            }
        }
    }

    /// Sample `s` of the shard, from its maxima and the gradients of maxima and means.
    fn backward(&mut self, d: Extents, packed: &Packed, s: usize, [max, dmax, dmean]: [&[f32]; 3]) {
        let (width, c) = (d.w_out * d.c_out, d.c_out);
        let vectors = packed.blocks.len();
        let Self { frames, rows, argmax, off, dw, db, sums, .. } = self;
        let frame = &frames[s * d.frame_len()..][..d.frame_len()];
        dw.fill(0.0);
        db.fill(0.0);
        for first in (0..d.h_out).step_by(ROWS) {
            let some = Extents { h_out: ROWS.min(d.h_out - first), ..d };
            let frame = &frame[d.patch(first, 0)..];
            let rows = &mut rows[..some.h_out * width];
            for (r, row) in (first..).zip(rows.chunks_exact_mut(width)) {
                let here = r * c..(r + 1) * c;
                for (k, block) in packed.blocks.iter().enumerate() {
                    let off = &off[((s * d.h_out + r) * vectors + k) * d.w_out..][..d.w_out];
                    let dmean = dmean.get(here.clone()).unwrap_or_default();
                    rows::spread(c, *block, dmean, off, row);
                }
                let maxima = max.get(here.clone()).unwrap_or_default().iter();
                let gradients = maxima.zip(dmax.get(here).unwrap_or_default());
                let places = &argmax[(s * d.h_out + r) * c..][..c];
                for (o, ((max, g), column)) in gradients.zip(places).enumerate() {
                    if *max > 0.0 {
                        row[*column as usize * c + o] += g;
                    }
                }
            }
            if rows::suits(d) {
                for (r, row) in rows.chunks_exact(width).enumerate() {
                    for block in &packed.blocks {
                        let frame = &frame[d.patch(r, 0)..];
                        rows::products(d, *block, frame, row, [&mut *dw, &mut *db]);
                    }
                }
            } else {
                dense::backward_weight(some, packed, frame, rows, dw, db);
            }
        }
        let all = dw.iter().chain(&*db);
        sums.iter_mut().zip(all).for_each(|(sum, v)| *sum += f64::from(*v));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Padding, Shape};

    /// A filter of differences on inputs whose mean is ten thousand deviations: what is left of the
    /// large sums must still be right.
    #[test]
    fn a_large_mean_of_the_inputs_leaves_the_variance_its_digits() {
        let d =
            Extents::new(Shape::Map { h: 30, w: 40, c: 1 }, 4, [[1, 3], [1, 1]], Padding::Valid);
        let x: Vec<f32> = (0..1200)
            .map(|i: u32| 1e4 + (i.wrapping_mul(2_654_435_761) >> 22) as f32 / 1024.0)
            .collect();
        let kernel: Vec<f32> =
            (0..12).map(|i| [0.5, -1.0, 0.5][i / 4] * (1 + i % 4) as f32).collect();
        let mut frame = vec![0.0; d.frame_len()];
        d.fill_frame(&x, &mut frame);
        let mut moments = Moments::new(d);
        moments.add_sample(d, &frame, &mut Scratch::new(d));
        let zeros = || vec![0.0; 4];
        let mut statistics = Statistics {
            moments,
            mean: zeros(),
            variance: zeros(),
            inv_std: zeros(),
            kernel: Vec::new(),
            bias: Vec::new(),
            folded: Aligned::zeros(0),
        };
        statistics.measure(&kernel);
        for o in 0..4 {
            let w = |tap: usize| f64::from(kernel[tap * 4 + o]);
            let outputs = x.chunks_exact(40).flat_map(|row| {
                row.windows(3).map(move |x| (0..3).map(|k| w(k) * f64::from(x[k])).sum::<f64>())
            });
            let outputs: Vec<f64> = outputs.collect();
            let mean = outputs.iter().sum::<f64>() / outputs.len() as f64;
            let squares = outputs.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
            let variance = squares / outputs.len() as f64;
            assert!((statistics.mean[o] - mean).abs() < 1e-6 * variance.sqrt());
            assert!((statistics.variance[o] / variance - 1.0).abs() < 1e-6, "{o}");
        }
    }
}
