//! Times of opening, and of each dispatch of a step, which is run in passes of its own.

use std::time::Instant;

use super::context::Context;
use super::memory::WORD;
use super::readback::Readback;
use super::recorder::Dispatch;
use super::step::{Pass, Step, Training};
use super::{Gpu, GpuOptions, Phase};
use crate::backend::{DatasetRef, KeptBatch, check_batch};
use crate::error::Result;
use crate::measure::Work;
use crate::ops::gpu::{Buffer, DispatchDesc, Kernel};
use crate::ops::optimizer::gpu::Form;
use crate::plan::Plan;

/// Least seconds of a measurement by the wall clock, for which a dispatch is repeated, so that
/// submitting and waiting add little.
const MIN_WALL_SECONDS: f64 = 0.02;
/// Before and after.
const QUERIES: usize = 2;

/// A clock for dispatches.
#[derive(Debug, Default)]
pub struct Timer(Option<Queries>);

/// Timestamps that the device writes before and after each pass.
#[derive(Debug)]
struct Queries {
    set: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    /// Seconds between two ticks.
    tick: f64,
}

impl Timer {
    /// The host's clock.
    pub fn wall() -> Self {
        Self(None)
    }

    /// `timestamps` or `wall clock`.
    pub fn name(&self) -> &'static str {
        if self.0.is_some() { "timestamps" } else { "wall clock" }
    }

    fn new(context: &Context) -> Result<Self> {
        if !context.facts.timestamps {
            return Ok(Self::wall());
        }
        let count = wgpu::QUERY_SET_MAX_QUERIES;
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved =
            context.buffer("timestamps", u64::from(count) * u64::from(wgpu::QUERY_SIZE), usage)?;
        let set = context.scoped("timestamps", || {
            context.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count,
            })
        })?;
        let tick = f64::from(context.queue.get_timestamp_period()) * 1e-9;
        Ok(Self(Some(Queries { set, resolved, tick })))
    }

    /// Seconds of each dispatch, run in order with the first step in the buffer of steps.
    pub(super) fn time(
        &self,
        context: &Context,
        readback: &mut Readback,
        dispatches: &[&Dispatch],
    ) -> Result<Vec<f64>> {
        let Some(queries) = &self.0 else {
            return dispatches.iter().map(|dispatch| wall(context, dispatch)).collect();
        };
        let most = wgpu::QUERY_SET_MAX_QUERIES as usize / QUERIES;
        let mut seconds = Vec::with_capacity(dispatches.len());
        for some in dispatches.chunks(most) {
            seconds.extend(queries.time(context, readback, some)?);
        }
        Ok(seconds)
    }
}

impl Queries {
    fn time(
        &self,
        context: &Context,
        readback: &mut Readback,
        dispatches: &[&Dispatch],
    ) -> Result<Vec<f64>> {
        let count = (QUERIES * dispatches.len()) as u32;
        let mut encoder = context.device.create_command_encoder(&Default::default());
        for (i, dispatch) in dispatches.iter().enumerate() {
            let begin = (QUERIES * i) as u32;
            let writes = wgpu::ComputePassTimestampWrites {
                query_set: &self.set,
                beginning_of_pass_write_index: Some(begin),
                end_of_pass_write_index: Some(begin + 1),
            };
            let descriptor =
                wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(writes) };
            dispatch.encode(&mut encoder.begin_compute_pass(&descriptor), 0);
        }
        encoder.resolve_query_set(&self.set, 0..count, &self.resolved, 0);
        context.queue.submit([encoder.finish()]);
        let words = u64::from(count * wgpu::QUERY_SIZE) / WORD;
        let read = readback.read(context, &[(&self.resolved, 0..words as usize)])?.concat();
        let words: &[u32] = bytemuck::cast_slice(&read);
        let ticks: Vec<u64> =
            words.chunks_exact(2).map(|w| u64::from(w[0]) | u64::from(w[1]) << 32).collect();
        // A dispatch within one tick took more than nothing.
        let seconds = |t: &[u64]| t[1].saturating_sub(t[0]).max(1) as f64 * self.tick;
        Ok(ticks.chunks_exact(QUERIES).map(seconds).collect())
    }
}

/// Seconds of one dispatch by the host's clock, from many.
fn wall(context: &Context, dispatch: &Dispatch) -> Result<f64> {
    let mut repeat = 1u32;
    loop {
        let begin = Instant::now();
        let mut encoder = context.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        (0..repeat).for_each(|_| dispatch.encode(&mut pass, 0));
        drop(pass);
        let submission = context.queue.submit([encoder.finish()]);
        context.wait(Some(submission))?;
        let seconds = begin.elapsed().as_secs_f64();
        if seconds >= MIN_WALL_SECONDS {
            return Ok(seconds / f64::from(repeat));
        }
        repeat *= 2;
    }
}

impl Gpu {
    /// As [`Gpu::new`], and the seconds that opening the adapter and making the plan ready took.
    ///
    /// # Errors
    /// As [`Gpu::new`].
    pub fn new_timed(plan: Plan, options: GpuOptions<'_>) -> Result<(Self, [f64; 2])> {
        let begin = Instant::now();
        let context = Context::open(&options)?;
        let open = begin.elapsed();
        let gpu = Self::on(context, plan, options)?;
        // Written data is uploaded by the queue.
        gpu.context.wait(None)?;
        Ok((gpu, [open, begin.elapsed() - open].map(|time| time.as_secs_f64())))
    }

    /// Kernels of a training step (of an evaluation step, if the plan is for inference), in order,
    /// with the nodes they compute. Empty before the first data set is uploaded.
    pub fn dispatches(&self) -> Vec<(Kernel, &str, Work)> {
        let dataset = self.datasets.front();
        let pass = if self.plan.trains() {
            Pass::Train(Training::plain(self.still))
        } else {
            Pass::Evaluate
        };
        let dispatches = dataset.into_iter().flat_map(|dataset| self.step(dataset, pass));
        dispatches
            .map(|d| (d.recorded.kernel(), d.recorded.node.as_str(), d.recorded.work))
            .collect()
    }

    /// The phase of each of the [`Gpu::dispatches`].
    pub fn phases(&self) -> impl Iterator<Item = Phase> {
        let backward = self.backward.len();
        let update =
            self.datasets.front().map_or(0, |dataset| dataset.update(Form::of(&self.still)).len());
        let forward = self.dispatches().len().saturating_sub(backward + update);
        let all = [(Phase::Forward, forward), (Phase::Backward, backward), (Phase::Update, update)];
        all.into_iter().flat_map(|(phase, count)| std::iter::repeat_n(phase, count))
    }

    /// What each of the [`Gpu::dispatches`] is made of, and the buffers that it writes; then what
    /// evaluation alone dispatches.
    pub fn descriptions(&self) -> Vec<(&DispatchDesc, Vec<Buffer>)> {
        let dataset = self.datasets.front();
        let training = Pass::Train(Training::plain(self.still));
        let steps = |dataset| {
            let inference = self.step(dataset, Pass::Evaluate);
            let only = inference.filter(|dispatch| !dispatch.recorded.when.includes(true));
            self.step(dataset, training).chain(only)
        };
        let dispatches = dataset.into_iter().flat_map(steps);
        dispatches.map(|d| (&d.recorded.desc, d.recorded.writes().collect())).collect()
    }

    /// Timestamps where the adapter has them, else the wall clock.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn timer(&self) -> Result<Timer> {
        Timer::new(&self.context)
    }

    /// Takes one step that changes no weight (the velocity becomes 0, moments and the moving statistics
    /// of batch norms move) and returns the seconds of each of its [`Gpu::dispatches`]. The optimiser is
    /// that of the last call that trained.
    ///
    /// # Errors
    /// If the arguments do not fit the plan, it is for inference, or the device fails.
    pub fn time_dispatches(
        &mut self,
        timer: &Timer,
        samples: DatasetRef<'_>,
        batch: &[u32],
    ) -> Result<Vec<f64>> {
        self.plan.check_trains()?;
        check_batch(&self.plan, samples, batch)?;
        self.ensure_uploaded(samples)?;
        self.ensure_update(Form::of(&self.still))?;
        self.write_order(0, batch);
        let pass = Pass::Train(Training::plain(self.still));
        let step = Step::new(pass, (batch.len(), self.plan.batch()), 0, None);
        self.kept = KeptBatch::None;
        let submission = self.submit(pass, &[step], &[])?;
        self.context.wait(Some(submission))?;
        let Some(dataset) = self.datasets.front() else { return Ok(Vec::new()) };
        let dispatches: Vec<&Dispatch> = self.step(dataset, pass).collect();
        let mut readback = Readback::default();
        timer.time(&self.context, &mut readback, &dispatches)
    }
}
