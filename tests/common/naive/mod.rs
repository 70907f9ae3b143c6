//! Obvious loops in f64: the reference that everything else is held against.
//! It reads a graph's structure and shares no arithmetic with the crate.

mod norm;
mod places;

use genre_gpu::graph::{Activation, Graph, NodeId, Op, Role};
use norm::Figures;
use places::{Conv, concat_pairs, map, moved, windows, winner};

/// What dropouts are drawn from in training.
pub const SEED: u32 = 11;
pub const STEP: u32 = 5;

#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    Train,
    Evaluate,
}

/// All that a step computes, in f64, by node or by parameter.
pub struct Pass {
    /// Output of each node, `[n, …]`.
    pub values: Vec<Vec<f64>>,
    /// Gradient of the loss at each node's sum (before its activation).
    pub gradients: Vec<Vec<f64>>,
    /// Gradient of each parameter tensor, penalty included.
    pub parameter_gradients: Vec<Vec<f64>>,
    /// Mean and variance of the batch at each batch norm.
    pub moments: Vec<(NodeId, Vec<f64>, Vec<f64>)>,
    /// Mean cross-entropy over the batch plus the penalty.
    pub loss: f64,
    pub correct: usize,
}

/// One parameter tensor for each of the graph's, widened from a flat buffer.
pub fn widen(graph: &Graph, flat: &[f32]) -> Vec<Vec<f64>> {
    let tensor =
        |range: std::ops::Range<usize>| flat[range].iter().map(|&v| f64::from(v)).collect();
    graph.parameters().iter().map(|p| tensor(p.range())).collect()
}

fn parameter(graph: &Graph, id: NodeId, role: Role) -> Option<usize> {
    graph.parameters().iter().position(|p| p.node == id && p.role == role)
}

fn activate(activation: Activation, y: &mut [f64]) {
    if activation == Activation::Relu {
        for v in y {
            *v = v.max(0.0);
        }
    }
}

/// A batch norm's figures: of its input, or the moving ones.
fn figures(graph: &Graph, id: NodeId, parameters: &[Vec<f64>], x: &[f64], mode: Mode) -> Figures {
    let Op::BatchNorm { epsilon, .. } = graph.node(id).op else { panic!("no batch norm") };
    let of = |role| parameters[parameter(graph, id, role).unwrap()].clone();
    match mode {
        Mode::Train => Figures::of(x, graph.node(id).shape.channels(), epsilon),
        Mode::Evaluate => Figures {
            mean: of(Role::MovingMean),
            variance: of(Role::MovingVariance),
            epsilon: f64::from(epsilon),
        },
    }
}

/// Forward and backward over a batch of `x` (`[n, h, w, c]`) with labels `y`, in training.
pub fn pass(graph: &Graph, parameters: &[Vec<f64>], x: &[f64], y: &[u32]) -> Pass {
    pass_in(Mode::Train, graph, parameters, x, y)
}

/// The same in either mode; in evaluation gradients are those of the sum over samples of each
/// one's own logit.
pub fn pass_in(mode: Mode, graph: &Graph, parameters: &[Vec<f64>], x: &[f64], y: &[u32]) -> Pass {
    let n = y.len();
    let mut moments = Vec::new();
    let mut values: Vec<Vec<f64>> = Vec::new();
    let mut loss = 0.0;
    let mut correct = 0;
    for id in graph.ids() {
        let node = graph.node(id);
        let input = |i: usize| values[node.inputs[i].index()].as_slice();
        let kernel = || parameters[parameter(graph, id, Role::Kernel).unwrap()].as_slice();
        let bias =
            |o: usize| parameter(graph, id, Role::Bias).map_or(0.0, |bias| parameters[bias][o]);
        let mut out = vec![0.0; n * node.shape.len()];
        match node.op {
            Op::Input => out.copy_from_slice(x),
            Op::Flatten => out.copy_from_slice(input(0)),
            Op::Conv2d { filters, kernel: size, padding, activation, .. } => {
                for (i, v) in out.iter_mut().enumerate() {
                    *v = bias(i % filters);
                }
                Conv::new(graph, id, size, padding)
                    .products(n, |a, b, c| out[c] += input(0)[a] * kernel()[b]);
                activate(activation, &mut out);
            }
            Op::MaxPool2d { window } => {
                let shape = map(graph.node(node.inputs[0]).shape);
                for (v, under) in out.iter_mut().zip(windows(n, shape, window)) {
                    *v = input(0)[winner(input(0), &under)];
                }
            }
            Op::AvgPool2d { window } => {
                let shape = map(graph.node(node.inputs[0]).shape);
                for (v, under) in out.iter_mut().zip(windows(n, shape, window)) {
                    *v = under.iter().map(|at| input(0)[*at]).sum::<f64>() / under.len() as f64;
                }
            }
            Op::BatchNorm { activation, .. } => {
                let figures = figures(graph, id, parameters, input(0), mode);
                let of = |role| &parameters[parameter(graph, id, role).unwrap()];
                let c = node.shape.channels();
                for (i, (v, normal)) in out.iter_mut().zip(figures.normal(input(0))).enumerate() {
                    *v = of(Role::Gamma)[i % c] * normal + of(Role::Beta)[i % c];
                }
                activate(activation, &mut out);
                moments.push((id, figures.mean, figures.variance));
            }
            Op::Dropout { rate } => {
                let mask = norm::mask(out.len(), rate, [SEED, id.index() as u32, STEP]);
                for ((v, x), kept) in out.iter_mut().zip(input(0)).zip(mask) {
                    *v = if mode == Mode::Train { x * kept } else { *x };
                }
            }
            Op::Crop { .. } => {
                let (from, to) = (input(0).len() / n, node.shape.len());
                for (i, v) in out.iter_mut().enumerate() {
                    *v = input(0)[i / to * from + i % to];
                }
            }
            Op::AxisToChannels { axis } => {
                let shape = map(graph.node(node.inputs[0]).shape);
                for (v, at) in out.iter_mut().zip(moved(n, shape, axis)) {
                    *v = input(0)[at];
                }
            }
            Op::Concat => {
                for (i, pairs) in concat_pairs(graph, id, n).into_iter().enumerate() {
                    for (from, to) in pairs {
                        out[to] = input(i)[from];
                    }
                }
            }
            Op::Dense { units, activation, .. } => {
                let n_in = input(0).len() / n;
                for s in 0..n {
                    for o in 0..units {
                        out[s * units + o] = bias(o)
                            + (0..n_in)
                                .map(|i| input(0)[s * n_in + i] * kernel()[i * units + o])
                                .sum::<f64>();
                    }
                }
                activate(activation, &mut out);
            }
            Op::Softmax => {
                let classes = node.shape.len();
                for s in 0..n {
                    let z = &input(0)[s * classes..(s + 1) * classes];
                    let top = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let sum: f64 = z.iter().map(|z| (z - top).exp()).sum();
                    for c in 0..classes {
                        out[s * classes + c] = (z[c] - top).exp() / sum;
                    }
                    loss += (sum.ln() + top - z[y[s] as usize]) / n as f64;
                    correct += usize::from(z.iter().position(|&v| v == top) == Some(y[s] as usize));
                }
            }
        }
        values.push(out);
    }
    for (p, w) in graph.parameters().iter().zip(parameters) {
        loss += f64::from(p.l2) * w.iter().map(|w| w * w).sum::<f64>();
    }
    let (gradients, parameter_gradients) = backward(mode, graph, parameters, &values, y);
    Pass { values, gradients, parameter_gradients, moments, loss, correct }
}

fn backward(
    mode: Mode,
    graph: &Graph,
    parameters: &[Vec<f64>],
    values: &[Vec<f64>],
    y: &[u32],
) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let n = y.len();
    let mut gradients: Vec<Vec<f64>> = values.iter().map(|v| vec![0.0; v.len()]).collect();
    let mut of_parameters: Vec<Vec<f64>> = parameters.iter().map(|w| vec![0.0; w.len()]).collect();
    for id in graph.ids().rev() {
        let node = graph.node(id);
        if let Op::Conv2d { activation, .. }
        | Op::Dense { activation, .. }
        | Op::BatchNorm { activation, .. } = node.op
        {
            let out = &values[id.index()];
            if activation == Activation::Relu {
                for (g, v) in gradients[id.index()].iter_mut().zip(out) {
                    if *v <= 0.0 {
                        *g = 0.0;
                    }
                }
            }
        }
        let dz = gradients[id.index()].clone();
        let kernel = parameter(graph, id, Role::Kernel);
        if let Some(bias) = parameter(graph, id, Role::Bias) {
            let width = of_parameters[bias].len();
            for (i, g) in dz.iter().enumerate() {
                of_parameters[bias][i % width] += g;
            }
        }
        match node.op {
            Op::Input => {}
            Op::Flatten => {
                for (d, g) in gradients[node.inputs[0].index()].iter_mut().zip(&dz) {
                    *d += g;
                }
            }
            Op::Conv2d { kernel: size, padding, .. } => {
                let input = node.inputs[0].index();
                let kernel = kernel.unwrap();
                Conv::new(graph, id, size, padding).products(n, |a, b, c| {
                    of_parameters[kernel][b] += values[input][a] * dz[c];
                    gradients[input][a] += parameters[kernel][b] * dz[c];
                });
            }
            Op::MaxPool2d { window } => {
                let input = node.inputs[0];
                let shape = map(graph.node(input).shape);
                for (g, under) in dz.iter().zip(windows(n, shape, window)) {
                    gradients[input.index()][winner(&values[input.index()], &under)] += g;
                }
            }
            Op::AvgPool2d { window } => {
                let shape = map(graph.node(node.inputs[0]).shape);
                for (g, under) in dz.iter().zip(windows(n, shape, window)) {
                    for at in &under {
                        gradients[node.inputs[0].index()][*at] += g / under.len() as f64;
                    }
                }
            }
            Op::BatchNorm { .. } => {
                let x = &values[node.inputs[0].index()];
                let [gamma, beta] =
                    [Role::Gamma, Role::Beta].map(|role| parameter(graph, id, role).unwrap());
                let figures = figures(graph, id, parameters, x, mode);
                let [dx, dgamma, dbeta] = match mode {
                    Mode::Train => figures.backward(x, &parameters[gamma], &dz),
                    Mode::Evaluate => figures.backward_fixed(x, &parameters[gamma], &dz),
                };
                for (g, d) in gradients[node.inputs[0].index()].iter_mut().zip(dx) {
                    *g += d;
                }
                (of_parameters[gamma], of_parameters[beta]) = (dgamma, dbeta);
            }
            Op::Dropout { rate } => {
                let mask = norm::mask(dz.len(), rate, [SEED, id.index() as u32, STEP]);
                let dx = gradients[node.inputs[0].index()].iter_mut();
                for ((d, g), kept) in dx.zip(&dz).zip(mask) {
                    *d += if mode == Mode::Train { g * kept } else { *g };
                }
            }
            Op::Crop { .. } => {
                let input = node.inputs[0].index();
                let (from, to) = (values[input].len() / n, node.shape.len());
                for (i, g) in dz.iter().enumerate() {
                    gradients[input][i / to * from + i % to] += g;
                }
            }
            Op::AxisToChannels { axis } => {
                let shape = map(graph.node(node.inputs[0]).shape);
                for (g, at) in dz.iter().zip(moved(n, shape, axis)) {
                    gradients[node.inputs[0].index()][at] += g;
                }
            }
            Op::Concat => {
                for (i, pairs) in concat_pairs(graph, id, n).into_iter().enumerate() {
                    for (from, to) in pairs {
                        gradients[node.inputs[i].index()][from] += dz[to];
                    }
                }
            }
            Op::Dense { units, .. } => {
                let input = node.inputs[0].index();
                let kernel = kernel.unwrap();
                let n_in = values[input].len() / n;
                for s in 0..n {
                    for i in 0..n_in {
                        for o in 0..units {
                            let g = dz[s * units + o];
                            of_parameters[kernel][i * units + o] += values[input][s * n_in + i] * g;
                            gradients[input][s * n_in + i] += parameters[kernel][i * units + o] * g;
                        }
                    }
                }
            }
            Op::Softmax => {
                let classes = node.shape.len();
                for s in 0..n {
                    for c in 0..classes {
                        let target = if c == y[s] as usize { 1.0 } else { 0.0 };
                        gradients[node.inputs[0].index()][s * classes + c] += match mode {
                            Mode::Train => {
                                (values[id.index()][s * classes + c] - target) / n as f64
                            }
                            Mode::Evaluate => target,
                        };
                    }
                }
            }
        }
    }
    for ((p, w), dw) in graph.parameters().iter().zip(parameters).zip(&mut of_parameters) {
        for (g, w) in dw.iter_mut().zip(w) {
            *g += 2.0 * f64::from(p.l2) * w;
        }
    }
    (gradients, of_parameters)
}
