//! What a plan becomes on a GPU, as values: buffers to allocate, and dispatches with their constants,
//! their parts of buffers and their grids. Nothing here needs a device; a host replays it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::dispatches::{Dispatches, When};
use super::kernels::{Access, Interface};
use super::memory::{BufferId, BufferList, Buffers, Memory, Owner, Slice, WORD};
use super::replicate::{LAYERS, STRIDES};
use super::tiles::{ALL_NODES, Phase, Tiles};
use crate::backend::Augmentation;
use crate::error::{Error, Result};
use crate::measure::Work;
use crate::ops::gather::{self, Gather};
use crate::ops::gpu::{Buffer, DispatchDesc, Grid, Kernel, KernelVariant, NodeContext};
use crate::ops::optimizer::gpu::Form;
use crate::ops::{sgd, softmax};
use crate::plan::Plan;

/// What a recording depends on of the device.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Its name, for errors.
    pub(super) name: String,
    /// Bytes of the largest buffer that kernels can be given whole.
    pub(super) largest: u64,
    /// Most workgroups in a dimension of a grid.
    pub(super) groups: usize,
}

/// A dispatch before it is compiled and bound.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    /// What it was made of.
    pub(super) desc: DispatchDesc,
    /// The node that it computes.
    pub(super) node: String,
    /// Bindings 1, 2, …; binding 0 is the step.
    pub(super) bindings: Vec<(Slice, Access)>,
    /// Workgroups in each dimension.
    pub(super) groups: [u32; 3],
    /// Arithmetic and bytes.
    pub(super) work: Work,
    /// The steps that it is part of.
    pub(super) when: When,
    /// Whether it computes several replicas at once.
    pub(super) is_replicated: bool,
}

impl Recorded {
    /// Its kernel.
    pub(super) fn kernel(&self) -> Kernel {
        self.desc.kernel
    }

    /// The buffers that it writes.
    pub(super) fn writes(&self) -> impl Iterator<Item = Buffer> {
        let all = self.desc.bindings.iter().zip(&self.bindings);
        all.filter(|(_, (_, access))| *access == Access::Write).map(|(binding, _)| binding.buffer)
    }
}

/// Records dispatches; reads the interface of each kernel once.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    pub(super) target: Target,
    /// Runs that are trained at once.
    pub(super) replicas: usize,
    /// By kernel, and whether it computes several replicas.
    interfaces: HashMap<(&'static str, bool), Interface>,
}

impl Writer {
    pub(super) fn new(target: Target) -> Self {
        Self { target, replicas: 1, interfaces: HashMap::new() }
    }

    /// A dispatch for the node of that name.
    pub(super) fn record(
        &mut self,
        node: &str,
        desc: &DispatchDesc,
        buffers: &dyn Buffers,
    ) -> Result<Recorded> {
        let (kernel, replicas) = (desc.kernel, self.replicas);
        let key = (kernel.name, replicas > 1);
        if let Entry::Vacant(entry) = self.interfaces.entry(key) {
            entry.insert(kernel.interface_of(replicas > 1)?);
        }
        let interface = &self.interfaces[&key];
        let what = format!("node \"{node}\", {}", kernel.file());
        let fault = |problem: String| Error::Gpu { adapter: self.target.name.clone(), problem };
        let access = |i: usize| interface.bindings.get(i + 1).copied().unwrap_or(Access::Read);
        let mut bindings = (desc.bindings.iter().enumerate())
            .map(|(i, binding)| {
                let slice = buffers
                    .slice(binding.buffer, access(i), i)
                    .ok_or_else(|| fault(format!("{what}: {:?} has no buffer", binding.buffer)))?;
                Ok((slice, access(i)))
            })
            .collect::<Result<Vec<_>>>()?;
        let mut groups = groups(self.target.groups, desc.grid, interface.workgroup_size as usize)
            .map_err(|problem| fault(format!("{what}: {problem}")))?;
        let mut desc = desc.clone();
        if replicas > 1 {
            desc.constants.push((LAYERS, f64::from(groups[2])));
            groups[2] = groups[2].saturating_mul(replicas as u32);
            if groups[2] as usize > self.target.groups {
                let most = self.target.groups;
                return Err(fault(format!(
                    "{what}: replicas take more than {most} layers of groups"
                )));
            }
            for (i, (slice, _)) in bindings.iter_mut().enumerate() {
                let (stride, words) = (slice.buffer.stride, interface.element_words[i + 1]);
                let is_apart = words > 0 && stride.is_multiple_of(words.into());
                if stride > 0 && (!is_apart || interface.asks_length[i + 1]) {
                    let problem = "expected a buffer that replicas can share, or an array";
                    return Err(fault(format!("{what}, binding {}: {problem}", i + 1)));
                }
                if words > 0 {
                    desc.constants.push((STRIDES[i + 1], (stride / u64::from(words)) as f64));
                }
                slice.len += stride * (replicas - 1) as u64;
            }
        }
        kernel.check(interface, &desc.constants)?;
        let elements: usize = desc.bindings.iter().map(|binding| binding.elements).sum();
        let times = replicas as u64;
        Ok(Recorded {
            node: node.into(),
            bindings,
            groups,
            work: Work { flop: times * desc.flop as u64, bytes: times * elements as u64 * WORD },
            when: When::of(&desc),
            is_replicated: replicas > 1,
            desc,
        })
    }
}

/// The workgroups of a grid: more than a dimension may have are folded over y.
fn groups(most: usize, grid: Grid, workgroup_size: usize) -> Result<[u32; 3], String> {
    let (groups, z) = match grid {
        Grid::Threads(threads) => (threads.div_ceil(workgroup_size), 1),
        Grid::Layers(threads, layers) => (threads.div_ceil(workgroup_size), layers),
        Grid::Groups(groups) => (groups, 1),
    };
    let (x, y) = (groups.clamp(1, most), groups.max(1).div_ceil(most));
    if y > most || z > most {
        return Err(format!(
            "{groups} x {z} workgroups are more than {most} by {most} by {most}; try a smaller \
             --batch-size"
        ));
    }
    Ok([x as u32, y as u32, z as u32])
}

/// A plan's buffers and the dispatches between the gather and the loss, and behind them.
#[derive(Debug, Clone)]
pub(super) struct PlanRecording {
    pub(super) memory: Memory,
    pub(super) forward: Vec<Recorded>,
    /// Empty if the plan is for inference.
    pub(super) backward: Vec<Recorded>,
}

impl PlanRecording {
    pub(super) fn new(
        writer: &mut Writer,
        plan: &Plan,
        variant: KernelVariant,
        tiles: &Tiles,
    ) -> Result<Self> {
        let known = |node: &str| node == ALL_NODES || plan.graph().find(node).is_some();
        if let Some(node) = tiles.nodes().find(|node| !known(node)) {
            let names = plan.graph().nodes().iter().map(|node| node.name.as_str());
            return Err(Error::Setting {
                name: "tiles",
                expected: "names of the model's nodes",
                found: format!(
                    "\"{node}\", which is none of {}",
                    names.collect::<Vec<_>>().join(", ")
                ),
            });
        }
        let memory = Memory::new(plan, variant, tiles, writer.target.largest, writer.replicas);
        let dispatches = Dispatches { plan, memory: &memory, variant, tiles };
        let (mut forward, mut backward) = (Vec::new(), Vec::new());
        for id in plan.graph().ids() {
            for desc in dispatches.forward(id) {
                forward.push(writer.record(&plan.graph().node(id).name, &desc, &memory)?);
            }
        }
        if plan.trains() {
            for id in plan.graph().ids().rev() {
                for desc in dispatches.backward(id) {
                    backward.push(writer.record(&plan.graph().node(id).name, &desc, &memory)?);
                }
            }
        }
        Ok(Self { memory, forward, backward })
    }
}

/// What a data set has on the device whatever the plan: samples and labels, and indices and
/// augmentations of samples in the order of a call.
#[derive(Debug, Clone)]
pub(super) struct SampleBuffers {
    pub(super) buffers: BufferList,
    slices: HashMap<Buffer, Slice>,
    /// Number of samples.
    pub(super) len: usize,
    /// Samples in each buffer that they are split over.
    pub(super) chunks: Vec<usize>,
    /// Elements of a sample.
    sample: usize,
    /// Runs that are trained at once, each with an order of its own.
    pub(super) replicas: usize,
    pub(super) order: BufferId,
    pub(super) augmentations: BufferId,
    pub(super) labels: BufferId,
    pub(super) samples: Vec<BufferId>,
}

impl SampleBuffers {
    /// `len` samples of `sample` elements, in as many buffers as the device's limit asks for.
    pub(super) fn new(writer: &Writer, len: usize, sample: usize) -> Self {
        let Writer { target, replicas, .. } = writer;
        let mut buffers = BufferList::new(Owner::Samples, *replicas);
        let mut slices = HashMap::new();
        let words = size_of::<Augmentation>() / WORD as usize;
        let order = buffers.add("the order of samples", len);
        let augmentations = buffers.add("augmentations of samples", len * words);
        slices.insert(Buffer::Order, Slice::whole(order, len));
        slices.insert(Buffer::Augmentations, Slice::whole(augmentations, len * words));
        let mut add = |role, what: &str, len: usize, data: Vec<u32>| {
            let id = buffers.add_with(what, len, data);
            slices.insert(role, Slice::whole(id, len));
            id
        };
        let labels = add(Buffer::Labels, "labels", len, Vec::new());
        // Whole vec4s.
        let most = ((target.largest / 16 * 4) as usize / sample.max(1)).max(1);
        let (mut chunks, mut samples, mut first) = (Vec::new(), Vec::new(), 0);
        while first < len {
            let (i, count) = (chunks.len(), most.min(len - first));
            samples.push(add(Buffer::Samples(i), "samples", count * sample, Vec::new()));
            let range = [first, count].map(|n| n as u32).to_vec();
            add(Buffer::SampleRange(i), "range of samples", 2, range);
            chunks.push(count);
            first += count;
        }
        let replicas = *replicas;
        Self {
            buffers,
            slices,
            len,
            chunks,
            sample,
            replicas,
            order,
            augmentations,
            labels,
            samples,
        }
    }
}

/// A data set and a plan: results, and the dispatches that touch them.
#[derive(Debug, Clone)]
pub(super) struct DatasetRecording {
    pub(super) buffers: BufferList,
    /// Probabilities by place in the order, `[len, classes]`.
    pub(super) probabilities: BufferId,
    /// Loss and number of correct predictions of each step.
    pub(super) step_metrics: BufferId,
    /// Shares of the penalty of each step.
    pub(super) penalties: BufferId,
    /// Shares of a step's penalty; 0 where no parameter has one.
    pub(super) penalties_per_step: usize,
    /// Copies a batch out of each buffer that the samples lie in.
    pub(super) gather: Vec<Recorded>,
    /// Probabilities, metrics, the gradient at the logits and the penalty, after the forward pass.
    pub(super) loss: Vec<Recorded>,
    /// The results by role.
    roles: HashMap<Buffer, Slice>,
}

/// The buffers of a data set and of a plan, by role.
struct DatasetBuffers<'a> {
    memory: &'a Memory,
    samples: &'a HashMap<Buffer, Slice>,
    results: &'a HashMap<Buffer, Slice>,
}

impl Buffers for DatasetBuffers<'_> {
    fn slice(&self, role: Buffer, access: Access, binding: usize) -> Option<Slice> {
        let of_data = self.results.get(&role).or_else(|| self.samples.get(&role));
        of_data.copied().or_else(|| self.memory.slice(role, access, binding))
    }
}

impl DatasetRecording {
    pub(super) fn new(
        writer: &mut Writer,
        dispatches: Dispatches<'_>,
        samples: &SampleBuffers,
    ) -> Result<Self> {
        let Dispatches { plan, memory, .. } = dispatches;
        let (n, graph) = (samples.len, plan.graph());
        let steps = n.div_ceil(plan.batch()).max(1);
        let penalties_per_step = sgd::gpu::penalties(&memory.chunks);
        let mut buffers = BufferList::new(Owner::Results, writer.replicas);
        let mut results = HashMap::new();
        let mut add = |role, what: &str, len: usize| {
            let id = buffers.add(what, len);
            results.insert(role, Slice::whole(id, len));
            id
        };
        let probabilities = add(Buffer::Probabilities, "probabilities", n * graph.classes());
        let metrics = softmax::gpu::METRICS * steps;
        let step_metrics = add(Buffer::StepMetrics, "metrics of steps", metrics);
        let penalties = add(Buffer::Penalties, "penalties", penalties_per_step * steps);
        let all = DatasetBuffers { memory, samples: &samples.slices, results: &results };

        let input = graph.node(graph.input());
        // A crop that alone reads the input is what of a sample is copied.
        let target = plan.gathered();
        let kept = graph.node(target).shape.len();
        let node = NodeContext { id: target, ..dispatches.context(graph.input(), Phase::Forward) };
        let op = Gather { sample: input.shape };
        let mut gather = Vec::new();
        for (i, count) in samples.chunks.iter().enumerate() {
            let (count, n) = (count * samples.sample, n * samples.sample);
            let share = (node.batch * count).div_ceil(n.max(1));
            let desc = gather::gpu::forward(&op, &node, kept, (i, share));
            gather.push(writer.record(&input.name, &desc, &all)?);
        }
        let output = &graph.node(graph.output()).name;
        let descs = dispatches.loss();
        let loss = descs.iter().map(|desc| writer.record(output, desc, &all));
        let loss = loss.collect::<Result<_>>()?;
        Ok(Self {
            buffers,
            probabilities,
            step_metrics,
            penalties,
            penalties_per_step,
            gather,
            loss,
            roles: results,
        })
    }

    /// The optimiser's step; none if the plan is for inference.
    pub(super) fn update(
        &self,
        writer: &mut Writer,
        dispatches: Dispatches<'_>,
        samples: &SampleBuffers,
        form: Form,
    ) -> Result<Vec<Recorded>> {
        let (memory, samples, results) = (dispatches.memory, &samples.slices, &self.roles);
        let all = DatasetBuffers { memory, samples, results };
        let descs = dispatches.update(form);
        descs.iter().map(|desc| writer.record(ALL_NODES, desc, &all)).collect()
    }
}

/// Tells what plans become without a device: each dispatch with its node.
#[derive(Debug, Clone)]
pub struct Describer(Writer);

impl Default for Describer {
    fn default() -> Self {
        let target = Target {
            name: "no device".into(),
            largest: u64::from(u32::MAX),
            groups: u16::MAX.into(),
        };
        Self(Writer::new(target))
    }
}

impl Describer {
    /// The dispatches of a step on a data set of so many samples, as a device without limits has them.
    ///
    /// # Errors
    /// If a kernel is given what it does not declare.
    pub fn dispatches(
        &mut self,
        plan: Plan,
        variant: KernelVariant,
        tiles: &Tiles,
        samples: usize,
    ) -> Result<Vec<(String, DispatchDesc)>> {
        let plan = plan.fused(&variant.fusions());
        let PlanRecording { memory, forward, backward, .. } =
            PlanRecording::new(&mut self.0, &plan, variant, tiles)?;
        let input = plan.graph().node(plan.graph().input()).shape.len();
        let samples = SampleBuffers::new(&self.0, samples, input);
        let dispatches = Dispatches { plan: &plan, memory: &memory, variant, tiles };
        let of_data = DatasetRecording::new(&mut self.0, dispatches, &samples)?;
        let update = of_data.update(&mut self.0, dispatches, &samples, Form::Plain)?;
        let all = of_data.gather.into_iter().chain(forward).chain(of_data.loss);
        let all = all.chain(backward).chain(update);
        Ok(all.map(|recorded| (recorded.node, recorded.desc)).collect())
    }
}
