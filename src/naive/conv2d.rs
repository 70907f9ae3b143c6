//! `z[r, q, o] = b[o] + Σ_{i,j,c} x[r·s_h + i - before, q·s_w + j - before, c] · w[i, j, c, o]`, and the
//! depthwise convolution, which has a kernel `w[i, j, c, k]` and sums over `i` and `j` for `o = c·m + k`.

use crate::graph::{Padding, Role};

use super::{Gradients, Node};

pub(super) fn forward(node: &Node<'_>, sizes: [[usize; 2]; 2], padding: Padding) -> Vec<f64> {
    let w = node.weights(Role::Kernel);
    let c_out = node.shape[2];
    let bias = |o: usize| node.parameter(Role::Bias).map_or(0.0, |bias| bias[o]);
    let mut z: Vec<f64> = (0..node.len()).map(|i| bias(i % c_out)).collect();
    products(node, sizes, padding, |x, k, y| z[y] += node.inputs[0][x] * w[k]);
    z
}

pub(super) fn backward(
    node: &Node<'_>,
    sizes: [[usize; 2]; 2],
    padding: Padding,
    dz: &[f64],
) -> Gradients {
    let (x, w) = (node.inputs[0], node.weights(Role::Kernel));
    let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
    products(node, sizes, padding, |at, k, y| {
        dw[k] += x[at] * dz[y];
        dx[at] += w[k] * dz[y];
    });
    let mut parameters = vec![(Role::Kernel, dw)];
    if node.parameter(Role::Bias).is_some() {
        parameters.push((Role::Bias, bias_gradient(dz, node.shape[2])));
    }
    Gradients { inputs: vec![dx], parameters }
}

/// The sum of `dz` over everything but its last axis.
pub(super) fn bias_gradient(dz: &[f64], c: usize) -> Vec<f64> {
    (0..c).map(|o| dz.iter().skip(o).step_by(c).sum()).collect()
}

/// Calls `f(index in x, index in w, index in z)` for every product of the sums.
fn products(
    node: &Node<'_>,
    [[k_h, k_w], [s_h, s_w]]: [[usize; 2]; 2],
    padding: Padding,
    mut f: impl FnMut(usize, usize, usize),
) {
    let ([h, w, c_in], [h_out, w_out, c_out]) = (node.input_shapes[0], node.shape);
    // Weights of a channel at a tap: one for each output, or m where only m outputs read the channel.
    let filters = node.weights(Role::Kernel).len() / (k_h * k_w * c_in);
    // The row or column of the input under a tap; none in the padding.
    let under = |out: usize, stride: usize, tap: usize, k: usize, outs: usize, n: usize| {
        let before = match padding {
            // Half of the zeros that the last kernel needs, rounded down.
            Padding::Same => ((outs - 1) * stride + k).saturating_sub(n) / 2,
            Padding::Valid => 0,
        };
        (out * stride + tap).checked_sub(before).filter(|at| *at < n)
    };
    for s in 0..node.n {
        for r in 0..h_out {
            for q in 0..w_out {
                for i in 0..k_h {
                    for j in 0..k_w {
                        let Some(row) = under(r, s_h, i, k_h, h_out, h) else { continue };
                        let Some(column) = under(q, s_w, j, k_w, w_out, w) else { continue };
                        for c in 0..c_in {
                            for k in 0..filters {
                                let o = (c * filters + k) % c_out;
                                f(
                                    ((s * h + row) * w + column) * c_in + c,
                                    ((i * k_w + j) * c_in + c) * filters + k,
                                    ((s * h_out + r) * w_out + q) * c_out + o,
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}
