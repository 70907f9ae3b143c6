//! The command line: flags to plain options, results to lines of text. No logic.

mod adapters;
mod assignment;
mod audit;
mod bars;
mod bench;
mod choice;
mod compare;
mod data_args;
mod demo;
mod device_args;
mod evaluate;
mod explain;
mod lines;
mod predict;
mod prepare;
mod report;
mod run_bars;
mod run_input;
mod say;
mod seeds;
mod stop;
mod summary;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::{Error, Result};

const EXAMPLES: &str = "\
Examples:
  genre-gpu assignment                          all of it, on the demo corpus
  genre-gpu train                               P1 on the demo corpus, 20 epochs
  genre-gpu train --data gtzan.npz --epochs 5   on arrays of your own
  genre-gpu summary --input 128x87              layers and parameters
  genre-gpu evaluate runs/p1-demo-seed42        a run's figures again
  genre-gpu explain runs/p1-demo-seed42         what does its network attend to?
  genre-gpu audit gtzan.npz                     what the parts of a data set share
  genre-gpu compare --models p1,mine.toml --out study
                                                several models and seeds in one table
  genre-gpu demo --wav songs                    listen to the demo corpus
  genre-gpu prepare GTZAN --out arrays          audio files to arrays
  genre-gpu predict runs/p1-demo-seed42 song.mp3
                                                what genre is this song?
  genre-gpu report runs/p1-demo-seed42          everything about a run in one HTML file
  genre-gpu adapters                            the GPUs that --device gpu can take
  genre-gpu bench                               time of every kernel and of a step

Exit codes: 0 done, 1 failed or stopped, 2 usage.";

/// Music genres from log-mel spectrograms with small convolutional networks.
#[derive(Debug, Parser)]
#[command(name = "genre-gpu", version, about = "Music genres from log-mel spectrograms with small convolutional networks", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Do the whole assignment: P1 on the CPU, P2 on the GPU if there is one
    Assignment(Box<assignment::Args>),
    /// Train a model and leave a run folder with weights, figures and pictures
    Train(Box<train::Args>),
    /// Evaluate a run's weights again, on its own data or on other arrays
    Evaluate(Box<evaluate::Args>),
    /// Show what a run's network attends to: right and wrong samples, Grad-CAM, and its limits
    Explain(Box<explain::Args>),
    /// Train several models with several seeds and say what may be concluded of them
    Compare(compare::Args),
    /// Show a model's layers, parameters and what they say about overfitting
    Summary(summary::Args),
    /// Look for faults of a data set, and for sound that its parts share
    Audit(Box<audit::Args>),
    /// Make, check, export or listen to the demo corpus (synthesised)
    Demo(demo::Args),
    /// Make arrays of audio files: a folder for each class, or a list
    Prepare(Box<prepare::Args>),
    /// Say what genre songs are, over time, from their files
    Predict(Box<predict::Args>),
    /// Put everything about runs into one HTML file
    Report(report::Args),
    /// List the GPUs, best first, and which one --device gpu takes
    Adapters(adapters::Args),
    /// Measure training steps, kernel by kernel, on CPU and GPU
    Bench(bench::Args),
}

/// Runs the program on the process's arguments.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Usage errors exit with 2, --help and --version with 0; a closed pipe is no error.
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    match execute(&cli.command) {
        Ok(code) => code,
        Err(error) => {
            say::tell(&format!("genre-gpu: {error}"));
            // A setting out of range is as wrong a usage as one that is no number.
            ExitCode::from(if matches!(error, Error::Setting { .. }) { 2 } else { 1 })
        }
    }
}

fn execute(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Assignment(args) => assignment::run(args),
        Command::Train(args) => train::run(args),
        Command::Evaluate(args) => evaluate::run(args).map(|()| ExitCode::SUCCESS),
        Command::Explain(args) => explain::run(args).map(|()| ExitCode::SUCCESS),
        Command::Compare(args) => compare::run(args),
        Command::Summary(args) => summary::run(args).map(|()| ExitCode::SUCCESS),
        Command::Audit(args) => audit::run(args),
        Command::Demo(args) => demo::run(args).map(|()| ExitCode::SUCCESS),
        Command::Prepare(args) => prepare::run(args),
        Command::Predict(args) => predict::run(args),
        Command::Report(args) => report::run(args).map(|()| ExitCode::SUCCESS),
        Command::Adapters(args) => adapters::run(args).map(|()| ExitCode::SUCCESS),
        Command::Bench(args) => bench::run(args).map(|()| ExitCode::SUCCESS),
    }
}
