//! Concatenation on the CPU: columns of each row are copied. Shader twins:
//! `shaders/concat/forward.wgsl`, `shaders/concat/backward_input.wgsl`.

use super::Concat;
use crate::ops::Gradient;
use crate::ops::cpu::{Backward, Export, Forward, Layer, Update};

/// Most columns that are copied one by one.
const FEW: usize = 16;

/// One by one, four at a time.
#[inline(always)]
fn copy(x: &[f32], y: &mut [f32]) {
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<4>(), y.as_chunks_mut::<4>());
    y.iter_mut().zip(x).for_each(|(y, x)| *y = *x);
    y_rest.iter_mut().zip(x_rest).for_each(|(y, x)| *y = *x);
}

#[derive(Debug)]
pub(crate) struct ConcatLayer(pub(crate) Concat);

impl Layer for ConcatLayer {
    /// No weights.
    fn pack_weights(&mut self, _parameters: &[f32]) {}

    fn forward(&self, io: Forward<'_>) {
        for (k, (width, offset)) in self.0.columns().enumerate() {
            let rows = io.x.get(k).chunks_exact(width);
            for (x, y) in rows.zip(io.y.chunks_exact_mut(self.0.total)) {
                let y = &mut y[offset..offset + width];
                // Few columns by a loop, which is shorter than a call.
                if width <= FEW { copy(x, y) } else { y.copy_from_slice(x) }
            }
        }
    }

    fn backward(&self, mut io: Backward<'_>) {
        for (k, (width, offset)) in self.0.columns().enumerate() {
            let Some((rule, dx)) = io.dx.get(k) else { continue };
            for (dx, dy) in dx.chunks_exact_mut(width).zip(io.dy.chunks_exact(self.0.total)) {
                for (dx, &g) in dx.iter_mut().zip(&dy[offset..offset + width]) {
                    *dx = if rule == Gradient::Add { *dx + g } else { g };
                }
            }
        }
    }

    /// Nothing is saved for the update.
    fn export_saved(&self, _io: Export<'_>) {}

    /// No parameters.
    fn update(&mut self, _io: Update<'_>) {}
}
