//! A sample of the batch: rolled along time, shifted in level, then a rectangle of bands and one
//! of frames covered.

use crate::backend::Augmentation;

/// `x` is `[h, w, c]`.
pub fn sample(x: &[f32], [h, w, c]: [usize; 3], by: &Augmentation) -> Vec<f32> {
    let inside = |at: usize, first: u32, count: u32| {
        (first as usize..(first + count) as usize).contains(&at)
    };
    let mut out = Vec::new();
    for r in 0..h {
        for q in 0..w {
            for ch in 0..c {
                let covered = inside(r, by.band, by.bands) || inside(q, by.frame, by.frames);
                let from = (q + by.roll as usize) % w;
                out.push(if covered { by.fill } else { x[(r * w + from) * c + ch] + by.gain });
            }
        }
    }
    out
}
