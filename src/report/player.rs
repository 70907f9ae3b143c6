//! The page that runs the report's models on any song, inside the report.

use super::record::RunRecord;
use crate::error::Result;

/// What a button opens.
#[derive(Debug)]
pub(super) struct Player {
    /// gzip and base64 of the page.
    pub(super) packed: String,
    /// The page's script and style: it has the report's policy beside its own.
    pub(super) script_hash: String,
    pub(super) style_hash: String,
}

impl Player {
    /// The player of the runs whose front end is known, if there are any.
    #[cfg(feature = "gpu")]
    pub(super) fn of(runs: &[RunRecord]) -> Result<Option<Self>> {
        use crate::error::Error;
        use crate::progress::Silent;
        use crate::web::{Extent, WebPage, packed, page};

        let known = runs.iter().filter(|run| run.facts.front_end.is_some());
        let folders: Vec<_> = known.map(|run| run.folder.path()).collect();
        if folders.is_empty() {
            return Ok(None);
        }
        let WebPage { html, script_hash, style_hash } =
            match page(&folders, None, Extent::Player, &Silent) {
                Ok(page) => page,
                // Beyond what every browser guarantees, or without a layer for maps: a report needs neither.
                Err(Error::DeviceLimit { .. } | Error::Model { .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
        Ok(Some(Self { packed: packed(html.as_bytes())?, script_hash, style_hash }))
    }

    /// None without the GPU path, whose recordings the page replays.
    #[cfg(not(feature = "gpu"))]
    pub(super) fn of(_: &[RunRecord]) -> Result<Option<Self>> {
        Ok(None)
    }
}
