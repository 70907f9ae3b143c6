//! The order of a step. A shard goes through layer after layer on its own; only at a layer with sums
//! over the whole batch do the shards wait for each other.

use super::node::{AnyLayer, Node};
use super::shard::Shard;
use crate::ops::cpu::Mode;

/// What is computed of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// The sums that forward needs.
    MeasureForward,
    Forward,
    /// The sums that backward needs.
    MeasureBackward,
    Backward,
}

/// A node, by index, and what is computed of it.
pub(super) type Step = (usize, Action);

/// Steps that a shard takes without waiting.
#[derive(Debug, Default)]
pub(super) struct Segment {
    pub(super) steps: Vec<Step>,
}

impl Segment {
    /// The last step, if its sums are combined before the next segment.
    pub(super) fn reduction(&self) -> Option<Step> {
        let measures = [Action::MeasureForward, Action::MeasureBackward];
        self.steps.last().copied().filter(|(_, action)| measures.contains(action))
    }
}

/// The segments of a model.
#[derive(Debug)]
pub(super) struct Phases {
    pub(super) forward: Vec<Segment>,
    /// Forward and backward of a shard without waiting between them, while its activations are
    /// still in the cache.
    pub(super) forward_backward: Vec<Segment>,
}

impl Phases {
    pub(super) fn new(nodes: &[Node]) -> Self {
        let forward = || cut(nodes, 0..nodes.len(), [Action::MeasureForward, Action::Forward]);
        let reversed = (0..nodes.len()).rev();
        let backward = cut(nodes, reversed, [Action::MeasureBackward, Action::Backward]);
        let mut backward = backward.into_iter();
        let mut forward_backward = forward();
        if let (Some(last), Some(first)) = (forward_backward.last_mut(), backward.next()) {
            last.steps.extend(first.steps);
        }
        forward_backward.extend(backward);
        Self { forward: forward(), forward_backward }
    }
}

/// Cuts the passes of all nodes, in an order, behind every measurement.
fn cut(
    nodes: &[Node],
    order: impl Iterator<Item = usize>,
    [measure, pass]: [Action; 2],
) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut segment = Segment::default();
    for i in order {
        let waits = match nodes[i].layer {
            AnyLayer::PerShard(_) => false,
            AnyLayer::Measuring(_) => measure == Action::MeasureForward,
            AnyLayer::PerBatch(_) => true,
        };
        if waits {
            segment.steps.push((i, measure));
            segments.push(std::mem::take(&mut segment));
        }
        segment.steps.push((i, pass));
    }
    segments.push(segment);
    segments
}

/// One step of one shard.
pub(super) fn run(
    nodes: &[Node],
    (i, action): Step,
    shard: &mut Shard,
    parameters: &[f32],
    mode: Mode,
) {
    let node = &nodes[i];
    match action {
        Action::MeasureForward => node.measure_forward(shard, mode),
        Action::Forward => node.forward(shard, parameters, mode),
        Action::MeasureBackward => node.measure_backward(shard),
        Action::Backward => node.backward(shard, parameters, mode),
    }
}
