//! Augmentation of a sample while it is copied into a batch, on the CPU. Shader twins:
//! `shaders/gather/forward.wgsl`, `shaders/gather/forward_tiled.wgsl`.

use super::Augmentation;
use crate::graph::Shape;

/// `to[r, s, c] = masked(r, s) ? fill : from[r, (s + roll) mod w, c] + gain`.
pub(crate) fn augment(shape: Shape, augmentation: &Augmentation, from: &[f32], to: &mut [f32]) {
    let (w, c) = match shape {
        Shape::Map { w, c, .. } => (w, c),
        Shape::Flat(n) => (1, n),
    };
    let within = |at: usize, first: u32, count: u32| {
        (first as usize..first as usize + count as usize).contains(&at)
    };
    for (r, (from, to)) in from.chunks_exact(w * c).zip(to.chunks_exact_mut(w * c)).enumerate() {
        let band = within(r, augmentation.band, augmentation.bands);
        for (s, to) in to.chunks_exact_mut(c).enumerate() {
            if band || within(s, augmentation.frame, augmentation.frames) {
                to.fill(augmentation.fill);
                continue;
            }
            let at = (s + augmentation.roll as usize) % w * c;
            for (to, &x) in to.iter_mut().zip(&from[at..at + c]) {
                *to = x + augmentation.gain;
            }
        }
    }
}
