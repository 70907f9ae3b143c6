//! Hands `genre-gpu --version` the commit and wgpu's version, where they are known.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(version) = wgpu_version() {
        println!("cargo::rustc-env=GENRE_GPU_WGPU={version}");
    }
    // In other profiles each commit would compile the crate anew.
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if let Some(commit) = is_release.then(commit).flatten() {
        println!("cargo::rustc-env=GENRE_GPU_COMMIT=commit {commit}");
    }
}

/// As Cargo.lock has it, which a package may lack.
fn wgpu_version() -> Option<String> {
    let lock = std::fs::read_to_string("Cargo.lock").ok()?;
    println!("cargo::rerun-if-changed=Cargo.lock");
    let (_, entry) = lock.split_once("name = \"wgpu\"\nversion = \"")?;
    entry.split('"').next().map(str::to_owned)
}

/// The short hash of HEAD; none without git, or in a tarball inside another project's repository.
fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    // A commit changes the log of HEAD; a path that does not exist would run this at each build.
    for file in ["logs/HEAD", "HEAD"] {
        let path = git(&["rev-parse", "--git-path", file])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=10", "HEAD"])
}
