//! A data set on the device: uploaded once, gathered from by index.

use super::context::Context;
use super::kernels::{GATHER, PENALTY, SOFTMAX_BACKWARD_INPUT, SOFTMAX_FORWARD};
use super::layers::{Site, map};
use super::memory::{Slice, WORD};
use super::recorder::{Dispatch, Grid};
use crate::backend::{Samples, View};
use crate::error::Result;

/// Samples and labels, what is told of them, and the dispatches that touch them.
#[derive(Debug)]
pub(super) struct Resident {
    /// Whose samples these are ([`Samples::id`]).
    pub(super) id: u64,
    /// Indices in the order of the call at hand.
    pub(super) order: wgpu::Buffer,
    /// How the samples in that order are varied.
    pub(super) views: wgpu::Buffer,
    /// Probabilities by place in the order, `[len, classes]`.
    pub(super) rows: wgpu::Buffer,
    /// (loss, right, penalty, 0) of each step.
    pub(super) tally: wgpu::Buffer,
    /// Copies a batch out of each buffer that the samples are split over.
    pub(super) gather: Vec<Dispatch>,
    /// Probabilities and tally, after the forward pass.
    pub(super) loss: Vec<Dispatch>,
    /// The gradient at the logits.
    pub(super) loss_gradient: Option<Dispatch>,
}

/// Bytes that are uploaded before they are waited for, so that copies on their way stay few.
const PIECE: usize = 16 << 20;

impl Resident {
    /// Floats that are read back at once, at most.
    pub(super) fn longest_read(&self) -> usize {
        (self.rows.size().max(self.tally.size()) / WORD) as usize
    }

    /// Uploads `samples`; `site` is that of the softmax, the graph's last node.
    pub(super) fn new(mut site: Site<'_>, samples: Samples<'_>) -> Result<Self> {
        let (context, plan, memory) = (site.context, site.plan, site.memory);
        let graph = plan.graph();
        let (n, classes) = (samples.y().len(), graph.classes());
        let len = graph.node(graph.input()).shape.len();
        let batch = plan.batch();
        let steps = n.div_ceil(batch).max(1);
        let order = context.storage("the order of samples", n)?;
        let words = n * (size_of::<View>() / WORD as usize);
        let views = context.storage("views of samples", words)?;
        let labels = context.storage("labels", n)?;
        let rows = context.storage("probabilities", n * classes)?;
        let tally = context.storage("tallies", 4 * steps)?;
        upload(context, &labels, bytemuck::cast_slice(samples.y()))?;

        // A part may be larger than what a kernel can be given.
        let each = (context.largest() / 16 * 4) as usize / len.max(1);
        let x = memory.value(plan, graph.input());
        // The batch becomes the output of the input node.
        let softmax = std::mem::replace(&mut site.id, graph.input());
        for (i, chunk) in samples.x().chunks(each.max(1) * len).enumerate() {
            let buffer = context.storage("samples", chunk.len())?;
            upload(context, &buffer, bytemuck::cast_slice(chunk))?;
            let [_, w, c] = map(site.shape());
            let constants = [
                ("len", len),
                ("w", w),
                ("c", c),
                ("start", i * each),
                ("count", chunk.len() / len),
            ];
            // Of a batch a buffer has its share, in the mean.
            let share = (batch * chunk.len()).div_ceil(samples.x().len().max(1)) * len;
            let indices = Slice::whole(&order, n).touching(batch);
            let from = Slice::whole(&buffer, chunk.len()).touching(share);
            // Read by steps that vary their samples.
            let how = Slice::whole(&views, words).touching(0);
            let buffers = [indices, from, how, x.clone().touching(share)];
            site.record(GATHER, &constants, &buffers, Grid::Threads(batch * len), 0)?;
        }
        let gather = std::mem::take(&mut site.dispatches);
        site.id = softmax;

        let from = [&order, &labels].map(|buffer| Slice::whole(buffer, n).touching(batch));
        let told = [
            Slice::whole(&rows, n * classes).touching(batch * classes),
            Slice::whole(&tally, 4 * steps).touching(4),
        ];
        let [indices, classes_of] = from.clone();
        let [all, sums] = told;
        let buffers = [indices, classes_of, site.x(0), site.y(), all, sums.clone()];
        site.record(SOFTMAX_FORWARD, &[("classes", classes)], &buffers, Grid::Groups(1), 0)?;
        if memory.penalised {
            let flat = |buffer| Slice::whole(buffer, memory.layout.len);
            let buffers = [flat(&memory.l2), flat(&memory.parameters), sums];
            let constants = [("len", memory.layout.len)];
            site.record(PENALTY, &constants, &buffers, Grid::Groups(1), 3 * memory.layout.len)?;
        }
        let loss = std::mem::take(&mut site.dispatches);

        if let Some(input) = site.dx(0) {
            let [mask, add] = input.switches();
            let constants = [("classes", classes), mask, add];
            let [indices, classes_of] = from;
            let z = site.x(0).read_if(input.mask);
            let buffers = [indices, classes_of, site.y(), z, input.dx];
            let grid = Grid::Threads(batch * classes);
            site.record(SOFTMAX_BACKWARD_INPUT, &constants, &buffers, grid, 0)?;
        }
        let loss_gradient = site.dispatches.pop();
        Ok(Self { id: samples.id(), order, views, rows, tally, gather, loss, loss_gradient })
    }
}

fn upload(context: &Context, buffer: &wgpu::Buffer, bytes: &[u8]) -> Result<()> {
    for (i, piece) in bytes.chunks(PIECE).enumerate() {
        context.queue.write_buffer(buffer, (i * PIECE) as u64, piece);
        let submission = context.queue.submit([]);
        context.wait(Some(submission))?;
    }
    Ok(())
}
