//! Classifies music genres from log-mel spectrograms with small convolutional networks.

pub mod audio;
pub mod cli;
pub mod data;
pub mod error;
pub mod files;
pub mod metrics;
pub mod progress;
pub mod random;
pub mod report;

pub use error::{Error, Result};
