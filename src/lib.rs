//! Trains small convolutional networks on spectrograms, on the CPU or on a GPU through wgpu, and
//! reproduces Keras runs: the same initial weights, the same order of samples, the same metrics.
//! Training with one seed gives the same bits for any number of threads and across a resume.
//!
//! The program `genre-gpu` is this library with a command line; it classifies the genre of music.
//!
//! # Training on arrays
//!
//! ```
//! use genre_gpu::backend::{Backend, Batches, DatasetRef, Optimizer, State, StepMetrics};
//! use genre_gpu::{cpu::Cpu, models::Model, plan::Plan, train::initial_parameters};
//! use std::ops::ControlFlow;
//!
//! // 8 samples of 16 mel bands and 24 frames, in two classes.
//! let x: Vec<f32> = (0..8 * 16 * 24).map(|i| (i as f32).sin()).collect();
//! let y = [0, 1, 0, 1, 0, 1, 0, 1];
//! let samples = DatasetRef::new(&x, &y);
//!
//! let graph = Model::open("p1")?.graph([16, 24, 1], 2)?;
//! let weights = State::new(initial_parameters(&graph, 42));
//! let batch_size = 4;
//! let mut cpu = Cpu::new(Plan::new(graph, batch_size)?, 2)?;
//! cpu.set_state(&weights)?;
//! for _epoch in 0..3 {
//!     let batches = Batches::plain(&[3, 1, 4, 0, 5, 2, 6, 7]);
//!     cpu.train(samples, &batches, Optimizer::sgd(0.01), &mut |_| ControlFlow::Continue(()))?;
//! }
//!
//! let mut probabilities = Vec::new();
//! let steps = cpu.evaluate(samples, &mut probabilities)?;
//! let metrics: StepMetrics = steps.into_iter().sum();
//! assert!(metrics.mean_loss().is_finite() && probabilities.len() == 8 * 2);
//! # Ok::<(), genre_gpu::Error>(())
//! ```
//!
//! `examples/` has whole programs: `train_on_arrays`, `model_in_code` and `predict_file`. A run
//! with settings, validation, checkpoints and a folder of results is [`train::runs::execute`].
//!
//! # Modules
//!
//! | To | see |
//! |---|---|
//! | write a model as TOML or use a built-in one | [`models`] |
//! | write a model in code | [`graph`] |
//! | train and evaluate it on a device | [`plan`], then [`backend`] with [`cpu`] or `gpu`; [`device`] opens either |
//! | load, check and scale arrays (npy, npz) | [`data`], [`audit`] |
//! | train whole runs and read them again | [`train`] |
//! | write models for Keras and ONNX, and read them | `formats` |
//! | judge predictions; compare runs | [`metrics`]; `compare` |
//! | draw what Keras draws: initial weights, orders of samples | [`random`] |
//! | make arrays of sound files, or predict sound files | `audio`, `prepare`, `predict` |
//! | see what a network attends to | `explain` |
//! | draw pictures, write the HTML report | `plot`, `report` |
//!
//! # Features
//!
//! | Feature | adds |
//! |---|---|
//! | none (`--no-default-features`) | graphs, plans, the CPU, models, training on arrays, npy files, metrics |
//! | `gpu` | `gpu`, `bench` |
//! | `audio` | decoding and log-mel spectrograms in [`audio`]; `demo`, `prepare`, `predict` |
//! | `pictures` | `plot`, `compare`; with `audio` also `explain` and `report` |
//! | `formats` | `formats`: Keras, ONNX, npz and safetensors |
//! | `cli` (default) | all of them, and the program |
//!
//! # Layout in memory
//!
//! Samples are `[n, h, w, c]`, channels last: h = mel bands (0 is the lowest), w = frames. Kernels
//! are `[k_h, k_w, c_in, c_out]` (conv2d) and `[in, out]` (dense), as in Keras.

pub mod audio;
pub mod audit;
pub mod backend;
#[cfg(feature = "gpu")]
pub mod bench;
#[cfg(feature = "gpu")]
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "pictures")]
pub mod compare;
pub mod cpu;
pub mod data;
#[cfg(feature = "audio")]
pub mod demo;
pub mod device;
pub mod error;
#[cfg(all(feature = "audio", feature = "pictures"))]
pub mod explain;
pub mod files;
#[cfg(feature = "formats")]
pub mod formats;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod graph;
pub mod measure;
mod memory;
pub mod metrics;
pub mod models;
#[cfg(feature = "gpu")]
pub mod naive;
pub mod ops;
#[cfg(any(feature = "audio", feature = "formats", feature = "gpu"))]
mod panics;
pub mod plan;
#[cfg(feature = "pictures")]
pub mod plot;
#[cfg(feature = "audio")]
pub mod predict;
#[cfg(feature = "audio")]
pub mod prepare;
pub mod progress;
pub mod random;
#[cfg(all(feature = "audio", feature = "pictures"))]
pub mod report;
#[cfg(feature = "audio")]
pub mod share;
mod simd;
#[cfg(all(feature = "audio", feature = "gpu", feature = "pictures"))]
pub mod tasks;
mod text;
pub mod train;
#[cfg(feature = "gpu")]
pub mod tune;
#[cfg(all(feature = "audio", feature = "gpu", feature = "pictures"))]
pub mod web;

pub use error::{Error, Result};
