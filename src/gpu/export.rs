//! A recording as a document, so that another host of WebGPU can replay it: a page, Dawn, Deno.

use std::collections::BTreeMap;

use serde::Serialize;

use super::dispatches::Dispatches;
use super::kernels::Access;
use super::memory::{BufferDesc, BufferId, Owner, WORD, allocated};
use super::recorder::bound_bytes;
use super::recording::{DatasetRecording, PlanRecording, Recorded, SampleBuffers, Target, Writer};
use super::step::{STEP_BYTES, STEP_FIELDS, STEP_FLOATS};
use super::tiles::Tiles;
use crate::backend::Optimizer;
use crate::error::{Error, Result};
use crate::graph::Shape;
use crate::ops::gpu::{Buffer, KernelVariant};
use crate::ops::optimizer::gpu::Form;
use crate::ops::softmax::gpu::METRICS;
use crate::plan::Plan;

/// The host, for errors.
const WEBGPU: &str = "WebGPU";
/// Bytes of a buffer that every implementation of WebGPU can bind whole.
const LARGEST: u64 = 128 << 20;
/// Workgroups in a dimension that every implementation of WebGPU allows.
const GROUPS: usize = 65_535;
/// Bytes between two steps: a dynamic offset is a multiple of as many.
const STRIDE: u64 = 256;

/// All that a host needs to evaluate or train a model, within the limits that WebGPU guarantees.
/// Buffers, bindings and passes refer to each other by index. Floats and indices have 4 bytes.
#[derive(Debug, Clone, Serialize)]
pub struct Recording {
    /// `genre-gpu recording 1`.
    pub format: &'static str,
    /// The model's name.
    pub model: String,
    /// Bands, frames and channels of a sample; samples are `[n, bands, frames, channels]`.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Most samples in a step.
    pub batch_size: usize,
    /// Samples that the buffers have room for.
    pub samples: usize,
    /// The shaders, by name; the entry point is `main`.
    pub kernels: BTreeMap<&'static str, KernelText>,
    /// To be allocated with zeros, for storage and as uniforms.
    pub buffers: Vec<BufferText>,
    /// Binding 0 of every kernel.
    pub step: StepText,
    /// All dispatches, each a pipeline with its constants, a bind group and a grid.
    pub dispatches: Vec<DispatchText>,
    /// The dispatches of a step, in order.
    pub passes: Passes,
    /// Where parameters lie in the buffer `roles.parameters`.
    pub parameters: Vec<ParameterText>,
    /// Of each node, in their order, where its output and the gradient at it lie.
    pub tensors: Vec<TensorText>,
    /// Buffers that a host writes or reads.
    pub roles: Roles,
    /// Floats of each step in `roles.step_metrics`: sum of losses, number of correct predictions.
    pub metrics_per_step: usize,
    /// Floats of each step in `roles.penalties`, whose sum is added to the mean loss.
    pub penalties_per_step: usize,
    /// What each dispatch writes, for this program.
    #[serde(skip)]
    pub(crate) writes: Vec<Vec<Buffer>>,
}

/// A shader.
#[derive(Debug, Clone, Serialize)]
pub struct KernelText {
    /// WGSL.
    pub code: String,
    /// `uniform`, `read` or `write` for bindings 0, 1, … of group 0.
    pub bindings: Vec<&'static str>,
}

/// A buffer to be allocated.
#[derive(Debug, Clone, Serialize)]
pub struct BufferText {
    /// What it holds.
    pub name: String,
    /// Its size, a multiple of 16.
    pub bytes: u64,
    /// Its first words as unsigned numbers of 32 bits; zeros behind them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<u32>,
}

/// The uniform that changes from step to step.
#[derive(Debug, Clone, Serialize)]
pub struct StepText {
    /// Bytes that are bound.
    pub bytes: u64,
    /// Bytes between two steps in one buffer, for dynamic offsets.
    pub stride: u64,
    /// Bytes before each field, all `u32` but [`StepText::floats`].
    pub fields: BTreeMap<&'static str, usize>,
    /// The fields that are `f32`.
    pub floats: [&'static str; 7],
}

/// A dispatch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DispatchText {
    /// Its kernel.
    pub kernel: &'static str,
    /// The node that it computes.
    pub node: String,
    /// Values of the kernel's `override`s.
    pub constants: BTreeMap<&'static str, f64>,
    /// Bindings 1, 2, ….
    pub bindings: Vec<BindingText>,
    /// Workgroups in each dimension.
    pub groups: [u32; 3],
}

/// A part of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BindingText {
    /// Index of the buffer.
    pub buffer: usize,
    /// Its first byte.
    pub offset: u64,
    /// Its number of bytes.
    pub bytes: u64,
}

/// Dispatches by index, in order.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Passes {
    /// A training step.
    pub train: Vec<usize>,
    /// An evaluation step.
    pub evaluate: Vec<usize>,
    /// Evaluation, then backward from the logit of each sample's label.
    pub explain: Vec<usize>,
}

/// A parameter tensor.
#[derive(Debug, Clone, Serialize)]
pub struct ParameterText {
    /// `node/role`.
    pub name: String,
    /// Its extents.
    pub shape: Vec<usize>,
    /// Floats before it.
    pub start: usize,
}

/// A node's tensors, `[batch_size, ...]`. One that no pass writes, because a fused kernel needs it not, is
/// left out.
#[derive(Debug, Clone, Serialize)]
pub struct TensorText {
    /// The node.
    pub node: String,
    /// Its output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<BindingText>,
    /// The gradient at its output; before the activation if it ends in a ReLU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient: Option<BindingText>,
}

/// Buffers by what they hold.
#[derive(Debug, Clone, Serialize)]
pub struct Roles {
    /// All parameters.
    pub parameters: usize,
    /// The optimiser's velocity, as the parameters.
    pub velocity: usize,
    /// The gradients of all parameters after a training step, as the parameters. Only where it trains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter_gradients: Option<usize>,
    /// Adam's first moments in place of the velocity, then as many second ones. Only where it trains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moments: Option<usize>,
    /// Where training stores the number of the first step after which a weight is not finite (u32):
    /// to be filled with ones before each call. Only with the training pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_not_finite: Option<usize>,
    /// Indices of samples, batch after batch (u32).
    pub order: usize,
    /// Classes of the samples (u32).
    pub labels: usize,
    /// The samples, in parts of as many as the number beside it.
    pub samples: Vec<(usize, usize)>,
    /// Probabilities by place in the order.
    pub probabilities: usize,
    /// See [`Recording::metrics_per_step`].
    pub step_metrics: usize,
    /// See [`Recording::penalties_per_step`].
    pub penalties: usize,
}

impl Recording {
    /// Records a plan for `samples` samples.
    ///
    /// # Errors
    /// If the plan or the samples do not fit what every implementation of WebGPU guarantees.
    pub fn new(plan: Plan, samples: usize, tiles: &Tiles) -> Result<Self> {
        Self::with_kernels(plan, samples, KernelVariant::default(), tiles, 1)
    }

    /// As [`Recording::with_kernels`], for training with another optimiser than plain gradient descent.
    ///
    /// # Errors
    /// As there.
    pub fn with_optimizer(
        plan: Plan,
        samples: usize,
        (variant, tiles): (KernelVariant, &Tiles),
        replicas: usize,
        optimizer: &Optimizer,
    ) -> Result<Self> {
        Self::of_form(plan, samples, (variant, tiles), replicas, Form::of(optimizer))
    }

    /// The same with kernels of another form, and for several replicas of the plan at once.
    ///
    /// # Errors
    /// As [`Recording::new`], and if a kernel cannot be replicated.
    pub fn with_kernels(
        plan: Plan,
        samples: usize,
        variant: KernelVariant,
        tiles: &Tiles,
        replicas: usize,
    ) -> Result<Self> {
        Self::of_form(plan, samples, (variant, tiles), replicas, Form::Plain)
    }

    fn of_form(
        plan: Plan,
        samples: usize,
        (variant, tiles): (KernelVariant, &Tiles),
        replicas: usize,
        form: Form,
    ) -> Result<Self> {
        let plan = plan.fused(&variant.fusions());
        let form = if plan.trains() { form } else { Form::Plain };
        super::fit::check(&plan, WEBGPU, LARGEST, None)?;
        let target = Target { name: WEBGPU.into(), largest: LARGEST, groups: GROUPS };
        let mut writer = Writer::new(target);
        writer.replicas = replicas;
        let mut of_plan = PlanRecording::new(&mut writer, &plan, variant, tiles)?;
        of_plan.memory.add_optimizer(form);
        let memory = &of_plan.memory;
        let graph = plan.graph();
        let input = graph.node(graph.input()).shape;
        let of_samples = SampleBuffers::new(&writer, samples, input.len());
        let dispatches = Dispatches { plan: &plan, memory, variant, tiles };
        let of_data = DatasetRecording::new(&mut writer, dispatches, &of_samples)?;
        let update = of_data.update(&mut writer, dispatches, &of_samples, form)?;

        let lists = [&memory.buffers, &of_samples.buffers, &of_data.buffers];
        for desc in lists.iter().flat_map(|list| &list.descs) {
            let bytes = desc.len as u64 * WORD;
            if bytes > LARGEST {
                return Err(Error::DeviceLimit {
                    adapter: WEBGPU.into(),
                    what: desc.name.clone(),
                    bytes,
                    most: LARGEST,
                    help: "use fewer --samples".into(),
                });
            }
        }
        let [of_plan_count, of_samples_count, _] = lists.map(|list| list.descs.len());
        let index = |id: BufferId| match id.owner {
            Owner::Plan => id.index,
            Owner::Samples => of_plan_count + id.index,
            Owner::Results => of_plan_count + of_samples_count + id.index,
        };
        let of = |role| memory.buffer(role).map(|slice| index(slice.buffer));
        let role = |role| {
            let problem = format!("{role:?} has no buffer");
            of(role).ok_or_else(|| Error::Gpu { adapter: WEBGPU.into(), problem })
        };
        let place = |role| {
            let slice = memory.buffer(role)?;
            let (buffer, offset) = (index(slice.buffer), slice.start * WORD);
            Some(BindingText { buffer, offset, bytes: slice.len * WORD })
        };
        let tensors = graph.ids().map(|id| TensorText {
            node: graph.node(id).name.clone(),
            value: place(Buffer::Value(id)),
            gradient: place(Buffer::Gradient(id)),
        });
        let tensors = tensors.collect();
        let PlanRecording { forward, backward, .. } = &of_plan;
        let DatasetRecording { gather, loss, .. } = &of_data;
        let mut recording = Self {
            format: "genre-gpu recording 1",
            model: graph.model().into(),
            input: match input {
                Shape::Map { h, w, c } => [h, w, c],
                Shape::Flat(len) => [1, 1, len],
            },
            classes: graph.classes(),
            batch_size: plan.batch(),
            samples,
            kernels: BTreeMap::new(),
            buffers: lists.iter().flat_map(|list| list.descs.iter().map(BufferText::of)).collect(),
            step: StepText {
                bytes: STEP_BYTES,
                stride: STRIDE,
                fields: STEP_FIELDS.into_iter().collect(),
                floats: STEP_FLOATS,
            },
            dispatches: Vec::new(),
            passes: Passes::default(),
            parameters: (graph.parameters().iter())
                .map(|p| ParameterText {
                    name: p.name.clone(),
                    shape: p.shape.clone(),
                    start: memory.layout.start(graph, p.node, p.role).unwrap_or_default(),
                })
                .collect(),
            tensors,
            roles: Roles {
                parameters: role(Buffer::AllParameters)?,
                velocity: role(Buffer::Velocity)?,
                parameter_gradients: of(Buffer::AllParameterGradients),
                moments: of(Buffer::AdamMoments),
                first_not_finite: of(Buffer::FirstNotFinite),
                order: index(of_samples.order),
                labels: index(of_samples.labels),
                samples: (of_samples.samples.iter().zip(&of_samples.chunks))
                    .map(|(id, count)| (index(*id), *count))
                    .collect(),
                probabilities: index(of_data.probabilities),
                step_metrics: index(of_data.step_metrics),
                penalties: index(of_data.penalties),
            },
            metrics_per_step: METRICS,
            penalties_per_step: of_data.penalties_per_step,
            writes: Vec::new(),
        };
        let before = gather.iter().chain(forward).chain(loss).map(|recorded| (recorded, true));
        let behind = backward.iter().map(|recorded| (recorded, false));
        let update = update.iter().map(|recorded| (recorded, false));
        for (recorded, evaluates) in before.chain(behind).chain(update) {
            let at = recording.dispatches.len();
            recording.dispatches.push(DispatchText::of(recorded, &index));
            recording.writes.push(recorded.writes().collect());
            recording.add_kernel(recorded)?;
            let Passes { train, evaluate, explain } = &mut recording.passes;
            if plan.trains() && recorded.when.includes(true) {
                train.push(at);
            }
            if evaluates && recorded.when.includes(false) {
                evaluate.push(at);
            }
            if plan.trains() && recorded.when.includes(false) {
                explain.push(at);
            }
        }
        Ok(recording)
    }

    fn add_kernel(&mut self, recorded: &Recorded) -> Result<()> {
        let kernel = recorded.desc.kernel;
        if self.kernels.contains_key(kernel.name) {
            return Ok(());
        }
        let accesses = recorded.bindings.iter().map(|(_, access)| match access {
            Access::Uniform => "uniform",
            Access::Read => "read",
            Access::Write => "write",
        });
        let bindings = ["uniform"].into_iter().chain(accesses).collect();
        self.kernels.insert(
            kernel.name,
            KernelText { code: kernel.source_of(recorded.is_replicated)?, bindings },
        );
        Ok(())
    }

    /// Parameters as they lie in the buffer `roles.parameters`, up to the last one.
    pub fn padded(&self, parameters: &[f32]) -> Vec<f32> {
        let mut padded = Vec::new();
        let mut rest = parameters;
        for ParameterText { shape, start, .. } in &self.parameters {
            let (tensor, behind) = rest.split_at(shape.iter().product::<usize>().min(rest.len()));
            padded.resize(*start, 0.0);
            padded.extend(tensor);
            rest = behind;
        }
        padded
    }
}

impl BufferText {
    fn of(desc: &BufferDesc) -> Self {
        let zeros = desc.data.iter().rev().take_while(|word| **word == 0).count();
        Self {
            name: desc.name.clone(),
            bytes: allocated(desc.len as u64 * WORD),
            words: desc.data[..desc.data.len() - zeros].to_vec(),
        }
    }
}

impl DispatchText {
    fn of(recorded: &Recorded, index: &dyn Fn(BufferId) -> usize) -> Self {
        let binding = |(slice, access): &(super::memory::Slice, Access)| BindingText {
            buffer: index(slice.buffer),
            offset: slice.start * WORD,
            bytes: bound_bytes(slice.len, *access),
        };
        Self {
            kernel: recorded.desc.kernel.name,
            node: recorded.node.clone(),
            constants: recorded.desc.constants.iter().copied().collect(),
            bindings: recorded.bindings.iter().map(binding).collect(),
            groups: recorded.groups,
        }
    }
}
