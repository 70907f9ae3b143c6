//! The engine beside real Keras: initial weights, sample orders, whole runs, maps.
//!
//! The naive f64 reference is compared with Keras in f64, the devices with Keras in f32. The
//! fixtures, and the Python that made them, are in `tests/fixtures/keras`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod compare;
mod explain;
mod loss;
mod norm;
mod optimizer;
mod random;
mod run;
