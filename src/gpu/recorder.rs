//! Turns "this kernel, these extents, these buffers" into a dispatch that is
//! bound once and replayed at every step.

use std::collections::HashMap;
use std::num::NonZeroU64;

use super::context::Context;
use super::kernels::{Access, Interface, Kernel};
use super::memory::{Slice, UNIFORM_BYTES, WORD};
use crate::error::Result;
use crate::measure::Work;

/// Bytes of `Step` in shaders/shared/step.wgsl, rounded up.
pub(super) const STEP_BYTES: u64 = 48;

/// How many invocations or groups a kernel needs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Grid {
    /// So many invocations, in groups as large as the kernel says.
    Threads(usize),
    /// So many invocations for each of so many layers (the groups' z).
    Layers(usize, usize),
    /// So many groups.
    Groups(usize),
}

/// A kernel with its extents, its buffers and its grid.
#[derive(Debug)]
pub(super) struct Dispatch {
    pub(super) kernel: Kernel,
    /// The node that it works for.
    pub(super) node: String,
    pub(super) work: Work,
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    groups: [u32; 3],
}

impl Dispatch {
    /// Adds itself to a pass, for the step at `offset` of the buffer of steps.
    pub(super) fn encode(&self, pass: &mut wgpu::ComputePass<'_>, offset: u32) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[offset]);
        pass.dispatch_workgroups(self.groups[0], self.groups[1], self.groups[2]);
    }
}

/// What is to be recorded.
pub(super) struct Call<'a> {
    pub(super) kernel: Kernel,
    pub(super) node: &'a str,
    /// Values of the kernel's `override`s.
    pub(super) constants: &'a [(&'a str, f64)],
    /// Bindings 1, 2, …: what is read, then what is written.
    pub(super) buffers: &'a [Slice],
    pub(super) grid: Grid,
    /// Multiplications and additions.
    pub(super) flop: usize,
}

/// Compiles kernels and binds buffers. Kernels with equal extents are compiled once.
#[derive(Debug)]
pub(super) struct Recorder {
    interfaces: HashMap<&'static str, (Interface, wgpu::ShaderModule, wgpu::BindGroupLayout)>,
    /// By kernel and the bits of its constants.
    pipelines: HashMap<(&'static str, Vec<u64>), wgpu::ComputePipeline>,
    steps: wgpu::Buffer,
}

impl Recorder {
    /// `steps` is the buffer of steps that every kernel reads its own from.
    pub(super) fn new(steps: wgpu::Buffer) -> Self {
        Self { interfaces: HashMap::new(), pipelines: HashMap::new(), steps }
    }

    pub(super) fn record(&mut self, context: &Context, call: &Call<'_>) -> Result<Dispatch> {
        let kernel = call.kernel;
        if !self.interfaces.contains_key(kernel.name) {
            self.interfaces.insert(kernel.name, load(context, kernel)?);
        }
        let (interface, module, layout) = &self.interfaces[kernel.name];
        let key = (kernel.name, call.constants.iter().map(|(_, value)| value.to_bits()).collect());
        if !self.pipelines.contains_key(&key) {
            kernel.check(interface, call.constants)?;
            let pipeline = compile(context, kernel, call.constants, module, layout)?;
            self.pipelines.insert(key.clone(), pipeline);
        }
        let what = format!("node \"{}\", {}", call.node, kernel.file());
        let bindings = self.bind(context, &what, interface, layout, call.buffers)?;
        let size = interface.workgroup_size as usize;
        let (groups, z) = match call.grid {
            Grid::Threads(threads) => (threads.div_ceil(size), 1),
            Grid::Layers(threads, layers) => (threads.div_ceil(size), layers),
            Grid::Groups(groups) => (groups, 1),
        };
        let most = context.limits.max_compute_workgroups_per_dimension as usize;
        let (x, y) = (groups.clamp(1, most), groups.max(1).div_ceil(most));
        if y > most || z > most {
            return Err(context.fault(format!(
                "{what}: {groups} x {z} workgroups are more than {most} by {most} by {most}; try a \
                 smaller --batch-size"
            )));
        }
        let bytes = call.buffers.iter().map(|slice| slice.touched * WORD).sum();
        Ok(Dispatch {
            kernel,
            node: call.node.into(),
            work: Work { flop: call.flop as u64, bytes },
            pipeline: self.pipelines[&key].clone(),
            bindings,
            groups: [x as u32, y as u32, z as u32],
        })
    }

    fn bind(
        &self,
        context: &Context,
        what: &str,
        interface: &Interface,
        layout: &wgpu::BindGroupLayout,
        buffers: &[Slice],
    ) -> Result<wgpu::BindGroup> {
        let step = wgpu::BufferBinding {
            buffer: &self.steps,
            offset: 0,
            size: NonZeroU64::new(STEP_BYTES),
        };
        let mut entries = vec![wgpu::BindGroupEntry {
            binding: 0,
            resource: wgpu::BindingResource::Buffer(step),
        }];
        for (i, slice) in buffers.iter().enumerate() {
            let bytes = match interface.bindings.get(i + 1) {
                Some(Access::Uniform) => UNIFORM_BYTES,
                _ => slice.len * WORD,
            };
            entries.push(wgpu::BindGroupEntry {
                binding: i as u32 + 1,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &slice.buffer,
                    offset: slice.start * WORD,
                    size: NonZeroU64::new(bytes),
                }),
            });
        }
        context.count_allocation();
        context.scoped(what, || {
            let descriptor =
                wgpu::BindGroupDescriptor { label: Some(what), layout, entries: &entries };
            context.device.create_bind_group(&descriptor)
        })
    }
}

/// Compiles a kernel's text as far as it goes without extents.
fn load(
    context: &Context,
    kernel: Kernel,
) -> Result<(Interface, wgpu::ShaderModule, wgpu::BindGroupLayout)> {
    let interface = kernel.interface()?;
    let entries: Vec<_> = (interface.bindings.iter().enumerate())
        .map(|(i, access)| wgpu::BindGroupLayoutEntry {
            binding: i as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: match access {
                    Access::Uniform => wgpu::BufferBindingType::Uniform,
                    Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
                    Access::Write => wgpu::BufferBindingType::Storage { read_only: false },
                },
                // The step at hand is chosen when the dispatch is encoded.
                has_dynamic_offset: i == 0,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    context.scoped(&kernel.file(), || {
        let module = context.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(kernel.name),
            source: wgpu::ShaderSource::Wgsl(kernel.source().into()),
        });
        let descriptor =
            wgpu::BindGroupLayoutDescriptor { label: Some(kernel.name), entries: &entries };
        (interface, module, context.device.create_bind_group_layout(&descriptor))
    })
}

fn compile(
    context: &Context,
    kernel: Kernel,
    constants: &[(&str, f64)],
    module: &wgpu::ShaderModule,
    layout: &wgpu::BindGroupLayout,
) -> Result<wgpu::ComputePipeline> {
    context.count_allocation();
    context.scoped(&kernel.file(), || {
        let layout = context.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(kernel.name),
            bind_group_layouts: &[Some(layout)],
            ..wgpu::PipelineLayoutDescriptor::default()
        });
        context.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.name),
            layout: Some(&layout),
            module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants,
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        })
    })
}
