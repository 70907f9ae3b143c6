//! What a node has to do, counted densely from its shapes alone: every tap of
//! a convolution and every gradient, whether a device skips zeros or not.

use crate::graph::{Activation, Axis, NodeId, Op, Parameter, Role};
use crate::measure::Work;
use crate::plan::{Gradient, Plan};

/// Bytes of a float or an index.
const WORD: usize = 4;

/// Elements at a whole batch: inputs, output, parameters.
fn elements(plan: &Plan, id: NodeId) -> [usize; 3] {
    let graph = plan.graph();
    let node = graph.node(id);
    let inputs: usize = node.inputs.iter().map(|input| graph.node(*input).shape.len()).sum();
    let parameters = graph.parameters_of(id).map(Parameter::len).sum();
    [plan.batch() * inputs, plan.batch() * node.shape.len(), parameters]
}

/// Multiplications and additions of the node's product, whichever way.
fn flop(plan: &Plan, id: NodeId) -> usize {
    let graph = plan.graph();
    let [_, y, _] = elements(plan, id);
    // Each output is a sum over a column of the kernel.
    let kernel = graph.parameters_of(id).find(|p| p.role == Role::Kernel);
    kernel.map_or(0, |p| 2 * y * p.shape[..p.shape.len() - 1].iter().product::<usize>())
}

fn work(flop: usize, elements: usize) -> Work {
    Work { flop: flop as u64, bytes: (elements * WORD) as u64 }
}

/// The node's output from its inputs.
pub(super) fn forward(plan: &Plan, id: NodeId) -> Work {
    let [x, y, parameters] = elements(plan, id);
    let labels = plan.batch();
    match plan.graph().node(id).op {
        Op::Input | Op::Flatten | Op::AxisToChannels { axis: Axis::Time } => Work::default(),
        Op::Conv2d { .. } | Op::Dense { .. } => work(flop(plan, id), x + parameters + y),
        // With the winners' places.
        Op::MaxPool2d { .. } => work(0, x + 2 * y),
        Op::AvgPool2d { .. } => work(x, x + y),
        // Mean and squares over the whole batch, then the pass that writes.
        Op::BatchNorm { .. } => work(7 * x, 2 * x + y),
        Op::Dropout { .. } => work(y, x + y),
        Op::Crop { .. } => work(0, 2 * y),
        Op::Concat | Op::AxisToChannels { axis: Axis::Mel } => work(0, x + y),
        Op::Softmax => work(0, x + y + labels),
    }
}

/// The gradients of the node's parameters and inputs.
pub(super) fn backward(plan: &Plan, id: NodeId) -> Work {
    let [x, y, parameters] = elements(plan, id);
    let rules = plan.input_gradients(id);
    let passed = rules.iter().filter(|rule| **rule != Gradient::Skip).count();
    let dx = if passed == 0 { 0 } else { x };
    match plan.graph().node(id).op {
        Op::Input | Op::Flatten | Op::AxisToChannels { axis: Axis::Time } => Work::default(),
        Op::Conv2d { activation, .. } | Op::Dense { activation, .. } => {
            // The ReLU's derivative reads the output and changes the gradient there.
            let relu = if activation == Activation::Relu { 2 * y } else { 0 };
            let weights = if passed == 0 { parameters } else { 2 * parameters };
            work((1 + passed) * flop(plan, id), x + y + relu + weights + dx)
        }
        Op::BatchNorm { activation, .. } => {
            let relu = if activation == Activation::Relu { 2 * y } else { 0 };
            let input = if passed == 0 { 0 } else { x + y + dx };
            work(5 * x + 6 * dx, x + y + relu + input)
        }
        // The others have no weights: there is nothing to do.
        _ if passed == 0 => Work::default(),
        Op::MaxPool2d { .. } => work(0, 2 * y + dx),
        Op::AvgPool2d { .. } | Op::Dropout { .. } => work(dx, y + dx),
        Op::Crop { .. } => work(0, y + dx),
        Op::Concat | Op::AxisToChannels { axis: Axis::Mel } => work(0, 2 * dx),
        Op::Softmax => work(0, y + plan.batch() + dx),
    }
}

/// Words of a convolution's output, which a pass that pools it at once neither writes nor
/// reads, and of the pooling's.
fn fused(plan: &Plan, id: NodeId, pool: NodeId) -> [usize; 2] {
    [elements(plan, id)[1], elements(plan, pool)[1]]
}

/// A convolution and the pooling behind it in one pass.
pub(super) fn fused_forward(plan: &Plan, id: NodeId, pool: NodeId) -> Work {
    let ([y, pooled], conv) = (fused(plan, id, pool), forward(plan, id));
    // With the winners.
    Work { bytes: conv.bytes - (WORD * y) as u64 + (WORD * 2 * pooled) as u64, ..conv }
}

/// The gradients of the convolution's parameters and input from those behind the pooling.
pub(super) fn fused_backward(plan: &Plan, id: NodeId, pool: NodeId) -> Work {
    let ([y, pooled], conv) = (fused(plan, id, pool), backward(plan, id));
    let Op::Conv2d { activation, .. } = plan.graph().node(id).op else { return conv };
    let relu = if activation == Activation::Relu { 2 * y } else { 0 };
    // Outputs, gradients and winners.
    Work { bytes: conv.bytes - (WORD * (y + relu)) as u64 + (WORD * 3 * pooled) as u64, ..conv }
}

/// Multiplications and additions of a training step.
pub(super) fn step_flop(plan: &Plan) -> u64 {
    let node = |id| forward(plan, id).flop + backward(plan, id).flop;
    plan.graph().ids().map(node).sum()
}

/// Copying a batch.
pub(super) fn gather(plan: &Plan) -> Work {
    let graph = plan.graph();
    work(0, plan.batch() * (2 * graph.node(graph.input()).shape.len() + 1))
}

/// Parameters under a penalty.
fn penalised(plan: &Plan) -> usize {
    let parameters = plan.graph().parameters().iter();
    parameters.filter(|p| p.l2 != 0.0).map(Parameter::len).sum()
}

/// The penalty on the weights.
pub(super) fn penalty(plan: &Plan) -> Work {
    work(2 * penalised(plan), penalised(plan))
}

/// Back through a dense layer on the CPU, which leaves its weights to [`update`].
pub(super) fn dense_input_gradient(plan: &Plan, id: NodeId) -> Work {
    let ([x, _, count], all) = (elements(plan, id), backward(plan, id));
    let weights = work(flop(plan, id), x + count);
    if all.flop == weights.flop
        && !matches!(plan.graph().node(id).op, Op::Dense { activation: Activation::Relu, .. })
    {
        return Work::default();
    }
    Work { flop: all.flop - weights.flop, bytes: all.bytes - weights.bytes }
}

/// A node's parameters from their gradients on: the penalty's added, the optimiser's step, the
/// weights brought into other orders. A dense layer's gradients are computed there too; that a
/// convolution's are summed from parts is the CPU's own affair and not counted.
pub(super) fn update(plan: &Plan, id: NodeId) -> Work {
    let [x, y, count] = elements(plan, id);
    let (gradients, more) = match plan.graph().node(id).op {
        Op::Dense { .. } => (flop(plan, id), x + y),
        // Written in another order.
        Op::Conv2d { .. } => (0, count),
        _ => (0, 0),
    };
    let penalised = plan.graph().parameters_of(id).filter(|p| p.l2 != 0.0).map(Parameter::len);
    // Gradients written and read, weights and velocity read and written.
    work(gradients + 2 * penalised.sum::<usize>() + 4 * count, more + 6 * count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Model;

    #[test]
    fn a_step_of_p1_counts_as_its_layers_say() {
        let graph = Model::open("p1").unwrap().graph([80, 80, 1], 4).unwrap();
        let plan = Plan::new(graph, 2).unwrap();
        let convs = [(80 * 80, 25, 4), (40 * 40, 100, 8), (20 * 20, 200, 16)];
        let conv: Vec<u64> = convs.iter().map(|(at, taps, out)| 2 * at * taps * out).collect();
        let dense = 2 * 1600 * 50 + 2 * 50 * 4;
        // Forward and twice backward; the first layer's input learns nothing.
        let sample = 3 * (conv.iter().sum::<u64>() + dense) - conv[0];
        assert_eq!(step_flop(&plan), 2 * sample);
    }
}
