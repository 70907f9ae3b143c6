//! Dropout on the CPU. Shader twins: `shaders/dropout/forward.wgsl`,
//! `shaders/dropout/backward_input.wgsl`.

use super::Dropout;
use crate::ops::Gradient;
use crate::ops::cpu::{Backward, Export, Forward, Layer, Mode, ShardContext, Update};
use crate::random::counter::{self, survives, threshold};

#[derive(Debug)]
pub(crate) struct DropoutLayer(pub(crate) Dropout);

/// The mask of one shard.
#[derive(Debug, Clone, Copy)]
struct Mask {
    /// Depends on seed, node and step.
    key: u32,
    rate: f32,
    /// Number of the shard's first element within the batch.
    first: usize,
}

impl Mask {
    /// Calls `f` with each element of `out` and the masked and scaled element of `x`.
    fn apply(self, x: &[f32], out: &mut [f32], f: impl Fn(&mut f32, f32)) {
        let (threshold, scale) = (threshold(self.rate), 1.0 / (1.0 - self.rate));
        for (i, (out, &v)) in (self.first..).zip(out.iter_mut().zip(x)) {
            let survives = survives(self.key, i as u32, threshold);
            f(out, if survives { v * scale } else { 0.0 });
        }
    }
}

impl DropoutLayer {
    /// None in inference, where nothing is dropped.
    fn mask(&self, shard: &ShardContext<'_>) -> Option<Mask> {
        let Dropout { len, rate, node } = self.0;
        match shard.mode {
            Mode::Training { seed, step } => {
                let key = counter::key(seed, node, step);
                Some(Mask { key, rate, first: shard.first * len })
            }
            Mode::Inference | Mode::LogitGradients => None,
        }
    }
}

impl Layer for DropoutLayer {
    /// No weights.
    fn pack_weights(&mut self, _parameters: &[f32]) {}

    fn forward(&self, io: Forward<'_>) {
        let x = io.x.get(0);
        match self.mask(&io.shard) {
            Some(mask) => mask.apply(x, io.y, |y, v| *y = v),
            None => io.y.copy_from_slice(x),
        }
    }

    fn backward(&self, mut io: Backward<'_>) {
        let Some((rule, dx)) = io.dx.get(0) else { return };
        let dy = &*io.dy;
        match (self.mask(&io.shard), rule) {
            (Some(mask), Gradient::Add) => mask.apply(dy, dx, |dx, v| *dx += v),
            (Some(mask), _) => mask.apply(dy, dx, |dx, v| *dx = v),
            (None, Gradient::Add) => dx.iter_mut().zip(dy).for_each(|(dx, v)| *dx += v),
            (None, _) => dx.copy_from_slice(dy),
        }
    }

    /// Nothing is saved for the update.
    fn export_saved(&self, _io: Export<'_>) {}

    /// No parameters.
    fn update(&mut self, _io: Update<'_>) {}
}
