//! What docs/reliability.md promises, in the form for continuous integration: seeds are fixed, and
//! nothing depends on time or on when a signal arrives. `tests/soak` is the long form.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod changes;
#[allow(dead_code)]
#[path = "../cli/data.rs"]
mod data;
mod mutation;
mod outputs;
#[allow(dead_code)]
#[path = "../cli/program.rs"]
mod program;
mod replaced;
#[cfg(unix)]
mod signals;
mod sounds;
#[cfg(unix)]
mod streams;
mod weights;
mod writers;
