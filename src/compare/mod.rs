//! Several models, seeds and data sets beside each other: which runs there are
//! to make, and what may be concluded from them.
//!
//! A job is one run in a folder of its own, as `train` leaves it. What is
//! concluded is computed from those folders alone, so a run that was skipped
//! because it was done before counts as one that was just made.

mod figures;
mod files;
mod job;
mod paired;
mod text;
mod values;
mod verdict;

pub use figures::ModelRuns;
pub use files::{Report, write};
pub use job::{Job, RunFigures, State};
pub use paired::{BOOTSTRAP_SEED, Difference, Paired, RESAMPLES};
pub use text::text;
pub use values::{DataReport, ModelReport, PartReport, RunPart, RunReport, Spread};
