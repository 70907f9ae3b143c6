//! The seam between training and the devices: whole steps, not single ops.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId};
use crate::plan::Plan;

/// Samples and their labels, as a backend reads them. Copies are known to be
/// the same samples, so that a device uploads them once.
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

    /// The same for copies only: the borrow keeps what it stands for as it is.
    pub fn id(&self) -> u64 {
        self.id
    }
}

/// What the optimiser (stochastic gradient descent) does in a step:
/// `v ← momentum · v − rate · g`, `w ← w + v`, or with `nesterov`
/// `w ← w + momentum · v − rate · g`, as Keras has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub learning_rate: f32,
    /// Share of the velocity that is kept; 0 is plain descent.
    pub momentum: f32,
    /// Whether weights go where the velocity would take them next.
    pub nesterov: bool,
}

impl Sgd {
    /// Plain descent.
    pub const fn plain(learning_rate: f32) -> Self {
        Self { learning_rate, momentum: 0.0, nesterov: false }
    }
}

/// How a sample is varied when it is copied into a batch: rolled along time, then its level
/// shifted, then a rectangle of bands and one of frames covered. All in units of the scaled input.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Augmentation {
    /// Frame `s` is taken from frame `(s + roll) mod w`; below `w`.
    pub roll: u32,
    /// First band that is covered, and how many.
    pub band: u32,
    /// Bands that are covered.
    pub bands: u32,
    /// First frame that is covered.
    pub frame: u32,
    /// Frames that are covered.
    pub frames: u32,
    /// Added to every element.
    pub gain: f32,
    /// What covered elements become.
    pub fill: f32,
}

/// What a call of [`Backend::train`] goes over.
#[derive(Debug, Clone, Copy)]
pub struct Batches<'a> {
    /// Indices of the samples, batch after batch.
    pub order: &'a [u32],
    /// How each of them is varied; empty if none is.
    pub augmentations: &'a [Augmentation],
    /// What dropout is drawn from, with the number of the step.
    pub seed: u32,
    /// Number of the first step since the run began.
    pub first_step: u32,
}

impl<'a> Batches<'a> {
    /// The samples as they are, from step 0 of seed 0.
    pub fn plain(order: &'a [u32]) -> Self {
        Self { order, augmentations: &[], seed: 0, first_step: 0 }
    }

    /// Makes sure that augmentations, where there are any, are as many as samples.
    ///
    /// # Errors
    /// If they are not.
    pub fn check(&self) -> Result<()> {
        if self.augmentations.is_empty() || self.augmentations.len() == self.order.len() {
            return Ok(());
        }
        Err(Error::Mismatch {
            what: "augmentations of samples",
            expected: format!("none, or {}", self.order.len()),
            found: self.augmentations.len().to_string(),
        })
    }
}

/// Sums over samples: of the loss (cross-entropy + penalty, each batch with the
/// weights before its step) and of right predictions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// Samples seen.
    pub samples: u64,
    /// Sum over samples of the loss of their batch.
    pub loss: f64,
    /// Samples whose most probable class (the first of equals) is theirs.
    pub correct: u64,
}

impl StepMetrics {
    /// Mean loss, rounded as it is reported.
    pub fn mean_loss(&self) -> f32 {
        (self.loss / self.samples as f64) as f32
    }

    /// Share of right predictions.
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
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), std::ops::Add::add)
    }
}

/// All that a step changes (moving figures of batch norms among the parameters): two flat buffers in the graph's parameter order.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Weights.
    pub parameters: Vec<f32>,
    /// The optimiser's velocity.
    pub velocity: Vec<f32>,
}

impl State {
    /// Makes sure that it is of a graph's length.
    ///
    /// # Errors
    /// If it is not.
    pub fn check(&self, graph: &Graph) -> Result<()> {
        let expected = graph.parameter_count();
        let found = [self.parameters.len(), self.velocity.len()];
        if found == [expected; 2] {
            return Ok(());
        }
        Err(Error::Mismatch {
            what: "weights and velocity",
            expected: format!("{expected} elements each"),
            found: format!("{} and {}", found[0], found[1]),
        })
    }

    /// Weights at rest.
    pub fn new(parameters: Vec<f32>) -> Self {
        let velocity = vec![0.0; parameters.len()];
        Self { parameters, velocity }
    }
}

/// A device that trains and evaluates one plan. Its results for the same
/// state, samples and order are the same bits every time.
pub trait Backend {
    /// The plan it was opened with.
    fn plan(&self) -> &Plan;

    /// One line for people: which device this is.
    fn describe(&self) -> String;

    /// What the bits of a run depend on besides its settings: the same for any number of threads.
    fn identity(&self) -> String {
        self.describe()
    }

    /// What people should know before they wait for it.
    fn warning(&self) -> Option<String> {
        None
    }

    /// Brings samples to the device before they are asked for, where it keeps them.
    fn prepare(&mut self, samples: DatasetRef<'_>) -> Result<()> {
        let _ = samples;
        Ok(())
    }

    /// Takes steps over `batches`, each averaged over its own number of samples. Returns the tally of every step that was taken: of all, or
    /// of those before `watch` said to stop.
    fn train(
        &mut self,
        samples: DatasetRef<'_>,
        batches: &Batches<'_>,
        sgd: Sgd,
        watch: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
    ) -> Result<Vec<StepMetrics>>;

    /// One step on `batch`, of at most the plan's batch.
    fn train_step(
        &mut self,
        samples: DatasetRef<'_>,
        batch: &Batches<'_>,
        sgd: Sgd,
    ) -> Result<StepMetrics> {
        let tallies = self.train(samples, batch, sgd, &mut |_| ControlFlow::Continue(()))?;
        Ok(tallies.into_iter().sum())
    }

    /// Runs all samples forward, in order; `probabilities` becomes `[n, classes]`.
    fn evaluate(
        &mut self,
        samples: DatasetRef<'_>,
        probabilities: &mut Vec<f32>,
    ) -> Result<StepMetrics>;

    /// Runs `batch`, of at most the plan's size, forward as [`Backend::evaluate`] does, then the
    /// logit of each sample's own class (its label) back: [`Backend::tensor`] tells what the
    /// logit's gradient is at a node. No weight changes; gradients of parameters mean nothing.
    fn logit_gradients(&mut self, samples: DatasetRef<'_>, batch: &[u32]) -> Result<()>;

    /// Weights and velocity as they are now.
    fn state(&mut self) -> Result<State>;

    /// Replaces weights and velocity; their lengths must be the graph's.
    fn set_state(&mut self, state: &State) -> Result<()>;

    /// The output of a node in the last batch, `[batch, …]`, or the loss's (or logit's)
    /// gradient at its sum (before the activation, where it has one). An error for a
    /// node that the device fuses with the next.
    fn tensor(&mut self, node: NodeId, what: Tensor) -> Result<Vec<f32>>;

    /// The gradient of all parameters in the last step, penalty included.
    fn parameter_gradients(&mut self) -> Result<Vec<f32>>;
}

/// How far a call of [`Backend::train`] has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepsDone {
    /// Samples that were trained on in this call.
    pub samples: u64,
    /// Sums over them, where the device has told already.
    pub tally: Option<StepMetrics>,
}

/// Which tensor of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tensor {
    /// Its output.
    Value,
    /// The loss's gradient there; empty where none is computed.
    Gradient,
}
