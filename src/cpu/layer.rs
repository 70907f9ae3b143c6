//! A node made ready: its extents, its places in the buffers, and the room
//! that it needs, worked out once so that a step only runs.

use super::kind::Kind;
use super::{
    activation, avg_pool2d, axis_to_channels, batch_norm, concat, conv2d, conv2d_dense,
    conv2d_sparse, crop, dense, dropout, max_pool2d, softmax,
};
use crate::backend::Tally;
use crate::graph::NodeId;
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

/// A node's part in a step.
#[derive(Debug)]
pub(super) struct Layer {
    kind: Kind,
    /// Buffers that it reads, and what backward does with their gradients.
    inputs: Vec<(usize, Gradient)>,
    /// The buffer that it writes.
    output: usize,
    /// Elements of one sample of the output.
    len: usize,
}

/// Outputs of all layers and the loss's gradients there, by slot, `[batch, …]`.
#[derive(Debug)]
pub(super) struct Buffers {
    pub(super) values: Vec<Vec<f32>>,
    pub(super) gradients: Vec<Vec<f32>>,
}

impl Layer {
    pub(super) fn new(plan: &Plan, id: NodeId) -> Self {
        let node = plan.graph().node(id);
        let kind = Kind::of(plan, id);
        let rules = plan.input_gradients(id).iter().copied();
        let inputs = node.inputs.iter().map(|input| plan.slot(*input).0).zip(rules).collect();
        Self { kind, inputs, output: plan.slot(id).0, len: node.shape.len() }
    }

    /// Writes the layer's output for the batch of `labels`.
    pub(super) fn forward(
        &mut self,
        values: &mut [Vec<f32>],
        parameters: &[f32],
        labels: &[u32],
        pass: Pass,
        tally: &mut Tally,
    ) {
        let n = labels.len();
        // Every op walks as many samples as its output has: only that is cut to the batch.
        let written = n * self.len;
        match &mut self.kind {
            Kind::Nothing => {}
            Kind::Conv2d { dims, activation, weights, room, .. } => {
                let (w, b) = weights.read(parameters);
                let (x, y) = two(values, self.inputs[0].0, self.output);
                conv2d::forward(*dims, *activation, x, w, b, &mut y[..written], room);
            }
            Kind::MaxPool2d { dims, winner } => {
                let (x, y) = two(values, self.inputs[0].0, self.output);
                max_pool2d::forward(*dims, x, &mut y[..written], &mut winner[..written]);
            }
            Kind::AvgPool2d { dims } => {
                let (x, y) = two(values, self.inputs[0].0, self.output);
                avg_pool2d::forward(*dims, x, &mut y[..written]);
            }
            Kind::BatchNorm { norm, first, room } => {
                let [gamma, beta, mean, variance] = norm.split(&parameters[*first..]);
                let (x, y) = two(values, self.inputs[0].0, self.output);
                let x = &x[..written];
                match pass {
                    Pass::Train { .. } => room.measure(*norm, x),
                    Pass::Evaluate => room.recall(*norm, mean, variance),
                }
                batch_norm::forward(*norm, room, x, gamma, beta, &mut y[..written]);
            }
            Kind::Dropout { rate, node, draw } => {
                *draw = match pass {
                    Pass::Train { seed, step } => {
                        Some(dropout::Draw { key: counter::key(seed, *node, step), rate: *rate })
                    }
                    Pass::Evaluate => None,
                };
                let (x, y) = two(values, self.inputs[0].0, self.output);
                dropout::forward(*draw, x, &mut y[..written]);
            }
            Kind::Crop { dims } => {
                let (x, y) = two(values, self.inputs[0].0, self.output);
                crop::forward(*dims, x, &mut y[..written]);
            }
            Kind::AxisToChannels { dims } => {
                let (x, y) = two(values, self.inputs[0].0, self.output);
                axis_to_channels::forward(*dims, x, &mut y[..written]);
            }
            Kind::Concat { widths, total, .. } => {
                let mut offset = 0;
                for (&width, &(input, _)) in widths.iter().zip(&self.inputs) {
                    let (x, y) = two(values, input, self.output);
                    concat::forward(width, *total, offset, x, &mut y[..written]);
                    offset += width;
                }
            }
            Kind::Dense { n_in, n_out, activation, weights } => {
                let (w, b) = weights.read(parameters);
                let (x, y) = two(values, self.inputs[0].0, self.output);
                dense::forward(*n_in, *n_out, *activation, x, w, b, &mut y[..written]);
            }
            Kind::Softmax { classes } => {
                let (z, p) = two(values, self.inputs[0].0, self.output);
                let (loss, correct) = softmax::forward(*classes, z, labels, &mut p[..written]);
                tally.loss += loss;
                tally.correct += correct;
            }
        }
    }

    /// Writes the gradients of the layer's parameters and, by the plan's rules, of its inputs.
    pub(super) fn backward(
        &mut self,
        buffers: &mut Buffers,
        parameters: &[f32],
        labels: &[u32],
        pass: Pass,
        parameter_gradients: &mut [f32],
    ) {
        let n = labels.len();
        let Buffers { values, gradients } = buffers;
        let y = &values[self.output][..n * self.len];
        match &mut self.kind {
            Kind::Nothing => {}
            Kind::Conv2d { dims, activation, dense, weights, room } => {
                let [(input, rule)] = self.inputs[..] else { return };
                let (w, _) = weights.read(parameters);
                let (dw, db) = weights.write(parameter_gradients);
                let dz = &mut gradients[self.output][..n * self.len];
                activation::backward(*activation, y, dz);
                if *dense {
                    conv2d_dense::backward_weight(*dims, dz, dw, db, room);
                } else {
                    conv2d_sparse::backward_weight(*dims, dz, dw, db, room);
                }
                if rule != Gradient::Skip {
                    let (dz, dx) = two(gradients, self.output, input);
                    let dz = &dz[..n * self.len];
                    if *dense {
                        conv2d_dense::backward_input(*dims, dz, w, rule, dx, room);
                    } else {
                        conv2d_sparse::backward_input(*dims, dz, w, rule, dx, room);
                    }
                }
            }
            Kind::MaxPool2d { dims, winner } => {
                let [(input, rule)] = self.inputs[..] else { return };
                if rule != Gradient::Skip {
                    let (dy, dx) = two(gradients, self.output, input);
                    let (winner, dy) = (&winner[..n * self.len], &dy[..n * self.len]);
                    max_pool2d::backward_input(*dims, winner, dy, rule, dx);
                }
            }
            Kind::AvgPool2d { dims } => {
                let [(input, rule)] = self.inputs[..] else { return };
                if rule != Gradient::Skip {
                    let (dy, dx) = two(gradients, self.output, input);
                    avg_pool2d::backward_input(*dims, &dy[..n * self.len], rule, dx);
                }
            }
            Kind::BatchNorm { norm, first, room } => {
                let [(input, rule)] = self.inputs[..] else { return };
                let x = &values[input][..n * self.len];
                let dz = &mut gradients[self.output][..n * self.len];
                activation::backward(norm.activation, y, dz);
                let gradients_of = &mut parameter_gradients[*first..];
                let (dgamma, rest) = gradients_of.split_at_mut(norm.c);
                let dbeta = &mut rest[..norm.c];
                batch_norm::backward_weight(*norm, room, x, dz, dgamma, dbeta);
                if rule != Gradient::Skip {
                    let (dz, dx) = two(gradients, self.output, input);
                    let dz = &dz[..n * self.len];
                    let weights = [&parameters[*first..*first + norm.c], &*dgamma, &*dbeta];
                    batch_norm::backward_input(*norm, room, x, dz, weights, rule, dx);
                }
            }
            Kind::Dropout { draw, .. } => {
                let [(input, rule)] = self.inputs[..] else { return };
                if rule != Gradient::Skip {
                    let (dy, dx) = two(gradients, self.output, input);
                    dropout::backward_input(*draw, &dy[..n * self.len], rule, dx);
                }
            }
            Kind::Crop { dims } => {
                let [(input, rule)] = self.inputs[..] else { return };
                if rule != Gradient::Skip {
                    let (dy, dx) = two(gradients, self.output, input);
                    crop::backward_input(*dims, &dy[..n * self.len], rule, dx);
                }
            }
            Kind::AxisToChannels { dims } => {
                let [(input, rule)] = self.inputs[..] else { return };
                if rule != Gradient::Skip {
                    let (dy, dx) = two(gradients, self.output, input);
                    axis_to_channels::backward_input(*dims, &dy[..n * self.len], rule, dx);
                }
            }
            Kind::Concat { widths, total, rows } => {
                let mut offset = 0;
                for (&width, &(input, rule)) in widths.iter().zip(&self.inputs) {
                    if rule != Gradient::Skip {
                        let (dy, dx) = two(gradients, self.output, input);
                        let dy = &dy[..n * *rows * *total];
                        concat::backward_input(width, *total, offset, dy, rule, dx);
                    }
                    offset += width;
                }
            }
            Kind::Dense { n_in, n_out, activation, weights } => {
                let [(input, rule)] = self.inputs[..] else { return };
                let (w, _) = weights.read(parameters);
                let (dw, db) = weights.write(parameter_gradients);
                let dz = &mut gradients[self.output][..n * self.len];
                activation::backward(*activation, y, dz);
                dense::backward_weight(*n_in, *n_out, &values[input][..n * *n_in], dz, dw);
                if let Some(db) = db {
                    dense::backward_bias(*n_out, dz, db);
                }
                if rule != Gradient::Skip {
                    let (dz, dx) = two(gradients, self.output, input);
                    let dz = &dz[..n * self.len];
                    dense::backward_input(*n_in, *n_out, dz, w, rule, dx);
                }
            }
            Kind::Softmax { classes } => {
                let [(input, rule)] = self.inputs[..] else { return };
                if rule != Gradient::Skip {
                    let dz = &mut gradients[input][..n * self.len];
                    match pass {
                        Pass::Train { .. } => softmax::backward_input(*classes, y, labels, dz),
                        Pass::Evaluate => softmax::logit_gradient(*classes, labels, dz),
                    }
                }
            }
        }
    }
}

impl Layer {
    /// Moves what a batch norm remembers towards the batch of the last step.
    pub(super) fn update(&self, parameters: &mut [f32]) {
        if let Kind::BatchNorm { norm, first, room } = &self.kind {
            let (_, moving) = parameters[*first..].split_at_mut(2 * norm.c);
            let (mean, rest) = moving.split_at_mut(norm.c);
            room.update(*norm, mean, &mut rest[..norm.c]);
        }
    }
}

/// Buffer `a` to read and buffer `b` to write; a node never reads what it writes.
fn two(buffers: &mut [Vec<f32>], a: usize, b: usize) -> (&[f32], &mut [f32]) {
    if a < b {
        let (low, high) = buffers.split_at_mut(b);
        (&low[a], &mut high[0])
    } else {
        let (low, high) = buffers.split_at_mut(a);
        (&high[0], &mut low[b])
    }
}
