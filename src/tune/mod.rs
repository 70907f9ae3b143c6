//! Chooses the tiles of a model's GPU kernels by measuring, and remembers them for each adapter.
//! The choice changes the order of sums, and so the bits of a run: a run keeps its own.

mod known;

use std::fmt;
use std::time::Instant;

pub use known::Known;
use serde::Serialize;

use crate::backend::{Backend, Batches, DatasetRef, Optimizer, State};
use crate::error::{Error, Result};
use crate::gpu::{AdapterFacts, Gpu, GpuOptions, KernelVariant, Phase, TileConfig, Tiles, Timer};
use crate::graph::Graph;
use crate::measure::Budget;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::random::streams::Stream;
use crate::text::{aligned, fold};

/// A phase's tiles are changed for at least this share of its time: below it is noise.
const MIN_GAIN: f64 = 0.05;
/// The tiles of the adapter's kind are left for at least this share of a whole step.
const MIN_STEP_GAIN: f64 = 0.02;
/// Batches of the samples that are made up.
const BATCHES: usize = 4;
/// Times that whole steps of both are measured, one after the other.
const ROUNDS: usize = 3;
/// Largest difference of gradients with other tiles, as a share of their norm.
const SAME: f64 = 1e-3;
/// Deviation of made-up weights: small enough for sums of any length.
const WEIGHT: f64 = 0.05;

/// What is measured, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Part of the adapter's name; the best adapter if there is none.
    pub adapter: Option<&'a str>,
    /// Of the passes of one kind of tiles.
    pub passes: Budget,
    /// Of whole steps.
    pub steps: Budget,
}

impl Options<'_> {
    /// Fractions of a second: for a first run.
    pub const BRIEF: Self = Self {
        adapter: None,
        passes: Budget { steps: 10, seconds: 0.2 },
        steps: Budget { steps: 16, seconds: 0.1 },
    };
    /// A few seconds.
    pub const WHOLE: Self = Self {
        adapter: None,
        passes: Budget { steps: 50, seconds: 2.0 },
        steps: Budget { steps: 64, seconds: 1.0 },
    };
}

/// A phase of a node with the kinds of tiles that give it different dispatches.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The node.
    pub node: String,
    /// `forward`, `backward` or `update`.
    pub phase: &'static str,
    /// Least seconds with each of [`TileConfig::ALL`].
    pub seconds: Vec<f64>,
    /// The kind of tiles that was chosen.
    pub tiles: &'static str,
}

/// What was measured and chosen.
#[derive(Debug, Clone, Serialize)]
pub struct Tuned {
    /// The adapter.
    pub adapter: AdapterFacts,
    /// The model.
    pub model: String,
    /// Samples of a step.
    pub batch: usize,
    /// `timestamps` or `wall clock`.
    pub clock: &'static str,
    /// All phases that have a choice.
    pub rows: Vec<Row>,
    /// The tiles of the adapter's kind, without tuning.
    pub preset: &'static str,
    /// Least seconds of a step with these, and with those of the rows where they are others.
    pub step_seconds: Option<[f64; 2]>,
    /// What was chosen, as `--tiles` takes it: the preset unless the whole step gains.
    pub tiles: String,
}

/// Made-up weights and samples.
struct Inputs {
    state: State,
    x: Vec<f32>,
    y: Vec<u32>,
}

impl Inputs {
    fn new(graph: &Graph, batch: usize) -> Self {
        let mut stream = Stream::new(0, "tune");
        let weights = (0..graph.parameter_count()).map(|_| (WEIGHT * stream.normal()) as f32);
        // A moving variance is no negative number.
        let state = State::new(weights.map(f32::abs).collect());
        let n = BATCHES * batch;
        let len = graph.node(graph.input()).shape.len();
        let x = (0..n * len).map(|_| stream.normal() as f32).collect();
        let y = (0..n).map(|_| stream.below(graph.classes()) as u32).collect();
        Self { state, x, y }
    }
}

/// Measures each phase with each kind of tiles, then whole steps with the best of them.
///
/// # Errors
/// If there is no such adapter, or the plan does not fit it.
pub fn tune(
    graph: &Graph,
    batch: usize,
    options: &Options<'_>,
    progress: &dyn Progress,
) -> Result<Tuned> {
    let plan = || Plan::new(graph.clone(), batch);
    let variant = KernelVariant::default();
    let mut gpu = Gpu::new(plan()?, GpuOptions { adapter: options.adapter, ..Default::default() })?;
    // After the device has found room for such batches.
    let inputs = Inputs::new(graph, batch);
    let samples = DatasetRef::new(&inputs.x, &inputs.y);
    let (adapter, preset) = (gpu.adapter().clone(), gpu.tiles().clone());
    let kind = TileConfig::for_kind(adapter.kind);
    let timer = gpu.timer()?;
    progress.begin("tuning", (TileConfig::ALL.len() + 2 * ROUNDS) as u64, "measurements");
    let mut measured = Vec::new();
    for tiles in TileConfig::ALL {
        gpu = gpu.with_kernels(plan()?, variant, Some(&tiles.into()))?;
        gpu.set_state(&inputs.state)?;
        measured.push(Phases::measure(&mut gpu, &timer, samples, options.passes)?);
        progress.advance(1);
    }
    let (rows, chosen) = choose(&measured, kind);
    let mut step_seconds = [f64::INFINITY; 2];
    let mut gradients: [Vec<f32>; 2] = Default::default();
    let rounds = if chosen == preset { 0 } else { ROUNDS };
    for _ in 0..rounds {
        for ((tiles, least), gradients) in
            [&preset, &chosen].into_iter().zip(&mut step_seconds).zip(&mut gradients)
        {
            gpu = gpu.with_kernels(plan()?, variant, Some(tiles))?;
            gpu.set_state(&inputs.state)?;
            *least = least.min(step(&mut gpu, samples, options.steps)?);
            *gradients = gpu.parameter_gradients()?;
            progress.advance(1);
        }
    }
    progress.end();
    // The tiles of the adapter's kind are checked before the first use; the chosen ones against them.
    if !alike(&gradients[0], &gradients[1]) {
        return Err(Error::Gpu {
            adapter: adapter.to_string(),
            problem: format!(
                "gradients with tiles \"{chosen}\" differ from those with \"{preset}\"; `genre-gpu check` \
                 shows which kernel is wrong; --tiles {} takes the others",
                kind.as_str()
            ),
        });
    }
    let gains = rounds > 0 && step_seconds[1] <= (1.0 - MIN_STEP_GAIN) * step_seconds[0];
    let tiles = if gains { &chosen } else { &preset };
    Ok(Tuned {
        adapter,
        model: graph.model().into(),
        batch,
        clock: timer.name(),
        rows,
        preset: kind.as_str(),
        step_seconds: (rounds > 0).then_some(step_seconds),
        tiles: tiles.to_string(),
    })
}

/// Whether gradients differ by rounding alone.
fn alike(a: &[f32], b: &[f32]) -> bool {
    let square = |v: f64| v * v;
    let difference: f64 = a.iter().zip(b).map(|(a, b)| square(f64::from(a - b))).sum();
    let length: f64 = a.iter().map(|a| square(f64::from(*a))).sum();
    a.len() == b.len() && difference <= square(SAME) * length
}

/// Seconds of all phases with one kind of tiles, in the order of a step.
struct Phases(Vec<(String, Phase, String, f64)>);

impl Phases {
    fn measure(
        gpu: &mut Gpu,
        timer: &Timer,
        samples: DatasetRef<'_>,
        budget: Budget,
    ) -> Result<Self> {
        gpu.prepare(samples)?;
        let batch: Vec<u32> = (0..gpu.plan().batch() as u32).collect();
        let mut least = vec![f64::INFINITY; gpu.dispatches().len()];
        for _ in budget.repetitions() {
            let seconds = gpu.time_dispatches(timer, samples, &batch)?;
            least.iter_mut().zip(seconds).for_each(|(least, seconds)| *least = least.min(seconds));
        }
        let mut phases: Vec<(String, Phase, String, f64)> = Vec::new();
        let nodes = gpu.dispatches().into_iter().map(|(_, node, _)| node);
        let descs = gpu.descriptions().into_iter().map(|(desc, _)| format!("{desc:?}"));
        for (((node, phase), desc), seconds) in nodes.zip(gpu.phases()).zip(descs).zip(least) {
            match phases.iter_mut().find(|(of, other, ..)| of == node && *other == phase) {
                Some((_, _, all, sum)) => {
                    *all += &desc;
                    *sum += seconds;
                }
                None => phases.push((node.into(), phase, desc, seconds)),
            }
        }
        Ok(Self(phases))
    }

    fn of(&self, node: &str, phase: Phase) -> Option<(&str, f64)> {
        let found = self.0.iter().find(|(of, other, ..)| of == node && *other == phase);
        found.map(|(_, _, descs, seconds)| (descs.as_str(), *seconds))
    }
}

/// The fastest tiles of each phase, where they gain enough.
fn choose(measured: &[Phases], kind: TileConfig) -> (Vec<Row>, Tiles) {
    let mut tiles = Tiles::from(kind);
    let mut rows = Vec::new();
    let all = TileConfig::ALL.into_iter().zip(measured);
    let Some((_, preset)) = all.clone().find(|(one, _)| *one == kind) else { return (rows, tiles) };
    for (node, phase, descs, seconds) in &preset.0 {
        let each: Vec<(TileConfig, &str, f64)> = (all.clone())
            .filter_map(|(one, phases)| {
                phases.of(node, *phase).map(|(descs, seconds)| (one, descs, seconds))
            })
            .collect();
        // Tiles with the preset's dispatches are no choice.
        let others = each.iter().filter(|(_, own, _)| own != descs);
        let Some(best) = others.min_by(|a, b| a.2.total_cmp(&b.2)) else { continue };
        let chosen = if best.2 <= (1.0 - MIN_GAIN) * seconds { best.0 } else { kind };
        tiles.set(node, *phase, chosen);
        rows.push(Row {
            node: node.clone(),
            phase: phase.as_str(),
            seconds: each.iter().map(|(.., seconds)| *seconds).collect(),
            tiles: chosen.as_str(),
        });
    }
    (rows, tiles)
}

/// Seconds of a step, as training takes them: many in a submission.
fn step(gpu: &mut Gpu, samples: DatasetRef<'_>, budget: Budget) -> Result<f64> {
    let order: Vec<u32> = (0..samples.y().len() as u32).collect();
    let go_on = &mut |_| std::ops::ControlFlow::Continue(());
    let mut train = || gpu.train(samples, &Batches::plain(&order), Optimizer::sgd(0.0), go_on);
    // The first call uploads, and some drivers compile then.
    train()?;
    let (begin, mut steps) = (Instant::now(), 0);
    let calls = Budget { steps: budget.steps.div_ceil(BATCHES), ..budget };
    for _ in calls.repetitions() {
        steps += train()?.len();
    }
    Ok(begin.elapsed().as_secs_f64() / steps.max(1) as f64)
}

impl fmt::Display for Tuned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { adapter, model, batch, clock, preset, step_seconds, tiles, .. } = self;
        writeln!(f, "{model} in batches of {batch} on {adapter}; µs by {clock}\n")?;
        let mut head = vec!["node".to_owned(), "phase".into()];
        head.extend(TileConfig::ALL.map(|tiles| tiles.as_str().to_owned()));
        head.push("chosen".into());
        let rows = self.rows.iter().map(|row| {
            let seconds = row.seconds.iter().map(|seconds| format!("{:.0}", 1e6 * seconds));
            let mut cells = vec![row.node.clone(), row.phase.into()];
            cells.extend(seconds);
            cells.push(row.tiles.into());
            cells
        });
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
        writeln!(f, "{}", aligned(&rows, 2))?;
        let Some(step_seconds) = step_seconds else {
            return write!(f, "No other tiles are faster than {preset} ones by a twentieth.");
        };
        let [before, after] = step_seconds.map(|seconds| 1e3 * seconds);
        let found = match tiles == preset {
            true => format!("{preset} tiles stay: a step gains too little by others"),
            false => "these tiles are chosen".into(),
        };
        let text = format!(
            "A step takes {before:.2} ms with {preset} tiles throughout and {after:.2} ms with the \
             fastest of each phase: {found}."
        );
        write!(f, "{}", fold(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phases(of: [(&str, Phase, &str, f64); 3]) -> Phases {
        Phases(of.map(|(node, phase, desc, s)| (node.into(), phase, desc.into(), s)).into())
    }

    #[test]
    fn gradients_of_other_tiles_differ_by_rounding() {
        let a = [1.0, -2.0, 0.5];
        assert!(alike(&a, &[1.0001, -2.0001, 0.5]));
        for wrong in [&[1.0, -2.0, 0.6][..], &[1.0, -2.0, f32::NAN], &[1.0, -2.0]] {
            assert!(!alike(&a, wrong), "{wrong:?}");
        }
    }

    #[test]
    fn the_fastest_tiles_are_chosen_where_they_gain_enough() {
        let (forward, backward, update) = (Phase::Forward, Phase::Backward, Phase::Update);
        let with = |kind: &str, s: [f64; 3]| {
            let [a, b, c] = [("a", forward, kind), ("a", backward, kind), ("all", update, "same")];
            phases([(a.0, a.1, a.2, s[0]), (b.0, b.1, b.2, s[1]), (c.0, c.1, c.2, s[2])])
        };
        let wide = with("wide", [1.0, 0.97, 0.1]);
        let narrow = with("narrow", [2.0, 1.0, 1.0]);
        let small = with("small", [1.5, 3.0, 0.1]);
        let (rows, tiles) = choose(&[wide, narrow, small], TileConfig::Narrow);
        // 3 % are noise, and equal dispatches are no choice.
        assert_eq!(tiles.to_string(), "narrow; a forward wide");
        assert_eq!(rows.iter().map(|row| row.tiles).collect::<Vec<_>>(), ["wide", "narrow"]);
        assert_eq!(rows[0].seconds, [1.0, 2.0, 1.5]);
    }
}
