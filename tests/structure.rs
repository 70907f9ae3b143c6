//! The rules of ARCHITECTURE.md that a compiler does not check: who may name whom.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A module and the crate's modules that it may name, from the bottom up: each
/// names earlier ones only, so there is no circle. `error` everyone may.
const MAY_NAME: [(&str, &[&str]); 32] = [
    ("error", &[]),
    ("files", &[]),
    ("measure", &[]),
    ("panics", &[]),
    ("progress", &[]),
    ("random", &[]),
    ("text", &[]),
    ("graph", &[]),
    ("ops", &["graph", "measure", "random"]),
    ("plan", &["graph", "measure", "ops"]),
    ("backend", &["graph", "plan"]),
    ("cpu", &["backend", "graph", "measure", "plan", "random"]),
    ("gpu", &["backend", "graph", "measure", "ops", "panics", "plan"]),
    ("device", &["backend", "cpu", "gpu", "plan"]),
    ("models", &["graph", "text"]),
    ("metrics", &["random"]),
    ("report", &["files", "metrics", "text"]),
    ("audio", &["panics"]),
    ("data", &["metrics", "progress"]),
    ("demo", &["audio", "data", "files", "progress", "random"]),
    ("prepare", &["audio", "data", "files", "progress", "random"]),
    ("audit", &["data", "files", "progress"]),
    (
        "train",
        &[
            "audio", "audit", "backend", "data", "demo", "device", "files", "graph", "metrics",
            "models", "plan", "prepare", "progress", "random", "report", "text",
        ],
    ),
    (
        "bench",
        &[
            "backend", "cpu", "device", "files", "gpu", "graph", "measure", "models", "plan",
            "progress", "random", "text", "train",
        ],
    ),
    (
        "compare",
        &["data", "files", "graph", "metrics", "models", "random", "report", "text", "train"],
    ),
    ("predict", &["audio", "backend", "data", "device", "metrics", "plan", "progress", "train"]),
    (
        "explain",
        &[
            "audio", "backend", "data", "device", "files", "graph", "metrics", "models", "plan",
            "progress", "random", "report", "text", "train",
        ],
    ),
    (
        "tasks",
        &["compare", "data", "device", "explain", "gpu", "models", "progress", "report", "train"],
    ),
    (
        "page",
        &[
            "compare", "data", "demo", "explain", "files", "graph", "metrics", "models", "report",
            "text", "train",
        ],
    ),
    (
        "cli",
        &[
            "audio", "audit", "backend", "bench", "compare", "data", "demo", "device", "explain",
            "files", "gpu", "graph", "measure", "metrics", "models", "page", "plan", "predict",
            "prepare", "progress", "random", "report", "tasks", "text", "train",
        ],
    ),
    ("lib", &[]),
    ("main", &[]),
];

/// Crates that one module alone may name.
const ONLY_IN: [(&str, &str); 6] = [
    ("askama", "page"),
    ("clap", "cli"),
    ("console", "cli"),
    ("indicatif", "cli"),
    ("plotters", "report"),
    ("wgpu", "gpu"),
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
        for (library, home) in ONLY_IN {
            let uses = text.contains(&format!("{library}::"));
            // One struct is read from flags and files.
            let home =
                if path == "src/train/settings.rs" && library == "clap" { "train" } else { home };
            assert!(!uses || module == home, "{path}: only {home} may name {library}");
        }
    }
}
