//! Waiting for the device. wgpu panics if the device is lost while it is waited for; here that is an
//! error like any other.

use crate::panics::quiet_catch_unwind;

/// Waits for a submission, or for all of them.
pub(super) fn wait(
    device: &wgpu::Device,
    submission: Option<wgpu::SubmissionIndex>,
) -> Result<(), String> {
    let poll = wgpu::PollType::Wait { submission_index: submission, timeout: None };
    quiet_catch_unwind(|| device.poll(poll))?.map(drop).map_err(|e| e.to_string())
}
