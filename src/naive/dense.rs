//! `z = x · W + b` for each sample; W is `[in, out]`.

use crate::graph::Role;

use super::conv2d::bias_gradient;
use super::{Gradients, Node};

pub(super) fn forward(node: &Node<'_>) -> Vec<f64> {
    let (x, w) = (node.inputs[0], node.weights(Role::Kernel));
    let (n_in, n_out) = (x.len() / node.n, node.shape[2]);
    let mut z = Vec::new();
    for x in x.chunks(n_in) {
        for o in 0..n_out {
            let bias = node.parameter(Role::Bias).map_or(0.0, |bias| bias[o]);
            z.push((0..n_in).fold(bias, |sum, i| sum + x[i] * w[i * n_out + o]));
        }
    }
    z
}

pub(super) fn backward(node: &Node<'_>, dz: &[f64]) -> Gradients {
    let (x, w) = (node.inputs[0], node.weights(Role::Kernel));
    let (n_in, n_out) = (x.len() / node.n, node.shape[2]);
    let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
    for s in 0..node.n {
        for i in 0..n_in {
            for o in 0..n_out {
                let g = dz[s * n_out + o];
                dw[i * n_out + o] += x[s * n_in + i] * g;
                dx[s * n_in + i] += w[i * n_out + o] * g;
            }
        }
    }
    let mut parameters = vec![(Role::Kernel, dw)];
    if node.parameter(Role::Bias).is_some() {
        parameters.push((Role::Bias, bias_gradient(dz, n_out)));
    }
    Gradients { inputs: vec![dx], parameters }
}
