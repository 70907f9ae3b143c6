//! Samples and labels: where they come from and how they are scaled.

pub mod demo;
mod part;

pub use part::{Part, PartName};
