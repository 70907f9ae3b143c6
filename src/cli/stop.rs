//! Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::say::tell;

/// Set by the first Ctrl-C (or a request to terminate); the second ends the process at once.
pub(super) fn stop_flag() -> Arc<AtomicBool> {
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stopped);
    let handler = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
    });
    // Without a handler Ctrl-C ends the process, and the last epoch's checkpoint remains.
    if let Err(error) = handler {
        tell(&format!("genre-gpu: Ctrl-C will not write a checkpoint: {error}"));
    }
    stopped
}
