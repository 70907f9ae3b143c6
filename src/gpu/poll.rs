//! Waiting for the device. wgpu panics if the device is lost while it is waited for; here that is an
//! error like any other, as is a device that does not answer.

use std::time::Duration;

use crate::panics::quiet_catch_unwind;

/// Why a wait ended early.
pub(super) enum Failure {
    /// Nothing was done for as long as was to be waited.
    Timeout,
    /// What wgpu said.
    Other(String),
}

/// Waits for a submission, or for all of them, for a limited time. No time at all has passed already.
pub(super) fn wait(
    device: &wgpu::Device,
    submission: Option<wgpu::SubmissionIndex>,
    timeout: Duration,
) -> Result<(), Failure> {
    if timeout.is_zero() {
        return Err(Failure::Timeout);
    }
    let poll = wgpu::PollType::Wait { submission_index: submission, timeout: Some(timeout) };
    match quiet_catch_unwind(|| device.poll(poll)) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(wgpu::PollError::Timeout)) => Err(Failure::Timeout),
        Ok(Err(other)) => Err(Failure::Other(other.to_string())),
        Err(panic) => Err(Failure::Other(panic)),
    }
}
