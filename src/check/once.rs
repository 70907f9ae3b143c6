//! Checks an adapter before its first use, once for each driver and version of this program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::run::{Options, run};
use crate::error::{Error, Result};
use crate::files::{create_folder, read_regular, write_atomic};
use crate::gpu::{self, AdapterFacts, KERNELS};
use crate::progress::Progress;
use crate::text::shell;

/// Of a line.
const FIELDS: usize = 6;
/// A line for each adapter that passed, in the user's cache folder.
const FILE: &str = "checked-gpus.txt";

/// Runs the brief check unless the adapter is known to have passed it; `cache` is the folder that
/// remembers it.
///
/// # Errors
/// If there is no such adapter, or it computes wrong results. That it cannot be remembered is a
/// warning.
pub fn once(adapter: Option<&str>, cache: Option<&Path>, progress: &dyn Progress) -> Result<()> {
    let facts = gpu::find(adapter)?;
    let list = cache.map(|cache| cache.join(FILE));
    let mut known = list.as_deref().map(read).unwrap_or_default();
    let line = line(&facts)?;
    if known.contains(&line) {
        return Ok(());
    }
    let report = run(&Options { adapter, brief: true }, progress)?;
    if !report.passed {
        let wrong = report.wrong().next().unwrap_or_default();
        let check = match adapter {
            Some(name) => format!("genre-gpu check --adapter {}", shell(name)),
            None => "genre-gpu check".into(),
        };
        return Err(Error::Gpu {
            adapter: facts.to_string(),
            problem: format!(
                "it computes wrong results:\n  {wrong}\n  help: use --device cpu; `{check}` shows \
                 everything that is wrong"
            ),
        });
    }
    progress.note(&format!(
        "{facts} passed the check of its first use ({:.1} s; `genre-gpu check` is the whole one).",
        report.seconds
    ));
    known.insert(line);
    if let Some(Err(error)) = list.map(|list| write(&list, &known)) {
        progress.warn(&format!("the check of this GPU cannot be remembered: {error}"));
    }
    Ok(())
}

/// What must be the same for a check to hold: the adapter, its driver, the kernels and wgpu.
fn line(facts: &AdapterFacts) -> Result<String> {
    let AdapterFacts { name, backend, driver, .. } = facts;
    let mut kernels = blake3::Hasher::new();
    for kernel in KERNELS {
        kernels.update(kernel.source()?.as_bytes());
    }
    let kernels = &kernels.finalize().to_hex()[..16];
    let version = env!("CARGO_PKG_VERSION");
    let wgpu = option_env!("GENRE_GPU_WGPU").unwrap_or("unknown");
    let line = format!("{version}\t{kernels}\t{wgpu}\t{name}\t{backend}\t{driver}");
    Ok(line.replace(['\r', '\n'], " "))
}

/// A file that is missing or damaged remembers nothing.
fn read(list: &Path) -> BTreeSet<String> {
    let text = read_regular(list).unwrap_or_default();
    let whole = |line: &&str| line.split('\t').count() == FIELDS;
    String::from_utf8_lossy(&text).lines().filter(whole).map(str::to_owned).collect()
}

fn write(list: &Path, known: &BTreeSet<String>) -> Result<()> {
    let folder: PathBuf = list.parent().map(Path::to_path_buf).unwrap_or_default();
    create_folder(&folder)?;
    let text: String = known.iter().map(|line| format!("{line}\n")).collect();
    write_atomic(list, |file| std::io::Write::write_all(file, text.as_bytes()))
}
