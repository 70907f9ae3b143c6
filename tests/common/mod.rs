//! What the tests of the engine share: the implementations that are compared with the naive
//! reference, the data and runs of real Keras.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

pub mod backend;
pub mod close;
pub mod golden;
pub mod gpu;
pub mod levels;
pub mod plan;

#[allow(unused_imports)]
pub use genre_gpu::{check::cases, naive};
