//! Whether samples are loaded into memory or stay on disk.

use std::fmt;

use crate::error::{DataProblem, Error, Result};
use crate::memory::{self, available, readable};
use crate::progress::Progress;

/// Where samples are read from during training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataFrom {
    /// From disk if the samples would take more than half of the available memory, else from
    /// memory.
    Auto,
    /// From memory: all samples are loaded.
    Memory,
    /// From their files, whenever they are needed.
    Disk,
}

impl DataFrom {
    /// The word in flags: `auto`, `memory`, `disk`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }
}

impl fmt::Display for DataFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the headers say of all arrays of samples.
#[derive(Debug, Default)]
pub(super) struct SampleTotals {
    /// Number of samples.
    pub(super) samples: u64,
    /// Bytes that they take as f32.
    pub(super) bytes: u64,
    /// The first array whose samples cannot be read by position.
    pub(super) without_positions: Option<String>,
}

impl SampleTotals {
    /// Checks that there is memory to divide one array of samples, which is copied.
    ///
    /// # Errors
    /// If there is not.
    pub(super) fn check_division(&self) -> Result<()> {
        let help = "save the parts as .npy files of their own, which can stay on disk";
        memory::check("loading and dividing the samples", self.bytes.saturating_mul(2), help)
    }

    /// Whether the samples stay on disk.
    ///
    /// # Errors
    /// If they must, and one of the arrays cannot be read by position.
    pub(super) fn stay_on_disk(&self, from: DataFrom, progress: &dyn Progress) -> Result<bool> {
        let needed = readable(self.bytes);
        let on_disk = match (from, &self.without_positions) {
            (DataFrom::Memory, _) => false,
            (DataFrom::Disk, Some(place)) => {
                return Err(Error::data(place, DataProblem::NoPositions));
            }
            (DataFrom::Disk, None) => true,
            (DataFrom::Auto, without_positions) => {
                let available = available();
                let too_large = exceeds_half(self.bytes, available);
                if let (true, Some(place)) = (too_large, without_positions) {
                    progress.warn(&format!(
                        "samples take {needed} of {} of available memory; {place} {}",
                        readable(available.unwrap_or(0)),
                        DataProblem::NoPositions
                    ));
                }
                too_large && without_positions.is_none()
            }
        };
        if !on_disk {
            let help = match self.without_positions {
                Some(_) => "save them as .npy files in C order, which are read from disk as needed",
                None => "train with --data-from disk; other commands need the memory",
            };
            memory::check("loading the samples", self.bytes, help)?;
        }
        if on_disk {
            progress.note(&format!(
                "Samples ({needed} as float32) stay on disk and are read as they are needed; \
                 --data-from memory would load them"
            ));
        }
        Ok(on_disk)
    }
}

/// Whether this number of bytes is more than half of the available memory; false where that is unknown.
fn exceeds_half(bytes: u64, available: Option<u64>) -> bool {
    available.is_some_and(|available| bytes > available / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_half_of_the_available_memory_is_used() {
        assert!(!exceeds_half(50, Some(100)) && exceeds_half(51, Some(100)));
        assert!(!exceeds_half(u64::MAX, None), "unknown: samples are loaded");
    }
}
