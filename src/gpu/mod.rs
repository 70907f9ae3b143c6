//! The GPU's executor: the plan's operations as dispatches of the kernels in `shaders/`, which are
//! bound once and replayed. The data set stays on the device, a submission has many steps, and the
//! host waits only when it reads something.

mod adapter;
mod context;
mod device_dataset;
mod dispatches;
mod export;
mod fit;
mod kernels;
mod memory;
mod model;
mod pace;
mod poll;
mod rates;
mod readback;
mod recorder;
mod recording;
mod replay;
mod replicas;
mod replicate;
mod step;
mod tiles;
mod timing;

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::time::Duration;

pub use adapter::{AdapterFacts, Kind, adapters, find};
pub use export::{
    BindingText, BufferText, DispatchText, KernelText, ParameterText, Passes, Recording, Roles,
    StepText,
};
pub use fit::{MAX_STORAGE_BUFFERS, MAX_WORKGROUP_BYTES, MAX_WORKGROUP_SIZE};
pub use kernels::{Access, Interface, KERNELS};
pub use model::{Bound, Chain, Counts, Hardware, Prediction, Profile, StepPrediction, StepProfile};
pub use step::{STEP_FIELDS, STEP_SIZE};
pub use tiles::{Phase, Tiles};
pub use timing::Timer;

use crate::backend::{
    Backend, Batches, DatasetRef, KeptBatch, Optimizer, Replicas, State, StepMetrics, StepsDone,
    Tensor, check_batch,
};
use crate::error::Result;
use crate::graph::NodeId;
pub use crate::ops::gpu::Buffer;
use crate::ops::gpu::UNIFORM_ELEMENTS;
pub use crate::ops::gpu::{Kernel, KernelVariant, TileConfig};
use crate::ops::optimizer::gpu::Form;
use crate::ops::split_k::MAX_POSITIONS;
use crate::plan::{ConvLimits, DropoutLimits, Fusions, LossLimits, NormLimits, Plan};
use context::Context;
use device_dataset::{DeviceDataset, Resident};
use memory::{BufferId, Memory};
use pace::Paces;
use readback::Readback;
use recorder::{Dispatch, Recorder};
pub use recording::Describer;
use recording::{PlanRecording, Writer};
use step::{Pass, Step, step_bytes};

/// Limits of a device that are below its adapter's, where they are given.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caps {
    /// Bytes of a uniform binding.
    pub uniform_bytes: Option<u64>,
    /// Buffers that a kernel reads or writes.
    pub storage_buffers: Option<u32>,
    /// Invocations of a workgroup.
    pub workgroup_size: Option<u32>,
    /// Workgroups in a dimension of a grid.
    pub workgroups: Option<u32>,
    /// Bytes that a workgroup shares.
    pub workgroup_bytes: Option<u32>,
}

/// How a [`Gpu`] is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct GpuOptions<'a> {
    /// Part of the adapter's name; the best adapter if there is none.
    pub adapter: Option<&'a str>,
    /// Which kernels.
    pub variant: KernelVariant,
    /// Tiles of the tiled kernels; those for the adapter's kind if there are none.
    pub tiles: Option<&'a Tiles>,
    /// Most bytes in a buffer, where that is less than the adapter's limit: for tests.
    pub buffer_bytes: Option<u64>,
    /// Limits below the adapter's: for tests.
    pub caps: Caps,
    /// How long a submission is waited for before the device counts as hung, where that is not to
    /// be what suits the adapter: for tests.
    pub patience: Option<Duration>,
    /// Runs to train at once ([`Replicas`]); none stands for one.
    pub replicas: usize,
}

impl KernelVariant {
    /// The fusions that it has kernels for.
    pub fn fusions(self) -> Fusions {
        match self {
            Self::Plain | Self::Tiled => Fusions::NONE,
            Self::Fused | Self::Sparse => Fusions {
                conv2d_max_pool2d: Some(ConvLimits {
                    kernel_len: UNIFORM_ELEMENTS,
                    filters_multiple_of: 4,
                }),
                conv2d_batch_norm_pool2d: None,
                batch_norm_pool2d: Some(NormLimits {
                    channels_multiple_of: 4,
                    window: MAX_POSITIONS,
                }),
                gather_crop: true,
                dropout_dense: Some(DropoutLimits { units: 128 }),
                dense_softmax: Some(LossLimits { kernel_len: 1024 }),
            },
        }
    }
}

impl TileConfig {
    /// The tiles for an adapter of which only the kind is known.
    pub(crate) fn for_kind(kind: Kind) -> Self {
        match kind {
            Kind::Software => Self::Wide,
            Kind::Integrated => Self::Small,
            Kind::Discrete | Kind::Virtual | Kind::Other => Self::Narrow,
        }
    }
}

/// A plan on a GPU, with all its buffers and dispatches.
#[derive(Debug)]
pub struct Gpu {
    plan: Plan,
    variant: KernelVariant,
    tiles: Tiles,
    memory: Memory,
    /// As the memory lists them.
    buffers: Vec<wgpu::Buffer>,
    writer: Writer,
    recorder: Recorder,
    steps: wgpu::Buffer,
    /// Bytes between two steps in `steps`.
    stride: usize,
    forward: Vec<Dispatch>,
    /// Empty if the plan is for inference.
    backward: Vec<Dispatch>,
    datasets: VecDeque<DeviceDataset>,
    /// Data sets that were uploaded for an earlier plan.
    residents: Vec<Resident>,
    readback: Readback,
    kept: KeptBatch,
    /// Whether first moments are Adam's, in [`Buffer::AdamMoments`], and not a velocity.
    in_moments: bool,
    /// That of the last call that trained, changed to one that moves no weight: measurements are of its
    /// dispatches.
    still: Optimizer,
    submits: u64,
    paces: Paces,
    // Last, so that all that was made of it is dropped before it.
    context: Context,
}

/// What a device keeps from one plan to the next.
struct Kept {
    writer: Writer,
    recorder: Recorder,
    steps: wgpu::Buffer,
    residents: Vec<Resident>,
    readback: Readback,
}

/// A plan's buffer of a role that has one to itself.
fn buffer_of<'a>(
    memory: &Memory,
    buffers: &'a [wgpu::Buffer],
    role: Buffer,
) -> Option<&'a wgpu::Buffer> {
    memory.buffer(role).map(|slice| &buffers[slice.buffer.index])
}

/// The tiles that were asked for, or those of the adapter's kind.
fn tiles_for(context: &Context, tiles: Option<&Tiles>) -> Tiles {
    tiles.cloned().unwrap_or_else(|| TileConfig::for_kind(context.facts.kind).into())
}

/// Bytes between two steps in the buffer of steps.
fn stride(context: &Context) -> usize {
    let alignment = context.limits.min_uniform_buffer_offset_alignment as usize;
    (step_bytes(true) as usize).next_multiple_of(alignment)
}

impl Gpu {
    /// Opens a plan with weights and velocity of zero.
    ///
    /// # Errors
    /// If there is no adapter (of that name), the plan is too large for it, or
    /// it refuses a kernel.
    pub fn new(plan: Plan, options: GpuOptions<'_>) -> Result<Self> {
        let context = Context::open(&options)?;
        Self::on(context, plan, options)
    }

    /// Opens another plan on the same device, with weights and velocity of zero: what is compiled
    /// and the data sets that are uploaded stay.
    ///
    /// # Errors
    /// If the plan is too large for the device, or it refuses a kernel.
    pub fn with_plan(self, plan: Plan) -> Result<Self> {
        self.with_replicas(plan, 1)
    }

    /// The same for several runs at once, for as many of them as fit.
    ///
    /// # Errors
    /// As [`Gpu::with_plan`].
    pub fn with_replicas(self, plan: Plan, replicas: usize) -> Result<Self> {
        let (variant, tiles) = (self.variant, self.tiles.clone());
        self.with_all(plan, variant, Some(&tiles), replicas)
    }

    /// The same with other kernels; the tiles are those of the adapter's kind if there are none.
    ///
    /// # Errors
    /// As [`Gpu::with_plan`].
    pub fn with_kernels(
        self,
        plan: Plan,
        variant: KernelVariant,
        tiles: Option<&Tiles>,
    ) -> Result<Self> {
        self.with_all(plan, variant, tiles, 1)
    }

    /// With other kernels, for several runs at once: as many of them as fit.
    ///
    /// # Errors
    /// As [`Gpu::with_plan`].
    pub fn with_all(
        self,
        plan: Plan,
        variant: KernelVariant,
        tiles: Option<&Tiles>,
        replicas: usize,
    ) -> Result<Self> {
        let Self { writer, recorder, steps, datasets, residents, readback, .. } = self;
        let Self { buffers, forward, backward, context, .. } = self;
        // The device may have no room for the buffers of two plans.
        drop((buffers, forward, backward));
        let known = datasets.into_iter().map(|dataset| dataset.resident);
        let residents = known.chain(residents).collect();
        let kept = Kept { writer, recorder, steps, residents, readback };
        let variant = fit::variant(&context, variant);
        let tiles = tiles_for(&context, tiles);
        Self::record(context, kept, plan, variant, tiles, replicas)
    }

    fn on(context: Context, plan: Plan, options: GpuOptions<'_>) -> Result<Self> {
        let tiles = tiles_for(&context, options.tiles);
        fit::device(&context)?;
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let bytes = stride(&context) * pace::MOST_STEPS;
        let steps = context.buffer("steps", bytes as u64, usage)?;
        let kept = Kept {
            writer: Writer::new(context.target()),
            recorder: Recorder::new(steps.clone()),
            steps,
            residents: Vec::new(),
            readback: Readback::default(),
        };
        let variant = fit::variant(&context, options.variant);
        Self::record(context, kept, plan, variant, tiles, options.replicas)
    }

    fn record(
        context: Context,
        kept: Kept,
        plan: Plan,
        variant: KernelVariant,
        tiles: Tiles,
        replicas: usize,
    ) -> Result<Self> {
        let Kept { mut writer, mut recorder, steps, residents, mut readback } = kept;
        let plan = plan.fused(&variant.fusions());
        fit::check(&plan, &writer.target.name, context.largest(), Some("--device cpu"))?;
        fit::loops(&context, &plan)?;
        writer.replicas = fit::replicas(&context, &plan, variant, &tiles, replicas);
        let PlanRecording { memory, forward, backward } =
            PlanRecording::new(&mut writer, &plan, variant, &tiles)?;
        let buffers = context.allocate(&memory.buffers)?;
        let find = |id: BufferId| &buffers[id.index];
        let forward = recorder.realise(&context, &forward, &find)?;
        let backward = recorder.realise(&context, &backward, &find)?;
        // For weights and velocity.
        readback.reserve(&context, 2 * memory.layout.len)?;
        Ok(Self {
            plan,
            variant,
            tiles,
            memory,
            buffers,
            writer,
            recorder,
            steps,
            stride: stride(&context),
            forward,
            backward,
            datasets: VecDeque::new(),
            residents,
            readback,
            kept: KeptBatch::None,
            in_moments: false,
            still: Optimizer::sgd(0.0),
            submits: 0,
            paces: Paces::default(),
            context,
        })
    }

    /// The adapter that it runs on.
    pub fn adapter(&self) -> &AdapterFacts {
        &self.context.facts
    }

    /// Which kernels: the plain ones where those that were asked for do not fit the adapter.
    pub fn variant(&self) -> KernelVariant {
        self.variant
    }

    /// Tiles of the tiled kernels.
    pub fn tiles(&self) -> &Tiles {
        &self.tiles
    }

    /// Buffers, bindings and pipelines made so far: steps on an uploaded data set make none.
    pub fn allocations(&self) -> u64 {
        self.context.allocations()
    }

    /// Pipelines compiled so far: their number depends on the plan only.
    pub fn pipelines(&self) -> usize {
        self.recorder.pipelines()
    }

    /// Seconds that compiling took so far, by kernel. Some drivers compile at the first dispatch.
    pub fn compile_seconds(&self) -> &BTreeMap<&'static str, f64> {
        self.recorder.compile_seconds()
    }

    /// Kernels of an evaluation step and of an explanation, in order: for tests.
    pub fn inference_kernels(&self) -> [Vec<&'static str>; 2] {
        [Pass::Evaluate, Pass::Explain].map(|pass| {
            let dataset = self.datasets.front();
            let dispatches = dataset.into_iter().flat_map(|dataset| self.step(dataset, pass));
            dispatches.map(|dispatch| dispatch.recorded.kernel().name).collect()
        })
    }

    /// Data sets uploaded so far.
    pub fn uploads(&self) -> u64 {
        self.context.uploads()
    }

    /// Submissions of steps so far; each readback is one more.
    pub fn submits(&self) -> u64 {
        self.submits
    }

    /// Fills all outputs and gradients with a value, so that a test finds what is not written.
    pub fn fill(&self, value: f32) {
        for slice in self.memory.activations() {
            let buffer = &self.buffers[slice.buffer.index];
            // Weights of classes are no output.
            let weights = self.memory.buffer(Buffer::ClassWeights);
            let weights = weights.filter(|weights| weights.buffer == slice.buffer);
            let end = weights.map_or(buffer.size() / memory::WORD, |weights| weights.start);
            let values = vec![value; end as usize];
            self.context.queue.write_buffer(buffer, 0, bytemuck::cast_slice(&values));
        }
    }

    /// Several tensors of the last batch in one readback, each as [`Backend::tensor`] returns it.
    ///
    /// # Errors
    /// As there.
    pub fn tensors(&mut self, wanted: &[(NodeId, Tensor)]) -> Result<Vec<Vec<f32>>> {
        let mut buffers = Vec::new();
        let mut places = Vec::new();
        for &(node, what) in wanted {
            let samples = self.kept.samples(&self.plan, node, what)?;
            let role = match what {
                Tensor::Value => Buffer::Value(node),
                Tensor::Gradient => Buffer::Gradient(node),
            };
            let n = samples * self.plan.graph().node(node).shape.len();
            let slice = self.memory.buffer(role);
            places.push(slice.map(|_| buffers.len()));
            buffers.extend(slice.map(|slice| {
                let start = slice.start as usize;
                (&self.buffers[slice.buffer.index], start..start + n)
            }));
        }
        let mut read = self.readback.read(&self.context, &buffers)?;
        // Empty where the plan computes no gradient.
        let take = |place: Option<usize>| place.and_then(|at| read.get_mut(at)).map(std::mem::take);
        Ok(places.into_iter().map(take).map(Option::unwrap_or_default).collect())
    }

    /// A function that destroys the device, as a driver does after a fault: for tests.
    pub fn breaker(&self) -> impl Fn() + use<> {
        let device = self.context.device.clone();
        move || device.destroy()
    }

    /// The plan's buffer of a role that has one to itself.
    fn buffer(&self, role: Buffer) -> Option<&wgpu::Buffer> {
        buffer_of(&self.memory, &self.buffers, role)
    }

    /// Flat buffers over all parameters, without their padding; of those that have several, the one at
    /// a place.
    fn read_parameters<const N: usize>(
        &mut self,
        replica: usize,
        roles: [(Buffer, usize); N],
    ) -> Result<[Vec<f32>; N]> {
        let Self { memory, buffers, plan, context, readback, .. } = self;
        let len = memory.layout.len;
        let ids =
            roles.iter().filter_map(|(role, place)| Some((memory.buffer(*role)?.buffer, place)));
        let part = |(id, place): (BufferId, &usize)| {
            let first = id.first(replica) + place * len;
            (&buffers[id.index], first..first + len)
        };
        let buffers: Vec<_> = ids.map(part).collect();
        let mut padded = readback.read(context, &buffers)?.into_iter();
        let flat = |padded: Vec<f32>| memory.layout.to_flat(plan.graph(), &padded);
        Ok(std::array::from_fn(|_| padded.next().map(flat).unwrap_or_default()))
    }

    /// All dispatches of a step, in order.
    fn step<'a>(
        &'a self,
        dataset: &'a DeviceDataset,
        pass: Pass,
    ) -> impl Iterator<Item = &'a Dispatch> {
        let training = matches!(pass, Pass::Train(_));
        let back = pass != Pass::Evaluate;
        let forward = dataset.gather.iter().chain(&self.forward).chain(&dataset.loss);
        let backward = back.then_some(&self.backward).into_iter().flatten();
        // Outside of training nobody reads a batch's moments or the gradients of weights.
        let form = match pass {
            Pass::Train(training) => Form::of(&training.optimizer),
            Pass::Evaluate | Pass::Explain => Form::Plain,
        };
        let all = forward.chain(backward).chain(dataset.update(form));
        all.filter(move |dispatch| dispatch.recorded.when.includes(training))
    }
}

impl Backend for Gpu {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn describe(&self) -> String {
        let AdapterFacts { name, backend, kind, driver, .. } = &self.context.facts;
        format!("gpu, {name} ({backend}, {kind}, {driver})")
    }

    fn identity(&self) -> String {
        let kernels = adapter::kernels_hash().unwrap_or_default();
        format!("{}, kernels {kernels}", self.describe())
    }

    fn tiles(&self) -> Option<String> {
        Some(self.tiles.to_string())
    }

    fn warning(&self) -> Option<String> {
        let facts = &self.context.facts;
        if facts.kind == Kind::Software {
            return Some(format!(
                "{facts} is a software GPU (CPU emulation); --device cpu is usually many times faster"
            ));
        }
        fit::slow(&self.context)
    }

    fn prepare(&mut self, data: DatasetRef<'_>) -> Result<()> {
        data.check(&self.plan)?;
        self.ensure_uploaded(data)
    }

    fn train(
        &mut self,
        data: DatasetRef<'_>,
        batches: &Batches<'_>,
        optimizer: Optimizer,
        observe: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
    ) -> Result<Vec<StepMetrics>> {
        self.plan.check_trains()?;
        batches.check(&self.plan, data)?;
        let ran = self.train_all(data, &[(0, *batches)], optimizer, observe)?;
        // All steps are done: the answer has no effect.
        let _ = observe(ran.done(0));
        Ok(ran.metrics.into_iter().next().unwrap_or_default())
    }

    fn evaluate(
        &mut self,
        data: DatasetRef<'_>,
        probabilities: &mut Vec<f32>,
    ) -> Result<Vec<StepMetrics>> {
        let first = self.evaluate_all(data)?.into_iter().next();
        let (metrics, read) = first.unwrap_or_default();
        *probabilities = read;
        Ok(metrics)
    }

    fn logit_gradients(&mut self, data: DatasetRef<'_>, batch: &[u32]) -> Result<()> {
        self.plan.check_trains()?;
        check_batch(&self.plan, data, batch)?;
        self.ensure_uploaded(data)?;
        self.write_order(0, batch);
        self.run(Pass::Explain, batch.len(), (&[], &[]), &mut |_| ControlFlow::Continue(()))
            .map(drop)
    }

    fn state(&mut self) -> Result<State> {
        self.state_of(0)
    }

    fn set_state(&mut self, state: &State) -> Result<()> {
        self.set_state_of(0, state)
    }

    fn tensor(&mut self, node: NodeId, what: Tensor) -> Result<Vec<f32>> {
        Ok(self.tensors(&[(node, what)])?.concat())
    }

    fn parameter_gradients(&mut self) -> Result<Vec<f32>> {
        self.plan.check_trains()?;
        let [gradients] = self.read_parameters(0, [(Buffer::AllParameterGradients, 0)])?;
        Ok(gradients)
    }
}
