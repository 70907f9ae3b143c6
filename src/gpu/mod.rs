//! The GPU path: the plan as dispatches of the kernels in `shaders/`, bound
//! once and replayed. The data set stays on the device, many steps go into a
//! submission, and the host waits only when something is read.

mod adapter;
mod avg_pool2d;
mod axis_to_channels;
mod batch_norm;
mod batch_norm_pool2d;
mod concat;
mod context;
mod conv2d;
mod crop;
mod dense;
mod dropout;
mod fit;
mod kernels;
mod layers;
mod max_pool2d;
mod memory;
mod poll;
mod rates;
mod readback;
mod recorder;
mod replay;
mod resident;
mod step;
mod tiles;
mod timing;
mod update;

use std::collections::VecDeque;
use std::ops::ControlFlow;

pub use adapter::{AdapterFacts, Kind, adapters, find};
pub use kernels::{ALL as KERNELS, Access, Interface, Kernel};
pub use layers::Form;
pub use step::{STEP_FIELDS, STEP_SIZE};
pub use tiles::Tiles;
pub use timing::Timer;

use crate::backend::{
    Backend, Batches, DatasetRef, KeptBatch, Sgd, State, StepMetrics, StepsDone, Tensor,
    check_batch,
};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::plan::Plan;
use context::Context;
use layers::Site;
use memory::Memory;
use readback::Readback;
use recorder::{Dispatch, Recorder, STEP_BYTES};
use resident::Resident;
use step::{Pass, Step, Training};

/// How a [`Gpu`] is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct GpuOptions<'a> {
    /// Part of the adapter's name; none takes the best.
    pub adapter: Option<&'a str>,
    /// Which kernels.
    pub form: Form,
    /// How much one thread owns; none takes what suits the adapter.
    pub tiles: Option<Tiles>,
    /// Most bytes in a buffer, where that is less than the adapter's limit: for tests.
    pub buffer_bytes: Option<u64>,
}

/// A plan on a GPU, with all its buffers and dispatches.
#[derive(Debug)]
pub struct Gpu {
    plan: Plan,
    form: Form,
    tiles: Tiles,
    memory: Memory,
    recorder: Recorder,
    steps: wgpu::Buffer,
    /// Bytes between two steps in `steps`.
    stride: usize,
    forward: Vec<Dispatch>,
    backward: Vec<Dispatch>,
    update: Dispatch,
    residents: VecDeque<Resident>,
    readback: Readback,
    kept: KeptBatch,
    submits: u64,
    /// Steps in the next submission.
    pace: usize,
    // Last, so that all that was made of it goes before it.
    context: Context,
}

impl Gpu {
    /// Opens a plan with weights and velocity of zero.
    ///
    /// # Errors
    /// If there is no adapter (of that name), the plan is too large for it, or
    /// it refuses a kernel.
    pub fn new(plan: Plan, options: GpuOptions<'_>) -> Result<Self> {
        let context = Context::open(options.adapter, options.buffer_bytes)?;
        Self::on(context, plan, options)
    }

    fn on(context: Context, plan: Plan, options: GpuOptions<'_>) -> Result<Self> {
        let form = options.form;
        let tiles = options.tiles.unwrap_or_else(|| Tiles::of(context.facts.kind));
        fit::check(&plan, form, &context.facts, context.largest())?;
        let memory = Memory::new(&context, &plan, form, tiles)?;
        let alignment = context.limits.min_uniform_buffer_offset_alignment as usize;
        let stride = (STEP_BYTES as usize).next_multiple_of(alignment);
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let steps = context.buffer("steps", (stride * replay::MOST_STEPS) as u64, usage)?;
        let mut recorder = Recorder::new(steps.clone());
        let (mut forward, mut backward) = (Vec::new(), Vec::new());
        for id in plan.graph().ids() {
            let mut site = site(&context, &mut recorder, &plan, &memory, (form, tiles), id);
            site.forward()?;
            forward.append(&mut site.dispatches);
        }
        for id in plan.graph().ids().rev() {
            let mut site = site(&context, &mut recorder, &plan, &memory, (form, tiles), id);
            site.backward()?;
            backward.append(&mut site.dispatches);
        }
        let mut readback = Readback::default();
        // For weights and velocity.
        readback.reserve(&context, 2 * memory.layout.len)?;
        let update = update::record(&context, &mut recorder, &plan, &memory)?;
        Ok(Self {
            plan,
            form,
            tiles,
            memory,
            recorder,
            steps,
            stride,
            forward,
            backward,
            update,
            residents: VecDeque::new(),
            readback,
            kept: KeptBatch::None,
            submits: 0,
            pace: 1,
            context,
        })
    }

    /// The adapter that it runs on.
    pub fn adapter(&self) -> &AdapterFacts {
        &self.context.facts
    }

    /// How much one thread of the tiled kernels owns.
    pub fn tiles(&self) -> Tiles {
        self.tiles
    }

    /// Buffers, bindings and pipelines made so far: steps on data that are known make none.
    pub fn allocations(&self) -> u64 {
        self.context.allocations()
    }

    /// Submissions of steps so far; each readback is one more.
    pub fn submits(&self) -> u64 {
        self.submits
    }

    /// Fills all outputs and gradients with a value, so that a test sees what was not written.
    pub fn fill(&self, value: f32) {
        for id in self.plan.graph().ids() {
            let output = Some(self.memory.value(&self.plan, id));
            let gradient = self.memory.gradient(&self.plan, id);
            for slice in [output, gradient].into_iter().flatten() {
                let values = vec![value; (slice.buffer.size() / memory::WORD) as usize];
                self.context.queue.write_buffer(&slice.buffer, 0, bytemuck::cast_slice(&values));
            }
        }
    }

    /// What takes the device away, as a driver does after a fault: for tests of what follows.
    pub fn breaker(&self) -> impl Fn() + use<> {
        let device = self.context.device.clone();
        move || device.destroy()
    }

    /// All dispatches of a step, in order.
    fn step<'a>(
        &'a self,
        resident: &'a Resident,
        pass: Pass,
    ) -> impl Iterator<Item = &'a Dispatch> {
        let (back, update) = match pass {
            Pass::Train(_) => (true, true),
            Pass::Explain => (true, false),
            Pass::Evaluate => (false, false),
        };
        let forward = resident.gather.iter().chain(&self.forward).chain(&resident.loss);
        let backward = back.then_some(&self.backward).into_iter().flatten();
        forward.chain(backward).chain(update.then_some(&self.update))
    }
}

fn site<'a>(
    context: &'a Context,
    recorder: &'a mut Recorder,
    plan: &'a Plan,
    memory: &'a Memory,
    (form, tiles): (Form, Tiles),
    id: NodeId,
) -> Site<'a> {
    Site { context, recorder, plan, memory, form, tiles, id, dispatches: Vec::new() }
}

impl Backend for Gpu {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn describe(&self) -> String {
        let AdapterFacts { name, backend, kind, driver, .. } = &self.context.facts;
        format!("gpu, {name} ({backend}, {kind}, {driver})")
    }

    fn warning(&self) -> Option<String> {
        let facts = &self.context.facts;
        (facts.kind == Kind::Software).then(|| {
            format!(
                "{facts} is a processor playing a GPU; --device cpu is usually many times faster"
            )
        })
    }

    fn prepare(&mut self, samples: DatasetRef<'_>) -> Result<()> {
        samples.check(&self.plan)?;
        self.hold(samples)
    }

    fn train(
        &mut self,
        samples: DatasetRef<'_>,
        batches: &Batches<'_>,
        sgd: Sgd,
        watch: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
    ) -> Result<Vec<StepMetrics>> {
        batches.check(&self.plan, samples)?;
        self.write_order(samples, batches.order)?;
        self.write_augmentations(batches.augmentations);
        let Batches { augmentations, seed, first_step, .. } = *batches;
        let training = Training { sgd, varied: !augmentations.is_empty(), seed, first_step };
        self.run(Pass::Train(training), batches.order.len(), watch)
    }

    fn evaluate(
        &mut self,
        samples: DatasetRef<'_>,
        probabilities: &mut Vec<f32>,
    ) -> Result<Vec<StepMetrics>> {
        let n = samples.y().len();
        let order: Vec<u32> = (0..n as u32).collect();
        Batches::plain(&order).check(&self.plan, samples)?;
        self.write_order(samples, &order)?;
        let tallies = self.run(Pass::Evaluate, n, &mut |_| ControlFlow::Continue(()))?;
        let Some(resident) = self.residents.front() else { return Ok(Vec::new()) };
        let rows = [(&resident.rows, n * self.plan.graph().classes())];
        *probabilities = self.readback.read(&self.context, &rows)?.concat();
        Ok(tallies)
    }

    fn logit_gradients(&mut self, samples: DatasetRef<'_>, batch: &[u32]) -> Result<()> {
        check_batch(&self.plan, samples, batch)?;
        self.write_order(samples, batch)?;
        self.run(Pass::Explain, batch.len(), &mut |_| ControlFlow::Continue(())).map(drop)
    }

    fn state(&mut self) -> Result<State> {
        let Memory { layout, parameters, velocity, .. } = &self.memory;
        let buffers = [(parameters, layout.len), (velocity, layout.len)];
        let read = self.readback.read(&self.context, &buffers)?;
        let mut flat = read.iter().map(|spread| layout.gather(self.plan.graph(), spread));
        let (parameters, velocity) = (flat.next(), flat.next());
        Ok(State {
            parameters: parameters.unwrap_or_default(),
            velocity: velocity.unwrap_or_default(),
        })
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        state.check(self.plan.graph())?;
        let Memory { layout, parameters, velocity, .. } = &self.memory;
        for (buffer, flat) in [(parameters, &state.parameters), (velocity, &state.velocity)] {
            let spread = layout.spread(self.plan.graph(), flat);
            self.context.queue.write_buffer(buffer, 0, bytemuck::cast_slice(&spread));
        }
        self.context.check()
    }

    fn tensor(&mut self, node: NodeId, what: Tensor) -> Result<Vec<f32>> {
        if !self.form.keeps(&self.plan, node) {
            let node = self.plan.graph().node(node).name.clone();
            return Err(Error::FusedAway { node });
        }
        let slice = match what {
            Tensor::Value => Some(self.memory.value(&self.plan, node)),
            Tensor::Gradient => self.memory.gradient(&self.plan, node),
        };
        let n = self.kept.samples(what)? * self.plan.graph().node(node).shape.len();
        let Some(slice) = slice else { return Ok(Vec::new()) };
        Ok(self.readback.read(&self.context, &[(&slice.buffer, n)])?.concat())
    }

    fn parameter_gradients(&mut self) -> Result<Vec<f32>> {
        let Memory { layout, parameter_gradients, .. } = &self.memory;
        let read = self.readback.read(&self.context, &[(parameter_gradients, layout.len)])?;
        Ok(layout.gather(self.plan.graph(), &read.concat()))
    }
}
