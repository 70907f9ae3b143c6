//! Makes of a recorded dispatch one that is compiled and bound once and replayed at every step.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;
use std::time::Instant;

use super::context::Context;
use super::kernels::Access;
use super::memory::{BufferId, UNIFORM_BYTES, WORD};
use super::recording::Recorded;
use super::step::step_bytes;
use crate::error::Result;
use crate::ops::gpu::Kernel;

/// A dispatch with its pipeline and its buffers.
#[derive(Debug)]
pub(super) struct Dispatch {
    pub(super) recorded: Recorded,
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
}

impl Dispatch {
    /// Adds itself to a pass, for the step at `offset` of the buffer of steps.
    pub(super) fn encode(&self, pass: &mut wgpu::ComputePass<'_>, offset: u32) {
        let [x, y, z] = self.recorded.groups;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[offset]);
        pass.dispatch_workgroups(x, y, z);
    }
}

/// Compiles kernels and binds buffers. Kernels with equal constants are compiled once.
#[derive(Debug)]
pub(super) struct Recorder {
    /// By kernel, and whether it computes several replicas.
    modules: HashMap<(&'static str, bool), (wgpu::ShaderModule, wgpu::BindGroupLayout)>,
    /// The same with the bits of its constants, which depend on the plan only.
    pipelines: HashMap<(&'static str, bool, Vec<u64>), wgpu::ComputePipeline>,
    /// Seconds that compiling took, by kernel.
    compile_seconds: BTreeMap<&'static str, f64>,
    steps: wgpu::Buffer,
}

/// Finds the buffers of a recording.
pub(super) type Find<'a> = dyn Fn(BufferId) -> &'a wgpu::Buffer + 'a;

impl Recorder {
    /// `steps` is the buffer of steps that every kernel reads its own from.
    pub(super) fn new(steps: wgpu::Buffer) -> Self {
        Self {
            modules: HashMap::new(),
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

    /// Compiles and binds some dispatches.
    pub(super) fn realise<'a>(
        &mut self,
        context: &Context,
        recorded: &[Recorded],
        find: &Find<'a>,
    ) -> Result<Vec<Dispatch>> {
        recorded.iter().map(|recorded| self.dispatch(context, recorded, find)).collect()
    }

    /// Compiles and binds a dispatch.
    pub(super) fn dispatch<'a>(
        &mut self,
        context: &Context,
        recorded: &Recorded,
        find: &Find<'a>,
    ) -> Result<Dispatch> {
        let (kernel, constants) = (recorded.kernel(), &recorded.desc.constants);
        let of_text = (kernel.name, recorded.is_replicated);
        if let Entry::Vacant(entry) = self.modules.entry(of_text) {
            entry.insert(load(context, recorded)?);
        }
        let (module, layout) = &self.modules[&of_text];
        let constants_bits = constants.iter().map(|(_, value)| value.to_bits()).collect();
        let key = (of_text.0, of_text.1, constants_bits);
        if !self.pipelines.contains_key(&key) {
            let begin = Instant::now();
            let pipeline = compile(context, kernel, constants, module, layout)?;
            *self.compile_seconds.entry(kernel.name).or_default() += begin.elapsed().as_secs_f64();
            self.pipelines.insert(key.clone(), pipeline);
        }
        let bindings = self.bind(context, recorded, layout, find)?;
        let pipeline = self.pipelines[&key].clone();
        Ok(Dispatch { recorded: recorded.clone(), pipeline, bindings })
    }

    fn bind<'a>(
        &self,
        context: &Context,
        recorded: &Recorded,
        layout: &wgpu::BindGroupLayout,
        find: &Find<'a>,
    ) -> Result<wgpu::BindGroup> {
        let step = wgpu::BufferBinding {
            buffer: &self.steps,
            offset: 0,
            size: NonZeroU64::new(step_bytes(recorded.is_replicated)),
        };
        let mut entries = vec![wgpu::BindGroupEntry {
            binding: 0,
            resource: wgpu::BindingResource::Buffer(step),
        }];
        for (i, (slice, access)) in recorded.bindings.iter().enumerate() {
            entries.push(wgpu::BindGroupEntry {
                binding: i as u32 + 1,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: find(slice.buffer),
                    offset: slice.start * WORD,
                    size: NonZeroU64::new(bound_bytes(slice.len, *access)),
                }),
            });
        }
        let what = format!("node \"{}\", {}", recorded.node, recorded.kernel().file());
        context.count_allocation();
        context.scoped(&what, || {
            let descriptor =
                wgpu::BindGroupDescriptor { label: Some(&what), layout, entries: &entries };
            context.device.create_bind_group(&descriptor)
        })
    }
}

/// Bytes that a binding of `len` elements takes: a uniform takes as many as any may.
pub(super) fn bound_bytes(len: u64, access: Access) -> u64 {
    match access {
        Access::Uniform => UNIFORM_BYTES,
        Access::Read | Access::Write => len * WORD,
    }
}

/// Compiles a kernel's text as far as that is possible without its constants.
fn load(
    context: &Context,
    recorded: &Recorded,
) -> Result<(wgpu::ShaderModule, wgpu::BindGroupLayout)> {
    let kernel = recorded.kernel();
    let source = kernel.source_of(recorded.is_replicated)?;
    // The step is binding 0.
    let bindings = recorded.bindings.iter().map(|(_, access)| *access);
    let bindings: Vec<Access> = [Access::Uniform].into_iter().chain(bindings).collect();
    let entries: Vec<_> = (bindings.iter().enumerate())
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
        (module, context.device.create_bind_group_layout(&descriptor))
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
