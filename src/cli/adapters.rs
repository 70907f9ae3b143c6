//! `genre-gpu adapters`.

use serde::Serialize;

use super::say::Output;
use crate::error::{Error, Result};
use crate::gpu::{AdapterFacts, Kind, adapters};
use crate::text::fold;

const EXAMPLES: &str = "\
Examples:
  genre-gpu adapters                            GPUs for --device gpu
  genre-gpu adapters --json                     the same as JSON
  genre-gpu train --device gpu                  train on the first of them
  genre-gpu train --device gpu --adapter intel  train on the first of that name

Limits: buffer is the largest tensor, binding the largest part of it that a
kernel can use; workgroup is the number of threads that work together, shared
their memory; timestamps: whether single kernels can be timed.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Print one JSON document (sizes in bytes)
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    facts: &'a AdapterFacts,
    /// Whether `--device gpu` takes it.
    chosen: bool,
}

pub(super) fn run(args: &Args, output: Output) -> Result<()> {
    let output = output.with_json(args.json);
    let found = adapters();
    let Some(first) = found.first() else { return Err(Error::NoAdapter) };
    let list: Vec<_> =
        found.iter().enumerate().map(|(i, facts)| Listed { facts, chosen: i == 0 }).collect();
    output.document(&list)?;
    for (mark, facts) in ["*"].into_iter().chain(std::iter::repeat(" ")).zip(&found) {
        output.say(&format!("{mark} {}", describe(facts)))?;
    }
    let chosen = format!("--device gpu uses {first}; --adapter NAME selects another.");
    output.say(&format!("\n{}", fold(&chosen)))?;
    if first.kind == Kind::Software {
        output.say("It is a software GPU (CPU emulation): --device cpu is many times faster.")?;
    }
    Ok(())
}

/// What it is, its driver, its limits: lines of at most 80 columns.
fn describe(facts: &AdapterFacts) -> String {
    format!(
        "{facts}\n    driver {}\n    buffer {}, binding {}\n    workgroup {}, shared {}, \
         timestamps {}",
        facts.driver,
        size(facts.max_buffer_bytes),
        size(facts.max_binding_bytes),
        facts.max_workgroup_size,
        size(facts.max_workgroup_bytes.into()),
        if facts.timestamps { "yes" } else { "no" }
    )
}

/// `128 MiB`, `4.0 GiB` (of one byte less).
fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = (bytes.max(1).ilog2() as usize / 10).min(units.len() - 1);
    let value = bytes as f64 / (1u64 << (10 * unit)) as f64;
    let digits = usize::from(value.fract() != 0.0);
    format!("{value:.digits$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_short() {
        let got = [0, 1, 1023, 32_768, 134_217_728, (4 << 30) + (1 << 29)].map(size);
        assert_eq!(got, ["0 B", "1 B", "1023 B", "32 KiB", "128 MiB", "4.5 GiB"]);
    }
}
