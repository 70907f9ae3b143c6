//! How long a step takes on GPUs that are not at hand: predicted from what is recorded for them, not
//! measured. Kernels that only a software adapter has run can be judged by it.

use std::fmt;

use serde::Serialize;

use super::table::figure;
use crate::backend::Optimizer;
use crate::error::Result;
use crate::gpu::{
    Hardware, KernelVariant, Prediction, Profile, Recording, StepPrediction, StepProfile,
    TileConfig,
};
use crate::graph::Graph;
use crate::plan::Plan;
use crate::text::{aligned, fold, thousands};

/// Seeds that are predicted at once: those of a comparison, unless others are asked for.
const SEEDS: usize = 5;
/// Columns of words; the others hold figures, set to the right.
const WORDS: usize = 2;

/// A model's step on several GPUs.
#[derive(Debug, Clone, Serialize)]
pub struct Predicted {
    /// This program's.
    pub version: &'static str,
    /// The model's name.
    pub model: String,
    /// Extents of a sample.
    pub input: String,
    /// Samples in a step.
    pub batch_size: usize,
    /// Samples of an epoch.
    pub samples: usize,
    /// What takes the steps.
    pub optimizer: &'static str,
    /// The form of the kernels.
    pub kernels_form: &'static str,
    /// By GPU.
    pub gpus: Vec<OnGpu>,
}

/// The step on one GPU.
#[derive(Debug, Clone, Serialize)]
pub struct OnGpu {
    /// How much of a convolution a thread owns.
    pub tiles: &'static str,
    /// What the dispatches do.
    pub profile: StepProfile,
    /// How long that takes.
    pub prediction: StepPrediction,
    /// Seeds that train at once (`compare --at-once`), and the seconds of their step.
    pub at_once: (usize, f64),
}

/// Predicts a step of a graph on all GPUs that are known, with the tiles that each is given unless
/// there are others.
///
/// # Errors
/// If the graph cannot be recorded, or a kernel not be interpreted.
pub fn predict(
    graph: &Graph,
    batch: usize,
    samples: usize,
    (variant, tiles): (KernelVariant, Option<TileConfig>),
    optimizer: &Optimizer,
) -> Result<Predicted> {
    let batch = batch.min(samples);
    let plan = Plan::new(graph.clone(), batch)?;
    let profile = |tiles: TileConfig, replicas| {
        let plan = plan.clone();
        let kernels = (variant, &tiles.into());
        let of_plan = Recording::with_optimizer(plan, samples, kernels, replicas, optimizer)?;
        StepProfile::of(&of_plan)
    };
    let mut profiles: Vec<(TileConfig, [StepProfile; 2])> = Vec::new();
    let mut gpus = Vec::new();
    for hardware in Hardware::ALL {
        let tiles = tiles.unwrap_or(hardware.tiles);
        let known = profiles.iter().find(|(known, _)| *known == tiles).map(|(_, known)| known);
        let [one, several] = match known {
            Some(known) => known.clone(),
            None => {
                let both = [profile(tiles, 1)?, profile(tiles, SEEDS)?];
                profiles.push((tiles, both.clone()));
                both
            }
        };
        let prediction = one.on(&hardware);
        let at_once = (SEEDS, several.on(&hardware).step_seconds);
        gpus.push(OnGpu { tiles: tiles.as_str(), profile: one, prediction, at_once });
    }
    Ok(Predicted {
        version: env!("CARGO_PKG_VERSION"),
        model: graph.model().into(),
        input: graph.node(graph.input()).shape.to_string(),
        batch_size: batch,
        samples,
        optimizer: super::name_of(optimizer),
        kernels_form: variant.as_str(),
        gpus,
    })
}

impl fmt::Display for Predicted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = format!(
            "A training step of {} with {} on GPUs, predicted, not measured: input {}, batch of {}, {} samples \
             in an epoch, {} kernels",
            self.model,
            self.optimizer,
            self.input,
            self.batch_size,
            thousands(self.samples as u64),
            self.kernels_form
        );
        writeln!(f, "{}\n", fold(&what).trim_end())?;
        for on in &self.gpus {
            writeln!(f, "{on}")?;
        }
        let mut rows = vec![["GPU", "tiles", "step µs", "epoch ms"].map(String::from).to_vec()];
        rows[0].extend([format!("{SEEDS} seeds µs"), "gain".into()]);
        for OnGpu { tiles, prediction, at_once: (seeds, seconds), .. } in &self.gpus {
            let gain = *seeds as f64 * prediction.step_seconds / seconds;
            rows.push(vec![
                prediction.hardware.name.into(),
                (*tiles).into(),
                figure(prediction.step_seconds * 1e6),
                figure(prediction.epoch_seconds * 1e3),
                figure(seconds * 1e6),
                format!("{gain:.1}"),
            ]);
        }
        write!(f, "{}", aligned(&rows, WORDS))?;
        writeln!(f, "{}", fold(ABOUT))
    }
}

const ABOUT: &str = "fma and loads are those of a thread; lines are the distinct 128 bytes that a load of 32 \
    neighbouring threads touches, regs the registers whose values a thread needs at once. What takes \
    longest is a dispatch's time, and a launch is added: issue is all instructions of the busiest core, \
    latency one thread's instructions that wait for each other, lines the loads' and stores' lines and \
    passes over workgroup memory, cache and memory bytes. Several seeds train at once; the gain is over \
    one after another. Held against no GPU yet.";

impl fmt::Display for OnGpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tiles, profile, prediction, .. } = self;
        let hardware = &prediction.hardware;
        let head = format!(
            "{}, {tiles} tiles: {} cores with {} slots of 32 lanes at {} GHz, {} TFLOP/s, {} GB/s, {} µs \
             between dispatches",
            hardware.name,
            hardware.cores,
            hardware.slots,
            figure(hardware.clock / 1e9),
            figure(hardware.flop_rate() / 1e12),
            figure(hardware.memory_rate / 1e9),
            figure(hardware.launch * 1e6)
        );
        writeln!(f, "{}", fold(&head).trim_end())?;
        let head = ["kernel", "node", "warps", "fma", "loads", "lines", "regs", "µs", "bound"];
        let mut rows = vec![head.map(String::from).to_vec()];
        rows.extend(profile.dispatches.iter().zip(&prediction.dispatches).map(row));
        write!(f, "{}", aligned(&rows, WORDS))?;
        writeln!(
            f,
            "step: {} µs with {} dispatches; epoch: {} ms",
            figure(prediction.step_seconds * 1e6),
            profile.dispatches.len(),
            figure(prediction.epoch_seconds * 1e3)
        )
    }
}

fn row((profile, prediction): (&Profile, &Prediction)) -> Vec<String> {
    vec![
        profile.kernel.into(),
        profile.node.clone(),
        thousands(profile.warps()),
        thousands(profile.fma_per_thread.round() as u64),
        thousands(profile.loads_per_thread.round() as u64),
        figure(profile.lines_per_load()),
        profile.registers.to_string(),
        figure(prediction.seconds * 1e6),
        prediction.bound.as_str().into(),
    ]
}
