//! A data set on the device: uploaded once, gathered from by index.

use super::context::Context;
use super::kernels::{GATHER, GATHER_TILED, PENALTY, SOFTMAX};
use super::layers::{Form, Site, map};
use super::memory::{Slice, WORD};
use super::recorder::{Dispatch, Grid};
use crate::backend::{Augmentation, DatasetRef};
use crate::error::Result;

/// Samples and labels, what is told of them, and the dispatches that touch them.
#[derive(Debug)]
pub(super) struct Resident {
    /// Whose samples these are ([`DatasetRef::id`]).
    pub(super) id: u64,
    /// Indices in the order of the call at hand.
    pub(super) order: wgpu::Buffer,
    /// How the samples in that order are varied.
    pub(super) augmentations: wgpu::Buffer,
    /// Probabilities by place in the order, `[len, classes]`.
    pub(super) rows: wgpu::Buffer,
    /// (loss, right) of each step.
    pub(super) tally: wgpu::Buffer,
    /// Parts of the penalty of each step.
    pub(super) penalties: wgpu::Buffer,
    /// How many there are of a step; none where nothing is penalised.
    pub(super) parts_per_step: usize,
    /// Copies a batch out of each buffer that the samples are split over.
    pub(super) gather: Vec<Dispatch>,
    /// Probabilities, tally and the gradient at the logits, after the forward pass.
    pub(super) loss: Vec<Dispatch>,
}

/// Threads of a group of the penalty, and elements for each of them where there are enough.
const PENALTY_GROUP: usize = 256;
const PENALTY_EACH: usize = 32;

/// Bytes that are uploaded before they are waited for, so that copies on their way stay few.
const PIECE: usize = 16 << 20;

impl Resident {
    /// Floats that are read back at once, at most.
    pub(super) fn longest_read(&self) -> usize {
        (self.rows.size().max(self.tally.size() + self.penalties.size()) / WORD) as usize
    }

    /// Uploads `samples`; `site` is that of the softmax, the graph's last node.
    pub(super) fn new(mut site: Site<'_>, samples: DatasetRef<'_>) -> Result<Self> {
        let (context, plan, memory) = (site.context, site.plan, site.memory);
        let graph = plan.graph();
        let (n, classes) = (samples.y().len(), graph.classes());
        let len = graph.node(graph.input()).shape.len();
        let batch = plan.batch();
        let steps = n.div_ceil(batch).max(1);
        let order = context.storage("the order of samples", n)?;
        let words = n * (size_of::<Augmentation>() / WORD as usize);
        let augmentations = context.storage("augmentations of samples", words)?;
        let labels = context.storage("labels", n)?;
        let rows = context.storage("probabilities", n * classes)?;
        let tally = context.storage("tallies", 2 * steps)?;
        let groups = memory.layout.len.div_ceil(PENALTY_GROUP * PENALTY_EACH).min(64);
        let parts_per_step = if memory.penalised { groups } else { 0 };
        let penalties = context.storage("penalties", parts_per_step * steps)?;
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
            let fours = site.form != Form::Plain && (w * c).is_multiple_of(4);
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
            let how = Slice::whole(&augmentations, words).touching(0);
            let buffers = [indices, from, how, x.clone().touching(share)];
            let (kernel, each) = if fours { (GATHER_TILED, 4) } else { (GATHER, 1) };
            site.record(kernel, &constants, &buffers, Grid::Threads(batch * len / each), 0)?;
        }
        let gather = std::mem::take(&mut site.dispatches);
        site.id = softmax;

        let from = [&order, &labels].map(|buffer| Slice::whole(buffer, n).touching(batch));
        let told = [
            Slice::whole(&rows, n * classes).touching(batch * classes),
            Slice::whole(&tally, 2 * steps).touching(2),
        ];
        let [indices, classes_of] = from;
        let [all, sums] = told;
        // Nobody has written there yet: the logits have no other reader.
        let input = site.dx(0);
        let mask = input.as_ref().is_some_and(|input| input.mask);
        let constants = [
            ("classes", classes),
            ("has_gradient", usize::from(input.is_some())),
            ("mask", usize::from(mask)),
        ];
        let dz = input.map_or_else(|| memory.unused(&memory.velocity), |input| input.dx);
        let buffers = [indices, classes_of, site.x(0), site.y(), all, sums, dz];
        site.record(SOFTMAX, &constants, &buffers, Grid::Groups(1), 0)?;
        if parts_per_step > 0 {
            let flat = |buffer| Slice::whole(buffer, memory.layout.len);
            let parts = Slice::whole(&penalties, parts_per_step * steps).touching(parts_per_step);
            let buffers = [flat(&memory.l2), flat(&memory.parameters), parts];
            let constants = [("len", memory.layout.len), ("parts_per_step", parts_per_step)];
            let grid = Grid::Groups(parts_per_step);
            site.record(PENALTY, &constants, &buffers, grid, 3 * memory.layout.len)?;
        }
        let loss = std::mem::take(&mut site.dispatches);
        let id = samples.id();
        Ok(Self { id, order, augmentations, rows, tally, penalties, parts_per_step, gather, loss })
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
