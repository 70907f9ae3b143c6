//! Loading, checking and scaling of data sets.

#![allow(clippy::panic, unreachable_pub)]

mod errors;
mod files;
mod labels;
mod names;
mod numpy;
mod scale;
mod types;
