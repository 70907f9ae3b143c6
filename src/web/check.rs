//! The self-test of the page: small cases of the kernels, what the reference makes of them, and how far
//! from it a GPU may be.

use std::collections::BTreeSet;

use serde::Serialize;

use super::store::{FloatList, Floats, KINDS, RecordingText, Store};
use crate::backend::Rule;
use crate::check::cases::{self, Case};
use crate::check::{Expected, Hosted, HostedMetrics, HostedPass, HostedTensor, Stage, Tolerance};
use crate::error::Result;
use crate::gpu::{BindingText, Recording, TileConfig};

/// `Check` of `web/types.d.ts`.
#[derive(Serialize)]
pub(super) struct CheckText {
    hardware: Vec<CaseText>,
    software: Vec<CaseText>,
}

#[derive(Serialize)]
struct CaseText {
    /// The operation that it is about.
    op: &'static str,
    name: &'static str,
    recording: RecordingText,
    samples: Floats,
    labels: Vec<u32>,
    /// Where each pass begins, in the graph's order.
    parameters: Floats,
    passes: Vec<PassText>,
}

#[derive(Serialize)]
struct PassText {
    pass: &'static str,
    order: Vec<u32>,
    settings: SettingsText,
    /// Where it begins, as the parameters; zeros if there is none.
    velocity: Option<Floats>,
    tensors: Vec<TensorText>,
    metrics: Option<MetricsText>,
}

#[derive(Serialize)]
struct SettingsText {
    seed: u32,
    first_step: u32,
    learning_rate: f32,
    momentum: f32,
    nesterov: bool,
}

#[derive(Serialize)]
struct TensorText {
    name: String,
    extents: Vec<usize>,
    place: BindingText,
    want: Floats,
    #[serde(flatten)]
    tolerance: ToleranceText,
    /// Those of the recording that it comes from, in the order of a step.
    dispatches: Vec<usize>,
}

#[derive(Serialize)]
struct MetricsText {
    name: String,
    loss: f64,
    #[serde(flatten)]
    tolerance: ToleranceText,
    correct: usize,
    /// Those of the recording that it comes from, in the order of a step.
    dispatches: Vec<usize>,
}

#[derive(Serialize)]
struct ToleranceText {
    absolute: f64,
    relative: f64,
}

impl From<Tolerance> for ToleranceText {
    fn from(Tolerance { absolute, relative }: Tolerance) -> Self {
        Self { absolute, relative }
    }
}

/// The cases that check the kernels of all recordings so far, and their floats.
///
/// # Errors
/// If a case does not fit what WebGPU guarantees.
pub(super) fn check(store: &mut Store) -> Result<(CheckText, FloatList)> {
    let mut floats = FloatList::default();
    let kernels = store.kernels.keys().copied().collect();
    let [hardware, software] = KINDS.map(|tiles| cases_with((&kernels, tiles), store, &mut floats));
    Ok((CheckText { hardware: hardware?, software: software? }, floats))
}

/// The cases with these tiles.
fn cases_with(
    (kernels, tiles): (&BTreeSet<&'static str>, TileConfig),
    store: &mut Store,
    floats: &mut FloatList,
) -> Result<Vec<CaseText>> {
    let mut cases = Vec::new();
    for (op, case, recording) in chosen(kernels, tiles)? {
        let name = case.name;
        let Hosted { recording, samples, labels, parameters, seed, step, passes } =
            Hosted::new(case, recording)?;
        let passes = passes.iter().map(|pass| pass_text(pass, (seed, step), floats)).collect();
        cases.push(CaseText {
            op,
            name,
            samples: floats.add(&samples),
            labels,
            parameters: floats.add(&parameters),
            passes,
            recording: store.share_kernels(recording),
        });
    }
    Ok(cases)
}

/// The first case of each operation with a kernel among these, and the smallest one of each kernel that these
/// leave out.
fn chosen(
    kernels: &BTreeSet<&'static str>,
    tiles: TileConfig,
) -> Result<Vec<(&'static str, Case, Recording)>> {
    let tiles = tiles.into();
    let (mut chosen, mut others) = (Vec::new(), Vec::new());
    for (op, make) in cases::ALL {
        let is_used = kernels.iter().any(|kernel| kernel.starts_with(&format!("{op}_")));
        for (i, case) in make().into_iter().enumerate() {
            let recording = case.recording(&tiles)?;
            if i == 0 && is_used { &mut chosen } else { &mut others }.push((op, case, recording));
        }
    }
    others.sort_by_key(|(_, _, recording)| {
        recording.buffers.iter().map(|buffer| buffer.bytes).sum::<u64>()
    });
    for kernel in kernels {
        let has = |(_, _, recording): &(_, _, Recording)| recording.kernels.contains_key(kernel);
        if !chosen.iter().any(has) {
            let smallest = others.iter().position(has).map(|at| others.remove(at));
            chosen.extend(smallest);
        }
    }
    Ok(chosen)
}

fn pass_text(
    pass: &HostedPass,
    (seed, first_step): (u32, u32),
    floats: &mut FloatList,
) -> PassText {
    let (momentum, nesterov) = match pass.optimizer.rule {
        Rule::Sgd { momentum, nesterov } => (momentum, nesterov),
        Rule::Adam { .. } => (0.0, false),
    };
    let tensors = pass.tensors.iter().map(|HostedTensor { expected, place, dispatches }| {
        let Expected { name, extents, values, tolerance, .. } = expected;
        let want: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        TensorText {
            name: name.clone(),
            extents: extents.clone(),
            place: *place,
            want: floats.add(&want),
            tolerance: (*tolerance).into(),
            dispatches: dispatches.clone(),
        }
    });
    PassText {
        pass: match pass.stage {
            Stage::Step | Stage::PartialStep => "train",
            Stage::Evaluation => "evaluate",
            Stage::Explanation | Stage::PartialExplanation => "explain",
        },
        order: pass.order.clone(),
        settings: SettingsText {
            seed,
            first_step,
            learning_rate: pass.optimizer.learning_rate,
            momentum,
            nesterov,
        },
        tensors: tensors.collect(),
        velocity: pass.velocity.as_deref().map(|velocity| floats.add(velocity)),
        metrics: pass.metrics.as_ref().map(|HostedMetrics { loss, correct, dispatches }| {
            MetricsText {
                name: loss.name.clone(),
                loss: loss.values.iter().sum(),
                tolerance: loss.tolerance.into(),
                correct: *correct,
                dispatches: dispatches.clone(),
            }
        }),
    }
}
