//! The pool of threads. The bits do not depend on their number: a batch is cut into shards of a
//! fixed size, every element of a result has one owner, and sums over shards run in their order.

use crate::error::{Error, Result};

/// Most threads of a pool: no batch keeps more busy.
pub const MOST_THREADS: usize = 1024;

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
