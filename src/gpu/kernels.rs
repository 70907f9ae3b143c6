//! The shaders by name, and what they say of themselves: bindings and
//! workgroup sizes are read from the WGSL, not repeated here.

use wgpu::naga;

use crate::error::{Error, Result};

/// A compute kernel: a file of `shaders/` with entry `main`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kernel {
    /// The file's name without `.wgsl`; also the label in timings and the bench.
    pub name: &'static str,
    text: &'static str,
}

/// Appended to every kernel, so that error lines stay those of its file.
const STEP: &str = include_str!("../../shaders/shared/step.wgsl");

macro_rules! kernels {
    ($($constant:ident = $name:literal),* $(,)?) => {
        $(
            pub(super) const $constant: Kernel = Kernel {
                name: $name,
                text: include_str!(concat!("../../shaders/", $name, ".wgsl")),
            };
        )*
        /// All kernels.
        pub const ALL: &[Kernel] = &[$($constant),*];
    };
}

kernels! {
    BENCH_COPY = "bench_copy",
    BENCH_FMA = "bench_fma",
    CONCAT_BACKWARD_INPUT = "concat_backward_input",
    CONCAT_FORWARD = "concat_forward",
    CONV2D_BACKWARD_INPUT = "conv2d_backward_input",
    CONV2D_BACKWARD_WEIGHT = "conv2d_backward_weight",
    CONV2D_FORWARD = "conv2d_forward",
    DENSE_BACKWARD_INPUT = "dense_backward_input",
    DENSE_BACKWARD_WEIGHT = "dense_backward_weight",
    DENSE_FORWARD = "dense_forward",
    GATHER = "gather",
    MAX_POOL2D_BACKWARD_INPUT = "max_pool2d_backward_input",
    MAX_POOL2D_FORWARD = "max_pool2d_forward",
    PENALTY = "penalty",
    SGD_STEP = "sgd_step",
    SOFTMAX_BACKWARD_INPUT = "softmax_backward_input",
    SOFTMAX_FORWARD = "softmax_forward",
}

/// What a binding of a kernel takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A uniform.
    Uniform,
    /// Storage that is read.
    Read,
    /// Storage that is written, or read and written.
    Write,
}

/// What a kernel's text says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Access of bindings 0, 1, … of group 0.
    pub bindings: Vec<Access>,
    /// Invocations in a workgroup.
    pub workgroup_size: u32,
    /// Bytes of memory that a workgroup shares.
    pub workgroup_bytes: u32,
}

impl Kernel {
    /// Its file, for messages.
    pub fn file(&self) -> String {
        format!("shaders/{}.wgsl", self.name)
    }

    /// The whole text that is compiled.
    pub fn source(&self) -> String {
        format!("{}\n{STEP}", self.text)
    }

    /// Reads its bindings and its workgroup.
    ///
    /// # Errors
    /// If the text is no shader with an entry `main` and bindings 0, 1, … of group 0.
    pub fn interface(&self) -> Result<Interface> {
        let fail = |problem: String| Error::Shader { file: self.file(), problem };
        let module = naga::front::wgsl::parse_str(&self.source()).map_err(|e| {
            let source = self.source();
            let line = e.location(&source).map_or_else(String::new, |at| {
                format!("line {}, column {}: ", at.line_number, at.line_position)
            });
            fail(format!("{line}{e}"))
        })?;
        let entry = module.entry_points.iter().find(|entry| entry.name == "main");
        let entry = entry.ok_or_else(|| fail("expected an entry point main, found none".into()))?;
        let mut bindings: Vec<(u32, Access)> = Vec::new();
        let mut workgroup_bytes = 0;
        let sizes = module.to_ctx();
        for (_, variable) in module.global_variables.iter() {
            let access = match variable.space {
                naga::AddressSpace::Uniform => Access::Uniform,
                naga::AddressSpace::Storage { access } => {
                    match access.contains(naga::StorageAccess::STORE) {
                        true => Access::Write,
                        false => Access::Read,
                    }
                }
                naga::AddressSpace::WorkGroup => {
                    workgroup_bytes += module.types[variable.ty].inner.size(sizes);
                    continue;
                }
                _ => continue,
            };
            match &variable.binding {
                Some(binding) if binding.group == 0 => bindings.push((binding.binding, access)),
                _ => return Err(fail("expected all bindings in group 0".into())),
            }
        }
        bindings.sort_unstable_by_key(|(binding, _)| *binding);
        if bindings.iter().enumerate().any(|(i, (binding, _))| i as u32 != *binding) {
            return Err(fail("expected bindings 0, 1, 2, … of group 0".into()));
        }
        let bindings = bindings.into_iter().map(|(_, access)| access).collect();
        let workgroup_size = entry.workgroup_size.iter().product();
        Ok(Interface { bindings, workgroup_size, workgroup_bytes })
    }
}
