//! What the tests share: the naive reference, comparison, the data of the golden runs.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

pub mod cases;
pub mod close;
pub mod compare;
pub mod golden;
pub mod gpu;
pub mod levels;
pub mod naive;
