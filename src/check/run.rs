//! The checks of an adapter.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::cases::nan::Poisoned;
use super::cases::{self, Case};
use super::compare::Comparison;
use super::concerns::concerns;
use super::deviation::{Deviation, Nans, Tolerance};
use super::model::{ModelTolerance, model_evaluation, model_step, model_update};
use super::opened::Opened;
use super::record::{Prepared, STILL, evaluate};
use super::report::{CheckResult, KernelResult, Report, Tally};
use super::update::{OPTIMIZERS, updates};
use crate::backend::{
    Augmentation, Backend, Batches, DatasetRef, Loss, Optimizer, Replicas, Rule, State, Tensor,
};
use crate::cpu::Cpu;
use crate::error::{Error, Result};
use crate::gpu::{
    self, Buffer, Caps, Describer, Gpu, GpuOptions, KERNELS, Kernel, KernelVariant, TileConfig,
    Tiles,
};
use crate::graph::{Graph, Shape};
use crate::models::Model;
use crate::naive;
use crate::ops::gpu::DispatchDesc;
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
/// Small steps: large ones on random samples carry any difference of rounding far.
const BESIDE_CPU_SGD: Optimizer = Optimizer::sgd(0.001);
/// How far the losses of those steps may be from the CPU's: differences grow from step to step.
const BESIDE_CPU: Tolerance = Tolerance { absolute: 0.0, relative: 1e-3 };
/// Workgroups in a dimension that make a grid fold.
const FEW_GROUPS: u32 = 64;
/// Bytes of a buffer that make a data set split.
const FEW_BYTES: u64 = 262_144;
/// Bytes of a buffer that has no room for a part of the weight gradients of each sample.
const FEW_SUM_BYTES: u64 = 131_072;
/// Failures of the device itself after which a check ends.
const MOST_FAULTS: usize = 5;
/// Most parts that are checked at a time.
const MOST_WORKERS: usize = 4;

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

    /// One thread for each element.
    const PLAIN: Self = Self { variant: KernelVariant::Plain, tiles: None };

    /// All: each kind of tiles in the form that training uses.
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for variant in KernelVariant::ALL {
            let tiles: &[TileConfig] = match variant {
                // Where nothing is fused, the fused form has the tiled one's kernels.
                KernelVariant::Plain | KernelVariant::Tiled | KernelVariant::Sparse => {
                    &TileConfig::ALL[..1]
                }
                KernelVariant::Fused => &TileConfig::ALL,
            };
            all.extend(tiles.iter().map(|tiles| Self { variant, tiles: Some(*tiles) }));
        }
        all
    }

    fn name(self) -> String {
        match (self.variant, self.tiles) {
            (KernelVariant::Fused, Some(tiles)) => {
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
/// If there is no such adapter, or it cannot be opened. Wrong results are in the report.
pub fn run(options: &Options<'_>, progress: &dyn Progress) -> Result<Report> {
    let begin = Instant::now();
    let adapter = gpu::find(options.adapter)?;
    let found = all_parts(options, progress)?;
    Ok(found.report(options, adapter, begin.elapsed().as_secs_f64()))
}

/// Whether the device failed, or refused something.
fn is_of_device(error: &Error) -> bool {
    matches!(error, Error::Gpu { .. } | Error::Shader { .. } | Error::DeviceLimit { .. })
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

    /// A whole batch, and a partial one over what it left; an evaluation; a step that moves the weights.
    fn compare(&self, backend: &mut dyn Backend) -> Result<Vec<Deviation>> {
        let Self { graph, parameters, .. } = self;
        let (samples, order) = (self.samples(), self.order());
        let mut all = Vec::new();
        for batch in [&order[..BATCH], &order[BATCH..BATCH + PARTIAL]] {
            let unknown = ModelTolerance::UNKNOWN;
            all.extend(model_step(graph, parameters, samples, batch, backend, unknown)?);
        }
        let few = BATCH + PARTIAL;
        let few = DatasetRef::new(&self.x[..self.x.len() / self.y.len() * few], &self.y[..few]);
        let unknown = ModelTolerance::UNKNOWN;
        all.extend(model_evaluation(graph, parameters, few, backend, unknown)?);
        all.extend(model_update(graph, parameters, samples, &order[..BATCH], backend)?);
        Ok(all)
    }
}

/// Dispatches with their nodes.
type Dispatches = Vec<(String, DispatchDesc)>;
/// Those of each form of a case that was run.
type Known = Vec<Dispatches>;

/// A part of the check that needs no other. The order is that of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// The case of that number of the operation of that number.
    Case {
        suite: usize,
        case: usize,
    },
    /// The samples with NaNs of that number.
    Nans(usize),
    Augmentations,
    NotFinite,
    /// Of a built-in model: steps with what training uses, beside the reference; the same with
    /// folded grids; steps beside the CPU.
    Steps(&'static str),
    Folded(&'static str),
    BesideCpu(&'static str),
    /// Runs of it at once, beside each alone.
    Replicas(&'static str),
    Optimiser,
    Split,
    /// Partial sums over several samples each.
    FewSums,
}

/// The built-in models that are checked whole.
const MODELS: [&str; 2] = ["p1", "p2"];

impl Part {
    /// All parts, those that take longest first, so that no worker is left with one at the end.
    fn all(brief: bool) -> Vec<Self> {
        let mut all: Vec<Self> = MODELS.map(Self::Steps).into();
        all.push(Self::Optimiser);
        if !brief {
            all.extend(MODELS.iter().flat_map(|model| {
                [Self::Replicas(model), Self::Folded(model), Self::BesideCpu(model)]
            }));
            all.extend([Self::NotFinite, Self::Split, Self::Augmentations, Self::FewSums]);
            all.extend((0..cases::with_nans().len()).map(Self::Nans));
        }
        for (suite, (_, make)) in cases::ALL.iter().enumerate() {
            let count = make().len();
            let count = if brief { count.min(1) } else { count };
            all.extend((0..count).map(|case| Self::Case { suite, case }));
        }
        all
    }
}

/// What has been found.
#[derive(Debug, Default)]
struct Found {
    kernels: BTreeMap<&'static str, KernelResult>,
    checks: Vec<CheckResult>,
    /// What training uses: the plain kernels where others do not fit the adapter.
    used: Option<KernelVariant>,
}

impl Found {
    fn kernel(&mut self, name: &'static str) -> &mut KernelResult {
        self.kernels.entry(name).or_insert_with(|| KernelResult {
            kernel: name,
            forms: Default::default(),
            tally: Tally::default(),
            compile_seconds: 0.0,
            run_seconds: 0.0,
        })
    }

    fn check(&mut self, name: &str) -> &mut Tally {
        let at = self.checks.iter().position(|check| check.name == name);
        let at = at.unwrap_or_else(|| {
            self.checks.push(CheckResult { name: name.into(), tally: Tally::default() });
            self.checks.len() - 1
        });
        &mut self.checks[at].tally
    }

    fn merge(&mut self, other: Self) {
        for (name, other) in other.kernels {
            let kernel = self.kernel(name);
            kernel.forms.extend(other.forms);
            kernel.tally.merge(other.tally);
            kernel.compile_seconds += other.compile_seconds;
            kernel.run_seconds = kernel.run_seconds.max(other.run_seconds);
        }
        for CheckResult { name, tally } in other.checks {
            self.check(&name).merge(tally);
        }
        self.used = other.used.or(self.used);
    }
}

/// Checks parts, each worker on a device of its own: half of the time is the reference's and the
/// compiler's, which use one thread.
fn all_parts(options: &Options<'_>, progress: &dyn Progress) -> Result<Found> {
    let parts = Part::all(options.brief);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = workers.clamp(1, MOST_WORKERS.min(parts.len()));
    let (next, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
    progress.begin("GPU check", parts.len() as u64, "checks");
    let work = || {
        let mut checks = Checks::new(options);
        let mut done = Vec::new();
        while !ended.load(Ordering::Relaxed) {
            let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            let result = checks.part(*part);
            ended.fetch_or(result.is_err(), Ordering::Relaxed);
            done.push((*part, std::mem::take(&mut checks.found), result));
            progress.advance(1);
        }
        (done, checks.compiled())
    };
    let all = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect::<Vec<_>>()
    });
    progress.end();
    let (done, compiled): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let mut done: Vec<_> = done.into_iter().flatten().collect();
    done.sort_by_key(|(part, ..)| *part);
    let mut found = Found::default();
    let mut early = None;
    for (_, part, result) in done {
        found.merge(part);
        match result {
            Err(error) if is_of_device(&error) && !options.brief => early = Some(error),
            other => other?,
        }
    }
    for (kernel, seconds) in compiled.into_iter().flatten() {
        // Kernels that whole models alone use are compared with those.
        if let Some(kernel) = found.kernels.get_mut(kernel) {
            kernel.compile_seconds += seconds;
        }
    }
    if let Some(error) = early {
        // The device fails again and again: what was found before is reported.
        let wrong = || format!("the check ended early: {error}");
        found.check("to the end").add(&Deviation::of_equality(false, wrong));
    }
    Ok(found)
}

/// What one worker does.
struct Checks<'a> {
    options: &'a Options<'a>,
    found: Found,
    faults: usize,
    /// The device that the last work left.
    gpu: Option<Gpu>,
    describer: Describer,
}

impl<'a> Checks<'a> {
    fn new(options: &'a Options<'a>) -> Self {
        Self {
            options,
            found: Found::default(),
            faults: 0,
            gpu: None,
            describer: Describer::default(),
        }
    }

    /// Seconds that compiling took, by kernel.
    fn compiled(&self) -> Vec<(&'static str, f64)> {
        let seconds = self.gpu.iter().flat_map(Gpu::compile_seconds);
        seconds.map(|(kernel, seconds)| (*kernel, *seconds)).collect()
    }

    fn forms(&self) -> Vec<Form> {
        if self.options.brief { vec![Form::USED] } else { Form::all() }
    }

    fn part(&mut self, part: Part) -> Result<()> {
        match part {
            Part::Case { suite, case } => {
                let (op, make) = cases::ALL[suite];
                let Some(case) = make().into_iter().nth(case) else { return Ok(()) };
                let prepared = Prepared::new(case)?;
                // A form that has no dispatches of its own is not run again.
                let mut known = Known::new();
                for form in self.forms() {
                    self.case(op, &prepared, form, &mut known)?;
                }
            }
            Part::Nans(number) => {
                let Some(poisoned) = cases::with_nans().into_iter().nth(number) else {
                    return Ok(());
                };
                let mut known = Known::new();
                for form in self.forms() {
                    self.nans(&poisoned, form, &mut known)?;
                }
            }
            Part::Augmentations => {
                let mut known = [Known::new(), Known::new()];
                for form in self.forms() {
                    let found = self.augmented(form, &mut known);
                    self.keep("augmentation", Some(form), found)?;
                }
            }
            Part::NotFinite => {
                let mut known = Known::new();
                for form in self.forms() {
                    let found = self.not_finite(form, &mut known);
                    self.keep("weights that are not finite", Some(form), found)?;
                }
            }
            Part::Steps(name) => {
                let model = Whole::new(name)?;
                let plan = Plan::new(model.graph.clone(), BATCH)?;
                let found = self.with(plan, Form::USED, |device| model.compare(device.backend()));
                self.keep(&format!("{}: training steps", name.to_uppercase()), None, found)?;
            }
            Part::Folded(name) => {
                let found = self.compare_folded(&Whole::new(name)?);
                self.keep(&format!("{}: grids folded over y", name.to_uppercase()), None, found)?;
            }
            Part::BesideCpu(name) => {
                let found = self.beside_cpu(&Whole::new(name)?);
                let name = format!("{}: {STEPS} steps beside the CPU", name.to_uppercase());
                self.keep(&name, None, found)?;
            }
            Part::Replicas(name) => {
                let found = self.replicas(&Whole::new(name)?);
                let name = format!("{}: two runs at once", name.to_uppercase());
                self.keep(&name, None, found)?;
            }
            Part::Optimiser => {
                for (what, optimizer) in OPTIMIZERS {
                    let found = self.optimiser((what, optimizer));
                    if let Ok(deviations) = &found {
                        for name in update_kernels(&optimizer) {
                            let kernel = self.found.kernel(name);
                            deviations.iter().for_each(|deviation| kernel.tally.add(deviation));
                        }
                    }
                    self.keep(&format!("optimiser, {what}"), None, found)?;
                }
            }
            Part::Split => {
                let found = self.compare_split();
                self.keep("a data set split over buffers", None, found)?;
            }
            Part::FewSums => {
                for form in [Form::PLAIN, Form::USED] {
                    let found = self.few_sums(form);
                    self.keep("sums over several samples", Some(form), found)?;
                }
            }
        }
        Ok(())
    }

    /// Works with a plan on the device that the work before used, if there is one: what was compiled
    /// stays. A device that failed is not used again.
    fn with<T>(
        &mut self,
        plan: Plan,
        form: Form,
        work: impl FnOnce(&mut Opened) -> Result<T>,
    ) -> Result<T> {
        let Form { variant, tiles } = form;
        let tiles = tiles.map(Tiles::from);
        let gpu = match self.gpu.take() {
            Some(gpu) => gpu.with_kernels(plan, variant, tiles.as_ref())?,
            None => {
                Gpu::new(plan, GpuOptions { variant, tiles: tiles.as_ref(), ..self.gpu_options() })?
            }
        };
        if variant == Form::USED.variant {
            self.found.used = Some(gpu.variant());
        }
        let mut opened = Opened::Gpu(Box::new(gpu));
        let found = work(&mut opened)?;
        if let Opened::Gpu(gpu) = opened {
            self.gpu = Some(*gpu);
        }
        Ok(found)
    }

    /// The same unless another form has the same dispatches for the op, which are known then. What
    /// surrounds it is the affair of other cases.
    fn with_new<T>(
        &mut self,
        plan: Plan,
        samples: DatasetRef<'_>,
        form: Form,
        known: &mut Known,
        work: impl FnOnce(&mut Opened) -> Result<T>,
    ) -> Result<Option<T>> {
        if let Form { variant, tiles: Some(tiles) } = form {
            let count = samples.y().len();
            let own = self.describer.dispatches(plan.clone(), variant, &tiles.into(), count)?;
            let surrounds =
                |node: &str| ["input", "stem", "head", "softmax", "all"].contains(&node);
            let of_op: Dispatches =
                own.iter().filter(|(node, _)| !surrounds(node)).cloned().collect();
            let own = if of_op.is_empty() { own } else { of_op };
            if known.contains(&own) {
                return Ok(None);
            }
            known.push(own);
        }
        self.with(plan, form, |device| {
            device.backend().prepare(samples)?;
            work(device).map(Some)
        })
    }

    fn gpu_options(&self) -> GpuOptions<'_> {
        GpuOptions { adapter: self.options.adapter, ..GpuOptions::default() }
    }

    /// Keeps what was compared, or that the device failed. After some failures the next one ends
    /// the check.
    fn keep(
        &mut self,
        name: &str,
        form: Option<Form>,
        found: Result<Vec<Deviation>>,
    ) -> Result<()> {
        let mut deviations = match found {
            Ok(deviations) => deviations,
            // Before training the fault itself is what matters.
            Err(error)
                if is_of_device(&error) && !self.options.brief && self.faults < MOST_FAULTS =>
            {
                self.faults += 1;
                vec![Deviation::of_equality(false, || format!("{name}: {error}"))]
            }
            Err(error) => return Err(error),
        };
        let wrong = deviations.iter_mut().filter_map(|deviation| deviation.wrong.as_mut());
        if let Some(form) = form {
            wrong.for_each(|wrong| *wrong = format!("{}: {wrong}", form.name()));
        }
        let tally = self.found.check(name);
        deviations.iter().for_each(|deviation| tally.add(deviation));
        Ok(())
    }

    /// A case of an op in one form, unless its dispatches are known.
    fn case(&mut self, op: &str, case: &Prepared, form: Form, known: &mut Known) -> Result<()> {
        let found = self.compare_case(case, form, known);
        self.keep(op, Some(form), found)
    }

    fn compare_case(
        &mut self,
        prepared: &Prepared,
        form: Form,
        known: &mut Known,
    ) -> Result<Vec<Deviation>> {
        let samples = prepared.samples();
        let plan = prepared.plan.clone();
        let recorded =
            self.with_new(plan, samples, form, known, |device| prepared.record(device, samples))?;
        let Some(recorded) = recorded else { return Ok(Vec::new()) };
        let comparisons = prepared.compare(&recorded);
        if let Some(mut gpu) = self.gpu.take() {
            self.attribute(&gpu, &comparisons, form);
            self.time(&mut gpu, prepared.case.batch, samples)?;
            self.gpu = Some(gpu);
        }
        Ok(deviations(comparisons))
    }

    /// Adds the comparisons to the kernels that wrote what was compared.
    fn attribute(&mut self, gpu: &Gpu, comparisons: &[Comparison], form: Form) {
        let mut dispatches: Vec<(Kernel, Vec<Buffer>)> = Vec::new();
        for (desc, writes) in gpu.descriptions() {
            match dispatches.iter_mut().find(|(known, _)| *known == desc.kernel) {
                Some((_, all)) => all.extend(writes),
                None => dispatches.push((desc.kernel, writes)),
            }
        }
        for (kernel, writes) in dispatches {
            let result = self.found.kernel(kernel.name);
            result.forms.insert(form.name());
            for Comparison { what, deviation, .. } in comparisons {
                if writes.iter().any(|buffer| concerns(gpu.plan(), *buffer, *what)) {
                    result.tally.add(deviation);
                }
            }
        }
    }

    fn time(&mut self, gpu: &mut Gpu, batch: usize, samples: DatasetRef<'_>) -> Result<()> {
        let timer = gpu.timer()?;
        let batch: Vec<u32> = (0..batch as u32).collect();
        let seconds = gpu.time_dispatches(&timer, samples, &batch)?;
        let names: Vec<&str> = gpu.dispatches().iter().map(|(kernel, ..)| kernel.name).collect();
        for (name, seconds) in names.into_iter().zip(seconds) {
            if let Some(kernel) = self.found.kernels.get_mut(name) {
                kernel.run_seconds = kernel.run_seconds.max(seconds);
            }
        }
        Ok(())
    }

    fn nans(&mut self, poisoned: &Poisoned, form: Form, known: &mut Known) -> Result<()> {
        let plan = poisoned.case.plan()?;
        let y = vec![0; plan.batch()];
        let samples = DatasetRef::new(&poisoned.x, &y);
        let found = self.with_new(plan, samples, form, known, |device| poisoned.compare(device));
        self.keep("NaN", Some(form), found.map(|found| deviations(found.unwrap_or_default())))
    }

    fn compare_folded(&self, model: &Whole) -> Result<Vec<Deviation>> {
        let caps = Caps { workgroups: Some(FEW_GROUPS), ..Caps::default() };
        let plan = Plan::new(model.graph.clone(), BATCH)?;
        model.compare(&mut Gpu::new(plan, GpuOptions { caps, ..self.gpu_options() })?)
    }

    /// Two runs at once have the bits of each alone.
    fn replicas(&self, model: &Whole) -> Result<Vec<Deviation>> {
        let (graph, samples) = (&model.graph, model.samples());
        let plan = || Plan::new(graph.clone(), BATCH);
        let order = &model.order()[..2 * BATCH + PARTIAL];
        let mut all = Vec::new();
        let mut gpu = Gpu::new(plan()?, self.gpu_options())?;
        let runs = [(0, SEED), (1, SEED + 1)].map(|(replica, seed)| {
            let batches = Batches { seed, ..Batches::plain(order) };
            (replica, batches, State::new(initial_parameters(graph, seed)))
        });
        let sgd = Optimizer::momentum(0.01, 0.9, false);
        let go_on = &mut |_| ControlFlow::Continue(());
        let mut alone = Vec::new();
        for (_, batches, state) in &runs {
            gpu.set_state(state)?;
            gpu.train(samples, batches, sgd, go_on)?;
            alone.push(gpu.state()?);
        }
        let mut gpu = gpu.with_replicas(plan()?, runs.len())?;
        for (replica, _, state) in &runs {
            gpu.set_state_of(*replica, state)?;
        }
        let batches = runs.each_ref().map(|(replica, batches, _)| (*replica, *batches));
        gpu.train_all(samples, &batches, sgd, go_on)?;
        for (replica, alone) in alone.iter().enumerate() {
            let same = gpu.state_of(replica)? == *alone;
            let otherwise =
                || format!("{}: run {} of two at once differs", graph.model(), replica + 1);
            all.push(Deviation::of_equality(same, otherwise));
        }
        Ok(all)
    }

    fn optimiser(&mut self, optimizer: (&str, Optimizer)) -> Result<Vec<Deviation>> {
        let Some(case) = cases::conv2d::cases().into_iter().next() else { return Ok(Vec::new()) };
        self.with(case.plan()?, Form::USED, |device| updates(&case, device, optimizer))
    }

    fn beside_cpu(&mut self, model: &Whole) -> Result<Vec<Deviation>> {
        let mut cpu = Cpu::new(Plan::new(model.graph.clone(), BATCH)?, 0)?;
        let (samples, order) = (model.samples(), model.order());
        let train = |backend: &mut dyn Backend| {
            backend.set_state(&State::new(model.parameters.clone()))?;
            let go_on = &mut |_| ControlFlow::Continue(());
            backend.train(samples, &Batches::plain(&order), BESIDE_CPU_SGD, go_on)
        };
        let plan = Plan::new(model.graph.clone(), BATCH)?;
        let got = self.with(plan, Form::USED, |device| train(device.backend()))?;
        let want = train(&mut cpu)?;
        let each = got.iter().zip(&want).enumerate().map(|(i, (got, want))| {
            let name = format!("{}, step {}: loss beside the CPU", model.graph.model(), i + 1);
            let losses = [got, want].map(|step| step.loss / step.samples as f64);
            Deviation::of_number(&name, losses[0], losses[1], BESIDE_CPU)
        });
        Ok(each.collect())
    }

    /// Samples that are rolled, shifted in level and covered on their way into the batch.
    fn augmented(&mut self, form: Form, known: &mut [Known; 2]) -> Result<Vec<Deviation>> {
        let mut all = Vec::new();
        // The kernels copy element by element, or by fours.
        for ([h, w, c], known) in [[5, 7, 1], [4, 8, 2]].into_iter().zip(known) {
            let mut graph = Graph::new("augmentation", Shape::Map { h, w, c });
            let input = graph.input();
            cases::head(&mut graph, input);
            let mut stream = Stream::new(5, "augmentation");
            let n = 6;
            let x: Vec<f32> = (0..n * h * w * c).map(|_| stream.normal() as f32).collect();
            let y = vec![0; n];
            let augmentations: Vec<Augmentation> = (0..n)
                .map(|_| {
                    let (band, frame) = (stream.below(h), stream.below(w));
                    Augmentation {
                        roll: stream.below(w) as u32,
                        gain: stream.normal() as f32,
                        band: band as u32,
                        bands: stream.below(h - band + 1) as u32,
                        frame: frame as u32,
                        frames: stream.below(w - frame + 1) as u32,
                        fill: stream.normal() as f32,
                    }
                })
                .collect();
            let order: Vec<u32> = (0..n as u32).rev().collect();
            let batches = Batches { augmentations: &augmentations, ..Batches::plain(&order) };
            let samples = DatasetRef::new(&x, &y);
            let got =
                self.with_new(Plan::new(graph.clone(), n)?, samples, form, known, |device| {
                    device.backend().train_step(samples, &batches, STILL)?;
                    device.backend().tensor(input, Tensor::Value)
                })?;
            let Some(got) = got else { continue };
            let len = h * w * c;
            let sample = |(i, by): (&u32, &Augmentation)| {
                naive::gather::sample(&x[*i as usize * len..][..len], [h, w, c], by)
            };
            let want = order.iter().zip(&augmentations).flat_map(sample).map(f64::from);
            let want: Vec<f64> = want.collect();
            let exact = Tolerance { absolute: 1e-6, relative: 1e-6 };
            let extents = [n, h, w, c];
            all.push(Deviation::of("augmented", &extents, &got, &want, exact, Nans::Never));
        }
        Ok(all)
    }

    /// A weight that is NaN reaches the loss, and a weight that a step makes infinite makes the loss of
    /// the next step NaN, whatever a compiler assumes of such numbers.
    fn not_finite(&mut self, form: Form, known: &mut Known) -> Result<Vec<Deviation>> {
        let graph = Model::open("p1")?.graph([16, 12, 1], CLASSES)?;
        let mut stream = Stream::new(6, "not finite");
        let n = 8;
        let x: Vec<f32> = (0..2 * n * 16 * 12).map(|_| stream.normal() as f32).collect();
        let y: Vec<u32> = (0..2 * n as u32).map(|i| i % CLASSES as u32).collect();
        let order: Vec<u32> = (0..2 * n as u32).collect();
        let sgd = Optimizer::momentum(0.001, 0.9, false);
        let samples = DatasetRef::new(&x, &y);
        let found = self.with_new(Plan::new(graph.clone(), n)?, samples, form, known, |device| {
            let start = State::new(initial_parameters(&graph, SEED));
            let mut all = Vec::new();
            for p in graph.parameters() {
                let mut state = start.clone();
                // The middle of a kernel, which no padding keeps from the output.
                state.parameters[p.offset + p.len() / 2] = f32::NAN;
                device.backend().set_state(&state)?;
                let (metrics, _) = evaluate(device.backend(), samples)?;
                let otherwise = || format!("the loss is finite where {} has a NaN", p.name);
                all.push(Deviation::of_equality(!metrics.loss.is_finite(), otherwise));

                let mut state = start.clone();
                state.velocity[p.offset + p.len() - 1] = f32::INFINITY;
                device.backend().set_state(&state)?;
                let go_on = &mut |_| ControlFlow::Continue(());
                let steps = device.backend().train(samples, &Batches::plain(&order), sgd, go_on)?;
                let finite: Vec<bool> = steps.iter().map(|step| step.loss.is_finite()).collect();
                let otherwise =
                    || format!("{} is infinite, and losses are finite: {finite:?}", p.name);
                all.push(Deviation::of_equality(finite == [true, false], otherwise));
            }
            Ok(all)
        });
        found.map(Option::unwrap_or_default)
    }

    /// Weight gradients of a device whose buffers have no room for the partial sums of each sample.
    fn few_sums(&self, form: Form) -> Result<Vec<Deviation>> {
        let mut all = Vec::new();
        for case in cases::conv2d::many_sums() {
            let (x, y, parameters) = cases::fill(&case, case.batch);
            let Case { graph, batch, partial, .. } = &case;
            let (variant, buffer_bytes) = (form.variant, Some(FEW_SUM_BYTES));
            let options = GpuOptions { variant, buffer_bytes, ..self.gpu_options() };
            let mut gpu = Gpu::new(Plan::new(graph.clone(), *batch)?, options)?;
            let samples = DatasetRef::new(&x, &y);
            gpu.prepare(samples)?;
            let sums_several = |desc: &DispatchDesc| {
                desc.constants.iter().any(|(name, n)| *name == "samples_per_part" && *n > 1.0)
            };
            let several = gpu.descriptions().iter().any(|(desc, _)| sums_several(desc));
            let otherwise = || "no dispatch sums over several samples".into();
            all.push(Deviation::of_equality(several, otherwise));
            let order: Vec<u32> = (0..*batch as u32).collect();
            for batch in [&order[..], &order[..*partial]] {
                let unknown = ModelTolerance::UNKNOWN;
                all.extend(model_step(graph, &parameters, samples, batch, &mut gpu, unknown)?);
            }
        }
        Ok(all)
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
            let plan = Plan::new(graph.clone(), 8)?;
            let mut gpu = Gpu::new(plan, GpuOptions { buffer_bytes, ..self.gpu_options() })?;
            let drawn = Case {
                name: "split",
                graph: graph.clone(),
                batch: 8,
                partial: 8,
                ties: false,
                loss: Loss::default(),
            };
            let (_, _, parameters) = cases::fill(&drawn, 8);
            gpu.set_state(&State::new(parameters))?;
            let go_on = &mut |_| ControlFlow::Continue(());
            let steps = gpu.train(samples, &batches, Optimizer::sgd(0.01), go_on)?;
            Ok((steps, gpu.state()?))
        };
        let (whole, split) = (train(None)?, train(Some(FEW_BYTES))?);
        let otherwise = || "weights after training on a split data set differ".into();
        Ok(vec![Deviation::of_equality(whole == split, otherwise)])
    }
}

/// Those of an optimiser.
fn update_kernels(optimizer: &Optimizer) -> &'static [&'static str] {
    match optimizer {
        Optimizer { clip_norm: Some(_), .. } => &["optimizer_gradient", "optimizer_clipped_step"],
        Optimizer { rule: Rule::Sgd { .. }, weight_decay: 0.0, .. } => &["sgd_step"],
        _ => &["optimizer_step"],
    }
}

impl Found {
    fn report(mut self, options: &Options<'_>, adapter: gpu::AdapterFacts, seconds: f64) -> Report {
        if !options.brief {
            // One that was never dispatched is shown as such.
            let all = KERNELS.iter().map(|kernel| kernel.name);
            for name in all.filter(|name| !name.starts_with("bench_")) {
                self.kernel(name);
            }
        }
        let kernels: Vec<KernelResult> = self.kernels.into_values().collect();
        // Where the plain kernels stand in for all others, those are not used.
        let used = self.used.unwrap_or_default();
        let all_used = used == Form::USED.variant;
        let unchecked = all_used && kernels.iter().any(|kernel| kernel.tally.comparisons == 0);
        let wrong = |tally: &Tally| tally.failed > 0;
        let failed = kernels.iter().any(|kernel| wrong(&kernel.tally))
            || self.checks.iter().any(|check| wrong(&check.tally));
        let tiles = TileConfig::for_kind(adapter.kind);
        Report {
            version: env!("CARGO_PKG_VERSION"),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            used: format!("{} kernels, {} tiles", used.as_str(), tiles.as_str()),
            brief: options.brief,
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
