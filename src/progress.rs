//! How long work tells of itself without knowing a terminal: the library
//! calls, `cli` draws.

/// Listens to work that takes a while. Calls may come from several threads.
pub trait Progress: Sync {
    /// A piece of work of `total` units begins, e.g. `("demo corpus", 400, "songs")`.
    fn begin(&self, label: &str, total: u64, unit: &'static str);
    /// `by` more units are done.
    fn advance(&self, by: u64);
    /// The work is done; its bar may go.
    fn end(&self);
    /// A line for the user, printed above any bar; not with `--quiet`.
    fn note(&self, text: &str);
    /// Something that may be wrong: printed in any case.
    fn warn(&self, text: &str);
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _label: &str, _total: u64, _unit: &'static str) {}
    fn advance(&self, _by: u64) {}
    fn end(&self) {}
    fn note(&self, _text: &str) {}
    fn warn(&self, _text: &str) {}
}
