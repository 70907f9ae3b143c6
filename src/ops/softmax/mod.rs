//! Softmax with the cross-entropy taken from the logits, as Keras fuses them:
//! `loss = log Σ exp(z − m) − (z_t − m)` with `m = max z`; `dz = (p − onehot) / n`.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;

use super::{Pass, work};
use crate::graph::NodeId;
use crate::measure::Work;

/// The softmax and the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Softmax {
    /// Number of classes.
    pub classes: usize,
    /// The dense layer below, if the pass computes the logits, too.
    pub dense: Option<NodeId>,
}

impl Softmax {
    /// Arithmetic and bytes of a pass at `batch` samples; `inputs_with_gradient` is 0 or 1.
    pub fn work(&self, pass: Pass, batch: usize, inputs_with_gradient: usize) -> Work {
        let y = batch * self.classes;
        match pass {
            // Labels are read too.
            Pass::Forward => work(0, 2 * y + batch),
            Pass::BackwardInput if inputs_with_gradient > 0 => work(0, 2 * y + batch),
            Pass::BackwardInput | Pass::BackwardWeight | Pass::Update => Work::default(),
        }
    }
}
