//! Dropout (Srivastava et al. 2014): in training `y = x / (1 − rate)` where the element survives,
//! else 0; in inference `y = x`. The mask depends on the seed, the node, the step and the element
//! alone, so it is drawn again in the backward pass instead of being stored.

pub(crate) mod cpu;
pub(crate) mod gpu;

use super::{Pass, work};
use crate::measure::Work;

/// A dropout of known length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Elements of one sample.
    pub len: usize,
    /// Probability that an element becomes 0.
    pub rate: f32,
    /// The node's index in the graph, which the mask depends on.
    pub node: u32,
}

impl Dropout {
    /// Arithmetic and bytes of a pass at `batch` samples; `inputs_with_gradient` is 0 or 1.
    pub fn work(&self, pass: Pass, batch: usize, inputs_with_gradient: usize) -> Work {
        let x = batch * self.len;
        match pass {
            Pass::Forward => work(x, 2 * x),
            Pass::BackwardInput if inputs_with_gradient > 0 => work(x, 2 * x),
            Pass::BackwardInput | Pass::BackwardWeight | Pass::Update => Work::default(),
        }
    }
}
