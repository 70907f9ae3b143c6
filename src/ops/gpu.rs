//! Dispatches of the GPU as plain values: which kernel runs with which constants on which buffers.
//! An operation's `gpu.rs` makes them from its extents and a [`NodeContext`]; [`crate::gpu`]
//! compiles, binds and replays them. Nothing here names a graphics library.

use super::Gradient;
use crate::graph::{NodeId, Role};

/// A compute kernel: a file `shaders/<folder>/<file>.wgsl` with the entry point `main`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kernel {
    /// `<folder>_<file>`: the label in timings and measurements.
    pub name: &'static str,
    /// The file's path.
    pub(crate) path: &'static str,
    /// The file's text, without what it includes.
    pub(crate) text: &'static str,
}

/// Declares the kernels of one folder of `shaders/` and the list of all of them.
macro_rules! kernels {
    ($folder:literal: $($constant:ident = $file:literal),+ $(,)?) => {
        $(
            pub(crate) const $constant: $crate::ops::gpu::Kernel = $crate::ops::gpu::Kernel {
                name: concat!($folder, "_", $file),
                path: concat!("shaders/", $folder, "/", $file, ".wgsl"),
                text: include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"), "/shaders/", $folder, "/", $file, ".wgsl"
                )),
            };
        )+
        /// All kernels of this folder.
        pub(crate) const KERNELS: &[$crate::ops::gpu::Kernel] = &[$($constant),+];
    };
}
pub(crate) use kernels;

/// Elements that a uniform binding has on every device (65,536 bytes).
pub const UNIFORM_ELEMENTS: usize = 16_384;

/// Which kernels compute an operation. Where one does not fit a shape, the kernel of the variant
/// before it computes that node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KernelVariant {
    /// One thread for each element of the result.
    Plain,
    /// Tiles in registers; every tensor of the graph is materialised.
    Tiled,
    /// As tiled, but a convolution and the 2×2 max-pooling that alone reads it are one pass, and
    /// so are a batch norm and the poolings that alone read it; the tensor in between is never
    /// written.
    #[default]
    Fused,
    /// As fused, with the convolution's gradients summed over the pooling's argmax only.
    Sparse,
}

impl KernelVariant {
    /// All of them, simplest first.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Tiled, Self::Fused, Self::Sparse];

    /// Its name on the command line and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tiled => "tiled",
            Self::Fused => "fused",
            Self::Sparse => "sparse",
        }
    }
}

/// How much of a convolution one thread of the tiled kernels owns, and whether its workgroup stages
/// what it reads. A wide tile loads less for each product, a narrow one leaves registers and work for
/// more threads. Results are equal but for the order of sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileConfig {
    /// Fastest on llvmpipe (docs/performance.md).
    Wide,
    /// Staged in workgroup memory, for hardware, whose thousands of lanes a small batch must fill.
    Narrow,
    /// The same with fewer sums, for GPUs in processors, whose threads have 64 to 128 registers: a
    /// larger tile spills.
    Small,
}

impl TileConfig {
    /// All of them, widest first.
    pub const ALL: [Self; 3] = [Self::Wide, Self::Narrow, Self::Small];

    /// Its name on the command line and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
            Self::Small => "small",
        }
    }

    /// One of three values.
    pub(crate) fn choose(self, wide: usize, narrow: usize, small: usize) -> usize {
        match self {
            Self::Wide => wide,
            Self::Narrow => narrow,
            Self::Small => small,
        }
    }
}

/// A buffer by its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Buffer {
    /// A node's output.
    Value(NodeId),
    /// The gradient of the loss at a node's output; before the activation if it ends in a ReLU.
    Gradient(NodeId),
    /// Indices of the maxima of a max-pooling.
    Argmax(NodeId),
    /// Mean, inverse standard deviation, scale and shift of a batch norm's channels.
    BatchStats(NodeId),
    /// Mean and squares of the parts of a batch norm's input, see [`super::split_k`].
    Moments(NodeId),
    /// Partial sums of the gradients of a node's parameters.
    PartialSums(NodeId),
    /// The partial sums of all nodes, which the optimiser reduces.
    AllPartialSums,
    /// A parameter tensor.
    Parameter(NodeId, Role),
    /// The gradient of a parameter tensor.
    ParameterGradient(NodeId, Role),
    /// All parameters of a node in one binding: the second begins [`NodeContext::tensor_stride`]
    /// elements after the first, and those of a batch norm are equally far apart.
    NodeParameters(NodeId),
    /// The gradients of all parameters of a node, which lie as these do.
    NodeParameterGradients(NodeId),
    /// Logits, their gradient and the probabilities of a softmax in one binding, then input of the
    /// last dense layer and its gradient, see `softmax::gpu::input_places`. Without such a layer the
    /// probabilities alone, where [`Buffer::ClassWeights`] lie behind them.
    LossTensors(NodeId),
    /// The weights of classes, if the loss has any: behind what [`Buffer::LossTensors`] has for a step.
    ClassWeights,
    /// All parameters.
    AllParameters,
    /// The gradients of all parameters.
    AllParameterGradients,
    /// The optimiser's velocity.
    Velocity,
    /// Adam's first moments of all parameters, then its second ones.
    AdamMoments,
    /// Sums of the squares of the gradients of each chunk of [`Buffer::UpdateChunks`].
    ChunkSquares,
    /// Number of the call's first step after which a weight is not finite.
    FirstNotFinite,
    /// What each workgroup of the optimiser and of the penalty does.
    UpdateChunks,
    /// Indices of samples, batch after batch.
    Order,
    /// Augmentations of the samples in that order.
    Augmentations,
    /// Labels of the data set.
    Labels,
    /// A part of the data set's samples.
    Samples(usize),
    /// First sample and number of samples of that part.
    SampleRange(usize),
    /// Probabilities by place in the order.
    Probabilities,
    /// Loss and number of correct predictions of each step.
    StepMetrics,
    /// Shares of the penalty of each step.
    Penalties,
    /// No buffer: the kernel reads and writes nothing there.
    Unused,
}

impl Buffer {
    /// A binding with the number of elements that a dispatch reads plus writes.
    pub(crate) fn with_traffic(self, elements: usize) -> Binding {
        Binding { buffer: self, elements }
    }

    /// A binding without traffic.
    pub(crate) fn untouched(self) -> Binding {
        self.with_traffic(0)
    }
}

/// A buffer that a dispatch binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The buffer.
    pub buffer: Buffer,
    /// Elements read and written: those that are read and written back count twice.
    pub elements: usize,
}

/// How many threads or workgroups a kernel needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grid {
    /// Threads, in workgroups of the kernel's size.
    Threads(usize),
    /// Threads for each of a number of layers (z of the workgroup).
    Layers(usize, usize),
    /// Workgroups.
    Groups(usize),
}

/// One dispatch.
#[derive(Debug, Clone, PartialEq)]
pub struct DispatchDesc {
    /// The kernel.
    pub kernel: Kernel,
    /// Values of the kernel's `override`s.
    pub constants: Vec<(&'static str, f64)>,
    /// Bindings 1, 2, …: what is read, then what is written.
    pub bindings: Vec<Binding>,
    /// Its size.
    pub grid: Grid,
    /// Multiplications and additions.
    pub flop: usize,
}

/// Extents and switches as constants of a kernel.
pub(crate) fn constants<const N: usize>(
    values: [(&'static str, usize); N],
) -> Vec<(&'static str, f64)> {
    values.into_iter().map(|(name, value)| (name, value as f64)).collect()
}

/// A switch as a constant of a kernel.
pub(crate) fn switch(name: &'static str, on: bool) -> (&'static str, f64) {
    (name, f64::from(u8::from(on)))
}

/// What a plan knows of one node, as values.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeContext {
    /// The node.
    pub id: NodeId,
    /// Its inputs.
    pub inputs: Vec<InputContext>,
    /// Most samples in a step.
    pub batch: usize,
    /// Which kernels to use.
    pub variant: KernelVariant,
    /// Tiles of the tiled kernels.
    pub tiles: TileConfig,
    /// Elements from the first of the node's first parameter tensor to the first of its second.
    pub tensor_stride: usize,
}

/// An input of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputContext {
    /// The node that is read.
    pub id: NodeId,
    /// What backward does with its gradient.
    pub gradient: Gradient,
    /// Whether it ends in a ReLU, whose derivative its readers apply to its gradient.
    pub relu: bool,
    /// Number of its buffer: inputs with equal numbers share one.
    pub slot: usize,
}

/// An input's gradient, as a backward kernel writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InputGradient {
    /// The node that is read.
    pub(crate) id: NodeId,
    /// Add to what another reader wrote.
    pub(crate) add: bool,
    /// Multiply by the derivative of the ReLU that the input ends in.
    pub(crate) mask: bool,
}

impl InputGradient {
    /// Both switches as constants.
    pub(crate) fn switches(self) -> [(&'static str, f64); 2] {
        [switch("mask", self.mask), switch("add", self.add)]
    }

    /// The gradient's binding.
    pub(crate) fn dx(self, elements: usize) -> Binding {
        Buffer::Gradient(self.id).with_traffic(if self.add { 2 * elements } else { elements })
    }

    /// A binding of `buffer`, which is read for the mask only.
    pub(crate) fn masked_by(self, buffer: Buffer, elements: usize) -> Binding {
        buffer.with_traffic(if self.mask { elements } else { 0 })
    }
}

impl NodeContext {
    /// The value of an input.
    pub(crate) fn x(&self, input: usize) -> Buffer {
        self.inputs.get(input).map_or(Buffer::Unused, |input| Buffer::Value(input.id))
    }

    /// The node's output.
    pub(crate) fn y(&self) -> Buffer {
        Buffer::Value(self.id)
    }

    /// The gradient at the node's output.
    pub(crate) fn dy(&self) -> Buffer {
        Buffer::Gradient(self.id)
    }

    /// The gradient of an input, if backward computes it.
    pub(crate) fn input_gradient(&self, input: usize) -> Option<InputGradient> {
        let InputContext { id, gradient, relu, .. } = *self.inputs.get(input)?;
        match gradient {
            Gradient::Skip => None,
            Gradient::Set => Some(InputGradient { id, add: false, mask: relu }),
            Gradient::Add => Some(InputGradient { id, add: true, mask: relu }),
        }
    }

    /// A parameter of the node, or nothing if it does not have one.
    pub(crate) fn parameter(&self, role: Role, exists: bool) -> Buffer {
        if exists { Buffer::Parameter(self.id, role) } else { Buffer::Unused }
    }

    /// Its gradient.
    pub(crate) fn parameter_gradient(&self, role: Role, exists: bool) -> Buffer {
        if exists { Buffer::ParameterGradient(self.id, role) } else { Buffer::Unused }
    }
}
