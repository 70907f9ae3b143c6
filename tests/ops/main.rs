//! Every op on every implementation against the naive f64 reference, which finite differences
//! check in turn.
//!
//! `src/check/cases/<op>.rs` has the cases of an op, `src/naive/<op>.rs` its reference (which
//! `genre-gpu check` uses too); `op_tests!` makes one test for each property and
//! implementation, named `<op>::<property>::<implementation>`:
//!
//! ```text
//! cargo test --test ops                                       everything
//! cargo test --test ops conv2d::                              one op
//! cargo test --test ops conv2d::backward_weight::gpu_tiled    one property on one implementation
//! cargo test --test ops ::gpu_fused                           one implementation (and gpu_fused_narrow)
//! cargo test --test ops ::cpu                                 without a GPU
//! ```
//!
//! Properties:
//! - `forward`: every node's output, the loss and the number of correct predictions of training
//!   steps with whole batches, the second one over what the first left in the buffers.
//! - `backward_input`: every node's gradient, and the gradients of the other ops' weights in the
//!   cases (of the stem below, of the head above).
//! - `backward_weight`: the gradients of the op's own weights.
//! - `update`: the op's weights after a step with a learning rate of 0: unchanged, but for the
//!   moving statistics of a batch norm.
//! - `evaluate`: probabilities and loss in inference mode.
//! - `logit_gradients`: every node's output and gradient, of which maps are made.
//! - `partial_batch`: all of these with a batch smaller than the plan's.
//! - `many_steps`: steps of one call give the bits of one call for each step (CPU).
//! - `nan` (where an op takes maxima): a NaN at each position of a window.
//!
//! Implementations: `naive` (finite differences), `cpu`, and the GPU's kernel variants `gpu_plain`,
//! `gpu_tiled`, `gpu_fused`, `gpu_sparse`, `gpu_tiled_narrow`, `gpu_fused_narrow`,
//! `gpu_fused_small`. A GPU's tensors
//! are filled with 1e9 before each step, so that an element that is not written differs.
//!
//! What an implementation computes of an op's cases is computed once for a process and read by the
//! tests of all properties: opening a GPU and compiling its pipelines costs more than the steps.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

#[path = "../common/mod.rs"]
mod common;

#[macro_use]
mod harness;

mod activation;
mod add;
mod avg_pool2d;
mod axis_to_channels;
mod batch_norm;
mod concat;
mod contract;
mod conv2d;
mod crop;
mod dense;
mod depthwise_conv2d;
mod dropout;
mod flatten;
mod gather;
mod max_pool2d;
mod optimizer;
mod penalty;
mod plan;
mod sgd;
mod softmax;
mod std_pool2d;
mod variants;

use harness::Suite;

/// The cases of all ops.
static SUITES: [&Suite; 16] = [
    &activation::SUITE,
    &add::SUITE,
    &avg_pool2d::SUITE,
    &axis_to_channels::SUITE,
    &batch_norm::SUITE,
    &concat::SUITE,
    &conv2d::SUITE,
    &crop::SUITE,
    &dense::SUITE,
    &depthwise_conv2d::SUITE,
    &dropout::SUITE,
    &flatten::SUITE,
    &max_pool2d::SUITE,
    &penalty::SUITE,
    &softmax::SUITE,
    &std_pool2d::SUITE,
];
