//! Training: where a run starts, how it goes on, what it leaves.

mod augment;
pub mod checkpoint;
pub mod config;
mod health;
pub mod history;
mod initial;
mod loader;
mod names;
mod opened;
pub mod recordings;
pub mod results;
pub mod run_folder;
mod saved;
pub mod session;
pub mod source;
mod tensors;
mod trainer;
pub mod words;

pub use initial::initial_parameters;
pub use names::{data_name, data_stem, model_name, run_name};
pub use opened::Opened;
pub use saved::{ModelFacts, SavedModel};
pub use trainer::{Outcome, Trainer, Watch};
