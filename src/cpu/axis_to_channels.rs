//! Mel bands as channels: `y[0, s, r · c_in + k] = x[r, s, k]`. Frames as channels
//! are a view and need no pass.

use crate::plan::Gradient;

/// Extents of the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dims {
    pub(super) h_in: usize,
    pub(super) w_in: usize,
    pub(super) c_in: usize,
}

impl Dims {
    fn len(self) -> usize {
        self.h_in * self.w_in * self.c_in
    }

    /// Calls `f` with the place of each run of channels in a sample of the input and of the output.
    fn runs(self, mut f: impl FnMut(usize, usize)) {
        for r in 0..self.h_in {
            for s in 0..self.w_in {
                f((r * self.w_in + s) * self.c_in, (s * self.h_in + r) * self.c_in);
            }
        }
    }
}

pub(super) fn forward(d: Dims, x: &[f32], y: &mut [f32]) {
    for (x, y) in x.chunks_exact(d.len()).zip(y.chunks_exact_mut(d.len())) {
        d.runs(|from, to| y[to..to + d.c_in].copy_from_slice(&x[from..from + d.c_in]));
    }
}

/// `rule` says whether `dx` is overwritten or added to.
pub(super) fn backward_input(d: Dims, dy: &[f32], rule: Gradient, dx: &mut [f32]) {
    for (dx, dy) in dx.chunks_exact_mut(d.len()).zip(dy.chunks_exact(d.len())) {
        d.runs(|to, from| {
            for (dx, &g) in dx[to..to + d.c_in].iter_mut().zip(&dy[from..from + d.c_in]) {
                *dx = if rule == Gradient::Add { *dx + g } else { g };
            }
        });
    }
}
