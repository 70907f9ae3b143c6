//! Training: where a run starts, how it goes on, what it leaves.

mod initial;

pub use initial::initial_parameters;
