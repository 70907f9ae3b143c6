//! `genre-gpu evaluate`.

use std::path::PathBuf;

use super::bars::Bars;
use super::choice;
use super::data_args::DataArgs;
use super::say::say;
use crate::backend::State;
use crate::data::PartName;
use crate::device;
use crate::error::{Error, Result};
use crate::metrics::{ClassificationReport, Confusion, wilson};
use crate::plan::Plan;
use crate::train::SavedModel;
use crate::train::config::Config;
use crate::train::history::Epoch;
use crate::train::results::Results;
use crate::train::run_folder::{self, RunFolder};
use crate::train::source::{self, Source};

const EXAMPLES: &str = "\
Examples:
  genre-gpu evaluate runs/p1-demo-seed42
      the figures and matrices of a run again, from its weights
  genre-gpu evaluate runs/mine --data other.npz --part test --out elsewhere
      on other arrays, scaled as the training set was";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A run's folder
    run: PathBuf,

    /// Only these parts [default: all three]
    #[arg(long, value_name = "PART", value_parser = choice::part())]
    part: Vec<PartName>,

    /// Folder to write metrics.json, predictions and the confusion matrices to
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// CPU threads; changes no result [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// Print nothing but warnings and errors
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let folder = RunFolder::open(&args.run)?;
    if let Some(out) = &args.out {
        RunFolder::for_results(out)?;
    }
    let mut config = Config::read(&folder.config())?;
    folder.check_finished()?;
    let (saved, graph) = SavedModel::read(&folder.model())?;
    let given = args.data.settings();
    let class_names = given.class_names.clone();
    config.read_from(given);
    config.check()?;
    config.class_names = Some(class_names.unwrap_or_else(|| saved.facts.classes.clone()));
    let parts = if args.part.is_empty() { PartName::ALL.to_vec() } else { args.part.clone() };
    let cache = args.data.cache_dir.as_deref();
    let Source { mut data, .. } = source::load(&config, cache, &parts, &Bars::new(args.quiet))?;
    let facts = &saved.facts;
    if (data.sample_shape, data.classes.len()) != (facts.sample_shape, facts.classes.len()) {
        let problem = format!(
            "expected samples of shape {:?} and {} classes, as its model was trained on; {} has \
             {:?} and {}",
            facts.sample_shape,
            facts.classes.len(),
            data.source,
            data.sample_shape,
            data.classes.len()
        );
        return Err(Error::Run { path: args.run.clone(), problem });
    }
    data.apply(&facts.scale);
    let plan = Plan::new(graph.clone(), config.batch_size.min(data.longest_part()))?;
    let threads = args.threads.unwrap_or(config.threads);
    let mut backend = device::open(config.device, plan, threads)?;
    backend.set_state(&State::new(saved.parameters))?;
    let results = parts
        .iter()
        .map(|part| Results::of(backend.as_mut(), *part, data.part(*part)))
        .collect::<Result<Vec<_>>>()?;

    let title = super::train::title(&facts.name, &data);
    if !args.quiet {
        say(&title)?;
        for result in &results {
            say(&format!("\n{}\n{}", line(result), matrix(&result.confusion, &data.classes)))?;
            say(&ClassificationReport::new(&result.confusion, &data.classes)?.to_string())?;
        }
    }
    if let Some(out) = &args.out {
        let out = RunFolder::for_results(out)?;
        out.write_results(&results, &data, &title)?;
        let history: &[Epoch] = &[];
        let count = graph.parameter_count();
        let device = backend.describe();
        let epochs = facts.epochs;
        let metrics =
            run_folder::metrics(&config, &device, count, epochs, history, &data, &results);
        out.write_metrics(&metrics)?;
    }
    Ok(())
}

/// `test: loss 0.4321, accuracy 85.11 % (1532 of 1800 samples); 90.83 % of 120 songs (84.34 to 94.79)`.
pub(super) fn line(result: &Results) -> String {
    let percent = |c: &Confusion| 100.0 * c.accuracy();
    let by_sample = &result.confusion;
    let songs = result.songs.as_ref().map_or_else(String::new, |songs| {
        let (low, high) = wilson(songs.correct(), songs.total());
        format!(
            "; songs {:.2} % of {} (95 % interval {:.1} to {:.1})",
            percent(songs),
            songs.total(),
            100.0 * low,
            100.0 * high
        )
    });
    format!(
        "{:<5} loss {:.4}, accuracy {:.2} % ({} of {} samples){songs}",
        result.part.as_str(),
        result.loss,
        percent(by_sample),
        by_sample.correct(),
        by_sample.total()
    )
}

/// Rows true, columns predicted.
fn matrix(confusion: &Confusion, classes: &[String]) -> String {
    let width = classes.iter().map(|class| class.chars().count()).max().unwrap_or(0).max(6);
    let cell = |text: &str| format!(" {text:>width$}");
    let mut text = cell("");
    for class in classes {
        text.push_str(&cell(class));
    }
    for (class, row) in classes.iter().zip(&confusion.counts) {
        text.push('\n');
        text.push_str(&cell(class));
        for count in row {
            text.push_str(&cell(&count.to_string()));
        }
    }
    text.push_str("\n(rows true, columns predicted)\n");
    text
}
