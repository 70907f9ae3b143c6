//! What `explain` leaves: the folder `explain` of a run.

use std::path::{Path, PathBuf};

use super::listen;
use super::pictures::{Figure, write_pictures};
use super::record::{ExplainOptions, Explanation};
use super::right_wrong::ExplainedPart;
use crate::data::PartName;
use crate::error::{Error, Result};
use crate::files::{
    FolderLock, check_inside, create_folder, is_own_folder, read_regular, sync_folder,
    temporary_tree, write_atomic,
};
use crate::plot::ColourMap;
use crate::progress::Progress;
use crate::text::cell;
use crate::train::run_folder::RunFolder;

/// The folder.
#[derive(Debug, Clone)]
pub struct ExplainFolder {
    path: PathBuf,
    /// The folder of a run that it must lie in.
    run: Option<PathBuf>,
}

/// Within the folder: a new explanation that is being written.
const STAGED: &str = ".explain-new";

impl ExplainFolder {
    /// That of a run; it need not be there.
    pub fn of(run: &RunFolder) -> Self {
        Self { path: run.path().join("explain"), run: Some(run.path().into()) }
    }

    /// Elsewhere.
    pub fn at(path: &Path) -> Self {
        Self { path: path.into(), run: None }
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

    /// Creates the folder and locks it, so that a bad place is known before much is done. A new
    /// explanation that was complete when its process was killed takes its place.
    ///
    /// # Errors
    /// If it cannot be created, leads out of its run, or another process writes into it.
    pub fn lock(&self) -> Result<FolderLock> {
        if let Some(run) = self.run.as_ref().filter(|_| self.path.exists()) {
            check_inside(run, &self.path)
                .map_err(Error::io(&self.path, "write into the folder"))?;
        }
        let lock = FolderLock::acquire(&self.path)?;
        let staged = self.staged();
        match is_own_folder(&staged.path) && staged.json().is_file() {
            true => self.replace_by(&staged)?,
            false => staged.discard()?,
        }
        Ok(lock)
    }

    fn staged(&self) -> Self {
        Self { path: self.path.join(STAGED), run: None }
    }

    fn discard(&self) -> Result<()> {
        // Of a link the link alone.
        let removed = match is_own_folder(&self.path) {
            true => std::fs::remove_dir_all(&self.path),
            false => std::fs::remove_file(&self.path),
        };
        match removed {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(&self.path, "remove")(e))
            }
            _ => Ok(()),
        }
    }

    /// Replaces the explanation by one that `write` makes in another folder: until that is complete
    /// the older one stays as it is. The lock must be held.
    ///
    /// # Errors
    /// If `write` fails, or a file cannot be moved.
    pub fn replace(&self, write: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        let staged = self.staged();
        let listed =
            temporary_tree(&staged.path).map_err(Error::io(&staged.path, "create the folder"))?;
        match write(&staged) {
            Ok(()) => {
                // From here on, what is left of it is not lost: the next lock goes on with it.
                drop(listed);
                self.replace_by(&staged)
            }
            Err(e) => {
                staged.discard()?;
                Err(e)
            }
        }
    }

    /// Removes the older explanation and moves the new one into its place, `explain.json` last.
    fn replace_by(&self, staged: &Self) -> Result<()> {
        let sound = self.path.join(listen::FOLDER);
        if sound.exists() {
            check_inside(&self.path, &sound).map_err(Error::io(&sound, "write into"))?;
        }
        let has_sound = is_own_folder(&staged.path.join(listen::FOLDER));
        // Once only: without the older explain.json, what is there has been moved in before a kill.
        if has_sound && self.json().exists() {
            listen::clear(&sound)?;
        }
        self.clear()?;
        if has_sound {
            create_folder(&sound)?;
            move_all(&staged.path.join(listen::FOLDER), &sound)?;
        }
        move_all(&staged.path, &self.path)?;
        sync_folder(&self.path);
        Ok(())
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
                    csv.write_record([&cell(&class.name), "right", &index.to_string()])?;
                }
                for wrong in &class.wrong {
                    csv.write_record([&cell(&class.name), "wrong", &wrong.index.to_string()])?;
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
                    let taken_for = cell(&part.classes[wrong.predicted as usize].name);
                    csv.write_record([
                        &wrong.index.to_string(),
                        &song,
                        &cell(&class.name),
                        &taken_for,
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
        let text = match read_regular(&self.json()) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return fail("the run is not explained yet".into());
            }
            Err(e) => return Err(Error::io(&self.json(), "read")(e)),
        };
        let explanation: Explanation = match serde_json::from_slice(&text) {
            Ok(explanation) => explanation,
            Err(e) => return fail(format!("it is no explanation of this version: {e}")),
        };
        if explanation.weights_hash != weights_hash(run)? {
            return fail("it is of other weights than the run has now".into());
        }
        let (saved, _) = run.read_model()?;
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
    let bytes = read_regular(&path).map_err(Error::io(&path, "read"))?;
    Ok(blake3::hash(&bytes).to_hex()[..32].to_owned())
}

/// Moves the files of a folder into another, `explain.json` last, and removes it.
fn move_all(from: &Path, to: &Path) -> Result<()> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(from).map_err(Error::io(from, "read"))? {
        names.push(entry.map_err(Error::io(from, "read"))?.file_name());
    }
    names.sort_by_key(|name| name == "explain.json");
    for name in names {
        let to = to.join(&name);
        std::fs::rename(from.join(&name), &to).map_err(Error::io(&to, "move into place"))?;
    }
    std::fs::remove_dir(from).map_err(Error::io(from, "remove"))
}
