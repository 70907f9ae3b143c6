//! Flags of commands that write a report.

use std::path::PathBuf;

use crate::error::Result;
use crate::report::{FrontMatter, Notes};

#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    /// Who hands the report in: a name or a candidate number
    #[arg(long, value_name = "NAME")]
    author: Option<String>,

    /// The report's title [default: models and data]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,

    /// Markdown with your own words on the questions, put under the report's: headings # 1 to # 6
    /// and # P2
    #[arg(long, value_name = "FILE")]
    notes: Option<PathBuf>,
}

impl ReportArgs {
    pub(super) fn read(&self) -> Result<FrontMatter> {
        Ok(FrontMatter {
            title: self.title.clone(),
            author: self.author.clone(),
            notes: self.notes.as_deref().map(Notes::read).transpose()?.unwrap_or_default(),
        })
    }
}
