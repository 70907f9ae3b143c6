//! Short names of models and data: without the folders that they lie in, so
//! that a run's figures and weights are the same wherever it was made.

use std::path::Path;

use super::config::Config;
use crate::data::Dataset;

/// `p1`, or `mine` for `models/mine.toml`.
pub fn model_name(model: &str) -> String {
    let path = Path::new(model);
    match (path.extension(), path.file_stem()) {
        (Some(_), Some(stem)) => stem.to_string_lossy().into_owned(),
        _ => model.to_owned(),
    }
}

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

/// What a run's folder is called: `p1-gtzan-seed42`.
pub fn run_name(config: &Config) -> String {
    let (model, data) = (stem(Path::new(&config.model)), data_stem(config.data.as_deref()));
    format!("{model}-{data}-seed{}", config.seed)
}
