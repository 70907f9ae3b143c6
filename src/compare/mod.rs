//! Comparison of models over seeds and data sets, computed from the folders of complete runs alone: a
//! run that was complete before counts as one that was just trained.

mod figures;
mod files;
mod folds;
mod paired;
mod run_figures;
mod text;
mod values;
mod verdict;

pub use figures::ModelRuns;
pub use files::{Report, write};
pub use folds::{
    Against, Chosen, DivisionReport, Figure, FoldRun, FoldRunReport, FoldsModel, FoldsModelReport,
    FoldsReport, Interval,
};
pub use paired::{BOOTSTRAP_SEED, Difference, Paired, RESAMPLES};
pub use run_figures::RunFigures;
pub use text::text;
#[cfg(feature = "audio")]
pub(crate) use text::{mcnemar, p_value};
pub use values::{DataReport, ModelReport, PartReport, RunPart, RunReport, Spread};
#[cfg(feature = "audio")]
pub(crate) use verdict::{Verdict, too_few, undecided};
