//! What a comparison takes from the folder of a complete run.

use crate::data::{Dataset, PartName};
use crate::error::{Error, Result};
use crate::train::checkpoint::{Checkpoint, Position};
use crate::train::history::Epoch;
use crate::train::run_folder::RunFolder;

/// What a comparison takes from a run's folder.
#[derive(Debug, Clone)]
pub struct RunFigures {
    /// Its seed.
    pub seed: u32,
    /// The device it was trained on.
    pub device: String,
    /// Metrics of each epoch.
    pub history: Vec<Epoch>,
    /// Probabilities of the validation part, `[n, classes]`, in the order of its samples.
    pub val: Vec<f32>,
    /// The same of the test part.
    pub test: Vec<f32>,
}

impl RunFigures {
    /// Reads the folder of a complete run with this seed. `classes` are the run's names of the
    /// classes, which may differ from those of `data`.
    ///
    /// # Errors
    /// If a file is missing, damaged or of other data.
    pub fn read(folder: &RunFolder, seed: u32, classes: &[String], data: &Dataset) -> Result<Self> {
        let Position { device, history, .. } = Checkpoint::read(&folder.checkpoint())?.position;
        let read = |part: PartName| {
            let (n, classes_len) = (data.part(part).len(), classes.len());
            let probabilities = folder.read_predictions(part, classes)?.probabilities;
            if probabilities.len() == n * classes_len {
                return Ok(probabilities);
            }
            let problem = format!(
                "expected {classes_len} probabilities for each of {n} samples, found {}; remove \
                 the file and compare again to have it made anew",
                probabilities.len()
            );
            Err(Error::Run { path: folder.predictions(part), problem })
        };
        let (val, test) = (read(PartName::Val)?, read(PartName::Test)?);
        Ok(Self { seed, device, history, val, test })
    }
}
