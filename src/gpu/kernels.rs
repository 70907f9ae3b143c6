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
    AVG_POOL2D_BACKWARD_INPUT = "avg_pool2d_backward_input",
    AVG_POOL2D_FORWARD = "avg_pool2d_forward",
    AXIS_TO_CHANNELS_BACKWARD_INPUT = "axis_to_channels_backward_input",
    AXIS_TO_CHANNELS_FORWARD = "axis_to_channels_forward",
    BATCH_NORM_BACKWARD_INPUT = "batch_norm_backward_input",
    BATCH_NORM_BACKWARD_WEIGHT = "batch_norm_backward_weight",
    BATCH_NORM_FIGURES = "batch_norm_figures",
    BATCH_NORM_FORWARD = "batch_norm_forward",
    BATCH_NORM_MOMENTS = "batch_norm_moments",
    BATCH_NORM_MOMENTS_TILED = "batch_norm_moments_tiled",
    BATCH_NORM_POOL2D_BACKWARD_INPUT = "batch_norm_pool2d_backward_input",
    BATCH_NORM_POOL2D_BACKWARD_WEIGHT = "batch_norm_pool2d_backward_weight",
    BATCH_NORM_POOL2D_FORWARD = "batch_norm_pool2d_forward",
    BENCH_COPY = "bench_copy",
    BENCH_FMA = "bench_fma",
    CONCAT_BACKWARD_INPUT = "concat_backward_input",
    CONCAT_FORWARD = "concat_forward",
    CONV2D_BACKWARD_INPUT = "conv2d_backward_input",
    CONV2D_BACKWARD_INPUT_TILED = "conv2d_backward_input_tiled",
    CONV2D_BACKWARD_WEIGHT = "conv2d_backward_weight",
    CONV2D_BACKWARD_WEIGHT_TILED = "conv2d_backward_weight_tiled",
    CONV2D_FORWARD = "conv2d_forward",
    CONV2D_FORWARD_TILED = "conv2d_forward_tiled",
    CONV2D_MAX_POOL2D_BACKWARD_INPUT = "conv2d_max_pool2d_backward_input",
    CONV2D_MAX_POOL2D_BACKWARD_WEIGHT = "conv2d_max_pool2d_backward_weight",
    CONV2D_MAX_POOL2D_FORWARD = "conv2d_max_pool2d_forward",
    CROP_BACKWARD_INPUT = "crop_backward_input",
    CROP_FORWARD = "crop_forward",
    DENSE_BACKWARD_INPUT = "dense_backward_input",
    DENSE_BACKWARD_TILED = "dense_backward_tiled",
    DENSE_BACKWARD_WEIGHT = "dense_backward_weight",
    DENSE_FORWARD = "dense_forward",
    DENSE_FORWARD_TILED = "dense_forward_tiled",
    DROPOUT_BACKWARD_INPUT = "dropout_backward_input",
    DROPOUT_FORWARD = "dropout_forward",
    GATHER = "gather",
    GATHER_TILED = "gather_tiled",
    MAX_POOL2D_BACKWARD_INPUT = "max_pool2d_backward_input",
    MAX_POOL2D_BACKWARD_INPUT_TILED = "max_pool2d_backward_input_tiled",
    MAX_POOL2D_FORWARD = "max_pool2d_forward",
    PENALTY = "penalty",
    SGD_STEP = "sgd_step",
    SOFTMAX = "softmax",
    SUM_PARTS = "sum_parts",
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
    /// Its `override`s, and whether each must be given a value.
    pub overrides: Vec<(String, bool)>,
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

    fn fail(&self, problem: impl Into<String>) -> Error {
        Error::Shader { file: self.file(), problem: problem.into() }
    }

    /// A fault at a place of the whole text, in the file that the place is in.
    fn fail_at(&self, at: Option<naga::SourceLocation>, problem: &str) -> Error {
        let Some(at) = at else { return self.fail(problem) };
        let own = self.text.matches('\n').count() as u32 + 1;
        let (file, line) = match at.line_number.checked_sub(own) {
            None | Some(0) => (self.file(), at.line_number),
            Some(line) => ("shaders/shared/step.wgsl".into(), line),
        };
        let problem = format!("line {line}, column {}: {problem}", at.line_position);
        Error::Shader { file, problem }
    }

    /// Checks its text, and reads its bindings, its workgroup and its overrides.
    ///
    /// # Errors
    /// If the text is no valid shader with an entry `main` and bindings 0, 1, … of group 0.
    pub fn interface(&self) -> Result<Interface> {
        let fail = |problem: &str| self.fail(problem);
        let source = self.source();
        let module = naga::front::wgsl::parse_str(&source)
            .map_err(|e| self.fail_at(e.location(&source), &causes(&e)))?;
        let (flags, all) = (naga::valid::ValidationFlags::all(), naga::valid::Capabilities::all());
        naga::valid::Validator::new(flags, all)
            .validate(&module)
            .map_err(|e| self.fail_at(e.location(&source), &causes(e.as_inner())))?;
        let entry = module.entry_points.iter().find(|entry| entry.name == "main");
        let entry = entry.ok_or_else(|| fail("expected an entry point main, found none"))?;
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
                _ => return Err(fail("expected all bindings in group 0")),
            }
        }
        bindings.sort_unstable_by_key(|(binding, _)| *binding);
        if bindings.iter().enumerate().any(|(i, (binding, _))| i as u32 != *binding) {
            return Err(fail("expected bindings 0, 1, 2, … of group 0"));
        }
        let bindings = bindings.into_iter().map(|(_, access)| access).collect();
        let workgroup_size = entry.workgroup_size.iter().product();
        let overrides = module.overrides.iter().map(|(_, constant)| {
            (constant.name.clone().unwrap_or_default(), constant.init.is_none())
        });
        let overrides = overrides.collect();
        Ok(Interface { bindings, workgroup_size, workgroup_bytes, overrides })
    }

    /// Makes sure that it is given the values that it asks for, and no others.
    pub(super) fn check(&self, interface: &Interface, constants: &[(&str, f64)]) -> Result<()> {
        let known = |name: &str| interface.overrides.iter().any(|(o, _)| o == name);
        if let Some((name, _)) = constants.iter().find(|(name, _)| !known(name)) {
            return Err(self.fail(format!("has no override {name}, which it is given a value for")));
        }
        let given = |name: &str| constants.iter().any(|(constant, _)| *constant == name);
        let missing = interface.overrides.iter().find(|(name, must)| *must && !given(name));
        let Some((name, _)) = missing else { return Ok(()) };
        let declared = |line: &str| line.trim_start().starts_with(&format!("override {name}:"));
        let line = self.text.lines().position(declared).map_or(0, |i| i + 1);
        Err(self.fail(format!("line {line}: override {name} is given no value")))
    }
}

/// An error and what lies behind it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "let at = linear(group, groups, local);";

    /// What is said of the kernel with another line in place of the good one.
    fn broken(line: &str) -> String {
        let text = GATHER.text.replacen(GOOD, line, 1).leak();
        assert_ne!(text, GATHER.text);
        let kernel = Kernel { text, ..GATHER };
        kernel.interface().unwrap_err().to_string()
    }

    #[test]
    fn a_broken_shader_is_told_by_file_and_line() {
        let place = GATHER.text.lines().position(|line| line.contains(GOOD)).unwrap() + 1;
        let begin = format!("shaders/gather.wgsl: line {place}, column ");
        for (line, told) in [
            ("let at = = 1u;", "expected expression"),
            ("let at: f32 = linear(group, groups, local);", "f32"),
            ("let at = linear(group, groups, nowhere);", "nowhere"),
            ("let at = linear(group, groups, local); order[0] = at;", ""),
        ] {
            let said = broken(line);
            assert!(said.starts_with(&begin) && said.contains(told), "{line}\n{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }

    #[test]
    fn a_fault_in_the_shared_part_is_told_there() {
        let at = GATHER.source().lines().position(|line| line.starts_with("struct Step")).unwrap();
        let at = naga::SourceLocation {
            line_number: at as u32 + 1,
            line_position: 1,
            offset: 0,
            length: 1,
        };
        let line = STEP.lines().position(|line| line.starts_with("struct Step")).unwrap() + 1;
        let said = GATHER.fail_at(Some(at), "wrong").to_string();
        assert_eq!(said, format!("shaders/shared/step.wgsl: line {line}, column 1: wrong"));
    }

    #[test]
    fn overrides_are_given_all_and_no_others() {
        let interface = GATHER.interface().unwrap();
        let all = [("len", 1.0), ("w", 1.0), ("c", 1.0), ("start", 0.0), ("count", 1.0)];
        GATHER.check(&interface, &all).unwrap();
        let line = GATHER.text.lines().position(|line| line == "override count: u32;").unwrap() + 1;
        let said = |constants: &[_]| GATHER.check(&interface, constants).unwrap_err().to_string();
        let begin = format!("shaders/gather.wgsl: line {line}: override count");
        assert!(said(&all[..4]).starts_with(&begin), "{}", said(&all[..4]));
        let more = [&all[..], &[("nosuch", 1.0)]].concat();
        assert!(said(&more).starts_with("shaders/gather.wgsl: has no override nosuch"));
    }
}
