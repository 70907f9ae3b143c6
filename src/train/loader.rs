//! The data loader: gives a backend the samples of all parts, from memory at once or from disk
//! window by window.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, Scope};

use crate::backend::{Backend, Batches, DatasetRef, Optimizer, StepMetrics, StepsDone};
use crate::data::{Dataset, PartName};
use crate::error::Result;

/// Bytes of samples in a window. Two windows are in memory: one is trained on while the next is
/// read.
const WINDOW: usize = 64 << 20;

/// Gives a backend the samples of all parts.
pub(super) struct DataLoader<'a> {
    data: &'a Dataset,
    /// One for each part, so that devices upload it once. Without values where samples stay on disk.
    pub(super) samples: [DatasetRef<'a>; 3],
    /// Bytes of samples in a window.
    pub(super) window: usize,
}

/// The samples of all parts: their copies are uploaded once.
pub(super) fn samples_of(data: &Dataset) -> [DatasetRef<'_>; 3] {
    PartName::ALL.map(|name| DatasetRef::new(&data.part(name).x, &data.part(name).y))
}

impl<'a> DataLoader<'a> {
    pub(super) fn new(data: &'a Dataset) -> Self {
        Self { data, samples: samples_of(data), window: WINDOW }
    }

    /// Uploads samples that are in memory, for devices that keep them.
    pub(super) fn prepare(&self, backend: &mut dyn Backend) -> Result<()> {
        if self.data.disk.is_some() {
            return Ok(());
        }
        self.samples.into_iter().try_for_each(|samples| backend.prepare(samples))
    }

    /// [`Backend::train`] on the training part.
    pub(super) fn train(
        &self,
        backend: &mut dyn Backend,
        batches: &Batches<'_>,
        optimizer: Optimizer,
        watch: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
    ) -> Result<Vec<StepMetrics>> {
        if self.data.disk.is_none() {
            let [train, ..] = self.samples;
            return backend.train(train, batches, optimizer, watch);
        }
        batches.check_shared(backend.plan())?;
        let batch = backend.plan().batch();
        let (mut steps, mut total) = (Vec::new(), StepMetrics::default());
        self.for_each_window(PartName::Train, batches.order, batch, &mut |first, samples| {
            let n = samples.y().len();
            let order: Vec<u32> = (0..n as u32).collect();
            let rates = batches.rates.get(first / batch..).unwrap_or_default();
            let window = Batches {
                order: &order,
                augmentations: batches.augmentations.get(first..first + n).unwrap_or_default(),
                seed: batches.seed,
                first_step: batches.first_step.wrapping_add((first / batch) as u32),
                rates: &rates[..n.div_ceil(batch).min(rates.len())],
            };
            let mut flow = ControlFlow::Continue(());
            let window_steps = backend.train(samples, &window, optimizer, &mut |done| {
                let metrics = done.metrics.map(|metrics| total + metrics);
                let samples = total.samples + done.samples;
                flow = watch(StepsDone { samples, metrics, ..done });
                flow
            })?;
            total += window_steps.iter().copied().sum();
            steps.extend(window_steps);
            Ok(flow)
        })?;
        Ok(steps)
    }

    /// [`Backend::evaluate`] on a part; returns the sum of its batches' metrics.
    pub(super) fn evaluate(
        &self,
        backend: &mut dyn Backend,
        part: PartName,
        probabilities: &mut Vec<f32>,
    ) -> Result<StepMetrics> {
        if self.data.disk.is_none() {
            let steps = backend.evaluate(self.samples[part as usize], probabilities)?;
            return Ok(steps.into_iter().sum());
        }
        probabilities.clear();
        let batch = backend.plan().batch();
        let order: Vec<u32> = (0..self.data.part(part).len() as u32).collect();
        let (mut steps, mut window_probabilities) = (Vec::new(), Vec::new());
        self.for_each_window(part, &order, batch, &mut |_, samples| {
            steps.extend(backend.evaluate(samples, &mut window_probabilities)?);
            probabilities.extend_from_slice(&window_probabilities);
            Ok(ControlFlow::Continue(()))
        })?;
        // Batch by batch in order, as from memory: the same bits.
        Ok(steps.into_iter().sum())
    }

    /// Calls `each` with the samples of `order` in windows of whole batches, and with the position
    /// in `order` of each window's first sample.
    fn for_each_window(
        &self,
        part: PartName,
        order: &[u32],
        batch: usize,
        each: &mut dyn FnMut(usize, DatasetRef<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let data = self.data;
        data.check_unchanged()?;
        let batches = (self.window / (4 * data.sample_len() * batch)).max(1);
        let window_len = batch * batches;
        let labels = &data.part(part).y;
        thread::scope(|scope| {
            let mut prefetcher = Prefetcher::spawn(scope, data, part, order.chunks(window_len));
            for (i, window) in order.chunks(window_len).enumerate() {
                let Some(x) = prefetcher.next() else { break };
                let x = x?;
                let y: Vec<u32> = window.iter().map(|&sample| labels[sample as usize]).collect();
                if each(i * window_len, DatasetRef::new(&x, &y))?.is_break() {
                    break;
                }
                prefetcher.recycle(x);
            }
            Ok(())
        })
    }
}

/// Reads windows of samples ahead of their use: an iterator over the samples of each window,
/// `[n, h, w, c]`, scaled, while a thread reads the next one into a second buffer. Ends after the
/// first error. Dropping the prefetcher stops the thread, since that closes both channels.
struct Prefetcher {
    filled: Receiver<Result<Vec<f32>>>,
    empty: Sender<Vec<f32>>,
}

impl Prefetcher {
    /// Starts the thread; each window holds the samples' indices in the part.
    fn spawn<'scope>(
        scope: &'scope Scope<'scope, '_>,
        data: &'scope Dataset,
        part: PartName,
        windows: impl Iterator<Item = &'scope [u32]> + Send + 'scope,
    ) -> Self {
        let (fill, filled) = channel();
        let (empty, to_fill) = channel();
        let prefetcher = Self { filled, empty };
        prefetcher.recycle(Vec::new());
        prefetcher.recycle(Vec::new());
        scope.spawn(move || {
            for (window, mut x) in windows.zip(to_fill) {
                x.resize(window.len() * data.sample_len(), 0.0);
                let read = data.read(part, window, &mut x).map(|()| x);
                let failed = read.is_err();
                if fill.send(read).is_err() || failed {
                    return;
                }
            }
        });
        prefetcher
    }

    /// Gives a window's buffer back, to be filled again.
    fn recycle(&self, buffer: Vec<f32>) {
        // The thread has ended if it has read all windows.
        let _ = self.empty.send(buffer);
    }
}

impl Iterator for Prefetcher {
    type Item = Result<Vec<f32>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.filled.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::Path;

    use super::super::history::Epoch;
    use super::super::settings::{Config, Recipe, Settings};
    use super::super::{Outcome, TrainObserver, Trainer};
    use super::*;
    use crate::backend::{State, Tensor};
    use crate::data::{DataFrom, DataOptions, ScaleKind};
    use crate::device::{self, Device, Options};
    use crate::graph::NodeId;
    use crate::models::Model;
    use crate::plan::Plan;
    use crate::progress::Silent;
    use crate::random::streams::Stream;

    /// Integers with swapped axes, so that values must be converted and transposed.
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

    /// Counts steps; training stops after `last` of them.
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

    /// The result of a run: weights, velocity, epochs, probabilities of all parts.
    type RunResult = (State, Vec<[u32; 4]>, Vec<Vec<f32>>);

    /// Trains, stops after each of `stops` steps, and resumes. A window has `window` samples.
    fn train(data: &Dataset, config: &Config, window: usize, stops: &[usize]) -> RunResult {
        let folder = tempfile::tempdir().unwrap();
        let model = Model::open(&config.model).unwrap();
        let graph = model.graph(data.sample_shape, 4).unwrap();
        for (i, last) in stops.iter().chain(&[usize::MAX]).enumerate() {
            let plan = Plan::new(graph.clone(), config.batch_size).unwrap();
            let options = Options { threads: 1, ..Options::default() };
            let mut cpu = device::open(Device::Cpu, plan, options).unwrap();
            let checkpoint = folder.path().join("checkpoint.safetensors");
            let new = if i == 0 { Trainer::new } else { Trainer::resume };
            let mut trainer = new(cpu.as_mut(), data, config, checkpoint).unwrap();
            trainer.loader.window = 4 * data.sample_len() * window;
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
        panic!("the run did not finish");
    }

    #[test]
    fn training_from_disk_and_from_memory_is_bit_identical() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        let [memory, disk] =
            [DataFrom::Memory, DataFrom::Disk].map(|from| load(folder.path(), from));
        assert!(disk.disk.is_some() && disk.train.x.is_empty() && memory.disk.is_none());
        assert_eq!((&memory.hash, memory.scale), (&disk.hash, disk.scale));
        assert_eq!(memory.found, disk.found);
        // Batches of 7 leave a last one of 3; p2 augments its samples and has batch norms and dropout.
        for model in ["p1", "p2"] {
            let opened = Model::open(model).unwrap();
            let (epochs, batch_size) = (Some(2), Some(7));
            let settings =
                Settings { model: Some(model.into()), epochs, batch_size, ..Settings::default() };
            let config = settings.resolve(Recipe::of(&opened).unwrap()).unwrap();
            assert_eq!(config.augment.is_none(), model == "p1");
            let whole = train(&memory, &config, 1, &[]);
            for (window, stops) in [(1, &[][..]), (14, &[]), (1000, &[]), (14, &[3, 5]), (21, &[8])]
            {
                let windows = train(&disk, &config, window, stops);
                assert!(windows == whole, "{model}, windows of {window}, stops {stops:?}");
            }
            assert!(train(&memory, &config, 1, &[5]) == whole, "{model}: resumed from memory");
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
        let error = data.read(PartName::Val, &[18], &mut to).unwrap_err().to_string();
        assert!(error.contains("x_val.npy: cannot be read to its end"), "{error}");
    }

    /// A device that counts the datasets that it is given, each of which a GPU would upload.
    struct Counting {
        device: Box<dyn Backend>,
        uploads: Vec<u64>,
    }

    impl Counting {
        fn count(&mut self, data: DatasetRef<'_>) {
            if !self.uploads.contains(&data.id()) {
                self.uploads.push(data.id());
            }
        }
    }

    impl Backend for Counting {
        fn plan(&self) -> &Plan {
            self.device.plan()
        }
        fn describe(&self) -> String {
            self.device.describe()
        }
        fn train(
            &mut self,
            data: DatasetRef<'_>,
            batches: &Batches<'_>,
            optimizer: Optimizer,
            observe: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
        ) -> Result<Vec<StepMetrics>> {
            self.count(data);
            self.device.train(data, batches, optimizer, observe)
        }
        fn evaluate(
            &mut self,
            data: DatasetRef<'_>,
            probabilities: &mut Vec<f32>,
        ) -> Result<Vec<StepMetrics>> {
            self.count(data);
            self.device.evaluate(data, probabilities)
        }
        fn logit_gradients(&mut self, data: DatasetRef<'_>, batch: &[u32]) -> Result<()> {
            self.device.logit_gradients(data, batch)
        }
        fn state(&mut self) -> Result<State> {
            self.device.state()
        }
        fn set_state(&mut self, state: &State) -> Result<()> {
            self.device.set_state(state)
        }
        fn tensor(&mut self, node: NodeId, what: Tensor) -> Result<Vec<f32>> {
            self.device.tensor(node, what)
        }
        fn parameter_gradients(&mut self) -> Result<Vec<f32>> {
            self.device.parameter_gradients()
        }
    }

    #[test]
    fn an_evaluation_from_disk_uploads_each_window_once() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        let [memory, disk] =
            [DataFrom::Memory, DataFrom::Disk].map(|from| load(folder.path(), from));
        let graph = Model::open("p1").unwrap().graph(memory.sample_shape, 4).unwrap();
        let plan = Plan::new(graph, 7).unwrap();
        let options = Options { threads: 1, ..Options::default() };
        let device = device::open(Device::Cpu, plan, options).unwrap();
        let mut backend = Counting { device, uploads: Vec::new() };
        // 45 samples in batches of 7; a window has 1, 2 or all 7 batches.
        let mut evaluate = |data: &Dataset, window: usize| {
            let mut loader = DataLoader::new(data);
            loader.window = 4 * data.sample_len() * window;
            backend.uploads.clear();
            let mut probabilities = Vec::new();
            let metrics =
                loader.evaluate(&mut backend, PartName::Train, &mut probabilities).unwrap();
            let bits: Vec<u32> = probabilities.into_iter().map(f32::to_bits).collect();
            ((metrics, bits), backend.uploads.len())
        };
        let (whole, uploads) = evaluate(&memory, 1);
        assert_eq!((uploads, whole.0.samples), (1, 45));
        for (window, expected) in [(7, 7), (14, 4), (1000, 1)] {
            let (windows, uploads) = evaluate(&disk, window);
            assert_eq!(uploads, expected, "windows of {window} samples");
            assert!(windows == whole, "windows of {window} samples");
        }
    }
}
