//! A training session: from prepared data to the run's folder.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::bars::EpochBars;
use super::lines::{line, title};
use super::say::{quoted, tell};
use super::train::{Args, Prepared};
use crate::data::PartName;
use crate::error::Result;
use crate::metrics::ClassificationReport;
use crate::models::Model;
use crate::models::summary::{LayerTable, capacity};
use crate::text::fold;
use crate::train::config::Config;
use crate::train::history::seconds_per_epoch;
use crate::train::results::Results;
use crate::train::run_folder::{self, RunFolder};
use crate::train::source::Source;
use crate::train::{ModelFacts, Outcome, SavedModel, Trainer, data_name, model_name, words};

/// Trains what was prepared, and leaves all that a run leaves.
pub(super) fn run(
    args: &Args,
    config: &Config,
    model: &Model,
    prepared: Prepared,
    folder: &RunFolder,
    resumed: bool,
) -> Result<ExitCode> {
    let Prepared { source: Source { data, front_end }, scale, graph, mut backend } = prepared;
    let device = backend.describe();
    let assumed = config.class_names.is_none() && config.data.is_some() && data.classes.len() == 4;
    let assumed = if assumed { " (assumed of four; --class-names says otherwise)" } else { "" };
    args.say(&format!("Classes: {}{assumed}", data.classes.join(", ")))?;
    args.say(&format!("Scale: x' = (x - {}) * {} ({})", scale.offset, scale.factor, scale.kind))?;
    args.say(&format!("\n{}", LayerTable(&graph)))?;
    let songs = words::songs(&data.train);
    args.say(&fold(&capacity(&graph, data.train.len(), songs)))?;
    args.say(&format!("\nDevice: {device}\n\n{}", config.to_toml()))?;

    let new = if resumed { Trainer::resume } else { Trainer::new };
    let mut trainer = new(backend.as_mut(), &data, config, folder.checkpoint())?;
    if trainer.history().len() == config.epochs {
        args.say(&format!(
            "All {} epochs are done already: only the figures are made again. For more epochs \
             add --epochs.\n",
            config.epochs
        ))?;
    }
    // Only now: a resume that is refused leaves the run as it was.
    folder.write_config(config)?;
    let stopped = stop_flag();
    let stop = || stopped.load(Ordering::Relaxed);
    let outcome = trainer.run(&EpochBars::new(args.quiet), &stop);
    let history = trainer.history().to_vec();
    let title = title(&config.model, &data);
    // Of a run that diverged, too: its curves show how. What stopped it is told first.
    let written = if history.is_empty() { Ok(()) } else { folder.write_history(&history, &title) };
    let outcome = outcome?;
    written?;
    if outcome == Outcome::Interrupted {
        tell(&format!(
            "genre-gpu: stopped in epoch {} of {}; go on with\n  genre-gpu train --resume {}{}",
            history.len() + 1,
            config.epochs,
            quoted(folder.path()),
            (args.data.cache_dir.as_deref())
                .map_or_else(String::new, |path| format!(" --cache-dir {}", quoted(path)))
        ));
        return Ok(ExitCode::FAILURE);
    }
    let (parameters, epochs) = trainer.finish()?;
    let facts = ModelFacts {
        version: env!("CARGO_PKG_VERSION").into(),
        name: model_name(&config.model),
        model: model.text.clone(),
        sample_shape: data.sample_shape,
        classes: data.classes.clone(),
        scale,
        front_end,
        seed: config.seed,
        epochs,
        data_source: data_name(&data),
        data_hash: data.hash.clone(),
    };
    SavedModel { parameters, facts }.write(&folder.model(), &graph)?;

    let results = trainer.results()?;
    folder.write_results(&results, &data, &title)?;
    let count = graph.parameter_count();
    let metrics = run_folder::metrics(config, &device, count, epochs, &history, &data, &results);
    folder.write_metrics(&metrics)?;

    let report = report_of_test(&results, &data.classes)?;
    let paragraph = fold(&words::overfitting(&graph, &data.train, &history, &results));
    let table = LayerTable(&graph);
    folder.write_summary(&format!("{title}\n\n{table}\n{paragraph}\n\nTest set:\n{report}"))?;
    args.say(&format!("\nTest set:\n{report}"))?;
    for result in &results {
        args.say(&line(result))?;
    }
    args.say(&format!(
        "\n{paragraph}\n\n{:.2} s per epoch on {device}. The run is in {}: see {} and {}.",
        seconds_per_epoch(&history),
        folder.path().display(),
        folder.curves().display(),
        folder.confusion().display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn report_of_test(results: &[Results], classes: &[String]) -> Result<String> {
    let test = results.iter().find(|result| result.part == PartName::Test);
    let report = test.map(|test| ClassificationReport::new(&test.confusion, classes));
    Ok(report.transpose()?.map_or_else(String::new, |report| report.to_string()))
}

/// Set by the first Ctrl-C (or a request to end); the second ends the process at once.
fn stop_flag() -> Arc<AtomicBool> {
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stopped);
    let handler = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
    });
    // Without a handler Ctrl-C ends the process, and the last epoch's checkpoint stands.
    if let Err(error) = handler {
        tell(&format!("genre-gpu: Ctrl-C will not write a checkpoint: {error}"));
    }
    stopped
}
