//! Shards: a batch is cut into shards of a fixed size, whatever the number of threads, so that
//! the bits do not depend on it.

use std::cell::Cell;

/// Samples of a shard, which one task takes through all layers. Two, so that a batch of 32 keeps
/// 16 threads busy and a layer's output is still in the cache when the next layer reads it.
pub(crate) const SAMPLES_PER_SHARD: usize = 2;

thread_local! {
    /// Whether this thread computes a shard.
    static IN_SHARD: Cell<bool> = const { Cell::new(false) };
}

/// Runs the work of one shard, whose buffers or workspaces are locked meanwhile. It must not fork
/// (see [`assert_may_fork`]).
pub(crate) fn in_shard<R>(work: impl FnOnce() -> R) -> R {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            IN_SHARD.set(false);
        }
    }
    assert_may_fork();
    IN_SHARD.set(true);
    let _leave = Leave;
    work()
}

/// Checks, in builds with debug assertions, that this thread computes no shard. Whoever is about to
/// fork (any parallel iterator, `join` or `install` of rayon) calls this first: a thread that waits
/// for its forks may steal the task of another shard, and would then wait for ever for the lock
/// that it holds itself.
pub(crate) fn assert_may_fork() {
    debug_assert!(!IN_SHARD.get(), "no kernel forks while it holds a shard's lock");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_outside_of_a_shard_may_a_thread_fork() {
        assert_may_fork();
        let inside = std::panic::catch_unwind(|| in_shard(assert_may_fork));
        assert_eq!(inside.is_err(), cfg!(debug_assertions));
        assert_eq!(in_shard(|| 3), 3, "a panic leaves the shard");
        assert_may_fork();
    }
}
