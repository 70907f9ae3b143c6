//! The order of a step. A part of a batch goes through layer after layer on its own; only
//! a batch norm, whose figures are of all samples, has the parts wait for each other.

use super::kind::Kind;
use super::layer::{Layer, Pass};
use super::part::Part;

/// What is done with one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Forward,
    /// Forward, before the figures of the batch are known.
    Measure,
    Backward,
    /// Back, before the sums over the batch are known.
    MeasureBack,
}

/// Steps that parts take without waiting.
#[derive(Debug, Default)]
pub(super) struct Phase {
    /// Layers by number.
    pub(super) steps: Vec<(usize, Action)>,
}

impl Phase {
    /// The batch norm whose sums are put together after it, and on which way.
    pub(super) fn norm(&self) -> Option<(usize, Action)> {
        let last = self.steps.last().copied();
        last.filter(|(_, action)| matches!(action, Action::Measure | Action::MeasureBack))
    }
}

/// The phases of a model.
#[derive(Debug)]
pub(super) struct Phases {
    /// There.
    pub(super) forward: Vec<Phase>,
    /// There and back: a part turns round by itself, while what it left is still in the cache.
    pub(super) both: Vec<Phase>,
}

impl Phases {
    pub(super) fn new(layers: &[Layer]) -> Self {
        let there = || cut(layers, 0..layers.len(), [Action::Measure, Action::Forward]);
        let back = (0..layers.len()).rev();
        let mut back = cut(layers, back, [Action::MeasureBack, Action::Backward]).into_iter();
        let mut both = there();
        if let (Some(last), Some(first)) = (both.last_mut(), back.next()) {
            last.steps.extend(first.steps);
        }
        both.extend(back);
        Self { forward: there(), both }
    }
}

fn cut(
    layers: &[Layer],
    order: impl Iterator<Item = usize>,
    [measure, run]: [Action; 2],
) -> Vec<Phase> {
    let mut phases = Vec::new();
    let mut phase = Phase::default();
    for i in order {
        match layers[i].kind {
            Kind::Nothing => continue,
            Kind::BatchNorm { .. } => {
                phase.steps.push((i, measure));
                phases.push(std::mem::take(&mut phase));
            }
            _ => {}
        }
        phase.steps.push((i, run));
    }
    phases.push(phase);
    phases
}

/// One action of one part.
pub(super) fn run(
    layers: &[Layer],
    (i, action): (usize, Action),
    part: &mut Part,
    parameters: &[f32],
    pass: Pass,
) {
    let layer = &layers[i];
    match action {
        Action::Forward => layer.forward(i, part, parameters, pass),
        // In evaluation a batch norm has its moving figures.
        Action::Measure if matches!(pass, Pass::Evaluate) => {}
        Action::Measure => layer.measure(i, part),
        Action::Backward => layer.backward(i, part, parameters, pass),
        Action::MeasureBack => layer.measure_back(i, part),
    }
}
