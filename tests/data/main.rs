//! Loading, checking and scaling of data sets.

#![allow(clippy::panic, clippy::unwrap_used, unreachable_pub)]

mod audit;
mod errors;
mod files;
mod labels;
mod names;
mod numpy;
mod scale;
mod types;
