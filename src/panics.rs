//! Panics of other crates that are answered with an error here: a decoder may panic on a damaged
//! file, wgpu where a device is lost. This needs `panic = "unwind"` (`Cargo.toml`).

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// This thread is in [`quiet_catch_unwind`].
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// Calls `work`; a panic in it, on this thread, becomes an error with the panic's message and is not
/// printed. The process's panic hook is wrapped once, at the first call: all other panics still
/// reach the hook that was installed before.
///
/// `work` must leave nothing half changed that is used after a panic.
pub(crate) fn quiet_catch_unwind<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static WRAPPED: Once = Once::new();
    WRAPPED.call_once(|| set_hook(quiet_hook(take_hook())));
    let outer = QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(outer);
    result.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref().copied()).unwrap_or("panic without message").to_owned()
    })
}

/// Calls `previous`, except for panics that are caught quietly.
fn quiet_hook(previous: Hook) -> Hook {
    Box::new(move |info| {
        if !QUIET.get() {
            previous(info);
        }
    })
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        let lost: Result<(), String> = quiet_catch_unwind(|| panic!("the device is {}", "lost"));
        assert_eq!(lost, Err("the device is lost".into()));
        let index: Result<(), String> = quiet_catch_unwind(|| panic!("index out of bounds"));
        assert_eq!(index, Err("index out of bounds".into()));
        assert_eq!(quiet_catch_unwind(|| 3), Ok(3));
    }

    #[test]
    fn other_panics_reach_the_hook_that_was_installed_before() {
        thread_local! {
            static SEEN: Cell<usize> = const { Cell::new(0) };
        }
        // Of this thread's panics only: tests run in parallel.
        let before = take_hook();
        set_hook(quiet_hook(Box::new(|_| SEEN.set(SEEN.get() + 1))));
        let caught = quiet_catch_unwind(|| panic!("quiet"));
        let (seen_quiet, other) = (SEEN.get(), catch_unwind(|| panic!("as ever")));
        let inner = quiet_catch_unwind(|| {
            let _ = quiet_catch_unwind(|| 1);
            panic!("still quiet")
        });
        let seen = SEEN.get();
        set_hook(before);
        let (caught, inner): (Result<(), _>, Result<(), _>) = (caught, inner);
        let other: std::thread::Result<()> = other;
        assert!(caught.is_err() && inner.is_err() && other.is_err());
        assert_eq!((seen_quiet, seen), (0, 1));
    }
}
