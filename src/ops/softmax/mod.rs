//! Softmax with the cross-entropy taken from the logits, as Keras fuses them:
//! `loss = log Σ exp(z − m) − Σ_c q_c (z_c − m)` with `m = max z`; `dz = (p − q) / n`. The target `q` is
//! 1 at the label, or what label smoothing makes of that; in training a class's weight multiplies both.

pub(crate) mod cpu;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;

use super::{Pass, work};
use crate::graph::NodeId;
use crate::measure::Work;

/// What a loss is besides the cross-entropy, as in Keras. The default is the cross-entropy alone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loss {
    /// Share of each label's 1 that is spread evenly over all classes, of training and evaluation:
    /// `q_c = (1 − share) · [c = label] + share / classes`.
    pub label_smoothing: f32,
    /// What multiplies the loss of each class's samples in training, by label; 1 each if empty. The mean
    /// over a batch divides by its number of samples all the same.
    pub class_weights: Vec<f32>,
}

impl Loss {
    /// The weight of a label's samples.
    pub(crate) fn weight(&self, label: u32) -> f32 {
        self.class_weights.get(label as usize).copied().unwrap_or(1.0)
    }
}

/// The softmax and the loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Softmax {
    /// Number of classes.
    pub classes: usize,
    /// What the loss is besides the cross-entropy.
    pub loss: Loss,
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
