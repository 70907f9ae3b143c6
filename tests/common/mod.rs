//! What the tests of the engine share: the naive reference, the implementations that are compared
//! with it, small graphs, the data and runs of real Keras.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

pub mod backend;
pub mod cases;
pub mod close;
pub mod golden;
pub mod gpu;
pub mod levels;
pub mod naive;
pub mod plan;
