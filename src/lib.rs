//! Classifies music genres from log-mel spectrograms with small convolutional networks.

pub mod audio;
pub mod backend;
pub mod cli;
pub mod cpu;
pub mod data;
pub mod error;
pub mod files;
pub mod graph;
pub mod metrics;
pub mod models;
pub mod plan;
pub mod progress;
pub mod random;
pub mod report;
pub mod train;

pub use error::{Error, Result};
