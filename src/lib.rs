//! Classifies music genres from log-mel spectrograms with small convolutional
//! networks: the very run that Keras makes of the same network, natively.
//!
//! ```text
//! main ── cli ── train ─┬─ device ── cpu, gpu ── backend ──┐
//!                       │                                  ├── plan ── graph ── error
//!                       ├─ models ─────────────────────────┘   (a model file becomes a Graph)
//!                       ├─ data ── audio        (arrays, or songs synthesised here)
//!                       ├─ random               (Keras's draws; named streams)
//!                       └─ report ── metrics    (pictures of plain values)
//! ```
//!
//! Layout: samples `[n, h, w, c]` with h = mel bands (0 lowest) and w = frames;
//! kernels `[k_h, k_w, c_in, c_out]` and `[in, out]`, as in Keras.
//!
//! ```
//! use genre_gpu::backend::{Backend, Batches, DatasetRef, Sgd, State};
//! use genre_gpu::{cpu::Cpu, models::Model, plan::Plan, train::initial_parameters};
//!
//! let graph = Model::open("p1")?.graph([16, 24, 1], 4)?;
//! let weights = State::new(initial_parameters(&graph, 42));
//! let mut cpu = Cpu::new(Plan::new(graph, 32)?, 2)?;
//! cpu.set_state(&weights)?;
//! let x = vec![0.5; 2 * 16 * 24];
//! let samples = DatasetRef::new(&x, &[0, 3]);
//! let metrics = cpu.train_step(samples, &Batches::plain(&[0, 1]), Sgd::plain(0.01))?;
//! assert!(metrics.mean_loss().is_finite());
//! # Ok::<(), genre_gpu::Error>(())
//! ```

pub mod audio;
pub mod audit;
pub mod backend;
pub mod bench;
pub mod cli;
pub mod compare;
pub mod cpu;
pub mod data;
pub mod demo;
pub mod device;
pub mod error;
pub mod explain;
pub mod files;
pub mod gpu;
pub mod graph;
pub mod measure;
pub mod metrics;
pub mod models;
pub mod ops;
pub mod page;
mod panics;
pub mod plan;
pub mod predict;
pub mod prepare;
pub mod progress;
pub mod random;
pub mod report;
mod simd;
pub mod tasks;
mod text;
pub mod train;

pub use error::{Error, Result};
