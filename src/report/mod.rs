//! Everything that was found about runs, as one HTML file that stands alone.
//!
//! ```text
//! record.rs    what a run's folder holds, read and checked
//! words.rs     sentences made from measured figures
//! versus.rs    the runs' models held against the first one's
//! view/        what the template is given: text, tables, drawings
//! svg/         drawings: curves over epochs, a network's nodes
//! sound.rs     recordings, as many as a page should hold
//! island.rs    what the script is given, as JSON
//! page.html    the template; page.css, page.js stand in the file that it makes
//! ```

mod island;
mod record;
mod sound;
mod svg;
mod versus;
mod view;
mod words;

use std::path::Path;
use std::time::SystemTime;

use askama::Template;

use crate::error::{Error, Result};
use crate::files::write_atomic;
use record::RunRecord;
use view::Page;

/// Runs that were read and fit together; the first one answers the assignment's questions.
#[derive(Debug)]
pub struct Runs(Vec<RunRecord>);

impl Runs {
    /// Reads runs' folders.
    ///
    /// # Errors
    /// If one is not finished or not explained, its files do not belong together, or there is none.
    pub fn read(folders: &[impl AsRef<Path>]) -> Result<Self> {
        let runs: Vec<RunRecord> =
            folders.iter().map(|path| RunRecord::read(path.as_ref())).collect::<Result<_>>()?;
        if runs.is_empty() {
            let (expected, found) = ("at least one", "none".into());
            return Err(Error::Setting { name: "run", expected, found });
        }
        Ok(Self(runs))
    }

    /// Writes the file and says its length in bytes; `now` is the date that it bears.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path, now: SystemTime) -> Result<usize> {
        let text = self.html(now)?;
        write_atomic(path, |to| to.write_all(text.as_bytes()))?;
        Ok(text.len())
    }

    /// The file's text.
    ///
    /// # Errors
    /// If figures of a run do not fit together.
    pub fn html(&self, now: SystemTime) -> Result<String> {
        let page = Page::new(&self.0, now)?;
        page.render().map_err(|e| Error::Run {
            path: self.0[0].folder.path().into(),
            problem: format!("cannot be put into a page: {e}"),
        })
    }
}
