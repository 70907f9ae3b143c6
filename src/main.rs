//! The command line: parse, run, print.

fn main() -> std::process::ExitCode {
    genre_gpu::cli::run()
}
