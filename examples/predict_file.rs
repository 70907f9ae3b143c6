//! Predicts the genre of sound files with the model of a run.
//!
//! `cargo run --release --example predict_file -- RUN FILE…`, where `RUN` is a folder that
//! `genre-gpu train` made.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example prints its results")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use genre_gpu::Result;
use genre_gpu::predict::{Options, Predictor};
use genre_gpu::progress::Silent;
use genre_gpu::train::run_folder::RunFolder;
use genre_gpu::train::settings::Config;

fn predict(run: &Path, files: &[PathBuf]) -> Result<()> {
    let folder = RunFolder::open(run)?;
    let config = Config::read(&folder.config())?;
    let mut predictor = Predictor::open(&folder, &config, Options::default(), &Silent)?;
    let classes = predictor.facts().classes.clone();
    predictor.predict(files, &Silent, &mut |song| {
        // An error here is about one file; this program ends with the first.
        let song = song?;
        println!("{}: {}", song.path.display(), classes[song.votes.mean as usize]);
        for cut in &song.cuts {
            println!("  {:5.1} to {:5.1} s: {:.3?}", cut.start_s, cut.end_s, cut.probabilities);
        }
        Ok(())
    })
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (run, files) = (arguments.next(), arguments.collect::<Vec<_>>());
    let Some(run) = run.filter(|_| !files.is_empty()) else {
        eprintln!("usage: predict_file RUN FILE…");
        return ExitCode::from(2);
    };
    match predict(&run, &files) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
