//! The kernels by name, their text with what it includes, and what the text declares: bindings,
//! overrides and workgroup sizes are read from the WGSL, not repeated here.

use wgpu::naga;

use super::replicate::replicated;
use crate::error::{Error, Result};
use crate::ops::gpu::Kernel;
use crate::ops::{
    activation, add, avg_pool2d, axis_to_channels, batch_norm, concat, conv2d, crop, dense,
    depthwise_conv2d, dropout, gather, max_pool2d, optimizer, penalty, sgd, softmax, std_pool2d,
};

/// The kernels that measure the device.
pub(super) mod bench {
    crate::ops::gpu::kernels! { "bench": COPY = "copy", FMA = "fma" }
}

/// The kernels of each folder of `shaders/`.
const FOLDERS: [&[Kernel]; 19] = [
    activation::gpu::KERNELS,
    add::gpu::KERNELS,
    avg_pool2d::gpu::KERNELS,
    axis_to_channels::gpu::KERNELS,
    batch_norm::gpu::KERNELS,
    bench::KERNELS,
    concat::gpu::KERNELS,
    conv2d::gpu::KERNELS,
    crop::gpu::KERNELS,
    dense::gpu::KERNELS,
    depthwise_conv2d::gpu::KERNELS,
    dropout::gpu::KERNELS,
    gather::gpu::KERNELS,
    max_pool2d::gpu::KERNELS,
    optimizer::gpu::KERNELS,
    penalty::gpu::KERNELS,
    sgd::gpu::KERNELS,
    softmax::gpu::KERNELS,
    std_pool2d::gpu::KERNELS,
];

/// All kernels.
pub const KERNELS: &[Kernel] = &all_kernels();

const fn count() -> usize {
    let (mut count, mut folder) = (0, 0);
    while folder < FOLDERS.len() {
        count += FOLDERS[folder].len();
        folder += 1;
    }
    count
}

const fn all_kernels() -> [Kernel; count()] {
    let mut all = [FOLDERS[0][0]; count()];
    let (mut at, mut folder) = (0, 0);
    while folder < FOLDERS.len() {
        let mut i = 0;
        while i < FOLDERS[folder].len() {
            all[at] = FOLDERS[folder][i];
            at += 1;
            i += 1;
        }
        folder += 1;
    }
    all
}

/// What a line begins with that includes files of `shaders/include/` by name, separated by commas.
const INCLUDE: &str = "//!include ";

/// The files of `shaders/include/` by name.
const INCLUDES: &[(&str, &str)] = &[
    ("activation", include_str!("../../shaders/include/activation.wgsl")),
    ("activation_functions", include_str!("../../shaders/include/activation_functions.wgsl")),
    ("augmentation", include_str!("../../shaders/include/augmentation.wgsl")),
    ("batch_norm", include_str!("../../shaders/include/batch_norm.wgsl")),
    ("batch_norm_moments", include_str!("../../shaders/include/batch_norm_moments.wgsl")),
    ("batch_norm_part_moments", include_str!("../../shaders/include/batch_norm_part_moments.wgsl")),
    ("batch_norm_stats", include_str!("../../shaders/include/batch_norm_stats.wgsl")),
    ("batch_norm_sums", include_str!("../../shaders/include/batch_norm_sums.wgsl")),
    ("chunk", include_str!("../../shaders/include/chunk.wgsl")),
    ("conv2d", include_str!("../../shaders/include/conv2d.wgsl")),
    ("conv2d_pooled", include_str!("../../shaders/include/conv2d_pooled.wgsl")),
    ("conv2d_staged", include_str!("../../shaders/include/conv2d_staged.wgsl")),
    ("conv2d_strides", include_str!("../../shaders/include/conv2d_strides.wgsl")),
    ("conv2d_tiled", include_str!("../../shaders/include/conv2d_tiled.wgsl")),
    ("dense_dropout", include_str!("../../shaders/include/dense_dropout.wgsl")),
    ("dropout", include_str!("../../shaders/include/dropout.wgsl")),
    ("input_gradient", include_str!("../../shaders/include/input_gradient.wgsl")),
    ("maximum", include_str!("../../shaders/include/maximum.wgsl")),
    ("optimizer", include_str!("../../shaders/include/optimizer.wgsl")),
    ("outer", include_str!("../../shaders/include/outer.wgsl")),
    ("pool2d", include_str!("../../shaders/include/pool2d.wgsl")),
    ("random", include_str!("../../shaders/include/random.wgsl")),
    ("softmax", include_str!("../../shaders/include/softmax.wgsl")),
    ("step", include_str!("../../shaders/include/step.wgsl")),
    ("update", include_str!("../../shaders/include/update.wgsl")),
    ("workgroup_sum", include_str!("../../shaders/include/workgroup_sum.wgsl")),
];

/// A file in the text that is compiled.
struct Section {
    file: String,
    text: &'static str,
}

impl Section {
    /// Lines that it has in the whole text, with the line break that ends it.
    fn lines(&self) -> usize {
        self.text.matches('\n').count() + 1
    }
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

/// What a kernel's text declares.
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
    /// Words of an element of each binding's array; 1 for an atomic, 0 for other values.
    pub element_words: Vec<u32>,
    /// Whether the text asks for the length of each binding's array.
    pub asks_length: Vec<bool>,
}

impl Kernel {
    /// Its file.
    pub fn file(&self) -> String {
        self.path.into()
    }

    /// The whole text that is compiled: the kernel's file, so that errors have its line numbers,
    /// then what it includes.
    ///
    /// # Errors
    /// If it includes a file that does not exist.
    pub fn source(&self) -> Result<String> {
        let texts: Vec<&str> = self.sections()?.iter().map(|section| section.text).collect();
        Ok(texts.join("\n"))
    }

    /// The text, or what it becomes for several replicas.
    ///
    /// # Errors
    /// As [`Kernel::source`], and if it cannot be replicated.
    pub(super) fn source_of(&self, is_replicated: bool) -> Result<String> {
        let source = self.source()?;
        if !is_replicated {
            return Ok(source);
        }
        replicated(&source, &self.parse(&source)?).map_err(|problem| self.fail(problem))
    }

    fn parse(&self, source: &str) -> Result<naga::Module> {
        naga::front::wgsl::parse_str(source)
            .map_err(|e| self.fail_at(e.location(source), &causes(&e)))
    }

    /// Its file and the included ones, each once.
    fn sections(&self) -> Result<Vec<Section>> {
        let mut sections = vec![Section { file: self.file(), text: self.text }];
        for (i, line) in self.text.lines().enumerate() {
            let Some(names) = line.strip_prefix(INCLUDE) else { continue };
            for name in names.split(',').map(str::trim) {
                let Some((_, text)) = INCLUDES.iter().find(|(known, _)| *known == name) else {
                    let file = format!("shaders/include/{name}.wgsl");
                    return Err(self.fail(format!("line {}: there is no {file}", i + 1)));
                };
                let file = format!("shaders/include/{name}.wgsl");
                if !sections.iter().any(|section| section.file == file) {
                    sections.push(Section { file, text });
                }
            }
        }
        Ok(sections)
    }

    fn fail(&self, problem: impl Into<String>) -> Error {
        Error::Shader { file: self.file(), problem: problem.into() }
    }

    /// A fault at a place of the whole text, in the file that has it.
    fn fail_at(&self, at: Option<naga::SourceLocation>, problem: &str) -> Error {
        let (Some(at), Ok(sections)) = (at, self.sections()) else { return self.fail(problem) };
        let mut line = at.line_number as usize;
        for section in sections {
            if line <= section.lines() {
                let problem = format!("line {line}, column {}: {problem}", at.line_position);
                return Error::Shader { file: section.file, problem };
            }
            line -= section.lines();
        }
        self.fail(problem)
    }

    /// Checks its text, and reads its bindings, its workgroup and its overrides.
    ///
    /// # Errors
    /// If the text is no valid shader with an entry `main` and bindings 0, 1, … of group 0.
    pub fn interface(&self) -> Result<Interface> {
        self.interface_of(false)
    }

    /// The same of the text for one, or for several replicas.
    ///
    /// # Errors
    /// As there, and if it cannot be replicated.
    pub(super) fn interface_of(&self, is_replicated: bool) -> Result<Interface> {
        let fail = |problem: &str| self.fail(problem);
        let source = self.source_of(is_replicated)?;
        let (module, _) = validated(&source).map_err(|(at, problem)| self.fail_at(at, &problem))?;
        let entry = module.entry_points.iter().find(|entry| entry.name == "main");
        let entry = entry.ok_or_else(|| fail("expected an entry point main, found none"))?;
        let mut bindings: Vec<(u32, Access, u32, bool)> = Vec::new();
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
            let words = match module.types[variable.ty].inner {
                naga::TypeInner::Array { stride, .. } => stride / 4,
                naga::TypeInner::Atomic(_) => 1,
                _ => 0,
            };
            let name = variable.name.as_deref().unwrap_or_default();
            let asks_length = source.contains(&format!("arrayLength(&{name})"));
            match &variable.binding {
                Some(binding) if binding.group == 0 => {
                    bindings.push((binding.binding, access, words, asks_length));
                }
                _ => return Err(fail("expected all bindings in group 0")),
            }
        }
        bindings.sort_unstable_by_key(|(binding, ..)| *binding);
        if bindings.iter().enumerate().any(|(i, (binding, ..))| i as u32 != *binding) {
            return Err(fail("expected bindings 0, 1, 2, … of group 0"));
        }
        let element_words = bindings.iter().map(|(_, _, words, _)| *words).collect();
        let asks_length = bindings.iter().map(|(.., asks)| *asks).collect();
        let bindings = bindings.into_iter().map(|(_, access, ..)| access).collect();
        let workgroup_size = entry.workgroup_size.iter().product();
        let overrides = module.overrides.iter().map(|(_, constant)| {
            (constant.name.clone().unwrap_or_default(), constant.init.is_none())
        });
        let overrides = overrides.collect();
        Ok(Interface {
            bindings,
            workgroup_size,
            workgroup_bytes,
            overrides,
            element_words,
            asks_length,
        })
    }

    /// Checks that each override is given a value, and nothing else is.
    pub(super) fn check(&self, interface: &Interface, constants: &[(&str, f64)]) -> Result<()> {
        let known = |name: &str| interface.overrides.iter().any(|(o, _)| o == name);
        if let Some((name, _)) = constants.iter().find(|(name, _)| !known(name)) {
            return Err(self.fail(format!("has no override {name}, which it is given a value for")));
        }
        let given = |name: &str| constants.iter().any(|(constant, _)| *constant == name);
        let missing = interface.overrides.iter().find(|(name, must)| *must && !given(name));
        let Some((name, _)) = missing else { return Ok(()) };
        let declaration = format!("override {name}:");
        let declares = |line: &str| line.trim_start().starts_with(&declaration);
        let problem = format!("override {name} is given no value");
        for section in self.sections()? {
            if let Some(i) = section.text.lines().position(declares) {
                let problem = format!("line {}: {problem}", i + 1);
                return Err(Error::Shader { file: section.file, problem });
            }
        }
        Err(self.fail(problem))
    }
}

/// A kernel's text as naga's statements and expressions, and what its validator found out; or a fault
/// and its place.
pub(super) fn validated(
    source: &str,
) -> Result<(naga::Module, naga::valid::ModuleInfo), (Option<naga::SourceLocation>, String)> {
    let module =
        naga::front::wgsl::parse_str(source).map_err(|e| (e.location(source), causes(&e)))?;
    let (flags, all) = (naga::valid::ValidationFlags::all(), naga::valid::Capabilities::all());
    let info = naga::valid::Validator::new(flags, all)
        .validate(&module)
        .map_err(|e| (e.location(source), causes(e.as_inner())))?;
    Ok((module, info))
}

/// An error and its causes in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gather::gpu::FORWARD as GATHER;

    const GOOD: &str = "let at = thread_index(group, local);";

    /// The kernel with another line in place of the good one.
    fn broken(line: &str) -> Kernel {
        let text = GATHER.text.replacen(GOOD, line, 1).leak();
        assert_ne!(text, GATHER.text);
        Kernel { text, ..GATHER }
    }

    #[test]
    fn a_broken_shader_is_reported_by_file_and_line() {
        let place = GATHER.text.lines().position(|line| line.contains(GOOD)).unwrap() + 1;
        let begin = format!("shaders/gather/forward.wgsl: line {place}, column ");
        for (line, told) in [
            ("let at = = 1u;", "expected expression"),
            ("let at: f32 = thread_index(group, local);", "f32"),
            ("let at = thread_index(nowhere);", "nowhere"),
            ("let at = thread_index(group, local); order[0] = at;", ""),
        ] {
            let said = broken(line).interface().unwrap_err().to_string();
            assert!(said.starts_with(&begin) && said.contains(told), "{line}\n{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }

    /// For every include of every kernel, the line that begins with its first declaration.
    #[test]
    fn an_error_in_an_included_file_is_reported_there() {
        for kernel in KERNELS {
            let source = kernel.source().unwrap();
            for (name, text) in INCLUDES {
                let Some(begin) = source.find(text) else { continue };
                for (i, _) in text.lines().enumerate() {
                    let at = naga::SourceLocation {
                        line_number: (source[..begin].matches('\n').count() + i + 1) as u32,
                        line_position: 1,
                        offset: 0,
                        length: 1,
                    };
                    let said = kernel.fail_at(Some(at), "wrong").to_string();
                    let file = format!("shaders/include/{name}.wgsl");
                    assert_eq!(said, format!("{file}: line {}, column 1: wrong", i + 1));
                }
            }
        }
    }

    #[test]
    fn every_included_file_is_used_and_an_unknown_one_is_refused() {
        for (name, _) in INCLUDES {
            let file = format!("shaders/include/{name}.wgsl");
            let includes =
                |kernel: &Kernel| kernel.sections().unwrap().iter().any(|s| s.file == file);
            assert!(KERNELS.iter().any(includes), "{file}");
        }
        let line = GATHER.text.lines().position(|line| line.starts_with(INCLUDE)).unwrap() + 1;
        let text = GATHER.text.replacen(INCLUDE, "//!include nosuch, ", 1).leak();
        let said = Kernel { text, ..GATHER }.interface().unwrap_err().to_string();
        assert_eq!(
            said,
            format!(
                "shaders/gather/forward.wgsl: line {line}: there is no shaders/include/nosuch.wgsl"
            )
        );
    }

    #[test]
    fn every_override_is_given_a_value_and_nothing_else_is() {
        let interface = GATHER.interface().unwrap();
        let all = [("kept", 1.0), ("len", 1.0), ("w", 1.0), ("c", 1.0)];
        GATHER.check(&interface, &all).unwrap();
        let said = |constants: &[_]| GATHER.check(&interface, constants).unwrap_err().to_string();
        let (_, included) = INCLUDES.iter().find(|(name, _)| *name == "augmentation").unwrap();
        let line = included.lines().position(|line| line == "override c: u32;").unwrap() + 1;
        let begin = format!("shaders/include/augmentation.wgsl: line {line}: override c is given");
        assert!(said(&all[..3]).starts_with(&begin), "{}", said(&all[..3]));
        let more = [&all[..], &[("nosuch", 1.0)]].concat();
        assert!(said(&more).starts_with("shaders/gather/forward.wgsl: has no override nosuch"));
    }
}
