//! Progress of long work: the library reports it, `cli` draws bars and prints.

/// Receives the progress of long work. Calls may come from several threads.
pub trait Progress: Sync {
    /// A piece of work of `total` units begins, e.g. `("demo corpus", 400, "songs")`.
    fn begin(&self, label: &str, total: u64, unit: &'static str);
    /// `by` more units are done.
    fn advance(&self, by: u64);
    /// The work is done; its bar can be removed.
    fn end(&self);
    /// A notice for the user, printed above any bar; suppressed by `--quiet`.
    fn note(&self, text: &str);
    /// A warning, which is always printed.
    fn warn(&self, text: &str);
    /// Whether the work should end, at the next file or batch, with an error.
    fn stops(&self) -> bool {
        false
    }
}

/// Ignores all progress.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _label: &str, _total: u64, _unit: &'static str) {}
    fn advance(&self, _by: u64) {}
    fn end(&self) {}
    fn note(&self, _text: &str) {}
    fn warn(&self, _text: &str) {}
}
