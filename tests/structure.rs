//! The rules of ARCHITECTURE.md that a compiler does not check: who may name whom.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module and the crate's modules that it may name, from the bottom up: each
/// names earlier ones only, so there is no circle. `error` everyone may.
const MAY_NAME: [(&str, &[&str]); 40] = [
    ("text", &[]),
    // Text in the lines of Python that it proposes.
    ("error", &["text"]),
    ("files", &[]),
    ("measure", &[]),
    ("memory", &[]),
    ("panics", &[]),
    ("progress", &[]),
    ("random", &[]),
    ("share", &[]),
    ("graph", &[]),
    ("simd", &[]),
    ("ops", &["graph", "measure", "random", "simd"]),
    ("plan", &["graph", "measure", "ops"]),
    ("backend", &["graph", "ops", "plan"]),
    ("naive", &["backend", "graph"]),
    ("cpu", &["backend", "graph", "measure", "ops", "plan", "simd"]),
    ("gpu", &["backend", "graph", "measure", "ops", "panics", "plan", "random"]),
    (
        "tune",
        &["backend", "files", "gpu", "graph", "measure", "plan", "progress", "random", "text"],
    ),
    ("device", &["backend", "cpu", "gpu", "memory", "plan", "tune"]),
    ("models", &["files", "graph", "text"]),
    ("metrics", &["random"]),
    // Models in its tests only.
    ("plot", &["files", "graph", "metrics", "models", "text"]),
    ("audio", &["panics", "simd", "text"]),
    ("data", &["files", "memory", "metrics", "progress", "random", "text"]),
    ("demo", &["audio", "data", "files", "progress", "random"]),
    ("prepare", &["audio", "data", "files", "progress", "random", "share", "text"]),
    // Random numbers in its tests only.
    ("audit", &["data", "files", "progress", "random", "text"]),
    (
        "train",
        &[
            "audio", "audit", "backend", "data", "demo", "device", "files", "graph", "metrics",
            "models", "ops", "plan", "prepare", "progress", "random", "plot", "text",
        ],
    ),
    ("formats", &["audio", "data", "files", "graph", "models", "panics", "text", "train"]),
    (
        "bench",
        &[
            "backend", "cpu", "device", "files", "gpu", "graph", "measure", "memory", "models",
            "ops", "plan", "progress", "random", "text", "train",
        ],
    ),
    (
        "check",
        &[
            "backend", "cpu", "files", "gpu", "graph", "models", "naive", "ops", "plan",
            "progress", "random", "text", "train",
        ],
    ),
    (
        "compare",
        &["data", "files", "graph", "metrics", "models", "random", "plot", "text", "train"],
    ),
    (
        "predict",
        &["audio", "backend", "data", "device", "files", "metrics", "plan", "progress", "train"],
    ),
    (
        "explain",
        &[
            "audio", "backend", "data", "device", "files", "graph", "metrics", "models", "plan",
            "progress", "random", "plot", "text", "train",
        ],
    ),
    (
        "tasks",
        &["compare", "data", "device", "explain", "gpu", "models", "progress", "plot", "train"],
    ),
    (
        "web",
        &[
            "audio", "backend", "check", "data", "demo", "explain", "gpu", "graph", "models",
            "plan", "plot", "predict", "progress", "random", "text", "train",
        ],
    ),
    (
        "report",
        &[
            "compare", "data", "demo", "explain", "files", "graph", "metrics", "models", "plot",
            "progress", "random", "text", "train", "web",
        ],
    ),
    (
        "cli",
        &[
            "audio", "audit", "backend", "bench", "check", "compare", "data", "demo", "device",
            "explain", "files", "formats", "gpu", "graph", "measure", "metrics", "models",
            "report", "plan", "predict", "prepare", "progress", "random", "plot", "share", "simd",
            "tasks", "text", "train", "tune", "web",
        ],
    ),
    ("lib", &[]),
    ("main", &[]),
];

/// Crates that only these modules may name.
const ONLY_IN: [(&str, &[&str]); 13] = [
    ("askama", &["report", "web"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("console", &["cli"]),
    ("flate2", &["web"]),
    ("hdf5_pure", &["formats"]),
    ("indicatif", &["cli"]),
    ("prost", &["formats"]),
    ("pulldown_cmark", &["report"]),
    ("tiny_skia", &["plot"]),
    ("ttf_parser", &["plot"]),
    ("wgpu", &["gpu"]),
];

/// Git keeps no empty folder: one that is not there has no file.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // What a peer's build leaves is not ours.
            if path.ends_with("target") {
                continue;
            }
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs" || e == "wgsl") {
            found.push(path);
        }
    }
}

/// Every file under `folders`, as (path, top-level module, text).
fn files(folders: &[&str]) -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in folders {
        sources(&root.join(folder), &mut found);
    }
    let describe = |path: PathBuf| {
        let inside = path.strip_prefix(root).unwrap();
        let module = inside.components().nth(1).unwrap().as_os_str().to_string_lossy().into_owned();
        let module = module.trim_end_matches(".rs").to_owned();
        (inside.display().to_string(), module, fs::read_to_string(&path).unwrap())
    };
    found.into_iter().map(describe).collect()
}

/// The words that follow `prefix` in code, comments left out.
fn named<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or(""));
    let word = |rest: &'a str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next();
    code.flat_map(|line| line.split(prefix).skip(1).filter_map(word)).collect()
}

#[test]
fn modules_name_only_those_below_them() {
    let mut seen = BTreeSet::new();
    for (path, module, text) in files(&["src"]) {
        assert!(!text.contains("crate::{"), "{path}: one line for each module that is named");
        let rule = MAY_NAME.iter().find(|(name, _)| *name == module);
        let (name, allowed) = rule.unwrap_or_else(|| panic!("{path}: no rule for {module}"));
        seen.insert(*name);
        for other in named(&text, "crate::") {
            let top = MAY_NAME.iter().any(|(name, _)| *name == other);
            let fine = other == module || other == "error" || allowed.contains(&other) || !top;
            assert!(fine, "{path}: {module} must not name {other}");
        }
    }
    assert_eq!(seen.len(), MAY_NAME.len(), "every rule has its module");
    for (i, (name, allowed)) in MAY_NAME.iter().enumerate() {
        let earlier = |other: &&str| MAY_NAME[..i].iter().any(|(name, _)| name == other);
        assert!(allowed.iter().all(earlier), "{name} may name earlier modules only");
    }
}

#[test]
fn libraries_stay_where_they_belong() {
    for (path, module, text) in files(&["src"]) {
        for (library, homes) in ONLY_IN {
            let uses = text.contains(&format!("{library}::"));
            // One struct is read from flags and files.
            let fine = homes.contains(&module.as_str())
                || (path == "src/train/settings.rs" && library == "clap");
            assert!(!uses || fine, "{path}: only {homes:?} may name {library}");
        }
    }
}

/// Code without comments, strings' contents aside, and without unit tests, which stand last.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or(""));
    lines.collect::<Vec<_>>().join("\n")
}

/// Sibling modules of every folder, and which of them each names by `super::` or `crate::`.
fn siblings_named() -> BTreeMap<PathBuf, BTreeMap<String, BTreeSet<String>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    sources(&root.join("src"), &mut paths);
    let module = |path: &Path| -> Vec<String> {
        let inside = path.strip_prefix(root.join("src")).unwrap().with_extension("");
        let parts = inside.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
        parts.filter(|part| part != "mod").collect()
    };
    let modules: Vec<(Vec<String>, String)> = (paths.iter())
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| (module(path), code(&fs::read_to_string(path).unwrap())))
        .filter(|(path, _)| !["lib", "main"].contains(&path[0].as_str()))
        .collect();
    let exists = |path: &[String]| modules.iter().any(|(known, _)| known.starts_with(path));
    let mut named: BTreeMap<PathBuf, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (path, text) in &modules {
        // `use super::{a, b::C}` names `super::a` and `super::b::C`.
        for target in imports(text, path) {
            for depth in 0..path.len() {
                let (parent, child) = (&path[..depth], &path[depth]);
                let sibling = target.get(depth).filter(|sibling| *sibling != child);
                let Some(sibling) = sibling.filter(|_| target.starts_with(parent)) else {
                    continue;
                };
                if exists(&[parent, std::slice::from_ref(sibling)].concat()) {
                    let folder = named.entry(parent.iter().collect()).or_default();
                    folder.entry(child.clone()).or_default().insert(sibling.clone());
                }
                break;
            }
        }
    }
    named
}

/// All paths that a file names from `crate`, `super` or `self`, as absolute module paths.
fn imports(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("super::").chain(code.match_indices("crate::")) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let mut rest = &code[at..];
        let mut base = if rest.starts_with("crate::") { Vec::new() } else { module.to_vec() };
        rest = rest.strip_prefix("crate::").unwrap_or(rest);
        while let Some(after) = rest.strip_prefix("super::") {
            base.pop();
            rest = after;
        }
        let end = rest.find([';', '(', ')', '<', '>', ',', ' ', '\n', '&']);
        let (path, group) = match rest.find('{').filter(|open| end.is_none_or(|end| *open < end)) {
            Some(open) => (&rest[..open], rest[open..].split('}').next().unwrap_or("")),
            None => (&rest[..end.unwrap_or(rest.len())], ""),
        };
        base.extend(path.split("::").filter(|part| !part.is_empty()).map(str::to_owned));
        found.push(base.clone());
        for name in group.split(['{', ',']) {
            let first = name.trim().split("::").next().unwrap_or("");
            found.push([base.clone(), vec![first.to_owned()]].concat());
        }
    }
    found
}

#[test]
fn no_siblings_name_each_other_in_a_circle() {
    let mut circles = Vec::new();
    for (folder, named) in siblings_named() {
        for start in named.keys() {
            let mut reached = BTreeSet::new();
            let mut waiting: Vec<&String> = named[start].iter().collect();
            while let Some(next) = waiting.pop() {
                if reached.insert(next) {
                    waiting.extend(named.get(next).into_iter().flatten());
                }
            }
            if reached.contains(start) {
                circles.push(format!("src/{}: {start}", folder.display()));
            }
        }
    }
    assert!(circles.is_empty(), "in a circle with siblings:\n{}", circles.join("\n"));
}

/// Folders directly below one, by name.
fn folders(path: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let folders = entries.filter(|path| path.is_dir());
    let mut names: Vec<String> =
        folders.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_operation_has_its_folder_its_shaders_and_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ops = folders("src/ops");
    for op in &ops {
        let has = |path: String| root.join(path).exists();
        assert!(has(format!("src/ops/{op}/mod.rs")), "{op} has no extents and costs");
        let cpu = has(format!("src/ops/{op}/cpu.rs")) || has(format!("src/ops/{op}/cpu/mod.rs"));
        assert!(cpu, "{op} has no CPU kernels");
        assert!(has(format!("src/ops/{op}/gpu.rs")), "{op} has no GPU dispatches");
        assert!(has(format!("shaders/{op}")), "{op} has no shaders");
        assert!(has(format!("src/naive/{op}.rs")), "{op} has no reference");
        assert!(has(format!("tests/ops/{op}.rs")), "{op} has no tests");
    }
    let shaders = folders("shaders").into_iter();
    let others = ["bench".to_owned(), "include".to_owned()];
    let of_ops: Vec<String> = shaders.filter(|folder| !others.contains(folder)).collect();
    assert_eq!(of_ops, ops, "each folder of shaders is an operation's");
}

#[test]
fn an_operation_knows_neither_the_plan_nor_the_executors() {
    for (path, _, text) in files(&["src"]) {
        let Some(inside) = path.strip_prefix("src/ops/") else { continue };
        let (op, file) = inside.split_once('/').unwrap_or(("", inside));
        let of_cpu = file.starts_with("cpu");
        for line in code(&text).lines() {
            let gpu = line.contains("gpu::") || line.contains("wgpu");
            assert!(!(of_cpu && gpu), "{path}: a CPU kernel names the GPU: {line}");
            let cpu = line.contains("cpu::");
            assert!(!(file == "gpu.rs" && cpu), "{path}: a dispatch names the CPU: {line}");
        }
        assert!(
            !op.is_empty()
                || ["mod.rs", "pool2d.rs", "split_k.rs", "cpu.rs", "gpu.rs"].contains(&file),
            "{path}: belongs to an operation's folder"
        );
    }
}

/// Paths of this repository in a text: from one of its folders to a known ending.
fn cited_paths(text: &str) -> BTreeSet<&str> {
    const FOLDERS: [&str; 8] =
        ["src/", "shaders/", "tests/", "benches/", "docs/", "examples/", "data/", ".ci/"];
    const ENDINGS: [&str; 8] = [".rs", ".wgsl", ".md", ".toml", ".py", ".mjs", ".css", ".html"];
    let of_path = |c: char| c.is_ascii_alphanumeric() || "._-/{},*<>".contains(c);
    let words = text.split(|c: char| !of_path(c)).filter(|word| word.contains('/'));
    let words = words.map(|word| word.trim_start_matches("../").trim_end_matches(['.', ',', '/']));
    words
        .filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)))
        .filter(|word| ENDINGS.iter().any(|ending| word.ends_with(ending)))
        // Patterns for people: shaders/<op>/….
        .filter(|word| !word.contains(['{', '<', '*', ',']))
        .collect()
}

#[test]
fn every_file_that_a_comment_or_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = files(&["src", "shaders", "tests", "benches", "examples"]);
    for document in ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md", "tests/run", ".ci/run"] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        texts.push((document.into(), String::new(), text));
    }
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        let path = entry.unwrap().path();
        texts.push((path.display().to_string(), String::new(), fs::read_to_string(path).unwrap()));
    }
    let mut dead = Vec::new();
    for (path, _, text) in &texts {
        // This file's own patterns, and what tests make up.
        let made_up = path.ends_with("structure.rs") || path.contains("tests/cli");
        for cited in cited_paths(text).into_iter().filter(|_| !made_up) {
            if !cited.contains("nosuch") && !root.join(cited).exists() {
                dead.push(format!("{path} names {cited}"));
            }
        }
    }
    assert!(dead.is_empty(), "files that are not there:\n{}", dead.join("\n"));
}

#[test]
fn every_shader_names_its_cpu_twin_and_every_twin_its_shaders() {
    for (path, _, text) in files(&["shaders"]) {
        if path.starts_with("shaders/include/") || path.starts_with("shaders/bench/") {
            continue;
        }
        let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("//")).collect();
        let twins = header.join("\n");
        let op = path.split('/').nth(1).unwrap();
        let own = format!("src/ops/{op}/cpu");
        assert!(twins.contains(&own), "{path}: its header names no CPU twin in {own}");
    }
    for op in folders("src/ops") {
        let of_cpu = |path: &String| path.starts_with(&format!("src/ops/{op}/cpu"));
        let texts = files(&["src"]).into_iter().filter(|(path, ..)| of_cpu(path));
        let named = texts.map(|(.., text)| text).collect::<String>();
        assert!(named.contains(&format!("shaders/{op}/")), "{op}: its CPU code names no shader");
    }
}

#[test]
fn every_kernel_that_a_comment_names_exists() {
    let ops = folders("src/ops");
    let mut known = BTreeSet::new();
    for (path, _, text) in files(&["shaders", "src", "tests", "benches"]) {
        if let Some(inside) = path.strip_prefix("shaders/") {
            known.insert(inside.trim_end_matches(".wgsl").replace('/', "_"));
        }
        known.extend(text.split("fn ").skip(1).filter_map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned)
        }));
    }
    let mut dead = Vec::new();
    for (path, _, text) in files(&["shaders", "src"]) {
        let comments = text.lines().filter_map(|line| line.split_once("//").map(|(_, text)| text));
        let words =
            comments.flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_'));
        for word in words {
            // `conv2d_backward_weight_tiled`: a label, a file or a function.
            let of_op = ops.iter().any(|op| word.starts_with(&format!("{op}_")));
            let pass = word.contains("_forward") || word.contains("_backward");
            let is_known =
                known.iter().any(|name| name == word || name.ends_with(&format!("_{word}")));
            if of_op && pass && !is_known {
                dead.push(format!("{path} names {word}"));
            }
        }
    }
    assert!(dead.is_empty(), "kernels that are not there:\n{}", dead.join("\n"));
}
