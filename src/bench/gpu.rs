//! The GPU's figures.

use super::kernel::Kernel;
use super::report::{Measured, SetUp, Step};
use super::steps::{order, steady, timed};
use super::{SEED, Site, TRIES};
use crate::backend::{Backend, Batches, State};
use crate::device::Device;
use crate::error::Result;
use crate::gpu::{Gpu, GpuOptions, Tiles};
use crate::measure::Budget;
use crate::train::initial_parameters;

pub(super) fn measure(site: &Site<'_>) -> Result<Measured> {
    let Site { options, plan, samples, progress } = site;
    let tiles = options.tiles.map(Tiles::from);
    let opened = GpuOptions {
        adapter: options.adapter,
        variant: options.variant,
        tiles: tiles.as_ref(),
        ..GpuOptions::default()
    };
    let (mut gpu, [open, record]) = Gpu::new_timed(plan.clone(), opened)?;
    gpu.set_state(&State::new(initial_parameters(plan.graph(), SEED)))?;
    let ((), upload) = timed(|| gpu.prepare(*samples))?;
    let order = order(site, 0);
    let batch = &order[..plan.batch()];
    let (_, first) = timed(|| gpu.train_step(*samples, &Batches::plain(batch), options.optimizer))?;

    let (allocations, submits) = (gpu.allocations(), gpu.submits());
    let steady = steady(site, &mut gpu)?;
    let (allocations, submits) = (gpu.allocations() - allocations, gpu.submits() - submits);

    let timer = gpu.timer()?;
    let mut times = vec![Vec::new(); gpu.dispatches().len()];
    progress.begin("kernels", options.budget.steps as u64, "repetitions");
    for _ in options.budget.repetitions() {
        let once = gpu.time_dispatches(&timer, *samples, batch)?;
        times.iter_mut().zip(once).for_each(|(times, seconds)| times.push(seconds));
        progress.advance(1);
    }
    progress.end();
    let tries = Budget { steps: TRIES.min(options.budget.steps), ..options.budget };
    let rates = gpu.rates(&timer, tries)?;

    let kernels: Vec<Kernel> = (gpu.dispatches().into_iter().zip(times))
        .map(|((kernel, node, work), seconds)| Kernel::new(kernel.name, node, seconds, work, rates))
        .collect();
    let whole = Step {
        dispatches: Some(kernels.len()),
        submits_per_step: Some(submits as f64 / steady.steps as f64),
        allocations_after_first_step: Some(allocations),
        ..Step::new(&steady, plan.batch(), plan.step_flop(), &kernels)
    };
    Ok(Measured {
        device: Device::Gpu,
        // The driver is told apart.
        name: format!("gpu, {}", gpu.adapter()),
        adapter: Some(gpu.adapter().clone()),
        kernels_form: Some(options.variant.as_str()),
        tiles: Some(gpu.tiles().to_string()),
        threads: None,
        clock: timer.name(),
        rates,
        set_up: SetUp {
            open_seconds: Some(open),
            record_seconds: record,
            upload_seconds: Some(upload),
            first_step_seconds: first,
        },
        kernels,
        step: whole,
    })
}
