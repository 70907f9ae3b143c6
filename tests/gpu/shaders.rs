//! The rules for shaders, held against the files themselves.

use std::collections::BTreeSet;
use std::path::Path;

use genre_gpu::gpu::{
    Access, KERNELS, Kernel, MAX_STORAGE_BUFFERS, MAX_WORKGROUP_BYTES, MAX_WORKGROUP_SIZE,
    STEP_FIELDS, STEP_SIZE,
};
use wgpu::naga;

/// Path below `shaders/` and text of every file.
fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let entries = |path: &Path| {
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let files = entries(&folder).iter().flat_map(|path| entries(path)).collect::<Vec<_>>();
    let name = |path: &Path| path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_file_is_a_kernel_or_included_and_every_kernel_a_file() {
    let kernels: BTreeSet<String> = KERNELS.iter().map(Kernel::file).collect();
    let found: BTreeSet<String> = (files().into_iter())
        .map(|(name, _)| format!("shaders/{name}"))
        .filter(|name| !name.starts_with("shaders/include/"))
        .collect();
    assert_eq!(found, kernels);
    let labels: BTreeSet<&str> = KERNELS.iter().map(|k| k.name).collect();
    assert_eq!(labels.len(), KERNELS.len(), "no name twice");
    for kernel in KERNELS {
        let file = kernel.file();
        let path = file.strip_prefix("shaders/").and_then(|file| file.strip_suffix(".wgsl"));
        assert_eq!(path.unwrap().replacen('/', "_", 1), kernel.name);
    }
}

#[test]
fn every_folder_is_an_operation() {
    for (name, _) in files() {
        let (folder, _) = name.split_once('/').unwrap();
        let op = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ops").join(folder);
        assert!(["include", "bench"].contains(&folder) || op.join("gpu.rs").is_file(), "{name}");
    }
}

#[test]
fn every_file_begins_with_a_comment() {
    for (name, text) in files() {
        assert!(text.starts_with("// "), "{name}: expected a comment in its first line");
    }
}

/// `&&` and `||` are branches. Where one decides what is loaded, a row of loads is a row of branches,
/// in the number of which a driver's compiler may be exponential (SwiftShader's is), so that they
/// stand in the condition of an `if` alone.
#[test]
fn no_value_is_computed_by_a_short_circuit() {
    let mut found = Vec::new();
    for (name, text) in files() {
        for (i, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap().trim();
            let short = code.contains("&&") || code.contains("||");
            if short && !code.starts_with("if ") && !code.starts_with("} else if ") {
                found.push(format!("{name}:{}: {code}", i + 1));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What every device offers, so that nobody's driver refuses one.
#[test]
fn every_kernel_is_valid_and_keeps_to_what_all_devices_have() {
    for kernel in KERNELS {
        let file = kernel.file();
        let interface = kernel.interface().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(interface.bindings.first(), Some(&Access::Uniform), "{file}: the step");
        let storage = interface.bindings.iter().filter(|access| **access != Access::Uniform);
        assert!(
            (1..=MAX_STORAGE_BUFFERS as usize).contains(&storage.count()),
            "{file}: {:?}",
            interface.bindings
        );
        let (size, bytes) = (interface.workgroup_size, interface.workgroup_bytes);
        assert!((1..=MAX_WORKGROUP_SIZE).contains(&size), "{file}: {size} invocations");
        assert!(bytes <= MAX_WORKGROUP_BYTES, "{file}: {bytes} bytes shared");
    }
}

#[test]
fn the_step_is_the_same_on_both_sides() {
    let module = naga::front::wgsl::parse_str(&KERNELS[0].source().unwrap()).unwrap();
    let step = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some("Step"));
    let naga::TypeInner::Struct { members, span } = &step.unwrap().1.inner else { panic!() };
    let fields: Vec<(&str, usize)> =
        members.iter().map(|m| (m.name.as_deref().unwrap(), m.offset as usize)).collect();
    assert_eq!(fields, STEP_FIELDS);
    assert_eq!(*span as usize, STEP_SIZE);
}
