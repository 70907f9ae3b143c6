//! Turns a [`DispatchDesc`] into a dispatch that is bound once and replayed at every step.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;
use std::time::Instant;

use super::context::Context;
use super::dispatches::is_training_only;
use super::kernels::{Access, Interface};
use super::memory::{Buffers, Slice, UNIFORM_BYTES, WORD};
use super::step::STEP_BYTES;
use crate::error::Result;
use crate::measure::Work;
use crate::ops::gpu::{Buffer, DispatchDesc, Grid, Kernel};

/// A kernel with its constants, its buffers and its grid.
#[derive(Debug)]
pub(super) struct Dispatch {
    pub(super) kernel: Kernel,
    /// The node that it computes.
    pub(super) node: String,
    pub(super) work: Work,
    /// Whether only the optimiser reads what it computes.
    pub(super) training_only: bool,
    /// The buffers that it writes.
    pub(super) writes: Vec<Buffer>,
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

/// Compiles kernels and binds buffers. Kernels with equal constants are compiled once.
#[derive(Debug)]
pub(super) struct Recorder {
    interfaces: HashMap<&'static str, (Interface, wgpu::ShaderModule, wgpu::BindGroupLayout)>,
    /// By kernel and the bits of its constants, which depend on the plan only.
    pipelines: HashMap<(&'static str, Vec<u64>), wgpu::ComputePipeline>,
    /// Seconds that compiling took, by kernel.
    compile_seconds: BTreeMap<&'static str, f64>,
    steps: wgpu::Buffer,
}

impl Recorder {
    /// `steps` is the buffer of steps that every kernel reads its own from.
    pub(super) fn new(steps: wgpu::Buffer) -> Self {
        Self {
            interfaces: HashMap::new(),
            pipelines: HashMap::new(),
            compile_seconds: BTreeMap::new(),
            steps,
        }
    }

    /// Number of pipelines compiled.
    pub(super) fn pipelines(&self) -> usize {
        self.pipelines.len()
    }

    /// Seconds that compiling took, by kernel. Some drivers compile at the first dispatch.
    pub(super) fn compile_seconds(&self) -> &BTreeMap<&'static str, f64> {
        &self.compile_seconds
    }

    /// Compiles and binds a dispatch for the node of that name.
    pub(super) fn record(
        &mut self,
        context: &Context,
        node: &str,
        desc: &DispatchDesc,
        buffers: &dyn Buffers,
    ) -> Result<Dispatch> {
        let kernel = desc.kernel;
        if !self.interfaces.contains_key(kernel.name) {
            self.interfaces.insert(kernel.name, load(context, kernel)?);
        }
        let (interface, module, layout) = &self.interfaces[kernel.name];
        let key = (kernel.name, desc.constants.iter().map(|(_, value)| value.to_bits()).collect());
        if !self.pipelines.contains_key(&key) {
            kernel.check(interface, &desc.constants)?;
            let begin = Instant::now();
            let pipeline = compile(context, kernel, &desc.constants, module, layout)?;
            *self.compile_seconds.entry(kernel.name).or_default() += begin.elapsed().as_secs_f64();
            self.pipelines.insert(key.clone(), pipeline);
        }
        let what = format!("node \"{node}\", {}", kernel.file());
        let bindings = self.bind(context, &what, desc, buffers)?;
        let written = desc.bindings.iter().zip(interface.bindings.iter().skip(1));
        let written = written.filter(|(_, access)| **access == Access::Write);
        let elements: usize = desc.bindings.iter().map(|binding| binding.elements).sum();
        Ok(Dispatch {
            kernel,
            node: node.into(),
            training_only: is_training_only(kernel),
            writes: written.map(|(binding, _)| binding.buffer).collect(),
            work: Work { flop: desc.flop as u64, bytes: elements as u64 * WORD },
            pipeline: self.pipelines[&key].clone(),
            bindings,
            groups: groups(context, &what, desc.grid, interface.workgroup_size as usize)?,
        })
    }

    fn bind(
        &self,
        context: &Context,
        what: &str,
        desc: &DispatchDesc,
        buffers: &dyn Buffers,
    ) -> Result<wgpu::BindGroup> {
        let (interface, _, layout) = &self.interfaces[desc.kernel.name];
        let access = |i: usize| interface.bindings.get(i + 1).copied().unwrap_or(Access::Read);
        let slices: Vec<Slice> = (desc.bindings.iter().enumerate())
            .map(|(i, binding)| {
                buffers.slice(binding.buffer, access(i)).ok_or_else(|| {
                    context.fault(format!("{what}: {:?} has no buffer", binding.buffer))
                })
            })
            .collect::<Result<_>>()?;
        let step = wgpu::BufferBinding {
            buffer: &self.steps,
            offset: 0,
            size: NonZeroU64::new(STEP_BYTES),
        };
        let mut entries = vec![wgpu::BindGroupEntry {
            binding: 0,
            resource: wgpu::BindingResource::Buffer(step),
        }];
        for (i, slice) in slices.iter().enumerate() {
            let bytes = match access(i) {
                Access::Uniform => UNIFORM_BYTES,
                Access::Read | Access::Write => slice.len * WORD,
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

/// The workgroups of a grid: more than a dimension may have are folded over y.
fn groups(context: &Context, what: &str, grid: Grid, workgroup_size: usize) -> Result<[u32; 3]> {
    let (groups, z) = match grid {
        Grid::Threads(threads) => (threads.div_ceil(workgroup_size), 1),
        Grid::Layers(threads, layers) => (threads.div_ceil(workgroup_size), layers),
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
    Ok([x as u32, y as u32, z as u32])
}

/// Compiles a kernel's text as far as that is possible without its constants.
fn load(
    context: &Context,
    kernel: Kernel,
) -> Result<(Interface, wgpu::ShaderModule, wgpu::BindGroupLayout)> {
    let interface = kernel.interface()?;
    let source = kernel.source()?;
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
                // The step is chosen when the dispatch is encoded.
                has_dynamic_offset: i == 0,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    context.scoped(&kernel.file(), || {
        let module = context.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(kernel.name),
            source: wgpu::ShaderSource::Wgsl(source.into()),
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
