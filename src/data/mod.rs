//! Samples and labels: where they come from and how they are scaled.

mod part;

pub use part::{Part, PartName};
