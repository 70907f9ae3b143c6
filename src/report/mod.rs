//! Everything that was found about runs, as one self-contained HTML file or as a notebook.
//!
//! ```text
//! record.rs    what a run's folder holds, read and checked
//! answers/     what the page says to each question: rules in Rust, sentences in templates
//! words.rs     words that several modules use
//! versus.rs    the runs' models compared with the first one
//! notes.rs     the author's own words
//! pictures.rs  spectrograms and maps as pictures inside the page
//! player.rs    the page that runs the models on any song
//! sound.rs     recordings, as many as a page should hold
//! island.rs    what the script is given, as JSON
//! view/        what the templates are given: text, tables, pictures
//! notebook.rs  the same as a Jupyter notebook
//! page.html    the template; page.css, page.js stand in the file that it makes
//! ```

mod answers;
mod island;
mod notebook;
mod notes;
mod pictures;
mod player;
mod record;
mod sound;
mod versus;
mod view;
mod words;

use std::path::Path;
use std::time::SystemTime;

use askama::Template;

use crate::error::{Error, Result};
use crate::files::write_output;
pub use notes::Notes;
use record::RunRecord;
use view::Page;

/// What the author adds to a report.
#[derive(Debug, Clone, Default)]
pub struct FrontMatter {
    /// None gives one from models and data.
    pub title: Option<String>,
    /// Who hands it in: a name or a candidate number.
    pub author: Option<String>,
    /// Their own words on each question.
    pub notes: Notes,
}

/// What a report is written as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// One HTML file that needs nothing else.
    #[default]
    Html,
    /// A Jupyter notebook, nbformat 4.5.
    Notebook,
}

/// Runs that were read and fit together; the first one answers the assignment's questions.
#[derive(Debug)]
pub struct Runs(Vec<RunRecord>);

impl Runs {
    /// Reads runs' folders.
    ///
    /// # Errors
    /// If one is not finished or not explained, its files do not belong together, or there is none.
    pub fn read(folders: &[impl AsRef<Path>]) -> Result<Self> {
        let mut runs: Vec<RunRecord> =
            folders.iter().map(|path| RunRecord::read(path.as_ref())).collect::<Result<_>>()?;
        if runs.is_empty() {
            let (expected, found) = ("at least one", "none".into());
            return Err(Error::Setting { name: "run", expected, found });
        }
        record::tell_apart(&mut runs);
        Ok(Self(runs))
    }

    /// The report that will be at `path`; `now` is the date that it bears.
    ///
    /// # Errors
    /// If metrics of a run do not fit together.
    pub fn text(
        &self,
        path: &Path,
        format: Format,
        front: &FrontMatter,
        now: SystemTime,
    ) -> Result<String> {
        let page = Page::new(&self.0, front, (format, path), now)?;
        match format {
            Format::Html => page.render().map_err(|e| Error::Run {
                path: self.0[0].folder.path().into(),
                problem: format!("cannot be put into a page: {e}"),
            }),
            Format::Notebook => notebook::text(&page, &self.0, front),
        }
    }

    /// Writes the report and returns its length in bytes.
    ///
    /// # Errors
    /// As [`Self::text`], or if the file cannot be written.
    pub fn write(
        &self,
        path: &Path,
        format: Format,
        front: &FrontMatter,
        now: SystemTime,
    ) -> Result<usize> {
        let text = self.text(path, format, front, now)?;
        write_output(path, |to| to.write_all(text.as_bytes()))?;
        Ok(text.len())
    }
}
