//! The tiles that were chosen before, in the user's cache folder.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::{read_lines, write_lines};
use crate::gpu::{AdapterFacts, Tiles};
use crate::graph::Graph;

const FILE: &str = "tuned-gpus.txt";

/// What was chosen, line by line; the default remembers nothing.
#[derive(Debug, Clone, Default)]
pub struct Known {
    file: Option<PathBuf>,
}

impl Known {
    /// What the folder `cache` remembers.
    pub fn at(cache: &Path) -> Self {
        Self { file: Some(cache.join(FILE)) }
    }

    /// The tiles of a plan on an adapter, if they were chosen before.
    ///
    /// # Errors
    /// If a kernel cannot be read.
    pub fn tiles(
        &self,
        adapter: &AdapterFacts,
        graph: &Graph,
        batch: usize,
    ) -> Result<Option<Tiles>> {
        let Some(file) = &self.file else { return Ok(None) };
        let key = key(adapter, graph, batch)?;
        let lines = read_lines(file);
        let found = lines.iter().find_map(|line| line.strip_prefix(&key));
        // A line that is damaged remembers nothing.
        Ok(found.and_then(|tiles| tiles.parse().ok()))
    }

    /// Remembers tiles in place of others.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn remember(
        &self,
        adapter: &AdapterFacts,
        graph: &Graph,
        batch: usize,
        tiles: &str,
    ) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let key = key(adapter, graph, batch)?;
        let mut lines = read_lines(file);
        lines.retain(|line| !line.starts_with(&key));
        lines.insert(format!("{key}{tiles}"));
        write_lines(file, &lines)
    }
}

/// What must be the same for a choice to hold.
fn key(adapter: &AdapterFacts, graph: &Graph, batch: usize) -> Result<String> {
    Ok(format!("{}\t{}\t{batch}\t", adapter.fingerprint()?, graph.hash()))
}
