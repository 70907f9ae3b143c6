//! Dispatches of activations: `shaders/activation/`.

use super::Activation;
use crate::graph::Function;
use crate::ops::Pass;
use crate::ops::gpu::{DispatchDesc, Grid, NodeContext, constants, kernels};

kernels! { "activation": FORWARD = "forward", BACKWARD_INPUT = "backward_input" }

impl Activation {
    /// Length, number of the function in `shaders/include/activation_functions.wgsl`, and slope.
    fn constants(&self) -> Vec<(&'static str, f64)> {
        let (function, slope) = match self.function {
            Function::Elu => (0, 0.0),
            Function::Gelu => (1, 0.0),
            Function::LeakyRelu { slope } => (2, f64::from(slope)),
            Function::Sigmoid => (3, 0.0),
            Function::Tanh => (4, 0.0),
        };
        let mut all = constants([("len", self.len), ("function", function)]);
        all.push(("slope", slope));
        all
    }

    /// Operations of a pass.
    fn flop(&self, pass: Pass, batch: usize) -> usize {
        self.work(pass, batch, 1).flop as usize
    }
}

/// The output.
pub(crate) fn forward(op: &Activation, node: &NodeContext) -> Vec<DispatchDesc> {
    let elements = node.batch * op.len;
    vec![DispatchDesc {
        kernel: FORWARD,
        constants: op.constants(),
        bindings: [node.x(0), node.y()].map(|b| b.with_traffic(elements)).to_vec(),
        grid: Grid::Threads(elements),
        flop: op.flop(Pass::Forward, node.batch),
    }]
}

/// The gradient of the input.
pub(crate) fn backward(op: &Activation, node: &NodeContext) -> Vec<DispatchDesc> {
    let Some(input) = node.input_gradient(0) else { return Vec::new() };
    let elements = node.batch * op.len;
    let mut constants = op.constants();
    constants.extend(input.switches());
    let [dy, x] = [node.dy(), node.x(0)].map(|b| b.with_traffic(elements));
    vec![DispatchDesc {
        kernel: BACKWARD_INPUT,
        constants,
        bindings: vec![dy, x, input.dx(elements)],
        grid: Grid::Threads(elements),
        flop: op.flop(Pass::BackwardInput, node.batch),
    }]
}
