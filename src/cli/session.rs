//! What is said of a run, from prepared data to the run's folder.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::bars::EpochBars;
use super::lines::{line, title};
use super::say::{quoted, tell};
use super::train::{Args, Prepared};
use crate::error::{Error, Result};
use crate::models::Model;
use crate::models::summary::{LayerTable, capacity};
use crate::text::fold;
use crate::train::checkpoint::Checkpoint;
use crate::train::config::Config;
use crate::train::history::seconds_per_epoch;
use crate::train::run_folder::RunFolder;
use crate::train::session::{Run, Scaled};
use crate::train::{Trainer, words};

/// Trains what was prepared, and leaves all that a run leaves.
pub(super) fn run(
    args: &Args,
    config: &Config,
    model: &Model,
    prepared: Prepared,
    folder: &RunFolder,
    resumed: bool,
) -> Result<ExitCode> {
    let outcome = train(args, config, model, prepared, folder, resumed);
    outcome.map_err(|error| match error {
        Error::Gpu { .. } => broken(args, folder, error),
        other => other,
    })
}

/// A device's failure and the way on from the last checkpoint.
fn broken(args: &Args, folder: &RunFolder, error: Error) -> Error {
    let help = match Checkpoint::read(&folder.checkpoint()).ok() {
        Some(Checkpoint { position, .. }) => format!(
            "the last checkpoint stands in epoch {}, {} steps done; go on with\n  {}",
            position.history.len() + 1,
            position.step,
            way_on(args, folder)
        ),
        None => "no epoch was done; try a smaller --batch-size, or --device cpu".into(),
    };
    Error::Broken { source: Box::new(error), help }
}

/// The command that goes on with the run.
fn way_on(args: &Args, folder: &RunFolder) -> String {
    let cache = args.data.cache_dir.as_deref();
    let cache = cache.map_or_else(String::new, |path| format!(" --cache-dir {}", quoted(path)));
    format!("genre-gpu train --resume {}{cache}", quoted(folder.path()))
}

fn train(
    args: &Args,
    config: &Config,
    model: &Model,
    prepared: Prepared,
    folder: &RunFolder,
    resumed: bool,
) -> Result<ExitCode> {
    let Prepared { data: scaled, graph, mut backend } = prepared;
    let Scaled { data, scale, front_end, .. } = &scaled;
    let device = backend.describe();
    // What prepare or the demo made says its classes and front end itself.
    let assumed = config.class_names.is_none() && front_end.is_none() && data.classes.len() == 4;
    let assumed = if assumed { " (assumed of four; --class-names says otherwise)" } else { "" };
    args.say(&format!("Classes: {}{assumed}", data.classes.join(", ")))?;
    args.say(&format!("Scale: x' = (x - {}) * {} ({})", scale.offset, scale.factor, scale.kind))?;
    args.say(&format!("\n{}", LayerTable(&graph)))?;
    let songs = words::songs(&data.train);
    args.say(&fold(&capacity(&graph, data.train.len(), songs)))?;
    args.say(&format!("\nDevice: {device}\n\n{}", config.to_toml()))?;

    let new = if resumed { Trainer::resume } else { Trainer::new };
    let mut trainer = new(backend.as_mut(), data, config, folder.checkpoint())?;
    if trainer.history().len() == config.epochs {
        args.say(&format!(
            "All {} epochs are done already: only the figures are made again. For more epochs \
             add --epochs.\n",
            config.epochs
        ))?;
    }
    let stopped = stop_flag();
    let stop = || stopped.load(Ordering::Relaxed);
    let title = title(&config.model, data);
    let (graph, device) = (&graph, device.as_str());
    let run = Run { config, model, data: &scaled, graph, device, folder, title: &title };
    let Some(finished) = run.train(&mut trainer, &EpochBars::new(args.quiet), &stop)? else {
        tell(&format!(
            "genre-gpu: stopped in epoch {} of {}; go on with\n  {}",
            trainer.history().len() + 1,
            config.epochs,
            way_on(args, folder)
        ));
        return Ok(ExitCode::FAILURE);
    };
    args.say(&format!("\nTest set:\n{}", finished.report))?;
    for result in &finished.results {
        args.say(&line(result))?;
    }
    args.say(&format!(
        "\n{}\n\n{:.2} s per epoch on {device}. The run is in {}: see {} and {}.",
        finished.paragraph,
        seconds_per_epoch(&finished.history),
        folder.path().display(),
        folder.curves().display(),
        folder.confusion().display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Set by the first Ctrl-C (or a request to end); the second ends the process at once.
pub(super) fn stop_flag() -> Arc<AtomicBool> {
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

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use clap::Parser;

    use super::super::{Cli, Command, train};
    use super::*;
    use crate::backend::{
        Backend, Batches, DatasetRef, Sgd, State, StepMetrics, StepsDone, Tensor,
    };
    use crate::graph::NodeId;
    use crate::plan::Plan;
    use crate::train::config::Settings;

    /// Fails once it has validated so many epochs.
    struct Fragile {
        inner: Box<dyn Backend>,
        epochs: usize,
    }

    impl Backend for Fragile {
        fn plan(&self) -> &Plan {
            self.inner.plan()
        }
        fn describe(&self) -> String {
            self.inner.describe()
        }
        fn train(
            &mut self,
            samples: DatasetRef<'_>,
            batches: &Batches<'_>,
            sgd: Sgd,
            watch: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
        ) -> Result<Vec<StepMetrics>> {
            if self.epochs == 0 {
                return Err(Error::Gpu { adapter: "this".into(), problem: "was lost".into() });
            }
            self.inner.train(samples, batches, sgd, watch)
        }
        fn evaluate(
            &mut self,
            samples: DatasetRef<'_>,
            rows: &mut Vec<f32>,
        ) -> Result<Vec<StepMetrics>> {
            self.epochs -= 1;
            self.inner.evaluate(samples, rows)
        }
        fn logit_gradients(&mut self, samples: DatasetRef<'_>, batch: &[u32]) -> Result<()> {
            self.inner.logit_gradients(samples, batch)
        }
        fn state(&mut self) -> Result<State> {
            self.inner.state()
        }
        fn set_state(&mut self, state: &State) -> Result<()> {
            self.inner.set_state(state)
        }
        fn tensor(&mut self, node: NodeId, what: Tensor) -> Result<Vec<f32>> {
            self.inner.tensor(node, what)
        }
        fn parameter_gradients(&mut self) -> Result<Vec<f32>> {
            self.inner.parameter_gradients()
        }
    }

    /// What is said of a run whose device fails after so many epochs, and epochs that it kept.
    fn said_after(epochs: usize) -> (String, usize) {
        let work = tempfile::tempdir().unwrap();
        for part in ["train", "val", "test"] {
            let x = ndarray::Array3::from_shape_fn((8, 16, 12), |(i, h, w)| {
                ((i * 5 + h * w) % 7) as f32
            });
            let y = ndarray::Array1::from_shape_fn(8, |i| (i % 2) as i64);
            ndarray_npy::write_npy(work.path().join(format!("x_{part}.npy")), &x).unwrap();
            ndarray_npy::write_npy(work.path().join(format!("y_{part}.npy")), &y).unwrap();
        }
        let cli = ["genre-gpu", "train", "--quiet", "--cache-dir", "here"];
        let Command::Train(args) = Cli::try_parse_from(cli).unwrap().command else {
            panic!("no train")
        };
        let model = Model::open("p1").unwrap();
        let settings = Settings { data: Some(work.path().into()), ..Settings::default() };
        let config = settings.resolve(model.recipe).unwrap();
        let mut prepared = train::prepare(&args, &config, &model).unwrap();
        prepared.backend = Box::new(Fragile { inner: prepared.backend, epochs });
        let path = work.path().join("run");
        let folder = RunFolder::create(&path, false).unwrap();
        let error = run(&args, &config, &model, prepared, &folder, false).unwrap_err();
        let text = error.to_string().replace(&path.display().to_string(), "RUN");
        let history = std::fs::read_to_string(folder.history()).unwrap_or_default();
        (text, history.lines().count().saturating_sub(1))
    }

    #[test]
    fn a_device_that_fails_leaves_the_way_on() {
        let (text, kept) = said_after(2);
        let help = "this: was lost\n  help: the last checkpoint stands in epoch 3, 0 steps done; go on with\n  \
                    genre-gpu train --resume RUN --cache-dir here";
        assert_eq!((text.as_str(), kept), (help, 2));
        let (text, kept) = said_after(0);
        assert!(text.contains("no epoch was done; try a smaller --batch-size"), "{text}");
        assert_eq!(kept, 0);
    }
}
