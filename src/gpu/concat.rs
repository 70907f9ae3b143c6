//! Concatenation: shaders/concat_*.wgsl, some inputs by each dispatch.

use super::kernels::{CONCAT_BACKWARD_INPUT, CONCAT_FORWARD};
use super::layers::Site;
use super::memory::Slice;
use super::recorder::Grid;
use crate::error::Result;
use crate::graph::Shape;

/// Where an input of a concatenation lies in it.
#[derive(Clone, Copy)]
struct Columns {
    rows: usize,
    /// Of the input and of all.
    width: usize,
    total: usize,
    /// Columns before it.
    offset: usize,
}

/// For each input.
fn columns(site: &Site<'_>) -> Vec<Columns> {
    let rows = match site.shape() {
        Shape::Map { h, w, .. } => h * w,
        Shape::Flat(_) => 1,
    };
    let total = site.shape().len() / rows;
    let mut offset = 0;
    (0..site.plan.graph().node(site.id).inputs.len())
        .map(|input| {
            let width = site.input_shape(input).len() / rows;
            let columns = Columns { rows, width, total, offset };
            offset += width;
            columns
        })
        .collect()
}

/// Inputs that one dispatch copies from, and that one gives gradients to.
const FORWARD: usize = 4;
const BACKWARD: usize = 2;

pub(super) fn forward(site: &mut Site<'_>) -> Result<()> {
    let columns = columns(site);
    for (i, some) in columns.chunks(FORWARD).enumerate() {
        let Columns { rows, total, offset, .. } = some[0];
        let width = |k: usize| some.get(k).map_or(0, |columns| columns.width);
        let constants = [
            ("rows", rows),
            ("total", total),
            ("offset", offset),
            ("width_0", width(0)),
            ("width_1", width(1)),
            ("width_2", width(2)),
            ("width_3", width(3)),
        ];
        let input = |k: usize| site.x(FORWARD * i + k);
        let other = |k: usize| if k < some.len() { input(k) } else { input(0).touching(0) };
        let elements =
            site.batch() * rows * some.iter().map(|columns| columns.width).sum::<usize>();
        let y = site.y().touching(elements);
        let buffers = [input(0), other(1), other(2), other(3), y];
        site.record(CONCAT_FORWARD, &constants, &buffers, Grid::Threads(elements), 0)?;
    }
    Ok(())
}

pub(super) fn backward(site: &mut Site<'_>, dy: &Slice) -> Result<()> {
    let columns = columns(site);
    let graph = site.plan.graph();
    let inputs = graph.node(site.id).inputs.clone();
    let mut wanted: Vec<usize> = (0..inputs.len()).filter(|i| site.dx(*i).is_some()).collect();
    while !wanted.is_empty() {
        // What is read twice is written by two dispatches, one after the other.
        let slot = |i: usize| site.plan.slot(inputs[i]);
        let again = wanted.get(1).is_some_and(|second| slot(*second) == slot(wanted[0]));
        let count = if again { 1 } else { BACKWARD.min(wanted.len()) };
        let some: Vec<usize> = wanted.drain(..count).collect();
        two_gradients(site, dy, &columns, &some)?;
    }
    Ok(())
}

/// The gradients of one or two inputs.
fn two_gradients(
    site: &mut Site<'_>,
    dy: &Slice,
    columns: &[Columns],
    some: &[usize],
) -> Result<()> {
    const NAMES: [[&str; 4]; BACKWARD] =
        [["width_0", "offset_0", "mask_0", "add_0"], ["width_1", "offset_1", "mask_1", "add_1"]];
    let Some(first) = some.first() else { return Ok(()) };
    let mut constants = vec![("rows", columns[*first].rows), ("total", columns[*first].total)];
    let x = site.x(*first).touching(0);
    let (mut xs, mut dxs) =
        ([x.clone(), x], [&site.memory.velocity; BACKWARD].map(|flat| site.memory.unused(flat)));
    let mut elements = 0;
    for (k, names) in NAMES.into_iter().enumerate() {
        let input = some.get(k).and_then(|i| Some((*i, site.dx(*i)?)));
        let mut values = [0; 4];
        if let Some((i, input)) = input {
            let Columns { rows, width, offset, .. } = columns[i];
            values = [width, offset, usize::from(input.mask), usize::from(input.add)];
            xs[k] = site.x(i).read_if(input.mask);
            dxs[k] = input.dx;
            elements += site.batch() * rows * width;
        }
        constants.extend(names.into_iter().zip(values));
    }
    let ([x0, x1], [dx0, dx1]) = (xs, dxs);
    let buffers = [dy.clone().touching(elements), x0, x1, dx0, dx1];
    site.record(CONCAT_BACKWARD_INPUT, &constants, &buffers, Grid::Threads(elements), 0)
}
