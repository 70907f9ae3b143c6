//! The command line: parse, run, print.

fn main() -> std::process::ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    genre_gpu::cli::run(&arguments)
}
