//! Cropping to the lowest bands on the CPU: the first elements of each sample are copied.
//! Shader twins: `shaders/crop/forward.wgsl`, `shaders/crop/backward_input.wgsl`.

use super::Crop;
use crate::ops::Gradient;
use crate::ops::cpu::{Backward, Export, Forward, Layer, Update};

#[derive(Debug)]
pub(crate) struct CropLayer(pub(crate) Crop);

impl Layer for CropLayer {
    /// No weights.
    fn pack_weights(&mut self, _parameters: &[f32]) {}

    fn forward(&self, io: Forward<'_>) {
        let Crop { len_in, len_out } = self.0;
        for (y, x) in io.y.chunks_exact_mut(len_out).zip(io.x.get(0).chunks_exact(len_in)) {
            y.copy_from_slice(&x[..len_out]);
        }
    }

    /// The cropped elements have a gradient of 0.
    fn backward(&self, mut io: Backward<'_>) {
        let Crop { len_in, len_out } = self.0;
        let Some((rule, dx)) = io.dx.get(0) else { return };
        for (dx, dy) in dx.chunks_exact_mut(len_in).zip(io.dy.chunks_exact(len_out)) {
            if rule == Gradient::Set {
                dx.fill(0.0);
            }
            dx.iter_mut().zip(dy).for_each(|(dx, g)| *dx += g);
        }
    }

    /// Nothing is saved for the update.
    fn export_saved(&self, _io: Export<'_>) {}

    /// No parameters.
    fn update(&mut self, _io: Update<'_>) {}
}
