//! A run folder of weights alone: of a model that was imported, or whose weights were set.

use std::path::Path;

use super::SavedModel;
use super::run_folder::RunFolder;
use super::settings::{Recipe, Settings};
use crate::error::{Error, Result};
use crate::files::{FolderLock, write_atomic};
use crate::graph::Graph;
use crate::models::Model;
use crate::models::summary::LayerTable;

/// Writes `config.toml`, `summary.txt`, `model.safetensors` and, unless it is a built-in one, the model's
/// text. The folder then serves wherever that of a trained run does, but for what needs its metrics.
///
/// # Errors
/// If the folder holds a run and `overwrite` is not set, or a file cannot be written.
pub fn store(saved: &SavedModel, graph: &Graph, folder: &Path, overwrite: bool) -> Result<()> {
    let facts = &saved.facts;
    // What a config.toml names: a built-in model, or a file that lies beside it.
    let built_in = Model::open(&facts.name).is_ok_and(|known| known.text == facts.model);
    let file = (!built_in).then(|| folder.join(format!("{}.toml", facts.name)));
    // A file beside config.toml is found by its name, wherever the folder goes, unless a built-in model has
    // that name.
    let known = Model::is_built_in(&facts.name);
    let name = match &file {
        Some(file) if known => file.display().to_string(),
        Some(_) | None => facts.name.clone(),
    };
    if file.as_ref().is_some_and(|file| *file == RunFolder::at(folder).config()) {
        return Err(Error::Run {
            path: folder.into(),
            problem: "its model is named config, and config.toml has the settings of a run; give the model \
                      another name"
                .into(),
        });
    }
    let recipe = Recipe::of(&Model::parse(&facts.name, &facts.model)?)?;
    let settings = Settings {
        model: Some(name),
        seed: Some(facts.seed),
        scale: Some(facts.scale.kind),
        ..Settings::default()
    };
    let config = settings.resolve(recipe)?;
    let out = RunFolder::create(folder, overwrite)?;
    let _lock = FolderLock::acquire(folder)?;
    // Only now: nothing but the disk can fail from here on.
    out.clear()?;
    out.write_config(&config)?;
    if let Some(file) = &file {
        write_atomic(file, |to| to.write_all(facts.model.as_bytes()))?;
    }
    out.write_summary(&format!("{}\n\n{}", facts.name, LayerTable(graph)))?;
    // Last, as in training.
    out.write_model(saved, graph)
}
