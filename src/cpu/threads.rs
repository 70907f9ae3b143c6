//! How work is cut for threads so that the bits do not depend on their number: a batch
//! falls into parts of a fixed size, every element of a result has one owner, and sums
//! over parts run in the order of the parts.

use crate::error::{Error, Result};

/// Samples that one task walks through all layers. Two, so that a batch of 32 keeps 16
/// threads busy and what a layer leaves is still in the cache when the next reads it.
pub(super) const SAMPLES_PER_PART: usize = 2;

/// So many would only wear the system down.
const MOST_THREADS: usize = 1024;

/// A pool of its own, so that `--threads` holds whatever else the process does.
pub(super) fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    if threads > MOST_THREADS {
        let problem = format!("no batch keeps more than {MOST_THREADS} busy");
        return Err(Error::Threads { threads, problem });
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("cpu-{i}"))
        .build()
        .map_err(|e| Error::Threads { threads, problem: e.to_string() })
}
