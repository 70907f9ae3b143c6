//! Mel bands as channels on the CPU: `y[0, s, r · c_in + k] = x[r, s, k]`, channel rows copied.
//! Shader twins: `shaders/axis_to_channels/forward.wgsl`,
//! `shaders/axis_to_channels/backward_input.wgsl`.

use super::AxisToChannels;
use crate::ops::Gradient;
use crate::ops::cpu::{Backward, Export, Forward, Layer, Update};

#[derive(Debug)]
pub(crate) struct AxisToChannelsLayer(pub(crate) AxisToChannels);

impl Layer for AxisToChannelsLayer {
    /// No weights.
    fn pack_weights(&mut self, _parameters: &[f32]) {}

    fn forward(&self, io: Forward<'_>) {
        let d = self.0;
        for (x, y) in io.x.get(0).chunks_exact(d.len()).zip(io.y.chunks_exact_mut(d.len())) {
            runs(d, |from, to| y[to..to + d.c_in].copy_from_slice(&x[from..from + d.c_in]));
        }
    }

    fn backward(&self, mut io: Backward<'_>) {
        let d = self.0;
        let Some((rule, dx)) = io.dx.get(0) else { return };
        for (dx, dy) in dx.chunks_exact_mut(d.len()).zip(io.dy.chunks_exact(d.len())) {
            runs(d, |to, from| {
                for (dx, &g) in dx[to..to + d.c_in].iter_mut().zip(&dy[from..from + d.c_in]) {
                    *dx = if rule == Gradient::Add { *dx + g } else { g };
                }
            });
        }
    }

    /// Nothing is saved for the update.
    fn export_saved(&self, _io: Export<'_>) {}

    /// No parameters.
    fn update(&mut self, _io: Update<'_>) {}
}

/// Calls `f` with the offsets of each run of channels in a sample of the input and of the output.
fn runs(d: AxisToChannels, mut f: impl FnMut(usize, usize)) {
    for r in 0..d.h_in {
        for s in 0..d.w_in {
            f((r * d.w_in + s) * d.c_in, (s * d.h_in + r) * d.c_in);
        }
    }
}
