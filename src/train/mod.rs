//! Training: settings, data, the training loop, runs and their folders.

mod augment;
pub mod checkpoint;
pub mod ending;
pub mod history;
mod initial;
mod loaded_run;
mod loader;
mod lockstep;
pub mod logs;
mod monitor;
mod names;
mod optimizer;
pub mod rate_test;
pub mod rates;
#[cfg(feature = "audio")]
pub mod recordings;
pub mod results;
pub mod run_folder;
pub mod runs;
mod saved;
pub mod settings;
pub mod source;
mod stored;
mod tensors;
mod trainer;
pub mod words;

pub use initial::initial_parameters;
pub use loaded_run::{LoadedRun, TrainedOn};
pub use names::{FOLDS_SEED, data_name, data_stem, run_name, run_title, titled};
pub use saved::{ModelFacts, SavedModel};
pub use stored::store;
#[cfg(feature = "formats")]
pub(crate) use tensors::NamedTensors;
pub use trainer::{Outcome, TrainObserver, Trainer};
