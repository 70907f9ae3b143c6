//! The program as its users meet it: the real binary, in folders of its own.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

#[allow(dead_code)]
#[path = "../common/gpu.rs"]
mod adapter;
mod assignment;
mod at_once;
mod audit;
mod audit_songs;
mod bench;
mod bits;
mod compare;
mod config;
mod data;
mod data_from;
mod evaluate;
mod explain;
mod export;
mod folds;
mod gpu;
mod help;
mod input;
mod kinds;
mod listen;
mod lists;
mod logs;
mod loss_tools;
mod lr_find;
mod models;
#[allow(dead_code)]
#[path = "../common/npy.rs"]
mod npy;
mod odd;
mod optimizer;
mod out;
mod output;
mod predict;
mod prepare;
mod prepare_trouble;
mod program;
mod readme;
mod report;
mod resume;
mod run_folder;
mod said;
mod songs;
mod sound;
mod stop;
mod summary;
#[cfg(unix)]
mod system;
mod trouble;
mod usage;
mod web;
