//! Sum of two inputs on the CPU. Shader twins: `shaders/add/forward.wgsl`,
//! `shaders/add/backward_input.wgsl`.

use crate::ops::Gradient;
use crate::ops::cpu::{Backward, Export, Forward, Layer, Update};

#[derive(Debug)]
pub(crate) struct AddLayer;

impl Layer for AddLayer {
    /// No weights.
    fn pack_weights(&mut self, _parameters: &[f32]) {}

    fn forward(&self, io: Forward<'_>) {
        let inputs = io.x.get(0).iter().zip(io.x.get(1));
        io.y.iter_mut().zip(inputs).for_each(|(y, (a, b))| *y = a + b);
    }

    fn backward(&self, mut io: Backward<'_>) {
        for k in 0..2 {
            match io.dx.get(k) {
                Some((Gradient::Add, dx)) => dx.iter_mut().zip(&*io.dy).for_each(|(x, g)| *x += g),
                Some((Gradient::Set | Gradient::Skip, dx)) => dx.copy_from_slice(io.dy),
                None => {}
            }
        }
    }

    /// Nothing is saved for the update.
    fn export_saved(&self, _io: Export<'_>) {}

    /// No parameters.
    fn update(&mut self, _io: Update<'_>) {}
}
