//! Whether samples are taken into memory or stay on disk.

use std::fmt;

use sysinfo::{MemoryRefreshKind, System};

/// Where samples are taken from while they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataFrom {
    /// From disk where they would take more than half of the memory that is available, else from
    /// memory.
    Auto,
    /// From memory: all of them are loaded.
    Memory,
    /// From the files that they lie in, as they are needed.
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

/// Memory that programs can still be given, in bytes, a container's limit regarded; none where
/// the system does not tell.
pub(super) fn available() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    // It insists on knowing the whole.
    let of_group = if system.total_memory() > 0 { system.cgroup_limits() } else { None };
    let of_group = of_group.map_or(u64::MAX, |l| l.total_memory.saturating_sub(l.rss));
    Some(system.available_memory().min(of_group)).filter(|bytes| *bytes > 0)
}

/// Whether samples of so many bytes are too many for memory.
pub(super) fn too_many(bytes: u64, available: Option<u64>) -> bool {
    available.is_some_and(|available| bytes > available / 2)
}

/// Bytes as people read them: `153.6 MB`.
pub(super) fn readable(bytes: u64) -> String {
    match bytes {
        0..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_what_is_available_is_enough() {
        assert!(!too_many(50, Some(100)) && too_many(51, Some(100)));
        assert!(!too_many(u64::MAX, None), "unknown: as ever");
        assert!(available().is_some_and(|bytes| bytes > 1 << 20), "{:?}", available());
    }
}
