//! `z[r, q, o] = b[o] + Σ_{i,j,c} x[r·s_h + i - before, q·s_w + j - before, c] · w[i, j, c, o]`.

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

/// Calls `f(index in x, index in w, index in z)` for every product of the sum.
fn products(
    node: &Node<'_>,
    [[k_h, k_w], [s_h, s_w]]: [[usize; 2]; 2],
    padding: Padding,
    mut f: impl FnMut(usize, usize, usize),
) {
    let ([h, w, c_in], [h_out, w_out, c_out]) = (node.input_shapes[0], node.shape);
    let before = match padding {
        // Half of the zeros that the last kernel needs, rounded down.
        Padding::Same => [
            ((h_out - 1) * s_h + k_h).saturating_sub(h) / 2,
            ((w_out - 1) * s_w + k_w).saturating_sub(w) / 2,
        ],
        Padding::Valid => [0, 0],
    };
    for s in 0..node.n {
        for r in 0..h_out {
            for q in 0..w_out {
                for i in 0..k_h {
                    for j in 0..k_w {
                        let (row, column) = (r * s_h + i, q * s_w + j);
                        if row < before[0] || column < before[1] {
                            continue;
                        }
                        let (row, column) = (row - before[0], column - before[1]);
                        if row >= h || column >= w {
                            continue;
                        }
                        for c in 0..c_in {
                            for o in 0..c_out {
                                f(
                                    ((s * h + row) * w + column) * c_in + c,
                                    ((i * k_w + j) * c_in + c) * c_out + o,
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
