//! Everything that lies on the device for a plan: one buffer for each slot and
//! its gradient, and the parameters, their gradients and the optimiser's state
//! as one flat buffer each.

use super::context::Context;
use super::conv2d::Parts;
use super::layers::Form;
use super::tiles::Tiles;
use crate::error::Result;
use crate::graph::{Graph, NodeId, Op, Role};
use crate::plan::{Plan, Slot};

/// Bytes of a float or an index.
pub(super) const WORD: u64 = 4;
/// Every tensor in a flat buffer begins at a multiple of so many elements: 256
/// bytes, which every device can bind, and as many as a group of `sgd_step` does.
pub(super) const ALIGN: usize = 64;
/// Bytes that a uniform binding has on every device. A kernel that reads weights
/// through one binds so many, whatever follows them.
pub(super) const UNIFORM_BYTES: u64 = 65_536;

/// Of each channel of a batch norm: mean, inverse deviation, scale, shift.
const FIGURES: usize = 4;

/// Some elements of a buffer.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    pub(super) buffer: wgpu::Buffer,
    /// First element.
    pub(super) start: u64,
    /// Number of elements, rounded up so that whole `vec4`s can be read.
    pub(super) len: u64,
    /// Elements that a dispatch reads and writes, to be held against its time.
    pub(super) touched: u64,
}

/// Where parameter tensors lie in the flat buffers.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    starts: Vec<usize>,
    /// Elements up to the end of the last tensor.
    pub(super) len: usize,
}

impl Layout {
    pub(super) fn new(graph: &Graph) -> Self {
        let mut len = 0;
        let starts = (graph.parameters().iter())
            .map(|p| {
                let start = len;
                len += p.len().next_multiple_of(ALIGN);
                start
            })
            .collect();
        Self { starts, len }
    }

    /// The graph's flat parameters as they lie on the device; `fill` between them.
    pub(super) fn spread(&self, graph: &Graph, flat: &[f32]) -> Vec<f32> {
        let mut spread = vec![0.0; self.len];
        for (p, &start) in graph.parameters().iter().zip(&self.starts) {
            spread[start..start + p.len()].copy_from_slice(&flat[p.range()]);
        }
        spread
    }

    /// The other way.
    pub(super) fn gather(&self, graph: &Graph, spread: &[f32]) -> Vec<f32> {
        let mut flat = vec![0.0; graph.parameter_count()];
        for (p, &start) in graph.parameters().iter().zip(&self.starts) {
            flat[p.range()].copy_from_slice(&spread[start..start + p.len()]);
        }
        flat
    }
}

/// The buffers of a plan.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) layout: Layout,
    /// By slot; a stub where a fused pass keeps the output to itself.
    values: Vec<wgpu::Buffer>,
    gradients: Vec<Option<wgpu::Buffer>>,
    /// Of each max-pooling, by node: indices of the winners; stubs for other nodes.
    winners: Vec<wgpu::Buffer>,
    /// Of each batch norm, by node: what it subtracts and multiplies by; stubs for other nodes.
    figures: Vec<wgpu::Buffer>,
    /// Of each convolution, by node: how its weight gradients are summed, and where its parts begin.
    parts: Vec<Option<(Parts, usize)>>,
    /// All those parts, one after another.
    pub(super) sums: wgpu::Buffer,
    pub(super) parameters: wgpu::Buffer,
    pub(super) velocity: wgpu::Buffer,
    pub(super) parameter_gradients: wgpu::Buffer,
    /// Factor of the penalty for each parameter.
    pub(super) l2: wgpu::Buffer,
    /// Whether any is not 0.
    pub(super) penalised: bool,
}

impl Memory {
    pub(super) fn new(context: &Context, plan: &Plan, form: Form, tiles: Tiles) -> Result<Self> {
        let graph = plan.graph();
        let layout = Layout::new(graph);
        let batch = plan.batch();
        let owner = |slot: usize| graph.ids().find(|id| plan.slot(*id).0 == slot);
        let activation = |slot: usize, what: &str, kept: bool| {
            let node = owner(slot).map_or("a slot", |id| &graph.node(id).name);
            let len = if kept { batch * plan.slot_lens()[slot] } else { 0 };
            context.storage(&format!("{what} of {node}"), len)
        };
        let keeps = |slot| owner(slot).is_none_or(|id| form.keeps(plan, id));
        let slots = 0..plan.slot_lens().len();
        let values = { slots.clone() }
            .map(|slot| activation(slot, "output", keeps(slot)))
            .collect::<Result<_>>()?;
        let gradients = slots
            .map(|slot| {
                let needed = plan.has_gradient(Slot(slot));
                let kept = keeps(slot);
                needed.then(|| activation(slot, "gradient", kept)).transpose()
            })
            .collect::<Result<_>>()?;
        let winners = (graph.nodes().iter())
            .map(|node| {
                let pools = matches!(node.op, Op::MaxPool2d { .. });
                let len = if pools { batch * node.shape.len() } else { 0 };
                context.storage(&format!("winners of {}", node.name), len)
            })
            .collect::<Result<_>>()?;
        let figures = (graph.nodes().iter())
            .map(|node| {
                let norm = matches!(node.op, Op::BatchNorm { .. });
                let len = if norm { FIGURES * node.shape.channels() } else { 0 };
                context.storage(&format!("figures of {}", node.name), len)
            })
            .collect::<Result<_>>()?;
        let most = (context.largest() / WORD) as usize;
        let (parts, sums) = Self::lay_out_parts(plan, (form, tiles), most);
        // A uniform view may reach beyond the last tensor.
        let flat = |what: &str| context.storage(what, layout.len + UNIFORM_BYTES as usize / 4);
        let mut l2 = vec![0.0; graph.parameter_count()];
        for p in graph.parameters() {
            l2[p.range()].fill(p.l2);
        }
        let memory = Self {
            values,
            gradients,
            winners,
            figures,
            parts,
            sums: context.storage("partial weight gradients", sums)?,
            parameters: flat("parameters")?,
            velocity: flat("velocity")?,
            parameter_gradients: flat("parameter gradients")?,
            l2: flat("penalty factors")?,
            penalised: l2.iter().any(|l2| *l2 != 0.0),
            layout,
        };
        let l2 = memory.layout.spread(graph, &l2);
        context.queue.write_buffer(&memory.l2, 0, bytemuck::cast_slice(&l2));
        Ok(memory)
    }

    /// Where the parts of each convolution's weight gradients go, and the elements of all:
    /// no more than `most`, if one part for each convolution is not.
    fn lay_out_parts(
        plan: &Plan,
        (form, tiles): (Form, Tiles),
        most: usize,
    ) -> (Vec<Option<(Parts, usize)>>, usize) {
        let ids: Vec<NodeId> = plan.graph().ids().collect();
        let aligned = |parts: Parts| parts.len.next_multiple_of(ALIGN);
        let least = |id: &NodeId| Parts::of(plan, form, tiles, *id, 0).map_or(0, aligned);
        let mut later: usize = ids.iter().map(least).sum();
        let mut used = 0;
        let all = (ids.iter())
            .map(|id| {
                later -= least(id);
                let room = most.saturating_sub(used + later) / ALIGN * ALIGN;
                let parts = Parts::of(plan, form, tiles, *id, room)?;
                let start = used;
                used += aligned(parts);
                Some((parts, start))
            })
            .collect();
        (all, used)
    }

    /// How a convolution's weight gradients are summed, and its parts.
    pub(super) fn parts(&self, id: NodeId) -> Option<(Parts, Slice)> {
        let (parts, start) = self.parts[id.index()]?;
        Some((parts, Slice { start: start as u64, ..Slice::whole(&self.sums, parts.len) }))
    }

    /// A node's output.
    pub(super) fn value(&self, plan: &Plan, id: NodeId) -> Slice {
        let slot = plan.slot(id).0;
        Slice::whole(&self.values[slot], plan.batch() * plan.slot_lens()[slot])
    }

    /// The loss's gradient at a node's sum, if it is ever computed.
    pub(super) fn gradient(&self, plan: &Plan, id: NodeId) -> Option<Slice> {
        let slot = plan.slot(id).0;
        let len = plan.batch() * plan.slot_lens()[slot];
        self.gradients[slot].as_ref().map(|buffer| Slice::whole(buffer, len))
    }

    /// The winners of a max-pooling.
    pub(super) fn winners(&self, plan: &Plan, id: NodeId) -> Slice {
        let len = plan.batch() * plan.graph().node(id).shape.len();
        Slice::whole(&self.winners[id.index()], len)
    }

    /// Mean, inverse deviation, scale and shift of a batch norm in the last pass.
    pub(super) fn figures(&self, plan: &Plan, id: NodeId) -> Slice {
        let len = FIGURES * plan.graph().node(id).shape.channels();
        Slice::whole(&self.figures[id.index()], len)
    }

    /// A tensor of a node's in one of the flat buffers.
    pub(super) fn tensor(
        &self,
        flat: &wgpu::Buffer,
        graph: &Graph,
        id: NodeId,
        role: Role,
    ) -> Option<Slice> {
        let i = graph.parameters().iter().position(|p| p.node == id && p.role == role)?;
        let (start, len) = (self.layout.starts[i] as u64, graph.parameters()[i].len());
        Some(Slice { start, ..Slice::whole(flat, len) })
    }
}

impl Memory {
    /// A few elements of a flat buffer behind all tensors.
    pub(super) fn unused(&self, flat: &wgpu::Buffer) -> Slice {
        Slice { start: self.layout.len as u64, ..Slice::whole(flat, 4) }.touching(0)
    }
}

impl Slice {
    /// The first `len` elements of a buffer.
    pub(super) fn whole(buffer: &wgpu::Buffer, len: usize) -> Self {
        let bound = (len as u64).next_multiple_of(4);
        Self { buffer: buffer.clone(), start: 0, len: bound, touched: len as u64 }
    }

    /// The same, of which a dispatch touches so many elements only.
    pub(super) fn touching(self, elements: usize) -> Self {
        Self { touched: elements as u64, ..self }
    }

    /// The same, read only if so.
    pub(super) fn read_if(self, read: bool) -> Self {
        Self { touched: if read { self.touched } else { 0 }, ..self }
    }

    /// The same, read and written back.
    pub(super) fn updated(self) -> Self {
        Self { touched: 2 * self.touched, ..self }
    }
}
