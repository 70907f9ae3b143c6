//! Short names of models, data and runs. They leave out folders, so that a run's files are the same
//! wherever it was made.

use std::path::Path;

use super::settings::Config;
use crate::data::{DEMO_SOURCE, Dataset, Fold};
use crate::models::model_name;

/// `demo corpus (synthesised)`, or the folder's or file's name.
pub fn data_name(data: &Dataset) -> String {
    let name = Path::new(&data.source).file_name();
    name.map_or_else(|| data.source.clone(), |name| name.to_string_lossy().into_owned())
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "data".into(), |stem| stem.to_string_lossy().into_owned())
}

/// `gtzan` for `arrays/gtzan.npz`, `demo` without a path.
pub fn data_stem(path: Option<&Path>) -> String {
    path.map_or_else(|| "demo".into(), stem)
}

/// The seed of the first division into folds, which names leave out.
pub const FOLDS_SEED: u64 = 42;

/// Name of a run's folder: `p1-gtzan-seed42`, `p1-gtzan-fold1of5-seed42`; of folds of another division
/// `p1-gtzan-fold1of5-division43-seed42`.
pub fn run_name(config: &Config) -> String {
    let (model, data) = (stem(Path::new(&config.model)), data_stem(config.data.as_deref()));
    let fold =
        config.fold.as_ref().map_or_else(String::new, |Fold { number, of, seed, .. }| {
            let division =
                if *seed == FOLDS_SEED { String::new() } else { format!("-division{seed}") };
            format!("-fold{number}of{of}{division}")
        });
    format!("{model}-{data}{fold}-seed{}", config.seed)
}

/// Title of a run's pictures and summary: `P1 on gtzan.npz`.
pub fn run_title(model: &str, data: &Dataset) -> String {
    let name = model_name(model);
    // Built-in models are written in capitals.
    let name = if name == model { name.to_uppercase() } else { name };
    titled(&name, &data_name(data))
}

/// `P1 on the demo corpus (synthesised)`, of names as they are shown.
pub fn titled(model: &str, data: &str) -> String {
    let article = if data == DEMO_SOURCE { "the " } else { "" };
    format!("{model} on {article}{data}")
}
