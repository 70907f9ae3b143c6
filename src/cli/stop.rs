//! Ctrl-C.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::say::tell;
use crate::error::{Error, Result};
use crate::files;

/// For tests: the number of checks after which a run is interrupted as by Ctrl-C. A run checks
/// once before each epoch and after each step (on a GPU: after each submission and after the last).
const INTERRUPT_AFTER: &str = "GENRE_GPU_INTERRUPT_AFTER";

/// The exit code of shells for a process that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// What to say if a run is stopped at once.
type Help = Box<dyn Fn() -> String + Send>;

/// While runs are trained.
static TRAINING: Mutex<Option<Help>> = Mutex::new(None);
/// Whether Ctrl-C came while runs are trained.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// Handles Ctrl-C, or a request to terminate, from now on. While runs are trained it stops them after
/// the current step; a second one, or one at any other time, ends the process at once. Temporary files
/// and locks are removed.
pub(super) fn handle() {
    // Without a handler Ctrl-C ends the process, and the last epoch's checkpoint remains.
    if let Err(error) = on_signals(stop) {
        tell(&format!("warning: Ctrl-C will not write a checkpoint: {error}"));
    }
}

fn stop() {
    let training = TRAINING.lock().unwrap_or_else(PoisonError::into_inner);
    match &*training {
        None => files::exit(INTERRUPTED, || tell("interrupted")),
        Some(help) => {
            if STOPPED.swap(true, Ordering::Relaxed) {
                files::exit(1, || {
                    tell(&format!("stopped at once, without a new checkpoint; {}", help()));
                })
            }
        }
    }
}

/// Calls `each` in a thread of its own for each signal that asks to stop.
#[cfg(unix)]
fn on_signals(each: fn()) -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    // Handled, so that a write beyond the limit of file sizes fails with an error that names the file.
    signal_hook::flag::register(SIGXFSZ, std::sync::Arc::default())?;
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    // What `nohup` ignores stays ignored.
    if !is_hang_up_ignored() {
        signals.add_signal(SIGHUP)?;
    }
    let thread = std::thread::Builder::new().name("signals".into());
    thread.spawn(move || signals.forever().for_each(|_| each())).map(drop)
}

/// Whether the end of the terminal is ignored; where the system does not say, it is left as it is.
#[cfg(unix)]
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // SIGHUP is signal 1, the lowest bit.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_none_or(|mask| mask & 1 == 1)
}

#[cfg(not(unix))]
fn on_signals(each: fn()) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(each)
}

/// A check for Ctrl-C, which from now on does not end the process the first time; the second time it
/// does, with `help` on how to resume.
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
    *TRAINING.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(help));
    let checks = AtomicU64::new(0);
    Ok(move || {
        let check = checks.fetch_add(1, Ordering::Relaxed) + 1;
        STOPPED.load(Ordering::Relaxed) || check >= last_check
    })
}

/// Ctrl-C ends the process again.
pub(super) fn trained() {
    *TRAINING.lock().unwrap_or_else(PoisonError::into_inner) = None;
}
