//! The text of a kernel that computes several runs at once, made of the text for one. The z of a
//! workgroup counts replicas, and within each the layers of its grid; in every buffer, replica r
//! begins r strides behind the first. Lines stay where they are, so that errors name them.
//!
//! ```wgsl
//! y[at] = b[k];        // becomes
//! y[replica * stride_3 + (at)] = b[replica * stride_2 + (k)];
//! ```

use wgpu::naga;

/// Most replicas: a step has a seed of dropout for each.
pub(super) const MOST: usize = 64;
/// Layers of the grid of one replica: an `override` of every replicated kernel.
pub(super) const LAYERS: &str = "layers_of_replica";
/// Elements from a replica to the next, by binding; 0 where all replicas share the buffer.
pub(super) const STRIDES: [&str; 10] = [
    "stride_0", "stride_1", "stride_2", "stride_3", "stride_4", "stride_5", "stride_6", "stride_7",
    "stride_8", "stride_9",
];

/// What a binding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Array,
    /// A single atomic, of which each replica has one.
    Atomic,
    /// A single value, which replicas share.
    Value,
}

/// A binding of a kernel; the step is none of them.
struct Binding {
    name: String,
    number: u32,
    kind: Kind,
}

/// The text for several replicas of a kernel, of its text for one and what naga read of that.
///
/// # Errors
/// If a buffer is used in a way that this cannot follow: under another name, or where a variable
/// has the name of a buffer.
pub(super) fn replicated(source: &str, module: &naga::Module) -> Result<String, String> {
    let bindings = module.global_variables.iter().filter_map(|(_, variable)| {
        let number = variable.binding?.binding;
        let kind = match module.types[variable.ty].inner {
            naga::TypeInner::Array { .. } => Kind::Array,
            naga::TypeInner::Atomic(_) => Kind::Atomic,
            _ => Kind::Value,
        };
        Some(Binding { name: variable.name.clone()?, number, kind })
    });
    let bindings: Vec<Binding> = bindings.filter(|binding| binding.number > 0).collect();
    let mut text = Rewriter { bindings: &bindings }.rewrite(source)?;
    for needed in [SET_REPLICA, SEEDS] {
        if !text.contains(needed) {
            return Err(format!("cannot be replicated: found no place for \"{needed}\""));
        }
    }
    text += &format!("\nvar<private> replica: u32;\noverride {LAYERS}: u32;\n");
    for Binding { number, kind, .. } in &bindings {
        let stride = STRIDES.get(*number as usize);
        let stride = stride.ok_or_else(|| format!("has a binding {number}, expected fewer"))?;
        if *kind != Kind::Value {
            text += &format!("override {stride}: u32;\n");
        }
    }
    Ok(text)
}

/// At the beginning of `main`.
const SET_REPLICA: &str = " replica = group.id.z / layers_of_replica;";
/// At the end of the step.
const SEEDS: &str = " seeds: array<vec4<u32>, 16>, ";
/// In place of the step's only seed.
const SEED: &str = "step.seeds[replica / 4u][replica % 4u]";

struct Rewriter<'a> {
    bindings: &'a [Binding],
}

impl Rewriter<'_> {
    fn rewrite(&self, text: &str) -> Result<String, String> {
        let mut out = String::with_capacity(2 * text.len());
        let mut rest = text;
        // Behind a dot stands a field, whatever its name.
        let mut is_field = false;
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let len = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if is_word(first) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
            let (token, behind) = rest.split_at(len);
            rest = behind;
            if ["id", "count"].contains(&token) && behind.starts_with(".z") {
                return Err("expected the z of a workgroup as group.id.z alone".into());
            }
            if !is_word(first) || is_field {
                is_field = token == ".";
                out += token;
                continue;
            }
            let binding = self.bindings.iter().find(|binding| binding.name == token);
            match token {
                "fn" if behind.starts_with(" main(") => {
                    let (head, body) = cut(behind, '{')?;
                    out += &format!("fn{head}{{{SET_REPLICA}");
                    rest = body;
                }
                "struct" => {
                    let (fields, after) = cut(behind, '}')?;
                    let seeds = if behind.starts_with(" Step {") { SEEDS } else { "" };
                    out += &format!("struct{fields}{seeds}}}");
                    rest = after;
                }
                "var" if behind.starts_with("<storage") || behind.starts_with("<uniform") => {
                    let (declaration, after) = cut(behind, ';')?;
                    out += &format!("var{};", self.declared(declaration));
                    rest = after;
                }
                "group" if behind.starts_with(".id.z") => {
                    out += "(group.id.z % layers_of_replica)";
                    rest = &behind[".id.z".len()..];
                }
                "step" if behind.starts_with(".seed") => {
                    out += SEED;
                    rest = &behind[".seed".len()..];
                }
                _ => match binding {
                    Some(binding) => rest = self.used(binding, behind, &mut out)?,
                    None => out += token,
                },
            }
        }
        Ok(out)
    }

    /// A buffer where it is used, to the end of its index; returns what is behind.
    fn used<'a>(
        &self,
        binding: &Binding,
        behind: &'a str,
        out: &mut String,
    ) -> Result<&'a str, String> {
        let Binding { name, number, kind } = binding;
        let first = format!("replica * stride_{number}");
        match kind {
            Kind::Value => *out += name,
            Kind::Atomic if out.ends_with('&') => *out += &format!("{name}[{first}]"),
            // Of a buffer that replicas share, which the recording checks.
            Kind::Array if out.ends_with("arrayLength(&") => *out += name,
            Kind::Array if behind.starts_with('[') => {
                let (index, after) =
                    index(&behind[1..]).ok_or_else(|| format!("the index of {name} has no end"))?;
                *out += &format!("{name}[{first} + ({})]", self.rewrite(index)?);
                return Ok(after);
            }
            Kind::Array | Kind::Atomic => {
                return Err(format!("expected an index behind {name}, which is a buffer's name"));
            }
        }
        Ok(behind)
    }

    /// The declaration of a buffer, behind `var`: weights that are read through a uniform would be
    /// limited to its size over all replicas, and a single atomic becomes one for each.
    fn declared(&self, declaration: &str) -> String {
        let is_replicated = |binding: &&Binding| {
            binding.kind != Kind::Value && declaration.contains(&format!("> {}:", binding.name))
        };
        let Some(binding) = self.bindings.iter().find(is_replicated) else {
            return declaration.to_owned();
        };
        let declaration = declaration.replace("<uniform>", "<storage, read>");
        if binding.kind == Kind::Atomic {
            return declaration.replace("atomic<u32>", "array<atomic<u32>>");
        }
        // `array<vec4<f32>, 4096>`: the last comma outside of the element type.
        match declaration.rsplit_once(", ") {
            Some((array, count)) if count.trim_end_matches('>').parse::<u32>().is_ok() => {
                format!("{array}>")
            }
            _ => declaration,
        }
    }
}

/// Before and behind the first `end`.
fn cut(text: &str, end: char) -> Result<(&str, &str), String> {
    text.split_once(end).ok_or_else(|| format!("expected \"{end}\", found the end of the text"))
}

/// An index whose opening bracket was read, and what is behind its end.
fn index(text: &str) -> Option<(&str, &str)> {
    let mut depth = 1;
    for (i, c) in text.char_indices() {
        depth += i32::from(c == '[') - i32::from(c == ']');
        if depth == 0 {
            return Some((&text[..i], &text[i + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::kernels::{Access, KERNELS};
    use super::*;
    use crate::gpu::step::{SEEDS_BYTES, STEP_BYTES};

    fn of_text(text: &str) -> Result<String, String> {
        replicated(text, &naga::front::wgsl::parse_str(text).unwrap())
    }

    /// Every kernel has a replicated form that is valid, has the same bindings and as many lines, and
    /// keeps to the storage buffers that WebGPU guarantees.
    #[test]
    fn every_kernel_can_be_replicated() {
        for kernel in KERNELS {
            let one = kernel.interface_of(false).unwrap_or_else(|e| panic!("{e}"));
            let many = kernel.interface_of(true).unwrap_or_else(|e| panic!("{e}"));
            let lines = |replicated| kernel.source_of(replicated).unwrap().matches('\n').count();
            let added = lines(true) - lines(false);
            assert!(added <= 3 + one.bindings.len(), "{}: {added} lines more", kernel.file());
            assert_eq!(one.bindings.len(), many.bindings.len());
            assert_eq!(one.workgroup_size, many.workgroup_size);
            assert_eq!(one.workgroup_bytes, many.workgroup_bytes);
            let uniforms = many.bindings.iter().filter(|access| **access == Access::Uniform);
            assert_eq!(uniforms.count(), 1, "{}: the step", kernel.file());
            assert!(many.bindings.len() <= 9, "{}: storage buffers", kernel.file());
            let strides = (many.element_words.iter().zip(STRIDES))
                .filter(|(words, _)| **words > 0)
                .map(|(_, name)| (name.to_owned(), true));
            let mut expected: Vec<_> = one.overrides.iter().cloned().chain(strides).collect();
            expected.push((LAYERS.into(), true));
            let mut found = many.overrides.clone();
            expected.sort();
            found.sort();
            assert_eq!(found, expected, "{}", kernel.file());
        }
    }

    #[test]
    fn the_seeds_lie_behind_the_step() {
        let text = KERNELS[0].source_of(true).unwrap();
        let module = naga::front::wgsl::parse_str(&text).unwrap();
        let step = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some("Step"));
        let naga::TypeInner::Struct { members, span } = &step.unwrap().1.inner else { panic!() };
        let seeds = members.last().unwrap();
        assert_eq!(seeds.name.as_deref(), Some("seeds"));
        assert_eq!(u64::from(seeds.offset), STEP_BYTES);
        assert_eq!(u64::from(*span), STEP_BYTES + SEEDS_BYTES);
        assert_eq!(SEEDS_BYTES as usize, MOST * size_of::<u32>());
    }

    const KERNEL: &str = "
struct Step { seed: u32, }
@group(0) @binding(0) var<uniform> step: Step;
struct Workgroup { @builtin(workgroup_id) id: vec3<u32>, }
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<uniform> w: array<vec4<u32>, 16>;
@group(0) @binding(3) var<storage, read_write> least: atomic<u32>;
struct Range { x: u32, }
@group(0) @binding(4) var<storage, read_write> range: Range;
// x[1] in a comment.
@compute @workgroup_size(1)
fn main(group: Workgroup) {
    let v = w[x[x[0u] + 1u]].x + group.id.z + step.seed + range.x + arrayLength(&x);
    atomicMin(&least, v);
}
";

    #[test]
    fn indices_begin_at_a_replica() {
        let text = of_text(KERNEL).unwrap();
        for line in [
            "@group(0) @binding(1) var<storage, read> x: array<u32>;",
            "@group(0) @binding(2) var<storage, read> w: array<vec4<u32>>;",
            "@group(0) @binding(3) var<storage, read_write> least: array<atomic<u32>>;",
            "struct Range { x: u32, }",
            "// x[1] in a comment.",
            "    let v = w[replica * stride_2 + (x[replica * stride_1 + (x[replica * stride_1 + \
             (0u)] + 1u)])].x + (group.id.z % layers_of_replica) + \
             step.seeds[replica / 4u][replica % 4u] + range.x + arrayLength(&x);",
            "    atomicMin(&least[replica * stride_3], v);",
            "override stride_3: u32;",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("stride_4"));
        naga::front::wgsl::parse_str(&text).unwrap();
    }

    #[test]
    fn a_buffer_under_another_name_is_refused() {
        for (line, told) in [
            ("let v = 1u; let x = 2u;", "expected an index behind x"),
            ("let p = &x; let v = 1u;", "expected an index behind x"),
            ("let id = group.id; let v = id.z;", "group.id.z alone"),
        ] {
            let old = KERNEL.lines().find(|line| line.contains("let v")).unwrap();
            let said = of_text(&KERNEL.replace(old, line)).err();
            assert!(said.as_ref().is_some_and(|said| said.contains(told)), "{line}: {said:?}");
        }
    }
}
