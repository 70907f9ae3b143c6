//! In training each element is multiplied by 0 or by `1 / (1 - rate)`; in evaluation by 1.

use super::{Gradients, Mode, Node, SEED, STEP};

pub(super) fn forward(node: &Node<'_>, rate: f32) -> Vec<f64> {
    node.inputs[0].iter().zip(factors(node, rate)).map(|(x, factor)| x * factor).collect()
}

pub(super) fn backward(node: &Node<'_>, rate: f32, dy: &[f64]) -> Gradients {
    let dx = dy.iter().zip(factors(node, rate)).map(|(g, factor)| g * factor);
    Gradients::of_input(dx.collect())
}

fn factors(node: &Node<'_>, rate: f32) -> Vec<f64> {
    match node.mode {
        Mode::Train => mask(node.len(), rate, [SEED, node.index as u32, STEP]),
        Mode::Evaluate => vec![1.0; node.len()],
    }
}

/// The factors of `len` elements, from the documented hash of seed, node, step and element.
pub fn mask(len: usize, rate: f32, [seed, node, step]: [u32; 3]) -> Vec<f64> {
    let scramble = |v: u32| {
        let v = (v ^ (v >> 16)).wrapping_mul(0x7feb_352d);
        let v = (v ^ (v >> 15)).wrapping_mul(0x846c_a68b);
        v ^ (v >> 16)
    };
    let key = scramble(scramble(scramble(seed).wrapping_add(node)).wrapping_add(step));
    let falls = |i: usize| {
        f64::from(scramble(scramble(i as u32) ^ key)) < (f64::from(rate) * 2f64.powi(32)).floor()
    };
    let kept = 1.0 / (1.0 - f64::from(rate));
    (0..len).map(|i| if falls(i) { 0.0 } else { kept }).collect()
}
