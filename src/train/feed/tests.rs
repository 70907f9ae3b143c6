use std::cell::Cell;
use std::path::Path;

use super::super::history::Epoch;
use super::super::settings::{Config, Recipe, Settings};
use super::super::{Outcome, TrainObserver, Trainer};
use crate::backend::{State, StepMetrics};
use crate::data::{DataFrom, DataOptions, Dataset, ScaleKind};
use crate::device::{self, Device, Options};
use crate::models::Model;
use crate::plan::Plan;
use crate::progress::Silent;
use crate::random::streams::Stream;

/// Whole numbers with axes swapped, so that values must be converted and moved.
fn write(folder: &Path) {
    for (part, n) in [("train", 45), ("val", 19), ("test", 10)] {
        let mut noise = Stream::new(3, part);
        let x = ndarray::Array3::from_shape_fn((n, 20, 80), |(i, frame, band)| {
            let lit = band / 20 == i % 4 && frame > 3;
            (noise.between(-80.0, -30.0) + if lit { 30.0 } else { 0.0 }) as i16
        });
        let y = ndarray::Array1::from_shape_fn(n, |i| (i % 4) as u8);
        let song = ndarray::Array1::from_shape_fn(n, |i| (i / 3) as i32);
        ndarray_npy::write_npy(folder.join(format!("x_{part}.npy")), &x).unwrap();
        ndarray_npy::write_npy(folder.join(format!("y_{part}.npy")), &y).unwrap();
        ndarray_npy::write_npy(folder.join(format!("song_{part}.npy")), &song).unwrap();
    }
}

fn load(folder: &Path, from: DataFrom) -> Dataset {
    let options = DataOptions { transpose: true, from, ..DataOptions::new(folder) };
    let mut data = Dataset::load(&options, &Silent).unwrap();
    let scale = data.fit(ScaleKind::Standard).unwrap();
    data.apply(&scale);
    data
}

/// Counts the steps that it is told of, and asks to stop after so many.
struct Steps {
    seen: Cell<usize>,
    last: usize,
}

impl TrainObserver for Steps {
    fn epoch_begins(&self, _: usize, _: usize, _: usize, _: usize) {}
    fn step(&self, _: u64, metrics: Option<StepMetrics>) {
        assert!(metrics.is_some_and(|metrics| metrics.samples > 0));
        self.seen.set(self.seen.get() + 1);
    }
    fn epoch_ends(&self, _: usize, _: usize, _: &Epoch) {}
    fn note(&self, _: &str) {}
}

/// All that a run leaves: weights, velocity, epochs, probabilities of all parts.
type Left = (State, Vec<[u32; 4]>, Vec<Vec<f32>>);

/// Trains, stops after each of `stops` steps, and goes on. A window is so many samples.
fn train(data: &Dataset, config: &Config, window: usize, stops: &[usize]) -> Left {
    let folder = tempfile::tempdir().unwrap();
    let model = Model::open(&config.model).unwrap();
    let graph = model.graph(data.sample_shape, 4).unwrap();
    for (i, last) in stops.iter().chain(&[usize::MAX]).enumerate() {
        let plan = Plan::new(graph.clone(), config.batch_size).unwrap();
        let options = Options { threads: 1, adapter: None };
        let mut cpu = device::open(Device::Cpu, plan, options).unwrap();
        let checkpoint = folder.path().join("checkpoint.safetensors");
        let new = if i == 0 { Trainer::new } else { Trainer::resume };
        let mut trainer = new(cpu.as_mut(), data, config, checkpoint).unwrap();
        trainer.feed.window = 4 * data.sample_len() * window;
        let watch = Steps { seen: Cell::new(0), last: *last };
        let outcome = trainer.run(&watch, &|| watch.seen.get() >= watch.last).unwrap();
        if outcome == Outcome::Interrupted {
            continue;
        }
        let epochs = trainer
            .history()
            .iter()
            .map(|e| [e.loss, e.accuracy, e.val_loss, e.val_accuracy].map(f32::to_bits));
        let epochs = epochs.collect();
        let results = trainer.results().unwrap();
        let probabilities = results.into_iter().map(|result| result.probabilities).collect();
        drop(trainer);
        let state = cpu.state().unwrap();
        return (state, epochs, probabilities);
    }
    panic!("it never ended");
}

#[test]
fn windows_from_disk_train_to_the_bits_of_memory() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let [memory, disk] = [DataFrom::Memory, DataFrom::Disk].map(|from| load(folder.path(), from));
    assert!(disk.disk.is_some() && disk.train.x.is_empty() && memory.disk.is_none());
    assert_eq!((&memory.hash, memory.scale), (&disk.hash, disk.scale));
    assert_eq!(memory.found, disk.found);
    // Batches of 7 leave a last one of 3; p2 varies its samples and has batch norms and dropout.
    for model in ["p1", "p2"] {
        let opened = Model::open(model).unwrap();
        let (epochs, batch_size) = (Some(2), Some(7));
        let settings =
            Settings { model: Some(model.into()), epochs, batch_size, ..Settings::default() };
        let config = settings.resolve(Recipe::of(&opened).unwrap()).unwrap();
        assert_eq!(config.augment.is_none(), model == "p1");
        let whole = train(&memory, &config, 1, &[]);
        for (window, stops) in [(1, &[][..]), (14, &[]), (1000, &[]), (14, &[3, 5]), (21, &[8])] {
            let windows = train(&disk, &config, window, stops);
            assert!(windows == whole, "{model}, windows of {window}, stops {stops:?}");
        }
        assert!(train(&memory, &config, 1, &[5]) == whole, "{model}: gone on with from memory");
    }
}

#[test]
fn a_file_that_changes_under_a_run_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let data = load(folder.path(), DataFrom::Disk);
    let file = folder.path().join("x_val.npy");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    let error = data.check_unchanged().unwrap_err().to_string();
    assert!(error.contains("x_val.npy: the file has changed since it was opened"), "{error}");
    let mut to = vec![0.0; data.sample_len()];
    let error = data.read(crate::data::PartName::Val, &[18], &mut to).unwrap_err().to_string();
    assert!(error.contains("x_val.npy: cannot be read to its end"), "{error}");
}
