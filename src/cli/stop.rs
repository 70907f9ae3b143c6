//! Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::say::tell;
use crate::error::{Error, Result};

/// For tests: the number of checks after which a run is interrupted as by Ctrl-C. A run checks
/// once before each epoch and after each step (on a GPU: after each submission and after the last).
const INTERRUPT_AFTER: &str = "GENRE_GPU_INTERRUPT_AFTER";

/// A check for Ctrl-C (or a request to terminate). The second Ctrl-C ends the process at once, with
/// `help` on how to resume.
///
/// # Errors
/// If the environment asks for an interruption after something that is not a number.
pub(super) fn interruption(
    help: impl Fn() -> String + Send + 'static,
) -> Result<impl Fn() -> bool> {
    let last_check = match std::env::var(INTERRUPT_AFTER) {
        Ok(text) => text.parse().map_err(|_| Error::Mismatch {
            what: INTERRUPT_AFTER,
            expected: "a number of checks".into(),
            found: format!("{text:?}"),
        })?,
        Err(_) => u64::MAX,
    };
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stopped);
    let handler = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            tell(&format!("stopped at once, without a new checkpoint; {}", help()));
            std::process::exit(1);
        }
    });
    // Without a handler Ctrl-C ends the process, and the last epoch's checkpoint remains.
    if let Err(error) = handler {
        tell(&format!("warning: Ctrl-C will not write a checkpoint: {error}"));
    }
    let checks = AtomicU64::new(0);
    Ok(move || {
        let check = checks.fetch_add(1, Ordering::Relaxed) + 1;
        stopped.load(Ordering::Relaxed) || check >= last_check
    })
}
