//! A case as another host of WebGPU checks it: a page has a recording, and neither the graph nor the
//! reference.

use super::cases::Case;
use super::compare::{Expected, Stage, What};
use super::concerns::concerns;
use super::model::{MOVING_STEP, after_moving, moving};
use super::record::{Prepared, STILL, rows};
use crate::backend::{DatasetRef, Optimizer};
use crate::error::Result;
use crate::gpu::{BindingText, Buffer, Passes, Recording, Tiles};
use crate::graph::{NodeId, Role};
use crate::naive::{self, Mode, Pass};
use crate::ops::WORD;

/// What a host replays, and what must come of it.
#[derive(Debug)]
pub(crate) struct Hosted {
    pub(crate) recording: Recording,
    /// `[n, bands, frames, channels]`.
    pub(crate) samples: Vec<f32>,
    pub(crate) labels: Vec<u32>,
    /// Where each pass begins, whatever the one before it left.
    pub(crate) parameters: Vec<f32>,
    /// Of dropout masks.
    pub(crate) seed: u32,
    /// The number of each training step.
    pub(crate) step: u32,
    pub(crate) passes: Vec<HostedPass>,
}

/// A pass over some samples.
#[derive(Debug)]
pub(crate) struct HostedPass {
    pub(crate) stage: Stage,
    /// Numbers of samples.
    pub(crate) order: Vec<u32>,
    /// Of training steps.
    pub(crate) optimizer: Optimizer,
    /// Where the pass begins, beside the case's parameters; zeros if there is none.
    pub(crate) velocity: Option<Vec<f32>>,
    pub(crate) tensors: Vec<HostedTensor>,
    /// None of an explanation.
    pub(crate) metrics: Option<HostedMetrics>,
}

/// Loss and correct predictions of a pass.
#[derive(Debug)]
pub(crate) struct HostedMetrics {
    pub(crate) loss: Expected,
    pub(crate) correct: usize,
    /// As those of a tensor.
    pub(crate) dispatches: Vec<usize>,
}

/// A tensor that a host reads.
#[derive(Debug)]
pub(crate) struct HostedTensor {
    pub(crate) expected: Expected,
    pub(crate) place: BindingText,
    /// Those of the recording that it comes from, in the order of a step.
    pub(crate) dispatches: Vec<usize>,
}

impl Case {
    /// What a host replays of it.
    ///
    /// # Errors
    /// If it does not fit what WebGPU guarantees.
    pub(crate) fn recording(&self, tiles: &Tiles) -> Result<Recording> {
        Recording::new(self.plan()?, self.samples(), tiles)
    }
}

impl Hosted {
    /// Runs the reference on a case. `recording` is its [`Case::recording`].
    ///
    /// # Errors
    /// If the case cannot be planned.
    pub(crate) fn new(case: Case, recording: Recording) -> Result<Self> {
        let prepared = Prepared::new(case)?;
        let [whole, _, partial] = &prepared.batches;
        let [of_whole, _, of_partial] = &prepared.expected;
        let pass = |stage,
                    (order, want): (&[u32], &Pass),
                    (optimizer, velocity),
                    expected: Vec<Expected>| {
            let of = |what| sources(&prepared, &recording, stage, what);
            let tensor = |expected: Expected| {
                let place = place(&prepared, &recording, &expected)?;
                Some(HostedTensor { place, dispatches: of(expected.what), expected })
            };
            HostedPass {
                stage,
                order: order.to_vec(),
                optimizer,
                velocity,
                tensors: expected.into_iter().filter_map(tensor).collect(),
                metrics: (stage != Stage::Explanation).then(|| HostedMetrics {
                    loss: prepared.case.mean_loss(stage, want),
                    correct: want.correct,
                    dispatches: of(What::Metrics),
                }),
            }
        };
        let all: Vec<u32> = (0..prepared.y.len() as u32).collect();
        let evaluated = |order: &[u32]| {
            let Prepared { case, x, y, parameters, .. } = &prepared;
            let (x, y) = rows(DatasetRef::new(x, y), order);
            let parameters = naive::widen(&case.graph, parameters);
            naive::pass_of((Mode::Evaluate, &case.loss), &case.graph, &parameters, &x, &y)
        };
        let mut passes = Vec::new();
        for (stage, order, want) in
            [(Stage::Step, whole, of_whole), (Stage::PartialStep, partial, of_partial)]
        {
            let expected = of_step(&prepared, stage, order.len(), want);
            passes.push(pass(stage, (order, want), (STILL, None), expected));
        }
        let (stage, want) = (Stage::Evaluation, evaluated(&all));
        let expected = vec![prepared.case.probabilities(all.len(), &want)];
        passes.push(pass(stage, (&all, &want), (STILL, None), expected));
        let (stage, want) = (Stage::Explanation, evaluated(whole));
        let expected = of_nodes(&prepared, stage, whole.len(), &want);
        passes.push(pass(stage, (whole, &want), (STILL, None), expected));
        let before = moving(&prepared.case.graph, &prepared.parameters);
        let expected = after_moving(&prepared.case.graph, &before, of_whole);
        let step = (MOVING_STEP, Some(before.velocity));
        passes.push(pass(Stage::Step, (whole, of_whole), step, expected));
        Ok(Self {
            recording,
            samples: prepared.x,
            labels: prepared.y,
            parameters: prepared.parameters,
            seed: naive::SEED,
            step: naive::STEP,
            passes,
        })
    }
}

/// What a training step that moves no weight leaves in the buffers of a recording.
fn of_step(prepared: &Prepared, stage: Stage, n: usize, want: &Pass) -> Vec<Expected> {
    let Prepared { case, parameters, .. } = prepared;
    let mut all = of_nodes(prepared, stage, n, want);
    all.extend(case.parameter_gradients(want));
    let moved = case.graph.parameters().iter();
    all.extend(moved.filter_map(|p| case.moved(p, &parameters[p.range()], want)));
    all
}

/// Outputs of nodes and gradients at them. A view is compared under the name of its input.
fn of_nodes(
    Prepared { case, .. }: &Prepared,
    stage: Stage,
    n: usize,
    want: &Pass,
) -> Vec<Expected> {
    let own = || case.graph.ids().filter(|id| !case.graph.node(*id).op.is_view());
    let values = own().map(|id| case.value((stage, n), id, want));
    values.chain(own().map(|id| case.gradient((stage, n), id, want))).collect()
}

/// Where a recording keeps what is expected; `None` where nobody reads it.
fn place(prepared: &Prepared, recording: &Recording, expected: &Expected) -> Option<BindingText> {
    let Recording { tensors, roles, parameters, .. } = recording;
    let parameter = |buffer: usize, (node, role): (NodeId, Role)| {
        let all = prepared.case.graph.parameters();
        let at = all.iter().position(|p| (p.node, p.role) == (node, role))?;
        Some((buffer, parameters[at].start as u64 * WORD as u64))
    };
    let of_node = |tensor: Option<BindingText>| tensor.map(|place| (place.buffer, place.offset));
    let (buffer, offset) = match expected.what {
        What::Value(id) => of_node(tensors[id.index()].value)?,
        What::Gradient(id) => of_node(tensors[id.index()].gradient)?,
        What::ParameterGradient(id, role) => parameter(roles.parameter_gradients?, (id, role))?,
        What::Parameter(id, role) => parameter(roles.parameters, (id, role))?,
        What::Velocity(id, role) => parameter(roles.velocity, (id, role))?,
        What::Probabilities => (roles.probabilities, 0),
        What::Metrics | What::State => return None,
    };
    Some(BindingText { buffer, offset, bytes: (expected.values.len() * WORD) as u64 })
}

/// The dispatches of a stage that write what is compared, in their order.
fn sources(prepared: &Prepared, recording: &Recording, stage: Stage, what: What) -> Vec<usize> {
    let writes = |at: &usize| recording.writes[*at].iter();
    let concern = |buffer: &Buffer| concerns(&prepared.plan, *buffer, what);
    let all = dispatches(&recording.passes, stage).iter().copied();
    all.filter(|at| writes(at).any(concern)).collect()
}

/// Those of a step.
fn dispatches(passes: &Passes, stage: Stage) -> &[usize] {
    match stage {
        Stage::Step | Stage::PartialStep => &passes.train,
        Stage::Evaluation => &passes.evaluate,
        Stage::Explanation | Stage::PartialExplanation => &passes.explain,
    }
}
