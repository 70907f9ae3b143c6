//! `genre-gpu adapters`.

use serde::Serialize;

use super::say::say;
use crate::error::{Error, Result};
use crate::gpu::{AdapterFacts, Kind, adapters};

const EXAMPLES: &str = "\
Examples:
  genre-gpu adapters                            the GPUs that --device gpu can take
  genre-gpu adapters --json                     the same for programs, sizes in bytes
  genre-gpu train --device gpu                  train on the first of them
  genre-gpu train --device gpu --adapter intel  train on the first of that name

Columns: buffer and binding are the largest tensor that fits, and the largest part of
it that a kernel can be given; workgroup is how many threads can work together, and
shared the memory that they share; timestamps tell whether it can time single kernels.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Print JSON: a list, best first, with sizes in bytes
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

pub(super) fn run(args: &Args) -> Result<()> {
    let found = adapters();
    let Some(first) = found.first() else { return Err(Error::NoAdapter) };
    if args.json {
        let list: Vec<_> =
            found.iter().enumerate().map(|(i, facts)| Listed { facts, chosen: i == 0 }).collect();
        // Plain values: nothing that JSON lacks.
        return say(&serde_json::to_string_pretty(&list).unwrap_or_default());
    }
    say(&table(&found))?;
    say(&format!("\n--device gpu takes {first}; --adapter NAME takes another."))?;
    if first.kind == Kind::Software {
        say("It is a processor playing a GPU: --device cpu is usually many times faster.")?;
    }
    Ok(())
}

fn table(found: &[AdapterFacts]) -> String {
    let head = [
        "",
        "name",
        "backend",
        "kind",
        "buffer",
        "binding",
        "workgroup",
        "shared",
        "timestamps",
        "driver",
    ];
    let mut rows = vec![head.map(String::from)];
    for (i, facts) in found.iter().enumerate() {
        rows.push([
            (if i == 0 { "*" } else { "" }).into(),
            facts.name.clone(),
            facts.backend.clone(),
            facts.kind.to_string(),
            size(facts.max_buffer_bytes),
            size(facts.max_binding_bytes),
            facts.max_workgroup_size.to_string(),
            size(facts.max_workgroup_bytes.into()),
            (if facts.timestamps { "yes" } else { "no" }).into(),
            facts.driver.clone(),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..head.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &[String; 10]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
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
