//! The command line: flags to plain options, results to lines of text. No logic.

mod adapters;
mod assignment;
mod audit;
mod bars;
mod bench;
mod check;
mod choice;
mod compare;
mod compare_folds;
mod data_args;
mod demo;
mod device_args;
mod evaluate;
mod explain;
mod export;
mod export_format;
mod import;
mod lines;
mod lr_find;
mod models;
mod out_file;
mod predict;
mod prepare;
mod report;
mod report_args;
mod run_bars;
mod run_input;
mod say;
mod seeds;
mod shell;
mod stop;
mod summary;
mod train;
mod tune;
mod usage;
mod web;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Result;
use say::{Colour, Output, tell};

const EXAMPLES: &str = "\
Examples:
  genre-gpu assignment                    P1 and P2 on the demo corpus, report
  genre-gpu train                         P1 on the demo corpus, 20 epochs
  genre-gpu train --data gtzan.npz        on your own arrays
  genre-gpu explain runs/p1-demo-seed42   which input matters? (Grad-CAM)
  genre-gpu report runs/p1-demo-seed42    the run in one HTML file
  genre-gpu predict runs/p1-demo-seed42 song.mp3
                                          the genre of an audio file
Environment:
  GENRE_GPU_CACHE   folder of the demo corpus and of what GPUs showed, like --cache-dir
  GENRE_GPU_SIMD    vector level of the CPU: baseline, avx2 or avx512
  NO_COLOR          any value: no colours

Exit codes: 0 success, 1 failed or a run interrupted, 2 wrong usage, 130 interrupted.";

/// Train, explain and compare small CNNs on music spectrograms.
#[derive(Debug, Parser)]
#[command(name = "genre-gpu", max_term_width = 80, version, long_version = shell::version(), after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Print only warnings and errors, and JSON where --json asks for it
    #[arg(long, short, global = true)]
    quiet: bool,

    /// Colours: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto",
          value_parser = choice::colour(), hide_default_value = true, hide_possible_values = true)]
    color: Colour,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train and explain P1 and P2, and write the report
    Assignment(Box<assignment::Args>),
    /// Train a model
    Train(Box<train::Args>),
    /// Find a learning rate: train a few steps with rising ones
    LrFind(Box<lr_find::Args>),
    /// Evaluate a trained model on its own data or on other arrays
    Evaluate(Box<evaluate::Args>),
    /// Explain a trained model: Grad-CAM, and how far to trust it
    Explain(Box<explain::Args>),
    /// Write a trained model for another program: Keras, ONNX, numpy, WebGPU
    Export(export::Args),
    /// Make a run of a model that another program trained: Keras
    Import(import::Args),
    /// Write everything about runs into one HTML file
    Report(report::Args),
    /// Predict the genre of audio files
    Predict(Box<predict::Args>),
    /// Write a page that runs models in a browser
    Web(web::Args),
    /// Compare models over seeds, with confidence intervals
    Compare(Box<compare::Args>),
    /// List the built-in models
    Models(models::Args),
    /// Show a model's layers and parameters
    Summary(summary::Args),
    /// Check a data set for faults and leaks between its parts
    Audit(Box<audit::Args>),
    /// Generate, export or listen to the demo corpus (synthesised)
    Demo(demo::Args),
    /// Convert audio files to arrays
    Prepare(Box<prepare::Args>),
    /// List the GPUs, best first
    Adapters(adapters::Args),
    /// Check that a GPU computes what it should
    Check(check::Args),
    /// Choose the tiles of a model's GPU kernels by measuring
    Tune(tune::Args),
    /// Measure training steps and kernels on CPU and GPU
    Bench(bench::Args),
    /// Print a completion script for a shell
    Completions(shell::CompletionArgs),
    /// Write man pages into a folder
    Man(shell::ManArgs),
}

/// Runs the program on these arguments, the first of which is its own name.
pub fn run(arguments: &[OsString]) -> ExitCode {
    let cli = match usage::parse(arguments) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    say::keep_arguments(arguments);
    usage::quiet_vulkan_loader();
    cli.color.apply();
    stop::handle();
    match execute(&cli.command, Output::new(cli.quiet)) {
        Ok(code) => code,
        Err(error) => {
            tell(&error.to_string());
            ExitCode::from(if error.is_usage() { 2 } else { 1 })
        }
    }
}

fn execute(command: &Command, output: Output) -> Result<ExitCode> {
    match command {
        Command::Assignment(args) => return assignment::run(args, output),
        Command::Train(args) => return train::run(args, output),
        Command::Compare(args) => return compare::run(args, output),
        Command::Audit(args) => return audit::run(args, output),
        Command::Check(args) => return check::run(args, output),
        Command::Predict(args) => return predict::run(args, output),
        Command::Web(args) => web::run(args, output),
        Command::LrFind(args) => lr_find::run(args, output),
        Command::Evaluate(args) => evaluate::run(args, output),
        Command::Explain(args) => explain::run(args, output),
        Command::Export(args) => export::run(args, output),
        Command::Import(args) => import::run(args, output),
        Command::Report(args) => report::run(args, output),
        Command::Models(args) => models::run(args, output),
        Command::Summary(args) => summary::run(args, output),
        Command::Demo(args) => demo::run(args, output),
        Command::Prepare(args) => prepare::run(args, output),
        Command::Adapters(args) => adapters::run(args, output),
        Command::Tune(args) => tune::run(args, output),
        Command::Bench(args) => bench::run(args, output),
        Command::Completions(args) => shell::completions(args),
        Command::Man(args) => shell::man(args, output),
    }?;
    Ok(ExitCode::SUCCESS)
}
