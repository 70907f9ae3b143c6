//! The seam between training and the devices: whole steps, not single ops.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId};
pub use crate::ops::gather::Augmentation;
pub use crate::ops::optimizer::{Optimizer, Rule};
pub use crate::ops::softmax::Loss;
use crate::plan::Plan;

/// Samples and their labels, borrowed. Copies of one `DatasetRef` have one id, so that a device
/// uploads the samples once.
#[derive(Debug, Clone, Copy)]
pub struct DatasetRef<'a> {
    x: &'a [f32],
    y: &'a [u32],
    id: u64,
}

impl<'a> DatasetRef<'a> {
    /// `x` is `[n, h, w, c]`; `y` the classes, `[n]`, each below the graph's number of classes.
    pub fn new(x: &'a [f32], y: &'a [u32]) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { x, y, id: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    /// The samples, `[n, h, w, c]`.
    pub fn x(&self) -> &'a [f32] {
        self.x
    }

    /// Their classes, `[n]`.
    pub fn y(&self) -> &'a [u32] {
        self.y
    }

    /// Equal for copies only: the borrow guarantees that the contents have not changed.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The indices of all samples, checked as [`Batches::check`] does.
    ///
    /// # Errors
    /// As there.
    pub fn checked_order(&self, plan: &Plan) -> Result<Vec<u32>> {
        let order: Vec<u32> = (0..self.y.len() as u32).collect();
        Batches::plain(&order).check(plan, *self)?;
        Ok(order)
    }

    /// Checks that there is a label for each whole sample of the plan's input shape.
    ///
    /// # Errors
    /// If the lengths of samples and labels disagree.
    pub fn check(&self, plan: &Plan) -> Result<()> {
        let graph = plan.graph();
        let shape = graph.node(graph.input()).shape;
        if self.x.len() == self.y.len() * shape.len() {
            return Ok(());
        }
        Err(Error::Mismatch {
            what: "samples of a data set",
            expected: format!("{} of {shape}, one for each label", self.y.len()),
            found: format!("{} values", self.x.len()),
        })
    }
}

/// The batches of one call of [`Backend::train`].
#[derive(Debug, Clone, Copy)]
pub struct Batches<'a> {
    /// Indices of the samples, batch after batch.
    pub order: &'a [u32],
    /// The augmentation of each of them; empty for none.
    pub augmentations: &'a [Augmentation],
    /// Seed of dropout; its masks depend on this and on the number of the step.
    pub seed: u32,
    /// Number of the first step, counted from the start of the run. Adam's rate depends on it, too.
    pub first_step: u32,
    /// The learning rate of each step; empty for the optimiser's in all.
    pub rates: &'a [f32],
}

impl<'a> Batches<'a> {
    /// No augmentation, step 0, seed 0, the optimiser's learning rate.
    pub fn plain(order: &'a [u32]) -> Self {
        Self { order, augmentations: &[], seed: 0, first_step: 0, rates: &[] }
    }

    /// The learning rate of step `i` of the call.
    pub(crate) fn rate(&self, i: usize, optimizer: &Optimizer) -> f32 {
        self.rates.get(i).copied().unwrap_or(optimizer.learning_rate)
    }

    /// Checks what all devices refuse: a plan's batch, indices, labels and augmentations.
    ///
    /// # Errors
    /// If the order has more samples than the data set or an index beyond it, if a label that
    /// would be used is no class of the graph, if there are augmentations for some of the samples
    /// only or beyond the sample's extents, or rates for some of the steps only.
    pub fn check(&self, plan: &Plan, data: DatasetRef<'_>) -> Result<()> {
        data.check(plan)?;
        check_order(plan, data, self.order)?;
        self.check_shared(plan)
    }

    /// The part of [`Batches::check`] that needs no data set.
    ///
    /// # Errors
    /// As there.
    pub fn check_shared(&self, plan: &Plan) -> Result<()> {
        let steps = self.order.len().div_ceil(plan.batch());
        if ![0, steps].contains(&self.rates.len()) {
            return Err(Error::Mismatch {
                what: "learning rates of steps",
                expected: format!("none, or {steps}"),
                found: self.rates.len().to_string(),
            });
        }
        if self.augmentations.is_empty() {
            return Ok(());
        }
        let mismatch = |expected, found| {
            Err(Error::Mismatch { what: "augmentations of samples", expected, found })
        };
        if self.augmentations.len() != self.order.len() {
            let expected = format!("none, or {}", self.order.len());
            return mismatch(expected, self.augmentations.len().to_string());
        }
        let [h, w, _] = plan.graph().node(plan.graph().input()).shape.as_map().map(|n| n as u64);
        let fits = |a: &&Augmentation| {
            u64::from(a.roll) < w.max(1)
                && u64::from(a.band) + u64::from(a.bands) <= h
                && u64::from(a.frame) + u64::from(a.frames) <= w
        };
        match self.augmentations.iter().find(|a| !fits(a)) {
            Some(outside) => {
                mismatch(format!("extents within {h} bands and {w} frames"), format!("{outside:?}"))
            }
            None => Ok(()),
        }
    }
}

/// Checks an order of samples: as [`Batches::check`], without augmentations.
fn check_order(plan: &Plan, data: DatasetRef<'_>, order: &[u32]) -> Result<()> {
    let (n, classes) = (data.y().len(), plan.graph().classes());
    let highest = order.iter().max().copied().unwrap_or(0);
    if order.len() > n || (!order.is_empty() && highest as usize >= n) {
        return Err(Error::Mismatch {
            what: "the order of samples",
            expected: format!("at most {n} indices below {n}"),
            found: format!("{} up to {highest}", order.len()),
        });
    }
    let label = order.iter().map(|&i| data.y()[i as usize]).find(|&y| y as usize >= classes);
    match label {
        Some(label) => Err(Error::Mismatch {
            what: "labels of samples",
            expected: format!("classes 0 to {}", classes - 1),
            found: label.to_string(),
        }),
        None => Ok(()),
    }
}

/// Checks one batch, of at most the plan's size: as [`Batches::check`], without augmentations.
///
/// # Errors
/// If the batch is larger than the plan's, an index is beyond the data set, or a label that would
/// be used is no class of the graph.
pub fn check_batch(plan: &Plan, data: DatasetRef<'_>, batch: &[u32]) -> Result<()> {
    plan.check_batch(batch.len())?;
    data.check(plan)?;
    check_order(plan, data, batch)
}

/// Metrics of one step, or the sum over several: loss (cross-entropy + penalty, with the weights
/// before the step) and correct predictions. A GPU reports NaN as the loss of each step behind one
/// after which a weight is not finite, and of that step itself if it is the last of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// Number of samples.
    pub samples: u64,
    /// Sum over samples of the mean loss of their batch.
    pub loss: f64,
    /// Samples whose most probable class (the first of equals) is their label.
    pub correct: u64,
}

impl StepMetrics {
    /// Mean loss over the samples, in f32 as Keras reports it.
    pub fn mean_loss(&self) -> f32 {
        (self.loss / self.samples as f64) as f32
    }

    /// Share of correct predictions.
    pub fn accuracy(&self) -> f32 {
        (self.correct as f64 / self.samples as f64) as f32
    }
}

impl std::ops::AddAssign for StepMetrics {
    fn add_assign(&mut self, other: Self) {
        self.samples += other.samples;
        self.loss += other.loss;
        self.correct += other.correct;
    }
}

impl std::ops::Add for StepMetrics {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl std::iter::Sum for StepMetrics {
    fn sum<I: Iterator<Item = Self>>(steps: I) -> Self {
        steps.fold(Self::default(), std::ops::Add::add)
    }
}

/// All that a step changes: flat buffers in the graph's parameter order. The moving statistics of
/// batch norms are among the parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Weights.
    pub parameters: Vec<f32>,
    /// The optimiser's velocity, or the first moment of Adam.
    pub velocity: Vec<f32>,
    /// The second moment of Adam; empty before its first step, and where the optimiser has none.
    pub second_moment: Vec<f32>,
}

impl State {
    /// Checks that all buffers have the graph's number of parameters.
    ///
    /// # Errors
    /// If they have not.
    pub fn check(&self, graph: &Graph) -> Result<()> {
        let expected = graph.parameter_count();
        let found = [self.parameters.len(), self.velocity.len()];
        if found != [expected; 2] {
            return Err(Error::Mismatch {
                what: "weights and velocity",
                expected: format!("{expected} elements each"),
                found: format!("{} and {}", found[0], found[1]),
            });
        }
        let second = self.second_moment.len();
        if ![0, expected].contains(&second) {
            return Err(Error::Mismatch {
                what: "the second moment",
                expected: format!("no element, or {expected}"),
                found: second.to_string(),
            });
        }
        Ok(())
    }

    /// The second moment that an optimiser begins with where there is none; none where it has none.
    pub(crate) fn fit_to(&mut self, optimizer: &Optimizer) {
        match optimizer.has_second_moment() {
            true => self.second_moment.resize(self.parameters.len(), 0.0),
            false => self.second_moment = Vec::new(),
        }
    }

    /// These weights, with moments of zero.
    pub fn new(parameters: Vec<f32>) -> Self {
        let velocity = vec![0.0; parameters.len()];
        Self { parameters, velocity, second_moment: Vec::new() }
    }
}

/// Which batch [`Backend::tensor`] reads. Both devices keep one of these, so that they refuse alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeptBatch {
    /// No batch has been run.
    #[default]
    None,
    /// The last batch of a call of `samples` samples, with gradients unless it was evaluated.
    Kept {
        /// Number of samples.
        samples: usize,
        /// Whether backward ran.
        gradients: bool,
    },
    /// The last call of [`Backend::train`] was interrupted before its last batch.
    Interrupted,
}

impl KeptBatch {
    /// Number of samples of the kept batch, of which a node's tensor is read.
    ///
    /// # Errors
    /// If the node is fused with the next, or no batch, or no gradient of it, was kept.
    pub fn samples(self, plan: &Plan, node: NodeId, what: Tensor) -> Result<usize> {
        if !plan.is_materialized(node) {
            let node = plan.graph().node(node).name.clone();
            return Err(Error::TensorNotMaterialized { node });
        }
        let found = match (self, what) {
            (Self::Kept { samples, .. }, Tensor::Value)
            | (Self::Kept { samples, gradients: true }, Tensor::Gradient) => return Ok(samples),
            (Self::Kept { gradients: false, .. }, Tensor::Gradient) => "an evaluation",
            (Self::None, _) => "no call",
            (Self::Interrupted, _) => "a call that was interrupted",
        };
        Err(Error::Mismatch {
            what: "the last batch, whose tensor is read",
            expected: match what {
                Tensor::Value => "a call that ran to its end".into(),
                Tensor::Gradient => "a call with a backward pass that ran to its end".into(),
            },
            found: found.into(),
        })
    }
}

/// A device that trains and evaluates one plan. The same state, data and order give the same
/// bits every time. Every call checks its arguments as [`Batches::check`] and [`check_batch`] do,
/// so all devices refuse alike; a call that is refused changes nothing.
pub trait Backend {
    /// The plan it was opened with.
    fn plan(&self) -> &Plan;

    /// The device in one line, for people.
    fn describe(&self) -> String;

    /// What the bits of a run depend on besides its settings; independent of the number of threads.
    fn identity(&self) -> String {
        self.describe()
    }

    /// What a run must be given to have the same bits again on devices that choose: the tiles of a
    /// GPU's kernels.
    fn tiles(&self) -> Option<String> {
        None
    }

    /// What a user should know before training on this device.
    fn warning(&self) -> Option<String> {
        None
    }

    /// Runs that it takes steps for at once: a run's share of its time is one of so many.
    fn runs_at_once(&self) -> usize {
        1
    }

    /// Uploads a data set before its first use, on devices with memory of their own.
    ///
    /// # Errors
    /// If the device has no room for it.
    fn prepare(&mut self, data: DatasetRef<'_>) -> Result<()> {
        data.check(self.plan())
    }

    /// Takes one step per batch of `batches`; a step's loss is the mean over its own samples.
    /// Returns the metrics of every step taken: all, or those before `observe` asked to stop.
    /// An optimiser without a second moment drops the one that is there.
    ///
    /// # Errors
    /// If the arguments do not fit the plan, or the device fails.
    fn train(
        &mut self,
        data: DatasetRef<'_>,
        batches: &Batches<'_>,
        optimizer: Optimizer,
        observe: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
    ) -> Result<Vec<StepMetrics>>;

    /// One step on a batch of at most the plan's size.
    ///
    /// # Errors
    /// As [`Backend::train`], and if the batch is larger than the plan's.
    fn train_step(
        &mut self,
        data: DatasetRef<'_>,
        batch: &Batches<'_>,
        optimizer: Optimizer,
    ) -> Result<StepMetrics> {
        self.plan().check_batch(batch.order.len())?;
        let steps = self.train(data, batch, optimizer, &mut |_| ControlFlow::Continue(()))?;
        Ok(steps.into_iter().sum())
    }

    /// Runs all samples forward in inference mode, in order; `probabilities` becomes
    /// `[n, classes]`. Returns the metrics of every batch.
    ///
    /// # Errors
    /// If the data do not fit the plan, or the device fails.
    fn evaluate(
        &mut self,
        data: DatasetRef<'_>,
        probabilities: &mut Vec<f32>,
    ) -> Result<Vec<StepMetrics>>;

    /// Runs a batch of at most the plan's size forward in inference mode, then backward from the
    /// logit of each sample's label: [`Backend::tensor`] returns the logit's gradient at a node.
    /// No weight changes; parameter gradients are undefined afterwards.
    ///
    /// # Errors
    /// If the arguments do not fit the plan, or the device fails.
    fn logit_gradients(&mut self, data: DatasetRef<'_>, batch: &[u32]) -> Result<()>;

    /// Current weights and moments.
    ///
    /// # Errors
    /// If the device fails.
    fn state(&mut self) -> Result<State>;

    /// Replaces weights and moments.
    ///
    /// # Errors
    /// If their lengths are not the graph's, or the device fails.
    fn set_state(&mut self, state: &State) -> Result<()>;

    /// A tensor of the last batch, `[batch, …]`: a node's output, or the gradient of the loss (or
    /// of the logit) at its pre-activation. Empty where the plan computes no gradient.
    ///
    /// # Errors
    /// For a node that is fused with the next; if no batch has been run; after a call of
    /// [`Backend::train`] that was interrupted; for a gradient, after an evaluation.
    fn tensor(&mut self, node: NodeId, what: Tensor) -> Result<Vec<f32>>;

    /// The gradient of all parameters in the last step, penalty included, before it is clipped.
    ///
    /// # Errors
    /// If the device fails.
    fn parameter_gradients(&mut self) -> Result<Vec<f32>>;
}

/// A device that trains several runs of one plan at once. Each replica has its weights, velocity,
/// order of samples, augmentations and seed of dropout; data, rates and the number of the step are
/// common. Replica by replica, bits are those of a run alone. What [`Backend`] reads and writes is
/// replica 0.
pub trait Replicas: Backend {
    /// How many.
    fn replicas(&self) -> usize;

    /// As [`Backend::train`] for the replicas that have batches, by number; the state of the others is
    /// undefined afterwards. The end of the call is not observed.
    ///
    /// # Errors
    /// As there, and if the batches differ in more than samples, augmentations and seeds.
    fn train_all(
        &mut self,
        data: DatasetRef<'_>,
        batches: &[(usize, Batches<'_>)],
        optimizer: Optimizer,
        observe: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
    ) -> Result<TrainedAll>;

    /// As [`Backend::evaluate`], of every replica.
    ///
    /// # Errors
    /// As there.
    fn evaluate_all(&mut self, data: DatasetRef<'_>) -> Result<Vec<Evaluation>>;

    /// Current weights and moments of a replica.
    ///
    /// # Errors
    /// If the device fails.
    fn state_of(&mut self, replica: usize) -> Result<State>;

    /// Replaces weights and moments of a replica.
    ///
    /// # Errors
    /// If their lengths are not the graph's, or the device fails.
    fn set_state_of(&mut self, replica: usize, state: &State) -> Result<()>;
}

/// The metrics of every batch, and the probabilities `[n, classes]`.
pub type Evaluation = (Vec<StepMetrics>, Vec<f32>);

/// What [`Replicas::train_all`] did.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedAll {
    /// Metrics of every step taken, by replica.
    pub metrics: Vec<Vec<StepMetrics>>,
    /// As [`StepsDone::slow_step`], measured at the end.
    pub slow_step: Option<f64>,
}

impl TrainedAll {
    /// What a replica is told at the end of a call.
    pub fn done(&self, replica: usize) -> StepsDone {
        let metrics = self.metrics.get(replica).into_iter().flatten();
        let sum: StepMetrics = metrics.copied().sum();
        StepsDone { samples: sum.samples, metrics: Some(sum), slow_step: self.slow_step }
    }
}

/// Progress of a call of [`Backend::train`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepsDone {
    /// Samples trained on in this call.
    pub samples: u64,
    /// Their metrics, if the device has read them back already.
    pub metrics: Option<StepMetrics>,
    /// Seconds of a step, if the system may reset a device that takes so long: reported once.
    pub slow_step: Option<f64>,
}

/// Which tensor of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tensor {
    /// Its output.
    Value,
    /// The gradient at its pre-activation; empty where none is computed.
    Gradient,
}
