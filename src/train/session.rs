//! A run from loaded data to its folder, without a word printed: what `train`
//! and `compare` share.

use super::config::Config;
use super::history::Epoch;
use super::results::Results;
use super::run_folder::{self, RunFolder};
use super::saved::{ModelFacts, SavedModel};
use super::source::Source;
use super::trainer::{Outcome, Trainer, Watch};
use super::{data_name, model_name, words};
use crate::audio::{Cutting, FrontEnd};
use crate::audit::Quick;
use crate::backend::Backend;
use crate::data::{Dataset, PartName, Scale, ScaleKind, Spectra};
use crate::device;
use crate::error::Result;
use crate::graph::Graph;
use crate::metrics::ClassificationReport;
use crate::models::Model;
use crate::models::summary::LayerTable;
use crate::plan::Plan;
use crate::text::fold;

/// A data set as networks are given it; several runs may share one.
#[derive(Debug)]
pub struct Scaled {
    /// Its samples are scaled.
    pub data: Dataset,
    /// How sound became spectrograms, where that is known.
    pub front_end: Option<FrontEnd>,
    /// How songs were cut, where the front end is known.
    pub cutting: Option<Cutting>,
    /// By what they are.
    pub scale: Scale,
    /// What the quick audit said of them.
    pub audit: String,
}

impl Scaled {
    /// Fits the scale to the training set and applies it to all parts.
    ///
    /// # Errors
    /// If the training samples have no spread to scale by, or cannot be read from disk.
    pub fn new(source: Source, kind: ScaleKind) -> Result<Self> {
        let Source { mut data, front_end, cutting, .. } = source;
        let audit = Quick::of(&data).line();
        let scale = data.fit(kind)?;
        data.apply(&scale);
        Ok(Self { data, front_end, cutting, scale, audit })
    }
}

/// Opens a model for the data's shape and classes on the device that the configuration names.
///
/// # Errors
/// If the model does not fit the data, or the device cannot be had or is too small.
pub fn open(config: &Config, model: &Model, data: &Dataset) -> Result<(Graph, Box<dyn Backend>)> {
    let graph = model.graph(data.sample_shape, data.classes.len())?;
    let plan = Plan::new(graph.clone(), config.batch_size.min(data.longest_part()))?;
    let backend = device::open(config.device, plan, config.device_options())?;
    Ok((graph, backend))
}

/// What a run is, but for the trainer that is at work on it.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// What it is told to do.
    pub config: &'a Config,
    /// The model as text.
    pub model: &'a Model,
    /// What it learns from.
    pub data: &'a Scaled,
    /// The network.
    pub graph: &'a Graph,
    /// One line for people: where it runs.
    pub device: &'a str,
    /// Where its files go.
    pub folder: &'a RunFolder,
    /// Heads its pictures and summary.
    pub title: &'a str,
}

/// The figures of a run that is done.
#[derive(Debug)]
pub struct Finished {
    /// By epoch.
    pub history: Vec<Epoch>,
    /// Of each part, under the final weights.
    pub results: Vec<Results>,
    /// The classification report of the test set.
    pub report: String,
    /// What the figures say about overfitting, folded.
    pub paragraph: String,
}

impl Run<'_> {
    /// Trains and writes all that a run leaves; none where `stop` said so before the end,
    /// which leaves a checkpoint to go on from.
    ///
    /// # Errors
    /// If the loss is not finite, the device fails or a file cannot be written.
    pub fn train(
        &self,
        trainer: &mut Trainer<'_>,
        watch: &dyn Watch,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Finished>> {
        let Self { config, model, graph, device, folder, title, .. } = *self;
        let Scaled { data, front_end, cutting, scale, audit } = self.data;
        // Only now: a resume that is refused leaves the run as it was.
        folder.write_config(config)?;
        let outcome = trainer.run(watch, stop);
        let history = trainer.history().to_vec();
        // Of a run that diverged, too: its curves show how. What stopped it is told first.
        let written =
            if history.is_empty() { Ok(()) } else { folder.write_history(&history, title) };
        let outcome = outcome?;
        written?;
        if outcome == Outcome::Interrupted {
            return Ok(None);
        }
        let (parameters, epochs) = trainer.finish()?;
        let results = trainer.results()?;
        folder.write_results(&results, data, title)?;
        let count = graph.trainable_count();
        let mut metrics =
            run_folder::metrics(config, device, count, epochs, &history, data, &results);
        metrics.audit = Some(audit.clone());
        folder.write_metrics(&metrics)?;

        let report = report_of_test(&results, &data.classes)?;
        let accuracy = |name: PartName| {
            let result = results.iter().find(|result| result.part == name)?;
            Some(result.confusion.accuracy())
        };
        let (samples, songs) = (data.train.len(), words::songs(&data.train));
        let accuracies = PartName::ALL.map(accuracy);
        let paragraph = fold(&words::overfitting(graph, samples, songs, &history, accuracies));
        let table = LayerTable(graph);
        folder.write_summary(&format!("{title}\n\n{table}\n{paragraph}\n\nTest set:\n{report}"))?;

        let facts = ModelFacts {
            version: env!("CARGO_PKG_VERSION").into(),
            name: model_name(&config.model),
            model: model.text.clone(),
            sample_shape: data.sample_shape,
            classes: data.classes.clone(),
            scale: *scale,
            front_end: front_end.clone(),
            cutting: *cutting,
            spectra: Some(Spectra::fit(data)?),
            seed: config.seed,
            epochs,
            data_source: data_name(data),
            data_hash: data.hash.clone(),
        };
        // Last: where these weights stand, all else is of them, wherever an older run was stopped.
        SavedModel { parameters, facts }.write(&folder.model(), graph)?;
        Ok(Some(Finished { history, results, report, paragraph }))
    }
}

fn report_of_test(results: &[Results], classes: &[String]) -> Result<String> {
    let test = results.iter().find(|result| result.part == PartName::Test);
    let report = test.map(|test| ClassificationReport::new(&test.confusion, classes));
    Ok(report.transpose()?.map_or_else(String::new, |report| report.to_string()))
}
