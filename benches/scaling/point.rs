//! One point: what is measured of a network on data of one size.

use std::time::Instant;

use genre_gpu::backend::{Batches, DatasetRef, Optimizer, State};
use genre_gpu::device::{self, Device, Options};
use genre_gpu::graph::{Graph, Role};
use genre_gpu::models::Model;
use genre_gpu::plan::Plan;
use genre_gpu::random::keras::Shuffle;
use genre_gpu::random::streams::Stream;
use genre_gpu::train::initial_parameters;
use serde::{Deserialize, Serialize};

/// So many passes are timed in any case.
const LEAST: usize = 3;

/// A network, its data, and how long to measure.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) samples: usize,
    /// Mel bands, and as many frames.
    pub(crate) size: usize,
    /// Multiplies the filters of P1.
    pub(crate) channels: usize,
    pub(crate) batch: usize,
    /// After so long no further pass begins; the first is not timed.
    pub(crate) seconds: f64,
    pub(crate) device: Device,
}

/// What was found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// The device, for people.
    pub(crate) device: String,
    /// Median of a pass over all samples.
    pub(crate) seconds: f64,
    /// How many passes were timed.
    pub(crate) passes: usize,
    /// What the process's peak memory grew by, where the system tells.
    pub(crate) bytes: Option<u64>,
    /// Multiplications of a sample forward.
    pub(crate) products: usize,
}

impl Point {
    /// P1 with more filters.
    fn graph(&self) -> Result<Graph, Box<dyn std::error::Error>> {
        let mut model: toml::Table = toml::from_str(&Model::open("p1")?.text)?;
        let nodes = model.get_mut("node").and_then(toml::Value::as_array_mut);
        for node in nodes.into_iter().flatten() {
            if let Some(toml::Value::Integer(filters)) = node.get_mut("filters") {
                *filters *= self.channels as i64;
            }
        }
        let model = Model::parse("p1, more filters", &toml::to_string(&model)?)?;
        Ok(model.graph([self.size, self.size, 1], 4)?)
    }

    /// Trains until the time is over.
    pub(crate) fn measure(&self) -> Result<Measured, Box<dyn std::error::Error>> {
        let before = peak_bytes();
        let graph = self.graph()?;
        let products = products(&graph);
        let parameters = initial_parameters(&graph, 42);
        let plan = Plan::new(graph, self.batch)?;
        let mut backend =
            device::open(self.device, plan, Options { threads: 0, ..Options::default() })?;
        backend.set_state(&State::new(parameters))?;
        let mut stream = Stream::new(42, "bench/scaling");
        let values = self.samples * self.size * self.size;
        let x: Vec<f32> = (0..values).map(|_| stream.between(-1.7, 1.7) as f32).collect();
        let y: Vec<u32> = (0..self.samples).map(|_| stream.below(4) as u32).collect();
        let samples = DatasetRef::new(&x, &y);
        // Steps so small that weights stay what they are: dead units would be cheaper.
        let sgd = Optimizer::sgd(1e-6);
        let mut pass = |epoch: usize| {
            let order = Shuffle::Keras2.order(42, self.samples, epoch);
            let begin = Instant::now();
            let batches = Batches::plain(&order);
            backend.train(samples, &batches, sgd, &mut |_| std::ops::ControlFlow::Continue(()))?;
            Ok::<f64, genre_gpu::Error>(begin.elapsed().as_secs_f64())
        };
        pass(0)?;
        let begin = Instant::now();
        let goes_on = |i: &usize| *i <= LEAST || begin.elapsed().as_secs_f64() < self.seconds;
        let mut times = (1..).take_while(goes_on).map(pass).collect::<Result<Vec<_>, _>>()?;
        times.sort_by(f64::total_cmp);
        let bytes = peak_bytes().zip(before).map(|(after, before)| after - before);
        let (seconds, passes) = (times[times.len() / 2], times.len());
        Ok(Measured { device: backend.describe(), seconds, passes, bytes, products })
    }
}

/// Of all kernels, at each position that they are applied at.
fn products(graph: &Graph) -> usize {
    let kernels = graph.parameters().iter().filter(|parameter| parameter.role == Role::Kernel);
    kernels
        .map(|kernel| {
            let filters = kernel.shape.last().copied().unwrap_or(1);
            kernel.len() / filters * graph.node(kernel.node).shape.len()
        })
        .sum()
}

/// The most memory that this process had so far; Linux tells.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?)
}
