//! The CPU's figures: the same columns, by layer.

use super::kernel::Kernel;
use super::report::{Measured, SetUp, Step};
use super::steps::{order, steady, timed};
use super::{SEED, Site, TRIES};
use crate::backend::{Backend, Batches, Optimizer, State};
use crate::cpu::{Cpu, Phase};
use crate::device::Device;
use crate::error::Result;
use crate::graph::NodeId;
use crate::measure::{Budget, Work};
use crate::ops::batch_norm::BatchNorm;
use crate::ops::conv2d::Conv2d;
use crate::ops::gather::Gather;
use crate::ops::penalty::penalty_work;
use crate::ops::{Pass, WORD};
use crate::plan::{LoweredOp, Plan};
use crate::train::initial_parameters;

/// Kernel, node and work of a phase; none of a phase without work.
fn describe(plan: &Plan, phase: Phase) -> Option<(String, String, Work)> {
    let graph = plan.graph();
    let all = |kernel: &str, work| (kernel.to_owned(), "all".to_owned(), work);
    let of_node = |id: NodeId, pass: &str, passes: &[Pass]| {
        let op = graph.node(id).op.name();
        let kernel = match plan.lowered(id) {
            LoweredOp::Conv2d(Conv2d { max_pool2d: Some(_), .. }) if pass != "update" => {
                format!("{op}_max_pool2d_{pass}")
            }
            LoweredOp::BatchNorm(BatchNorm { conv: Some(_), .. }) if pass != "update" => {
                format!("conv2d_{op}_pool2d_{pass}")
            }
            _ => format!("{op}_{pass}"),
        };
        let work = passes.iter().map(|pass| plan.work(id, *pass));
        (kernel, graph.node(id).name.clone(), work.fold(Work::default(), add))
    };
    let is_dense = |id| matches!(plan.lowered(id), LoweredOp::Dense(_));
    let row = match phase {
        Phase::Gather => {
            let sample = graph.node(graph.input()).shape;
            all("gather", Gather { sample }.work(plan.batch()))
        }
        Phase::Penalty => all("penalty", penalty_work(graph)),
        Phase::Forward(id) => of_node(id, "forward", &[Pass::Forward]),
        // A dense layer's weight gradients are computed by its update.
        Phase::Backward(id) if is_dense(id) => of_node(id, "backward", &[Pass::BackwardInput]),
        Phase::Backward(id) => {
            of_node(id, "backward", &[Pass::BackwardInput, Pass::BackwardWeight])
        }
        Phase::Update(id) if is_dense(id) => {
            of_node(id, "update", &[Pass::BackwardWeight, Pass::Update])
        }
        Phase::Update(id) => of_node(id, "update", &[Pass::Update]),
    };
    (row.2 != Work::default()).then_some(row)
}

/// What an optimiser computes and moves more than gradient descent.
fn update_beyond_sgd(plan: &Plan, id: NodeId, optimizer: Optimizer) -> Work {
    let n: u64 = plan.parameters_of(id).map(|p| p.len() as u64).sum();
    let (moments, decays) = (optimizer.has_second_moment(), optimizer.weight_decay != 0.0);
    let (of_moments, of_decay) = (u64::from(moments), u64::from(decays));
    let of_norm = u64::from(optimizer.clip_norm.is_some());
    // The second moment is read and written, and gradients are read again for their norm and after it.
    let words = 2 * of_moments + 2 * of_norm;
    Work { flop: n * (8 * of_moments + 2 * of_decay + 3 * of_norm), bytes: n * words * WORD as u64 }
}

fn add(a: Work, b: Work) -> Work {
    Work { flop: a.flop + b.flop, bytes: a.bytes + b.bytes }
}

pub(super) fn measure(site: &Site<'_>) -> Result<Measured> {
    let Site { options, plan, samples, progress } = site;
    let (mut cpu, record) = timed(|| Cpu::new(plan.clone(), options.threads))?;
    cpu.set_state(&State::new(initial_parameters(plan.graph(), SEED)))?;
    let order = order(site, 0);
    let batch = &order[..plan.batch()];
    let (_, first) = timed(|| cpu.train_step(*samples, &Batches::plain(batch), options.optimizer))?;
    let steady = steady(site, &mut cpu)?;

    let mut times: Vec<(Phase, Vec<f64>)> = Vec::new();
    progress.begin("layers", options.budget.steps as u64, "repetitions");
    for _ in options.budget.repetitions() {
        let phases = cpu.time_phases(*samples, batch, options.optimizer)?;
        for (i, (phase, seconds)) in phases.into_iter().enumerate() {
            match times.get_mut(i) {
                Some((_, times)) => times.push(seconds),
                None => times.push((phase, vec![seconds])),
            }
        }
        progress.advance(1);
    }
    progress.end();
    let tries = Budget { steps: TRIES.min(options.budget.steps), ..options.budget };
    let rates = cpu.rates(tries);

    let kernels: Vec<Kernel> = (times.into_iter())
        .filter_map(|(phase, seconds)| {
            let (kernel, node, work) = describe(cpu.plan(), phase)?;
            let work = match phase {
                Phase::Update(id) => {
                    add(work, update_beyond_sgd(cpu.plan(), id, options.optimizer))
                }
                _ => work,
            };
            Some(Kernel::new(&kernel, &node, seconds, work, rates))
        })
        .collect();
    let step = Step::new(&steady, plan.batch(), plan.step_flop(), &kernels);
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
    })
}
