//! Waiting for the device. wgpu panics where a device is lost while it is waited
//! for; here that is an answer like any other.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static POLLING: Cell<bool> = const { Cell::new(false) };
}

/// Waits for a submission, or for all of them.
pub(super) fn wait(
    device: &wgpu::Device,
    submission: Option<wgpu::SubmissionIndex>,
) -> Result<(), String> {
    // A panic that is caught must not be printed either; all others are, as ever.
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |info| {
            if !POLLING.get() {
                print(info);
            }
        }));
    });
    caught(|| device.poll(wgpu::PollType::Wait { submission_index: submission, timeout: None }))?
        .map(drop)
        .map_err(|e| e.to_string())
}

fn caught<T>(poll: impl FnOnce() -> T) -> Result<T, String> {
    POLLING.set(true);
    let polled = catch_unwind(AssertUnwindSafe(poll));
    POLLING.set(false);
    polled.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref().copied()).unwrap_or("no reason told").to_owned()
    })
}

#[cfg(test)]
mod tests {
    #[test]
    #[allow(clippy::panic)]
    fn a_panic_is_an_answer() {
        let answer: Result<(), String> = super::caught(|| panic!("the device is {}", "lost"));
        assert_eq!(answer, Err("the device is lost".into()));
        assert_eq!(super::caught(|| 3), Ok(3));
    }
}
