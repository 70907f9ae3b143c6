//! Time of an epoch of P1 or P2 (training alone, no augmentation, a constant learning rate).
//! `cargo bench --bench epoch` takes 3,360 samples of 80×80 of noise and prints the median of
//! five epochs after a warm-up, by threads; `-- --help` has the rest. `benches/peers/run` calls
//! it beside its peers, with data and `--json`.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use genre_gpu::backend::{Backend, Batches, DatasetRef, Optimizer, State, StepMetrics};
use genre_gpu::data::{DataOptions, Dataset, PartName, Scale, ScaleKind};
use genre_gpu::device::{self, Device, Options};
use genre_gpu::graph::{Graph, Role};
use genre_gpu::models::Model;
use genre_gpu::plan::Plan;
use genre_gpu::progress::Silent;
use genre_gpu::random::keras::Shuffle;
use genre_gpu::random::streams::Stream;
use genre_gpu::train::initial_parameters;
use genre_gpu::train::settings::Recipe;
use serde_json::{Value, json};

const BATCH: usize = 32;
const SEED: u32 = 42;
const SAMPLES: usize = 3360;
const SHAPE: [usize; 3] = [80, 80, 1];
/// Evaluations that are timed, behind one that is not.
const EVALUATIONS: usize = 7;

/// Time of an epoch: training alone, batch 32.
#[derive(Parser)]
struct Args {
    /// Arrays as `genre-gpu demo --arrays` writes them [default: 3,360 samples of 80×80 of noise]
    #[arg(long)]
    data: Option<PathBuf>,
    /// A built-in model
    #[arg(long, default_value = "p1")]
    model: String,
    /// cpu or gpu
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Part of the GPU's name, driver or kind
    #[arg(long)]
    adapter: Option<String>,
    /// Samples of noise, without --data
    #[arg(long, default_value_t = SAMPLES)]
    samples: usize,
    /// CPU threads [default: 1, then 2]
    #[arg(long)]
    threads: Option<usize>,
    /// Epochs; the first is a warm-up
    #[arg(long, default_value_t = 6)]
    epochs: usize,
    /// Learning rate [default: the model's, constant]
    #[arg(long)]
    rate: Option<f32>,
    /// Rate of dropouts instead of the model's
    #[arg(long)]
    dropout: Option<f32>,
    /// A line of JSON for the first step and each epoch
    #[arg(long)]
    json: bool,
    /// Writes initial kernels and the order of samples as npy files there, and ends
    #[arg(long, value_name = "FOLDER")]
    write_start: Option<PathBuf>,
    /// Behind the epochs also the forward of so many samples, which are the data's, repeated
    #[arg(long, value_name = "SAMPLES", requires = "results")]
    evaluate: Option<usize>,
    /// Where the weights of that and its probabilities are written, as npy files
    #[arg(long, value_name = "FOLDER")]
    results: Option<PathBuf>,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What is trained on.
struct Data {
    x: Vec<f32>,
    y: Vec<u32>,
    shape: [usize; 3],
    classes: usize,
}

impl Data {
    fn noise(samples: usize) -> Self {
        let mut stream = Stream::new(u64::from(SEED), "bench/epoch");
        let len = samples * SHAPE.iter().product::<usize>();
        let x = (0..len).map(|_| stream.normal() as f32).collect();
        let y = (0..samples).map(|_| stream.below(4) as u32).collect();
        Self { x, y, shape: SHAPE, classes: 4 }
    }

    fn load(path: &Path) -> Outcome<Self> {
        let mut options = DataOptions::new(path);
        options.parts = vec![PartName::Train];
        let mut data = Dataset::load(&options, &Silent)?;
        let scale = Scale::fit(ScaleKind::Standard, &data.train.x)?;
        data.apply(&scale);
        let classes = data.classes.len();
        Ok(Self { x: data.train.x, y: data.train.y, shape: data.sample_shape, classes })
    }

    /// As Keras 3 has it: the first epoch's order in every epoch.
    fn order(&self) -> Vec<u32> {
        Shuffle::Keras3.order(SEED, self.y.len(), 0)
    }
}

/// The model, its dropouts changed where that is asked for.
fn model(args: &Args) -> Outcome<Model> {
    let model = Model::open(&args.model)?;
    let Some(rate) = args.dropout else { return Ok(model) };
    let mut text: toml::Table = toml::from_str(&model.text)?;
    let nodes = text.get_mut("node").and_then(toml::Value::as_array_mut);
    for node in nodes.into_iter().flatten().filter_map(toml::Value::as_table_mut) {
        if node.get("op").and_then(toml::Value::as_str) == Some("dropout") {
            node.insert("rate".into(), f64::from(rate).into());
        }
    }
    Ok(Model::parse(&args.model, &toml::to_string(&text)?)?)
}

/// What peers start from, so that they do the same work.
fn write_start(folder: &Path, graph: &Graph, data: &Data) -> Outcome<()> {
    fs::create_dir_all(folder)?;
    let start = initial_parameters(graph, SEED);
    for p in graph.parameters().iter().filter(|p| p.role == Role::Kernel) {
        let kernel = ndarray::ArrayD::from_shape_vec(p.shape.clone(), start[p.range()].to_vec())?;
        ndarray_npy::write_npy(folder.join(p.name.replace('/', ".") + ".npy"), &kernel)?;
    }
    let order: ndarray::Array1<i32> = data.order().into_iter().map(|i| i as i32).collect();
    ndarray_npy::write_npy(folder.join("order.npy"), &order)?;
    Ok(())
}

/// The forward of `samples` samples with the weights of `run`: its times are printed; weights and
/// probabilities are written.
fn evaluate(run: &mut Run<'_>, threads: usize, samples: usize, folder: &Path) -> Outcome<()> {
    fs::create_dir_all(folder)?;
    let state = run.backend.state()?;
    let graph = run.backend.plan().graph().clone();
    for p in graph.parameters() {
        let values = state.parameters[p.range()].to_vec();
        let values = ndarray::ArrayD::from_shape_vec(p.shape.clone(), values)?;
        ndarray_npy::write_npy(folder.join(p.name.replace('/', ".") + ".npy"), &values)?;
    }
    let (len, classes) = (graph.node(graph.input()).shape.len(), graph.classes());
    let x: Vec<f32> = run.samples.x().iter().copied().cycle().take(samples * len).collect();
    let y: Vec<u32> = run.samples.y().iter().copied().cycle().take(samples).collect();
    let plan = Plan::for_inference(graph, device::INFERENCE_SAMPLES.min(samples))?;
    let mut backend = device::open(Device::Cpu, plan, Options { threads, ..Options::default() })?;
    backend.set_state(&state)?;
    let (mut probabilities, mut seconds) = (Vec::new(), Vec::new());
    for _ in 0..=EVALUATIONS {
        let begin = Instant::now();
        backend.evaluate(DatasetRef::new(&x, &y), &mut probabilities)?;
        seconds.push(begin.elapsed().as_secs_f64());
    }
    let batch = backend.plan().batch();
    println!("{}", json!({"event": "evaluate", "seconds": seconds[1..], "batch": batch}));
    let probabilities = ndarray::Array2::from_shape_vec((samples, classes), probabilities)?;
    ndarray_npy::write_npy(folder.join("probabilities.npy"), &probabilities)?;
    Ok(())
}

/// Seconds since the caller started this process, where it says when.
fn since_start() -> Outcome<Option<f64>> {
    let Ok(start) = std::env::var("PEERS_START") else { return Ok(None) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    Ok(Some(now - start.parse::<f64>()?))
}

/// A backend with its place in the run.
struct Run<'a> {
    backend: Box<dyn Backend>,
    samples: DatasetRef<'a>,
    sgd: Optimizer,
    steps: u32,
}

impl Run<'_> {
    fn train(&mut self, order: &[u32]) -> Outcome<StepMetrics> {
        let batches = Batches { seed: SEED, first_step: self.steps, ..Batches::plain(order) };
        self.steps += order.len().div_ceil(BATCH) as u32;
        let go_on = &mut |_| ControlFlow::Continue(());
        let steps = self.backend.train(self.samples, &batches, self.sgd, go_on)?;
        Ok(steps.into_iter().sum())
    }
}

/// Trains and returns the seconds of each epoch.
fn epochs(args: &Args, run: &mut Run<'_>, order: &[u32]) -> Outcome<Vec<f64>> {
    let say = |line: Value| {
        if args.json {
            println!("{line}");
        }
    };
    let mut seconds = Vec::new();
    for epoch in 1..=args.epochs {
        let begin = Instant::now();
        let mut tally = StepMetrics::default();
        let mut rest = order;
        if epoch == 1 {
            let (first, others) = order.split_at(BATCH.min(order.len()));
            tally += run.train(first)?;
            let loss = tally.mean_loss();
            say(json!({"event": "first_step", "since_start": since_start()?, "loss": loss}));
            rest = others;
        }
        tally += run.train(rest)?;
        seconds.push(begin.elapsed().as_secs_f64());
        say(json!({
            "event": "epoch", "epoch": epoch, "seconds": seconds[epoch - 1],
            "loss": tally.mean_loss(), "accuracy": tally.accuracy(),
        }));
    }
    say(json!({"event": "end", "device": run.backend.describe()}));
    Ok(seconds)
}

/// Median and range of the counted epochs, and the rate of arithmetic, counted densely.
fn print(device: &str, plan: &Plan, samples: usize, mut counted: Vec<f64>) {
    counted.sort_by(f64::total_cmp);
    let (Some(low), Some(high)) = (counted.first(), counted.last()) else { return };
    let median = counted[counted.len() / 2];
    let flop = plan.step_flop() as f64 / plan.batch() as f64 * samples as f64 / median / 1e9;
    println!("{device:<16} {median:.3} s ({low:.3} to {high:.3}), {flop:.1} GFLOP/s counted dense");
}

fn main() -> Outcome<()> {
    let args = Args::parse();
    let device = match args.device.as_str() {
        "cpu" => Device::Cpu,
        "gpu" => Device::Gpu,
        other => return Err(format!("expected --device cpu or gpu, found {other}").into()),
    };
    let data = args
        .data
        .as_ref()
        .map_or_else(|| Ok(Data::noise(args.samples)), |path| Data::load(path))?;
    let model = model(&args)?;
    let graph = model.graph(data.shape, data.classes)?;
    if let Some(folder) = &args.write_start {
        return write_start(folder, &graph, &data);
    }
    let rate = args.rate.or(Recipe::of(&model)?.learning_rate).unwrap_or(0.01);
    let order = data.order();
    let threads = match (args.threads, device) {
        (Some(threads), _) => vec![threads],
        (None, Device::Cpu) => vec![1, 2],
        (None, Device::Gpu) => vec![0],
    };
    if !args.json {
        let ([h, w, _], n) = (data.shape, data.y.len());
        println!("{}, {n} samples of {h}x{w}, batch {BATCH}, training only", args.model);
    }
    for threads in threads {
        let options = Options { threads, adapter: args.adapter.as_deref(), ..Options::default() };
        let mut backend = device::open(device, Plan::new(graph.clone(), BATCH)?, options)?;
        backend.set_state(&State::new(initial_parameters(&graph, SEED)))?;
        let samples = DatasetRef::new(&data.x, &data.y);
        let mut run = Run { backend, samples, sgd: Optimizer::sgd(rate), steps: 0 };
        let seconds = epochs(&args, &mut run, &order)?;
        if !args.json {
            let counted = seconds.get(1..).unwrap_or_default().to_vec();
            print(&run.backend.describe(), run.backend.plan(), data.y.len(), counted);
        }
        if let (Some(samples), Some(folder)) = (args.evaluate, &args.results) {
            evaluate(&mut run, threads, samples, folder)?;
        }
    }
    Ok(())
}
