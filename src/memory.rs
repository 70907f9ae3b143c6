//! How much memory there is, and what would take too much of it.

use sysinfo::{MemoryRefreshKind, System};

use crate::error::{Error, Result};

/// Memory that the system can still give, in bytes, within a container's limit; none where the
/// system does not report it.
pub(crate) fn available() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    // `cgroup_limits` needs the total to be known.
    let limits = if system.total_memory() > 0 { system.cgroup_limits() } else { None };
    let in_container = limits.map_or(u64::MAX, |l| l.total_memory.saturating_sub(l.rss));
    Some(system.available_memory().min(in_container)).filter(|bytes| *bytes > 0)
}

/// Refuses what needs more than three quarters of the available memory: the system would end the
/// process in the middle of its work. `help` says what to change.
pub(crate) fn check(what: &str, needed: u64, help: &str) -> Result<()> {
    let Some(available) = available() else { return Ok(()) };
    if needed <= available / 4 * 3 {
        return Ok(());
    }
    Err(Error::Memory {
        what: what.into(),
        needed: readable(needed),
        available: readable(available),
        help: help.into(),
    })
}

/// Bytes for people: `153.6 MB`.
pub(crate) fn readable(bytes: u64) -> String {
    match bytes {
        0..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_much_is_refused_by_name() {
        assert!(available().is_some_and(|bytes| bytes > 1 << 20), "{:?}", available());
        check("a stamp", 1 << 10, "").unwrap();
        let error = check("the model", u64::MAX, "use fewer filters").unwrap_err().to_string();
        assert!(error.starts_with("the model needs about 1844"), "{error}");
        assert!(error.ends_with("use fewer filters"), "{error}");
    }
}
