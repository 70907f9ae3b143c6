//! What `explain` leaves: the folder `explain` of a run.

use std::path::{Path, PathBuf};

use super::pictures::{Figure, write_pictures};
use super::record::{ExplainOptions, Explanation};
use super::right_wrong::ExplainedPart;
use crate::data::PartName;
use crate::error::{Error, Result};
use crate::files::{create_folder, write_atomic};
use crate::plot::ColourMap;
use crate::progress::Progress;
use crate::train::SavedModel;
use crate::train::run_folder::RunFolder;

/// The folder.
#[derive(Debug, Clone)]
pub struct ExplainFolder {
    path: PathBuf,
}

impl ExplainFolder {
    /// That of a run; it need not be there.
    pub fn of(run: &RunFolder) -> Self {
        Self { path: run.path().join("explain") }
    }

    /// Elsewhere.
    pub fn at(path: &Path) -> Self {
        Self { path: path.into() }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All that was found.
    pub fn json(&self) -> PathBuf {
        self.path.join("explain.json")
    }

    /// Right and wrong indices of a part.
    pub fn indices(&self, part: PartName) -> PathBuf {
        self.path.join(format!("indices_{part}.csv"))
    }

    /// Wrong predictions of a part by name.
    pub fn wrong(&self, part: PartName) -> PathBuf {
        self.path.join(format!("wrong_{part}.csv"))
    }

    /// Creates the folder, so that a bad place is known before much is done.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(&self) -> Result<()> {
        create_folder(&self.path)
    }

    /// Removes what an older explanation left, `explain.json` first: pictures and sound of other
    /// layers must not stand beside those of these, nor pass for whole if this one is stopped.
    /// Where there is no `explain.json`, nothing is taken for its.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub fn clear(&self) -> Result<()> {
        let remove =
            |path: PathBuf| std::fs::remove_file(&path).map_err(Error::io(&path, "remove"));
        if !self.json().exists() {
            return Ok(());
        }
        remove(self.json())?;
        let made = |name: &str| {
            let table = name.ends_with(".csv")
                && ["indices_", "wrong_"].iter().any(|p| name.starts_with(p));
            table || Figure::made(name)
        };
        let entries = std::fs::read_dir(&self.path).map_err(Error::io(&self.path, "read"))?;
        for entry in entries.filter_map(std::result::Result::ok) {
            if made(&entry.file_name().to_string_lossy()) {
                remove(entry.path())?;
            }
        }
        Ok(())
    }

    /// Writes pictures (`heat` colours heatmaps) and tables into a folder that is clear, then
    /// `explain.json`, which says that all is there.
    ///
    /// # Errors
    /// If a picture cannot be drawn or a file not written.
    pub fn write(
        &self,
        explanation: &Explanation,
        heat: ColourMap,
        progress: &dyn Progress,
    ) -> Result<()> {
        self.create()?;
        write_pictures(explanation, &self.path, heat, progress)?;
        for part in &explanation.parts {
            self.write_indices(part)?;
            self.write_wrong(part)?;
        }
        write_atomic(&self.json(), |to| Ok(serde_json::to_writer(to, explanation)?))
    }

    fn write_indices(&self, part: &ExplainedPart) -> Result<()> {
        write_atomic(&self.indices(part.part), |to| {
            let mut csv = csv::Writer::from_writer(to);
            csv.write_record(["class", "outcome", "index"])?;
            for class in &part.classes {
                for index in &class.right {
                    csv.write_record([&class.name, "right", &index.to_string()])?;
                }
                for wrong in &class.wrong {
                    csv.write_record([&class.name, "wrong", &wrong.index.to_string()])?;
                }
            }
            csv.flush()
        })
    }

    fn write_wrong(&self, part: &ExplainedPart) -> Result<()> {
        write_atomic(&self.wrong(part.part), |to| {
            let mut csv = csv::Writer::from_writer(to);
            csv.write_record(["index", "song", "true", "predicted", "probability"])?;
            for class in &part.classes {
                for wrong in &class.wrong {
                    let song = wrong.song.map_or_else(String::new, |song| song.to_string());
                    let taken_for = &part.classes[wrong.predicted as usize].name;
                    csv.write_record([
                        &wrong.index.to_string(),
                        &song,
                        &class.name,
                        taken_for,
                        &wrong.probability.to_string(),
                    ])?;
                }
            }
            csv.flush()
        })
    }

    /// Reads `explain.json`, if it is what `explain` says of the run unasked: of the weights that
    /// it has now, its own data, and the first right and wrong samples of its training set.
    ///
    /// # Errors
    /// If it is missing, damaged or of anything else.
    pub fn read(&self, run: &RunFolder) -> Result<Explanation> {
        let fail = |problem: String| {
            let again = format!("genre-gpu explain {}", run.path().display());
            Err(Error::Run { path: self.json(), problem: format!("{problem}; run {again}") })
        };
        let text = match std::fs::read_to_string(self.json()) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return fail("the run is not explained yet".into());
            }
            Err(e) => return Err(Error::io(&self.json(), "read")(e)),
        };
        let explanation: Explanation = match serde_json::from_str(&text) {
            Ok(explanation) => explanation,
            Err(e) => return fail(format!("it is no explanation of this version: {e}")),
        };
        if explanation.weights_hash != weights_hash(run)? {
            return fail("it is of other weights than the run has now".into());
        }
        let (saved, _) = SavedModel::read(&run.model())?;
        if explanation.data_hash != saved.facts.data_hash {
            return fail(format!("it is of other data ({})", explanation.data));
        }
        if (ExplainOptions { checks: true, ..explanation.asked.clone() })
            != ExplainOptions::default()
        {
            return fail("it is of layers, a part, a class or samples that were chosen".into());
        }
        Ok(explanation)
    }
}

/// Of a run's `model.safetensors`: 32 hex characters.
pub(super) fn weights_hash(run: &RunFolder) -> Result<String> {
    let path = run.model();
    let bytes = std::fs::read(&path).map_err(Error::io(&path, "read"))?;
    Ok(blake3::hash(&bytes).to_hex()[..32].to_owned())
}
