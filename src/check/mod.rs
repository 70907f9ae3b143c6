//! Checks a GPU: every kernel, in every form, against the naive reference.

pub mod cases;
mod compare;
mod concerns;
mod deviation;
#[cfg(all(feature = "audio", feature = "pictures"))]
mod hosted;
mod model;
mod once;
mod opened;
mod record;
mod report;
mod run;
mod update;

#[cfg(all(feature = "audio", feature = "pictures"))]
pub(crate) use compare::Expected;
pub use compare::{Comparison, Stage, What, two_steps};
pub use deviation::{Deviation, Nans, Tolerance};
#[cfg(all(feature = "audio", feature = "pictures"))]
pub(crate) use hosted::{Hosted, HostedMetrics, HostedPass, HostedTensor};
pub use model::{ModelTolerance, model_step};
pub use once::once;
pub use opened::{Opened, Tensors};
pub use record::{Prepared, Recorded, batches, evaluate, rows};
pub use report::{CheckResult, KernelResult, Report, Tally};
pub use run::{Options, run};
pub use update::{OPTIMIZERS, updates};
