//! The CPU's figures: the same columns, by layer.

use super::kernel::Kernel;
use super::report::{Measured, SetUp, Step};
use super::steps::{order, steady, timed};
use super::{SEED, SGD, Site, TRIES, dense};
use crate::backend::{Backend, Batches, State};
use crate::cpu::{Cpu, Lap};
use crate::device::Device;
use crate::error::Result;
use crate::graph::{NodeId, Op};
use crate::measure::{Budget, Work};
use crate::train::initial_parameters;

/// Kernel, node and work of a part; none of one that does nothing.
fn describe(cpu: &Cpu, part: Lap) -> Option<(String, String, Work)> {
    let plan = cpu.plan();
    let graph = plan.graph();
    let all = |kernel: &str, work| Some((kernel.to_owned(), "all".to_owned(), work));
    let named =
        |id: NodeId, kernel: String, work| Some((kernel, graph.node(id).name.clone(), work));
    match part {
        Lap::Gather => all("gather", dense::gather(plan)),
        Lap::Penalty => all("penalty", dense::penalty(plan)),
        Lap::Forward(id) => match cpu.fused_pool(id) {
            Some(pool) => {
                let work = dense::fused_forward(plan, id, pool);
                named(id, "conv2d_max_pool2d_forward".into(), work)
            }
            None => {
                named(id, format!("{}_forward", graph.node(id).op.name()), dense::forward(plan, id))
            }
        },
        Lap::Backward(id) => match cpu.fused_pool(id) {
            Some(pool) => {
                let work = dense::fused_backward(plan, id, pool);
                named(id, "conv2d_max_pool2d_backward".into(), work)
            }
            None => {
                let work = match graph.node(id).op {
                    Op::Dense { .. } => dense::dense_input_gradient(plan, id),
                    _ => dense::backward(plan, id),
                };
                named(id, format!("{}_backward", graph.node(id).op.name()), work)
            }
        },
        Lap::Update(id) => {
            named(id, format!("{}_update", graph.node(id).op.name()), dense::update(plan, id))
        }
    }
    .filter(|(.., work)| *work != Work::default())
}

pub(super) fn measure(site: &Site<'_>) -> Result<Measured> {
    let Site { options, plan, samples, progress } = site;
    let (mut cpu, record) = timed(|| Cpu::new(plan.clone(), options.threads))?;
    cpu.set_state(&State::new(initial_parameters(plan.graph(), SEED)))?;
    let order = order(site, 0);
    let batch = &order[..plan.batch()];
    let (_, first) = timed(|| cpu.train_step(*samples, &Batches::plain(batch), SGD))?;
    let steady = steady(site, &mut cpu)?;

    let mut times: Vec<(Lap, Vec<f64>)> = Vec::new();
    progress.begin("layers", options.budget.steps as u64, "repetitions");
    for _ in options.budget.repetitions() {
        for (i, (part, seconds)) in cpu.time_parts(*samples, batch, SGD).into_iter().enumerate() {
            match times.get_mut(i) {
                Some((_, times)) => times.push(seconds),
                None => times.push((part, vec![seconds])),
            }
        }
        progress.advance(1);
    }
    progress.end();
    let tries = Budget { steps: TRIES.min(options.budget.steps), ..options.budget };
    let rates = cpu.rates(tries);

    let kernels: Vec<Kernel> = (times.into_iter())
        .filter_map(|(part, seconds)| {
            let (kernel, node, work) = describe(&cpu, part)?;
            Some(Kernel::new(&kernel, &node, seconds, work, rates))
        })
        .collect();
    let step = Step::new(&steady, plan.batch(), dense::step_flop(plan), &kernels);
    Ok(Measured {
        device: Device::Cpu,
        name: cpu.describe(),
        adapter: None,
        kernels_form: None,
        tiles: None,
        threads: Some(cpu.threads()),
        clock: "wall clock",
        rates,
        set_up: SetUp {
            open_seconds: None,
            record_seconds: record,
            upload_seconds: None,
            first_step_seconds: first,
        },
        kernels,
        step,
        elsewhere: None,
    })
}
