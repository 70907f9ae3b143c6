//! The checks of an adapter.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

use super::cases::nan::Poisoned;
use super::cases::{self, Case};
use super::compare::{Comparison, What};
use super::deviation::{Deviation, Tolerance};
use super::model::model_step;
use super::opened::Opened;
use super::record::Prepared;
use super::report::{CheckResult, KernelResult, Report, Tally};
use super::update::updates;
use crate::backend::{Augmentation, Backend, Batches, DatasetRef, Sgd, State};
use crate::cpu::Cpu;
use crate::error::{Error, Result};
use crate::gpu::{self, Buffer, Gpu, GpuOptions, KERNELS, Kernel, KernelVariant, TileConfig};
use crate::graph::Graph;
use crate::models::Model;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::random::streams::Stream;
use crate::train::initial_parameters;

/// Extents of a sample of the whole models, and their number of classes.
const SAMPLE: [usize; 3] = [80, 80, 1];
const CLASSES: usize = 4;
/// Of weights and samples.
const SEED: u32 = 42;
/// Samples in a batch of the whole models. The reference takes its time, so that it has few.
const BATCH: usize = 8;
const PARTIAL: usize = 3;
/// Steps that are taken beside the CPU.
const STEPS: usize = 20;
/// How far the losses of those steps may be from the CPU's: differences grow from step to step.
const BESIDE_CPU: Tolerance = Tolerance { absolute: 0.0, relative: 1e-3 };
/// Workgroups in a dimension that make a grid fold.
const FEW_GROUPS: u32 = 24;
/// Bytes of a buffer that make a data set split.
const FEW_BYTES: u64 = 262_144;
/// Failures of the device itself after which a check ends.
const MOST_FAULTS: usize = 5;

/// What is checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Part of the adapter's name; the best adapter if there is none.
    pub adapter: Option<&'a str>,
    /// Only steps of whole models with the kernels that training uses.
    pub brief: bool,
}

/// A form of the kernels.
#[derive(Debug, Clone, Copy)]
struct Form {
    variant: KernelVariant,
    /// Those of the adapter's kind if there are none.
    tiles: Option<TileConfig>,
}

impl Form {
    /// What training uses.
    const USED: Self = Self { variant: KernelVariant::Fused, tiles: None };

    /// All: each kind of tiles where there are tiles in two of the forms.
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for variant in KernelVariant::ALL {
            let tiles: &[TileConfig] = match variant {
                KernelVariant::Plain | KernelVariant::Sparse => &TileConfig::ALL[..1],
                KernelVariant::Tiled | KernelVariant::Fused => &TileConfig::ALL,
            };
            all.extend(tiles.iter().map(|tiles| Self { variant, tiles: Some(*tiles) }));
        }
        all
    }

    fn name(self) -> String {
        match (self.variant, self.tiles) {
            (KernelVariant::Tiled | KernelVariant::Fused, Some(tiles)) => {
                format!("{}, {} tiles", self.variant.as_str(), tiles.as_str())
            }
            (variant, _) => variant.as_str().into(),
        }
    }
}

/// Checks an adapter: every operation, direction, form and tile against the reference, NaNs, folded
/// grids, split data sets, and steps of whole models.
///
/// # Errors
/// If there is no such adapter, or it cannot be opened. What it computes wrongly is in the report.
pub fn run(options: &Options<'_>, progress: &dyn Progress) -> Result<Report> {
    let begin = Instant::now();
    let adapter = gpu::find(options.adapter)?;
    let mut checks = Checks { options, kernels: BTreeMap::new(), checks: Vec::new(), faults: 0 };
    let models = [Whole::new("p1")?, Whole::new("p2")?];
    let suites = if options.brief { Vec::new() } else { cases::ALL.to_vec() };
    let poisoned = if options.brief { Vec::new() } else { cases::with_nans() };
    let forms = Form::all();
    let total = (suites.len() + usize::from(!options.brief)) * forms.len() + models.len();
    progress.begin("GPU check", total as u64, "checks");
    for (op, make) in suites {
        let prepared: Vec<Prepared> = make().into_iter().map(Prepared::new).collect();
        for form in &forms {
            for case in &prepared {
                checks.case(op, case, *form)?;
            }
            progress.advance(1);
        }
    }
    for form in forms.iter().filter(|_| !options.brief) {
        for poisoned in &poisoned {
            checks.nans(poisoned, *form)?;
        }
        progress.advance(1);
    }
    for case in &models {
        checks.model(case)?;
        progress.advance(1);
    }
    if !options.brief {
        let found = checks.optimiser();
        checks.keep("momentum, Nesterov".into(), found)?;
        let found = checks.compare_split();
        checks.keep("a data set split over buffers".into(), found)?;
    }
    progress.end();
    Ok(checks.report(adapter, begin.elapsed().as_secs_f64()))
}

/// A built-in model with random samples.
struct Whole {
    graph: Graph,
    parameters: Vec<f32>,
    x: Vec<f32>,
    y: Vec<u32>,
}

impl Whole {
    fn new(name: &'static str) -> Result<Self> {
        let graph = Model::open(name)?.graph(SAMPLE, CLASSES)?;
        let parameters = initial_parameters(&graph, SEED);
        let mut stream = Stream::new(SEED.into(), name);
        let n = STEPS * BATCH;
        let x = (0..n * SAMPLE.iter().product::<usize>()).map(|_| stream.normal() as f32).collect();
        let y = (0..n).map(|_| stream.below(CLASSES) as u32).collect();
        Ok(Self { graph, parameters, x, y })
    }

    fn samples(&self) -> DatasetRef<'_> {
        DatasetRef::new(&self.x, &self.y)
    }

    fn order(&self) -> Vec<u32> {
        (0..self.y.len() as u32).collect()
    }
}

/// What has been found so far.
struct Checks<'a> {
    options: &'a Options<'a>,
    kernels: BTreeMap<&'static str, KernelResult>,
    checks: Vec<CheckResult>,
    faults: usize,
}

impl Checks<'_> {
    fn open(&self, graph: &Graph, batch: usize, form: Form, more: GpuOptions<'_>) -> Result<Gpu> {
        let Form { variant, tiles } = form;
        let adapter = self.options.adapter;
        let plan = Plan::new(graph.clone(), batch)?;
        Gpu::new(plan, GpuOptions { adapter, variant, tiles, ..more })
    }

    fn opened(&self, case: &Case, form: Form, more: GpuOptions<'_>) -> Result<Opened> {
        Ok(Opened::Gpu(Box::new(self.open(&case.graph, case.batch, form, more)?)))
    }

    /// The tally of that name.
    fn tally(&mut self, name: String) -> &mut Tally {
        let at = self.checks.iter().position(|check| check.name == name);
        let at = at.unwrap_or_else(|| {
            self.checks.push(CheckResult { name, tally: Tally::default() });
            self.checks.len() - 1
        });
        &mut self.checks[at].tally
    }

    /// Keeps what was compared, or that the device failed. After some failures the next one ends
    /// the check.
    fn keep(&mut self, name: String, found: Result<Vec<Deviation>>) -> Result<()> {
        let deviations = match found {
            Ok(deviations) => deviations,
            Err(error @ (Error::Gpu { .. } | Error::Shader { .. } | Error::DeviceLimit { .. }))
                if self.faults < MOST_FAULTS =>
            {
                self.faults += 1;
                vec![Deviation::of_equality(false, || format!("{name}: {error}"))]
            }
            Err(error) => return Err(error),
        };
        let tally = self.tally(name);
        deviations.iter().for_each(|deviation| tally.add(deviation));
        Ok(())
    }

    /// A case of an op in one form.
    fn case(&mut self, op: &str, case: &Prepared, form: Form) -> Result<()> {
        let found = self.compare_case(case, form);
        self.keep(format!("{op}, {}", form.name()), found)
    }

    fn compare_case(&mut self, prepared: &Prepared, form: Form) -> Result<Vec<Deviation>> {
        let mut device = self.opened(&prepared.case, form, GpuOptions::default())?;
        let recorded = prepared.record(&mut device)?;
        let comparisons = prepared.compare(&recorded);
        if let Opened::Gpu(gpu) = &mut device {
            self.attribute(gpu, &comparisons, form);
            self.time(gpu, prepared)?;
        }
        Ok(comparisons.into_iter().map(|comparison| comparison.deviation).collect())
    }

    /// Adds the comparisons to the kernels that wrote what was compared.
    fn attribute(&mut self, gpu: &Gpu, comparisons: &[Comparison], form: Form) {
        let mut dispatches: Vec<(Kernel, Vec<Buffer>)> = Vec::new();
        for (kernel, writes) in gpu.writes() {
            match dispatches.iter_mut().find(|(known, _)| *known == kernel) {
                Some((_, all)) => all.extend(writes),
                None => dispatches.push((kernel, writes.to_vec())),
            }
        }
        for (kernel, writes) in dispatches {
            let result = self.kernel(kernel.name);
            result.forms.insert(form.name());
            for Comparison { what, deviation, .. } in comparisons {
                if writes.iter().any(|buffer| concerns(gpu.plan(), *buffer, *what)) {
                    result.tally.add(deviation);
                }
            }
        }
        for (name, seconds) in gpu.compile_seconds() {
            self.kernel(name).compile_seconds += seconds;
        }
    }

    fn kernel(&mut self, name: &'static str) -> &mut KernelResult {
        self.kernels.entry(name).or_insert_with(|| KernelResult {
            kernel: name,
            forms: Default::default(),
            tally: Tally::default(),
            compile_seconds: 0.0,
            run_seconds: 0.0,
        })
    }

    fn time(&mut self, gpu: &mut Gpu, prepared: &Prepared) -> Result<()> {
        let timer = gpu.timer()?;
        let batch: Vec<u32> = (0..prepared.case.batch as u32).collect();
        let seconds = gpu.time_dispatches(&timer, prepared.samples(), &batch)?;
        let names: Vec<&str> = gpu.dispatches().iter().map(|(kernel, ..)| kernel.name).collect();
        for (name, seconds) in names.into_iter().zip(seconds) {
            if let Some(kernel) = self.kernels.get_mut(name) {
                kernel.run_seconds = kernel.run_seconds.max(seconds);
            }
        }
        Ok(())
    }

    fn nans(&mut self, poisoned: &Poisoned, form: Form) -> Result<()> {
        let found = self.opened(&poisoned.case, form, GpuOptions::default());
        let found = found.and_then(|mut device| poisoned.compare(&mut device)).map(deviations);
        self.keep(format!("NaN, {}", form.name()), found)
    }

    /// Steps of a whole model with what training uses: beside the reference, with folded grids, and
    /// beside the CPU.
    fn model(&mut self, model: &Whole) -> Result<()> {
        let name = model.graph.model().to_uppercase();
        let found = self.compare_steps(model, GpuOptions::default());
        self.keep(format!("{name}: training steps"), found)?;
        if self.options.brief {
            return Ok(());
        }
        let folded = GpuOptions { groups: Some(FEW_GROUPS), ..GpuOptions::default() };
        let found = self.compare_steps(model, folded);
        self.keep(format!("{name}: grids folded over y"), found)?;
        let found = self.beside_cpu(model);
        self.keep(format!("{name}: {STEPS} steps beside the CPU"), found)
    }

    /// A whole batch, and a partial one over what it left.
    fn compare_steps(&self, model: &Whole, more: GpuOptions<'_>) -> Result<Vec<Deviation>> {
        let mut gpu = self.open(&model.graph, BATCH, Form::USED, more)?;
        let (samples, order) = (model.samples(), model.order());
        let mut all = Vec::new();
        for batch in [&order[..BATCH], &order[BATCH..BATCH + PARTIAL]] {
            all.extend(model_step(&model.graph, &model.parameters, samples, batch, &mut gpu)?);
        }
        Ok(all)
    }

    fn optimiser(&self) -> Result<Vec<Deviation>> {
        let Some(case) = cases::conv2d::cases().into_iter().next() else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for nesterov in [false, true] {
            let mut device = self.opened(&case, Form::USED, GpuOptions::default())?;
            all.extend(updates(&case, &mut device, nesterov)?);
        }
        Ok(all)
    }

    fn beside_cpu(&self, model: &Whole) -> Result<Vec<Deviation>> {
        let mut gpu = self.open(&model.graph, BATCH, Form::USED, GpuOptions::default())?;
        let mut cpu = Cpu::new(Plan::new(model.graph.clone(), BATCH)?, 0)?;
        let (samples, order) = (model.samples(), model.order());
        let train = |backend: &mut dyn Backend| {
            backend.set_state(&State::new(model.parameters.clone()))?;
            let go_on = &mut |_| ControlFlow::Continue(());
            backend.train(samples, &Batches::plain(&order), Sgd::plain(0.01), go_on)
        };
        let (got, want) = (train(&mut gpu)?, train(&mut cpu)?);
        let each = got.iter().zip(&want).enumerate().map(|(i, (got, want))| {
            let name = format!("{}, step {}: loss beside the CPU", model.graph.model(), i + 1);
            let losses = [got, want].map(|step| step.loss / step.samples as f64);
            Deviation::of_number(&name, losses[0], losses[1], BESIDE_CPU)
        });
        Ok(each.collect())
    }

    /// A data set in several buffers gives the bits of one buffer.
    fn compare_split(&self) -> Result<Vec<Deviation>> {
        let graph = Model::open("p1")?.graph([16, 12, 1], CLASSES)?;
        let mut stream = Stream::new(3, "split");
        let n = 1400;
        let x: Vec<f32> = (0..n * 16 * 12).map(|_| stream.between(-1.0, 1.0) as f32).collect();
        let y: Vec<u32> = (0..n as u32).map(|i| i % CLASSES as u32).collect();
        let samples = DatasetRef::new(&x, &y);
        let order: Vec<u32> = (0..n as u32).map(|i| i * 333 % n as u32).collect();
        let roll = |i| Augmentation { roll: i % 12, band: i % 16, bands: 1, ..Default::default() };
        let augmentations: Vec<Augmentation> = (0..n as u32).map(roll).collect();
        let batches = Batches { augmentations: &augmentations, ..Batches::plain(&order) };
        let train = |buffer_bytes| {
            let more = GpuOptions { buffer_bytes, ..GpuOptions::default() };
            let mut gpu = self.open(&graph, 8, Form::USED, more)?;
            let drawn =
                Case { name: "split", graph: graph.clone(), batch: 8, partial: 8, ties: false };
            let (_, _, parameters) = cases::fill(&drawn, 8);
            gpu.set_state(&State::new(parameters))?;
            let go_on = &mut |_| ControlFlow::Continue(());
            let steps = gpu.train(samples, &batches, Sgd::plain(0.01), go_on)?;
            Ok((steps, gpu.state()?))
        };
        let (whole, split) = (train(None)?, train(Some(FEW_BYTES))?);
        let otherwise = || "weights after training on a split data set differ".into();
        Ok(vec![Deviation::of_equality(whole == split, otherwise)])
    }

    fn report(mut self, adapter: gpu::AdapterFacts, seconds: f64) -> Report {
        if !self.options.brief {
            // One that was never dispatched is shown as such.
            let all = KERNELS.iter().map(|kernel| kernel.name);
            for name in all.filter(|name| !name.starts_with("bench_")) {
                self.kernel(name);
            }
        }
        let kernels: Vec<KernelResult> = self.kernels.into_values().collect();
        let unchecked = kernels.iter().any(|kernel| kernel.tally.comparisons == 0);
        let wrong = |tally: &Tally| tally.failed > 0;
        let failed = kernels.iter().any(|kernel| wrong(&kernel.tally))
            || self.checks.iter().any(|check| wrong(&check.tally));
        let tiles = TileConfig::for_kind(adapter.kind);
        Report {
            version: env!("CARGO_PKG_VERSION"),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            used: format!("{} kernels, {} tiles", Form::USED.variant.as_str(), tiles.as_str()),
            adapter,
            kernels,
            checks: self.checks,
            passed: !failed && !unchecked,
            seconds,
        }
    }
}

fn deviations(comparisons: Vec<Comparison>) -> Vec<Deviation> {
    comparisons.into_iter().map(|comparison| comparison.deviation).collect()
}

/// Whether what was compared is in the buffer, or comes from it alone.
fn concerns(plan: &Plan, buffer: Buffer, what: What) -> bool {
    let same = |a, b| plan.slot(a) == plan.slot(b);
    match (buffer, what) {
        (Buffer::Value(a), What::Value(b)) | (Buffer::Gradient(a), What::Gradient(b)) => same(a, b),
        (Buffer::Argmax(a), What::Value(b)) => same(a, b),
        (Buffer::BatchStats(a), What::Value(b) | What::Parameter(b, _))
        | (Buffer::PartialSums(a), What::ParameterGradient(b, _) | What::Parameter(b, _))
        | (Buffer::NormGradients(a), What::ParameterGradient(b, _)) => a == b,
        (Buffer::Parameter(a, p), What::Parameter(b, q))
        | (Buffer::ParameterGradient(a, p), What::ParameterGradient(b, q)) => a == b && p == q,
        (
            Buffer::AllParameterGradients | Buffer::AllParameters | Buffer::Velocity,
            What::ParameterGradient(..) | What::Parameter(..),
        ) => true,
        (Buffer::StepMetrics | Buffer::Penalties, What::Metrics)
        | (Buffer::Probabilities, What::Probabilities) => true,
        _ => false,
    }
}
