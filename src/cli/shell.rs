//! `genre-gpu completions`, `genre-gpu man` and `genre-gpu --version`.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap_complete::{Shell, generate};

use super::choice;
use super::say::{Output, say};
use super::usage::command;
use crate::error::{Error, Result};
use crate::files::create_folder;
use crate::simd::levels;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  genre-gpu completions bash > /etc/bash_completion.d/genre-gpu
  genre-gpu completions zsh > ~/.zfunc/_genre-gpu
  genre-gpu completions fish > ~/.config/fish/completions/genre-gpu.fish")]
pub(super) struct CompletionArgs {
    /// The shell
    shell: Shell,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  genre-gpu man ~/.local/share/man/man1
  man genre-gpu-train")]
pub(super) struct ManArgs {
    /// Folder for the pages, one for each command
    #[arg(value_name = "DIR", value_parser = choice::folder())]
    folder: PathBuf,
}

pub(super) fn completions(args: &CompletionArgs) -> Result<()> {
    let mut script = Vec::new();
    generate(args.shell, &mut command(false), "genre-gpu", &mut script);
    let script = String::from_utf8_lossy(&script);
    // clap_complete 4.6 names a command of Bash's script in two ways where the program has a hyphen.
    let script = match args.shell {
        Shell::Bash => script.replace("genre__subcmd__gpu", "genre__gpu"),
        _ => script.into_owned(),
    };
    say(script.trim_end())
}

pub(super) fn man(args: &ManArgs, output: Output) -> Result<()> {
    let folder = &args.folder;
    create_folder(folder)?;
    clap_mangen::generate_to(command(true), folder).map_err(Error::io(folder, "write"))?;
    output.say(&format!("The man pages are in {}.", folder.display()))
}

/// Version, commit, vector level and wgpu's version.
pub(super) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        format!(
            "{} ({})\nvector level {}, wgpu {}",
            env!("CARGO_PKG_VERSION"),
            option_env!("GENRE_GPU_COMMIT").unwrap_or("commit unknown"),
            levels().last().unwrap_or(&"baseline"),
            option_env!("GENRE_GPU_WGPU").unwrap_or("30")
        )
    });
    &VERSION
}
