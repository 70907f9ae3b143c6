//! The maximum of each window: the first NaN in row-major order if there is one, else the first
//! of the largest. The gradient goes to that element.

use super::{Gradients, Node};

pub(super) fn forward(node: &Node<'_>, window: [usize; 2]) -> Vec<f64> {
    let x = node.inputs[0];
    windows(node, window).iter().map(|under| x[argmax(x, under)]).collect()
}

pub(super) fn backward(node: &Node<'_>, window: [usize; 2], dy: &[f64]) -> Gradients {
    let x = node.inputs[0];
    let mut dx = vec![0.0; x.len()];
    for (g, under) in dy.iter().zip(windows(node, window)) {
        dx[argmax(x, &under)] += g;
    }
    Gradients::of_input(dx)
}

fn argmax(x: &[f64], under: &[usize]) -> usize {
    let nan = under.iter().copied().find(|&at| x[at].is_nan());
    let largest =
        || under.iter().copied().reduce(|best, at| if x[at] > x[best] { at } else { best });
    assert!(!under.is_empty(), "a window has elements");
    nan.or_else(largest).unwrap_or_default()
}

/// The indices in x under each window, row by row, for every element of the output. Stride =
/// window; what remains at the border belongs to no window.
pub(super) fn windows(node: &Node<'_>, [k_h, k_w]: [usize; 2]) -> Vec<Vec<usize>> {
    let [h, w, c] = node.input_shapes[0];
    let mut windows = Vec::new();
    for s in 0..node.n {
        for r in 0..h / k_h {
            for q in 0..w / k_w {
                for ch in 0..c {
                    let mut under = Vec::new();
                    for i in 0..k_h {
                        for j in 0..k_w {
                            under.push(((s * h + r * k_h + i) * w + q * k_w + j) * c + ch);
                        }
                    }
                    windows.push(under);
                }
            }
        }
    }
    windows
}
