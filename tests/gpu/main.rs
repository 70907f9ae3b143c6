//! The GPU path as a whole: models and runs beside the CPU and Keras, what a step costs besides
//! arithmetic, limits and failures, the rules for shaders. Its kernels, op by op, are in
//! `tests/ops`.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

/// `on_each_variant!(check)` makes a test of each kernel variant.
macro_rules! on_each_variant {
    ($check:path) => {
        #[test]
        fn plain() {
            $check($crate::common::gpu::Variant::Plain);
        }
        #[test]
        fn tiled() {
            $check($crate::common::gpu::Variant::Tiled);
        }
        #[test]
        fn fused() {
            $check($crate::common::gpu::Variant::Fused);
        }
        #[test]
        fn sparse() {
            $check($crate::common::gpu::Variant::Sparse);
        }
    };
}

mod contract;
mod limits;
mod model;
mod models;
mod recording;
mod replicas;
mod shaders;
mod steps;
