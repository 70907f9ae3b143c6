//! Checks an adapter before its first use, once for each driver and version of this program.

use std::path::Path;

use super::run::{Options, run};
use crate::error::{Error, Result};
use crate::files::{read_lines, write_lines};
use crate::gpu;
use crate::progress::Progress;
use crate::text::shell;

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
    let mut known = list.as_deref().map(read_lines).unwrap_or_default();
    let line = facts.fingerprint()?;
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
    if let Some(Err(error)) = list.map(|list| write_lines(&list, &known)) {
        progress.warn(&format!("the check of this GPU cannot be remembered: {error}"));
    }
    Ok(())
}
