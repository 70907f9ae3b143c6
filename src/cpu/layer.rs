//! A node made ready: what it is and where it reads and writes, so that a step only runs.

use std::ops::Range;

use super::kind::{Kind, fused_pool};
use super::part::{Part, Room};
use super::sgd::Stretch;
use super::{
    activation, avg_pool2d, axis_to_channels, batch_norm, concat, crop, dense, dropout, max_pool2d,
    softmax,
};
use crate::backend::Sgd;
use crate::graph::{NodeId, Parameter};
use crate::plan::{Gradient, Plan};
use crate::random::counter;

/// What a pass is for. Back in evaluation goes the logit of each sample's class, not the loss.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pass {
    /// A step of training: what dropout is drawn from, and the number of the step.
    Train {
        seed: u32,
        step: u32,
    },
    Evaluate,
}

/// A node's share of a step, the same for all parts of a batch.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) kind: Kind,
    /// Buffers that it reads, and what backward does with their gradients.
    inputs: Vec<(usize, Gradient)>,
    /// The buffer that it writes.
    output: usize,
    /// Elements of one sample of the output.
    len: usize,
    /// Where its parameters lie in the flat buffers: behind those of the layer before.
    pub(super) parameters: Range<usize>,
}

impl Layer {
    pub(super) fn new(plan: &Plan, id: NodeId) -> Self {
        let node = plan.graph().node(id);
        let kind = Kind::of(plan, id);
        let rules = plan.input_gradients(id).iter().copied();
        let inputs = node.inputs.iter().map(|input| plan.slot(*input).0).zip(rules).collect();
        let output = fused_pool(plan, id).unwrap_or(id);
        let len = plan.graph().node(output).shape.len();
        let mut own = plan.graph().parameters_of(id).map(Parameter::range);
        let parameters = own
            .next()
            .map_or(0..0, |first| first.start..own.last().map_or(first.end, |last| last.end));
        Self { kind, inputs, output: plan.slot(output).0, len, parameters }
    }

    pub(super) fn room(&self) -> Room {
        self.kind.room(self.len)
    }

    /// Takes new weights.
    pub(super) fn take(&mut self, parameters: &[f32]) {
        if let Kind::Conv2d { conv, weights, .. } = &mut self.kind {
            let (w, b) = weights.read(parameters);
            conv.take(w, b);
        }
    }

    /// Writes the layer's output for the samples of a part.
    pub(super) fn forward(&self, index: usize, part: &mut Part, parameters: &[f32], pass: Pass) {
        let Part { values, rooms, labels, first, tally, .. } = part;
        let n = labels.len();
        // Every op walks as many samples as its output has: only that is cut to the part's.
        let written = n * self.len;
        let input = self.inputs.first().map_or(self.output, |(input, _)| *input);
        let (x, y) = two(values, input, self.output);
        let y = &mut y[..written];
        match (&self.kind, &mut rooms[index]) {
            (Kind::Conv2d { conv, .. }, Room::Conv2d(room)) => {
                conv.forward(&x[..n * conv.in_len()], y, room);
            }
            (Kind::MaxPool2d { dims }, Room::MaxPool2d(winner)) => {
                max_pool2d::forward(*dims, x, y, &mut winner[..written]);
            }
            (Kind::AvgPool2d { dims }, _) => avg_pool2d::forward(*dims, x, y),
            (Kind::BatchNorm { norm, figures, .. }, _) => {
                batch_norm::forward(*norm, figures, &x[..written], y);
            }
            (Kind::Dropout { .. }, _) => dropout::forward(self.draw(pass, *first), x, y),
            (Kind::Crop { dims }, _) => crop::forward(*dims, x, y),
            (Kind::AxisToChannels { dims }, _) => axis_to_channels::forward(*dims, x, y),
            (Kind::Concat { widths, total }, _) => {
                let mut offset = 0;
                for (&width, &(input, _)) in widths.iter().zip(&self.inputs) {
                    let (x, y) = two(values, input, self.output);
                    concat::forward(width, *total, offset, x, &mut y[..written]);
                    offset += width;
                }
            }
            (Kind::Dense { dims, activation, weights, .. }, _) => {
                let (w, b) = weights.read(parameters);
                dense::forward(*dims, *activation, &x[..n * dims.n_in], w, b, y);
            }
            (Kind::Softmax { classes }, _) => {
                (tally.loss, tally.correct) = softmax::forward(*classes, x, labels, y);
            }
            (Kind::Nothing | Kind::Conv2d { .. } | Kind::MaxPool2d { .. }, _) => {}
        }
    }

    /// What a dropout draws in a pass that trains.
    fn draw(&self, pass: Pass, first: usize) -> Option<dropout::Draw> {
        let (Kind::Dropout { rate, node }, Pass::Train { seed, step }) = (&self.kind, pass) else {
            return None;
        };
        let key = counter::key(seed, *node, step);
        Some(dropout::Draw { key, rate: *rate, first: first * self.len })
    }

    /// Adds up what a batch norm needs of a part's inputs, before its forward.
    pub(super) fn measure(&self, index: usize, part: &mut Part) {
        let Part { values, rooms, labels, .. } = part;
        if let (Kind::BatchNorm { norm, .. }, Room::BatchNorm(room), Some((input, _))) =
            (&self.kind, &mut rooms[index], self.inputs.first())
        {
            room.measure(*norm, &values[*input][..labels.len() * self.len]);
        }
    }

    /// The gradient at the layer's sum, and what a batch norm needs of it, before its backward.
    pub(super) fn measure_back(&self, index: usize, part: &mut Part) {
        let Part { values, gradients, rooms, labels, .. } = part;
        if let (Kind::BatchNorm { norm, figures, .. }, Room::BatchNorm(room), Some((input, _))) =
            (&self.kind, &mut rooms[index], self.inputs.first())
        {
            let written = labels.len() * self.len;
            let (x, y) = (&values[*input][..written], &values[self.output][..written]);
            let dz = &mut gradients[self.output][..written];
            room.backward_weight(*norm, figures, x, y, dz);
        }
    }

    /// Writes the gradients of the layer's inputs by the plan's rules, and what a part adds to
    /// those of a convolution's parameters.
    pub(super) fn backward(&self, index: usize, part: &mut Part, parameters: &[f32], pass: Pass) {
        let Part { values, gradients, rooms, labels, first, batch, .. } = part;
        let n = labels.len();
        let written = n * self.len;
        let y = &values[self.output][..written];
        let Some(&(input, rule)) = self.inputs.first() else { return };
        let learns = rule != Gradient::Skip;
        match (&self.kind, &mut rooms[index]) {
            (Kind::Conv2d { conv, activation, .. }, Room::Conv2d(room)) => {
                let (dz, dx) = two_mut(gradients, self.output, input);
                let dz = &mut dz[..written];
                activation::backward(*activation, y, dz);
                conv.backward(y, dz, rule, dx, room);
            }
            (Kind::MaxPool2d { dims }, Room::MaxPool2d(winner)) if learns => {
                let (dy, dx) = two(gradients, self.output, input);
                let dx = &mut dx[..n * dims.in_len()];
                max_pool2d::backward_input(*dims, &winner[..written], &dy[..written], rule, dx);
            }
            (Kind::AvgPool2d { dims }, _) if learns => {
                let (dy, dx) = two(gradients, self.output, input);
                let dx = &mut dx[..n * dims.in_len()];
                avg_pool2d::backward_input(*dims, &dy[..written], rule, dx);
            }
            (Kind::BatchNorm { figures, .. }, _) if learns => {
                let (dz, dx) = two(gradients, self.output, input);
                let (x, dz) = (&values[input][..written], &dz[..written]);
                batch_norm::backward_input(figures, x, dz, rule, &mut dx[..written]);
            }
            (Kind::Dropout { .. }, _) if learns => {
                let (dy, dx) = two(gradients, self.output, input);
                dropout::backward_input(self.draw(pass, *first), &dy[..written], rule, dx);
            }
            (Kind::Crop { dims }, _) if learns => {
                let (dy, dx) = two(gradients, self.output, input);
                crop::backward_input(*dims, &dy[..written], rule, dx);
            }
            (Kind::AxisToChannels { dims }, _) if learns => {
                let (dy, dx) = two(gradients, self.output, input);
                axis_to_channels::backward_input(*dims, &dy[..written], rule, dx);
            }
            (Kind::Concat { widths, total }, _) => {
                let mut offset = 0;
                for (&width, &(input, rule)) in widths.iter().zip(&self.inputs) {
                    if rule != Gradient::Skip {
                        let (dy, dx) = two(gradients, self.output, input);
                        concat::backward_input(width, *total, offset, &dy[..written], rule, dx);
                    }
                    offset += width;
                }
            }
            (Kind::Dense { dims, activation, weights, .. }, _) => {
                let dz = &mut gradients[self.output][..written];
                activation::backward(*activation, y, dz);
                if learns {
                    let (dz, dx) = two(gradients, self.output, input);
                    let dx = &mut dx[..n * dims.n_in];
                    let (w, _) = weights.read(parameters);
                    dense::backward_input(*dims, &dz[..written], w, rule, dx);
                }
            }
            (Kind::Softmax { classes }, _) if learns => {
                let dz = &mut gradients[input][..written];
                match pass {
                    Pass::Train { .. } => {
                        softmax::backward_input(*classes, *batch, y, labels, dz);
                    }
                    Pass::Evaluate => softmax::logit_gradient(*classes, labels, dz),
                }
            }
            _ => {}
        }
    }

    /// Gives what [`Self::learn`] reads of one part to another.
    pub(super) fn hand_over(&self, index: usize, from: &mut Part, to: &mut Part) {
        match (&self.kind, &mut from.rooms[index], &mut to.rooms[index]) {
            (Kind::Conv2d { .. }, Room::Conv2d(from), Room::Conv2d(to)) => from.hand_over(to),
            // Copied, not exchanged: another dense layer may read the same input.
            (Kind::Dense { .. }, ..) => {
                if let Some(&(input, _)) = self.inputs.first() {
                    to.values[input].copy_from_slice(&from.values[input]);
                }
                to.gradients[self.output].copy_from_slice(&from.gradients[self.output]);
            }
            _ => {}
        }
    }

    /// Gradients of the layer's own parameters from all parts, after their way back, and the
    /// step that follows from them, if any.
    pub(super) fn learn(
        &mut self,
        index: usize,
        parts: &[Part],
        mut own: Stretch<'_>,
        sgd: Option<Sgd>,
    ) {
        match &mut self.kind {
            Kind::Conv2d { conv, weights, .. } => {
                let rooms = parts.iter().filter_map(|part| match &part.rooms[index] {
                    Room::Conv2d(room) => Some(room),
                    _ => None,
                });
                let (mut kernel, mut bias) = own.split_at(weights.kernel_len());
                conv.sum(rooms, kernel.gradients, bias.gradients);
                kernel.step(weights.l2, sgd);
                bias.step(0.0, sgd);
                if sgd.is_some() {
                    let b = weights.has_bias().then_some(&*bias.parameters);
                    conv.take(kernel.parameters, b);
                }
            }
            Kind::Dense { dims, weights, .. } => {
                let Some(&(input, _)) = self.inputs.first() else { return };
                let mut pairs: Vec<dense::Pair<'_>> = Vec::new();
                for part in parts {
                    let (x, dz) = (&part.values[input], &part.gradients[self.output]);
                    let samples = x.chunks_exact(dims.n_in).zip(dz.chunks_exact(dims.n_out));
                    pairs.extend(samples.take(part.labels.len()));
                }
                let (kernel, mut bias) = own.split_at(weights.kernel_len());
                dense::backward_bias(&pairs, bias.gradients);
                bias.step(0.0, sgd);
                dense::learn(*dims, &pairs, weights.l2, sgd, kernel);
            }
            // The gradients of gamma and beta were known before.
            Kind::BatchNorm { norm, figures, .. } if sgd.is_some() => {
                own.step(0.0, sgd);
                let (_, moving) = own.parameters.split_at_mut(2 * norm.c);
                let (mean, variance) = moving.split_at_mut(norm.c);
                figures.update(*norm, mean, variance);
            }
            _ => {}
        }
    }

    /// Puts together what [`Self::measure`] left in the parts.
    pub(super) fn combine(&mut self, index: usize, parts: &[Part], parameters: &[f32], pass: Pass) {
        if let Kind::BatchNorm { norm, first, figures } = &mut self.kind {
            let parameters = &parameters[*first..];
            match pass {
                Pass::Train { .. } => figures.measure(*norm, &rooms(index, parts), parameters),
                Pass::Evaluate => figures.recall(*norm, parameters),
            }
        }
    }

    /// Puts together what [`Self::measure_back`] left in the parts.
    pub(super) fn combine_back(&mut self, index: usize, parts: &[Part], to: &mut [f32]) {
        if let Kind::BatchNorm { norm, first, figures } = &mut self.kind {
            let (dgamma, rest) = to[*first..].split_at_mut(norm.c);
            figures.backward_weight(*norm, rooms(index, parts), dgamma, &mut rest[..norm.c]);
        }
    }
}

/// A batch norm's room in all parts.
fn rooms(index: usize, parts: &[Part]) -> impl Iterator<Item = &batch_norm::Room> + Clone {
    parts.iter().filter_map(move |part| match &part.rooms[index] {
        Room::BatchNorm(room) => Some(room),
        _ => None,
    })
}

/// Buffer `a` to read and buffer `b` to write; a node never reads what it writes.
fn two(buffers: &mut [Vec<f32>], a: usize, b: usize) -> (&[f32], &mut [f32]) {
    let (a, b) = two_mut(buffers, a, b);
    (a, b)
}

/// Two buffers; the first is empty where they are the same, as for a node that does nothing.
fn two_mut(buffers: &mut [Vec<f32>], a: usize, b: usize) -> (&mut [f32], &mut [f32]) {
    match a.cmp(&b) {
        std::cmp::Ordering::Less => {
            let (low, high) = buffers.split_at_mut(b);
            (&mut low[a], &mut high[0])
        }
        std::cmp::Ordering::Greater => {
            let (low, high) = buffers.split_at_mut(a);
            (&mut high[0], &mut low[b])
        }
        std::cmp::Ordering::Equal => (&mut [], &mut buffers[b]),
    }
}
