//! Dropout: `y = x / (1 - rate)` where the element survives, else 0. The mask is
//! drawn again in the backward pass instead of being kept.

use crate::plan::Gradient;
use crate::random::counter::{survives, threshold};

/// One draw of a dropout.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw {
    /// Of the node and step.
    pub(super) key: u32,
    pub(super) rate: f32,
    /// Which element of the batch is the first at hand.
    pub(super) first: usize,
}

impl Draw {
    /// Calls `f` with each element of `out`, the same of `of`, and what multiplies it.
    fn each(self, of: &[f32], out: &mut [f32], f: impl Fn(&mut f32, f32)) {
        let (threshold, scale) = (threshold(self.rate), 1.0 / (1.0 - self.rate));
        for (i, (out, &v)) in (self.first..).zip(out.iter_mut().zip(of)) {
            let survives = survives(self.key, i as u32, threshold);
            f(out, if survives { v * scale } else { 0.0 });
        }
    }
}

/// Without a draw, in evaluation, nothing is dropped.
pub(super) fn forward(draw: Option<Draw>, x: &[f32], y: &mut [f32]) {
    match draw {
        Some(draw) => draw.each(x, y, |y, v| *y = v),
        None => y.copy_from_slice(&x[..y.len()]),
    }
}

/// `rule` says whether `dx` is overwritten or added to.
pub(super) fn backward_input(draw: Option<Draw>, dy: &[f32], rule: Gradient, dx: &mut [f32]) {
    let dx = &mut dx[..dy.len()];
    match (draw, rule) {
        (Some(draw), Gradient::Add) => draw.each(dy, dx, |dx, v| *dx += v),
        (Some(draw), _) => draw.each(dy, dx, |dx, v| *dx = v),
        (None, Gradient::Add) => dx.iter_mut().zip(dy).for_each(|(dx, v)| *dx += v),
        (None, _) => dx.copy_from_slice(dy),
    }
}
