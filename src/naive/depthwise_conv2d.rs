//! `z[r, q, c·m + k] = b[c·m + k] + Σ_{i,j} x[r·s_h + i - before, q·s_w + j - before, c] · w[i, j, c, k]`:
//! the loops of the convolution with m filters for each channel.

pub(super) use super::conv2d::{backward, forward};
