//! Dispatches of concatenation: `shaders/concat/`. One dispatch copies several inputs.

use super::Concat;
use crate::ops::gpu::{Buffer, DispatchDesc, Grid, NodeContext, constants, kernels, switch};

kernels! { "concat": FORWARD = "forward", BACKWARD_INPUT = "backward_input" }

/// Inputs that one dispatch copies.
const FORWARD_INPUTS: usize = 4;
/// Inputs whose gradients one dispatch writes.
const BACKWARD_INPUTS: usize = 2;

/// The output, four inputs at a time.
pub(crate) fn forward(op: &Concat, node: &NodeContext) -> Vec<DispatchDesc> {
    let columns: Vec<(usize, usize)> = op.columns().collect();
    let chunks = columns.chunks(FORWARD_INPUTS).enumerate();
    chunks.map(|(i, chunk)| copy_inputs(op, node, FORWARD_INPUTS * i, chunk)).collect()
}

/// Copies the inputs from number `first` on, whose widths and offsets are `columns`.
fn copy_inputs(
    op: &Concat,
    node: &NodeContext,
    first: usize,
    columns: &[(usize, usize)],
) -> DispatchDesc {
    let positions = node.batch * op.rows;
    let width = |k: usize| columns.get(k).map_or(0, |(width, _)| *width);
    let elements = positions * columns.iter().map(|(width, _)| width).sum::<usize>();
    let x = |k: usize| match width(k) {
        0 => node.x(first).untouched(),
        width => node.x(first + k).with_traffic(positions * width),
    };
    DispatchDesc {
        kernel: FORWARD,
        constants: constants([
            ("rows", op.rows),
            ("total", op.total),
            ("offset", columns.first().map_or(0, |(_, offset)| *offset)),
            ("width_0", width(0)),
            ("width_1", width(1)),
            ("width_2", width(2)),
            ("width_3", width(3)),
        ]),
        bindings: vec![x(0), x(1), x(2), x(3), node.y().with_traffic(elements)],
        grid: Grid::Threads(elements),
        flop: 0,
    }
}

/// The gradients of the inputs, two at a time.
pub(crate) fn backward(op: &Concat, node: &NodeContext) -> Vec<DispatchDesc> {
    let slot = |input: usize| node.inputs.get(input).map(|input| input.slot);
    let mut inputs: Vec<usize> =
        (0..node.inputs.len()).filter(|i| node.input_gradient(*i).is_some()).collect();
    let mut dispatches = Vec::new();
    while let Some(&first) = inputs.first() {
        // An input that is read twice is written by two dispatches, one after the other.
        let twice = inputs.get(1).is_some_and(|second| slot(*second) == slot(first));
        let count = if twice { 1 } else { BACKWARD_INPUTS.min(inputs.len()) };
        let written: Vec<usize> = inputs.drain(..count).collect();
        dispatches.push(write_gradients(op, node, &written));
    }
    dispatches
}

/// The gradients of one or two inputs.
fn write_gradients(op: &Concat, node: &NodeContext, inputs: &[usize]) -> DispatchDesc {
    const NAMES: [[&str; 4]; BACKWARD_INPUTS] =
        [["width_0", "offset_0", "mask_0", "add_0"], ["width_1", "offset_1", "mask_1", "add_1"]];
    let columns: Vec<(usize, usize)> = op.columns().collect();
    let mut values = constants([("rows", op.rows), ("total", op.total)]);
    let first = inputs.first().map_or(0, |input| *input);
    let mut xs = [node.x(first).untouched(); BACKWARD_INPUTS];
    let mut dxs = [Buffer::Unused.untouched(); BACKWARD_INPUTS];
    let mut total = 0;
    for (k, [width, offset, mask, add]) in NAMES.into_iter().enumerate() {
        let input = inputs.get(k).and_then(|i| Some((*i, node.input_gradient(*i)?)));
        let Some((i, gradient)) = input else {
            values.extend([(width, 0.0), (offset, 0.0), (mask, 0.0), (add, 0.0)]);
            continue;
        };
        let elements = node.batch * op.rows * columns[i].0;
        values.extend(constants([(width, columns[i].0), (offset, columns[i].1)]));
        values.extend([switch(mask, gradient.mask), switch(add, gradient.add)]);
        xs[k] = gradient.masked_by(node.x(i), elements);
        dxs[k] = gradient.dx(elements);
        total += elements;
    }
    DispatchDesc {
        kernel: BACKWARD_INPUT,
        constants: values,
        bindings: vec![node.dy().with_traffic(total), xs[0], xs[1], dxs[0], dxs[1]],
        grid: Grid::Threads(total),
        flop: 0,
    }
}
