//! A test of the range of learning rates (Smith 2017): steps with a rate that rises by one factor, from one that
//! changes nothing to one that diverges.

use std::ops::ControlFlow;

use serde::Serialize;

use super::augment::{InputStats, augmentations};
use super::initial::initial_parameters;
use super::loader::DataLoader;
use super::settings::Config;
use crate::backend::{Backend, Batches, State, StepMetrics};
use crate::data::Dataset;
use crate::error::Result;
use crate::progress::Progress;

/// The rates that are tested.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RateRange {
    /// That of the first step.
    pub from: f32,
    /// That of the last step.
    pub to: f32,
    /// Number of steps, at least 2.
    pub steps: usize,
}

impl RateRange {
    /// The rate of a step, from 0.
    pub fn rate(&self, step: usize) -> f32 {
        let (from, to) = (f64::from(self.from), f64::from(self.to));
        let share = step as f64 / self.steps.saturating_sub(1).max(1) as f64;
        (from * (to / from).powf(share)) as f32
    }
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RatePoint {
    /// Its learning rate.
    pub learning_rate: f32,
    /// Mean loss of its batch before it, penalty included.
    pub loss: f32,
    /// The mean over neighbouring steps; none where the loss has left those of the first steps for good.
    pub smoothed: Option<f32>,
}

/// Why a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateEnd {
    /// All steps were taken.
    AllSteps,
    /// The mean of [`FEW`] losses was above [`DIVERGED`] times the lowest such mean, or a loss was not finite.
    Diverged,
}

/// What a test found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RateTest {
    /// What was asked for.
    pub range: RateRange,
    /// The steps with finite losses.
    pub points: Vec<RatePoint>,
    /// Why there are no more.
    pub end: RateEnd,
    /// A tenth of the rate with the lowest smoothed loss, to two digits; none if it falls nowhere.
    pub suggested: Option<f32>,
}

/// Times the lowest mean of [`FEW`] losses in a row, at which they have diverged. A loss alone varies as much from
/// batch to batch.
pub const DIVERGED: f32 = 4.0;
/// Of the range of rates, the share over which a loss's weight in the smoothed ones falls to 1 / e.
const SMOOTHING: f64 = 1.0 / 15.0;
/// One of so many steps is at the beginning, where rates change next to nothing.
const BEGINNING: usize = 10;
/// Steps that tell how losses vary.
pub const FEW: usize = 5;
/// The suggested rate by that of the lowest smoothed loss.
const SUGGESTED: f32 = 0.1;

/// Trains a new network with the settings' seed, data and optimiser, each step with a higher rate.
/// The weights are those of the last step afterwards.
///
/// # Errors
/// If the device fails, or samples on disk cannot be read.
pub fn rate_test(
    backend: &mut dyn Backend,
    data: &Dataset,
    config: &Config,
    range: RateRange,
    progress: &dyn Progress,
) -> Result<RateTest> {
    let parameters = initial_parameters(backend.plan().graph(), config.seed);
    backend.set_state(&State::new(parameters))?;
    let loader = DataLoader::new(data);
    loader.prepare(backend)?;
    let stats = InputStats::of(data, config.augment)?;
    let n = data.train.len();
    let per_epoch = n.div_ceil(config.batch_size);
    let (mut order, mut views) = (Vec::new(), Vec::new());
    let (mut rates, mut losses, mut lowest) = (Vec::new(), Vec::new(), f32::INFINITY);
    let mut end = RateEnd::AllSteps;
    progress.begin("Learning rates", range.steps as u64, "steps");
    for step in 0..range.steps {
        let (epoch, batch) = (step / per_epoch, step % per_epoch);
        if batch == 0 {
            order = config.shuffle.order(config.seed, n, epoch);
            views = augmentations(config.augment, data, stats, config.seed, epoch);
        }
        let first = batch * config.batch_size;
        let last = (first + config.batch_size).min(n);
        let batches = Batches {
            order: &order[first..last],
            augmentations: views.get(first..last).unwrap_or_default(),
            seed: config.seed,
            first_step: step as u32,
            rates: &[],
        };
        let rate = range.rate(step);
        let go_on = &mut |_| ControlFlow::Continue(());
        let taken = loader.train(backend, &batches, config.optimizer(rate), go_on);
        let loss = taken?.into_iter().sum::<StepMetrics>().mean_loss();
        progress.advance(1);
        if !loss.is_finite() {
            end = RateEnd::Diverged;
            break;
        }
        rates.push(rate);
        losses.push(loss);
        let Some(first) = losses.len().checked_sub(FEW) else { continue };
        let mean = losses[first..].iter().sum::<f32>() / FEW as f32;
        lowest = lowest.min(mean);
        if mean > DIVERGED * lowest {
            end = RateEnd::Diverged;
            break;
        }
    }
    progress.end();
    let points = points(&rates, &losses, range.steps);
    let suggested = suggested(&points, range.steps);
    Ok(RateTest { range, points, end, suggested })
}

fn points(rates: &[f32], losses: &[f32], steps: usize) -> Vec<RatePoint> {
    // What has left the losses of the beginning for good would drown all else.
    let highest = losses.iter().take(beginning(steps)).copied().fold(f32::NEG_INFINITY, f32::max);
    let settled = losses.iter().rposition(|loss| *loss <= highest).map_or(0, |last| last + 1);
    let unit = SMOOTHING * steps as f64;
    let point = |(i, (learning_rate, loss)): (usize, (&f32, &f32))| RatePoint {
        learning_rate: *learning_rate,
        loss: *loss,
        smoothed: (i < settled).then(|| smoothed(&losses[..settled], i, unit)),
    };
    rates.iter().zip(losses).enumerate().map(point).collect()
}

fn beginning(steps: usize) -> usize {
    (steps / BEGINNING).max(FEW)
}

/// The mean of all losses, weighted by `exp(-distance / unit)`: on both sides alike, so that the smoothed curve lags
/// behind the rates no more than the raw one.
fn smoothed(losses: &[f32], at: usize, unit: f64) -> f32 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for (i, loss) in losses.iter().enumerate() {
        let weight = (-(i.abs_diff(at) as f64) / unit).exp();
        sum += weight * f64::from(*loss);
        weights += weight;
    }
    (sum / weights) as f32
}

/// The step with the lowest smoothed loss.
pub fn lowest(points: &[RatePoint]) -> Option<(usize, f32)> {
    let smoothed = points.iter().enumerate().filter_map(|(i, point)| Some((i, point.smoothed?)));
    smoothed.reduce(|best, next| if next.1 < best.1 { next } else { best })
}

/// A tenth of the rate with the lowest smoothed loss, to two digits, if the loss falls there by more than it
/// varies at the beginning, and not just at the last step of all.
fn suggested(points: &[RatePoint], steps: usize) -> Option<f32> {
    let first: Vec<f64> =
        points.iter().take(beginning(steps)).map(|point| f64::from(point.loss)).collect();
    let mean = first.iter().sum::<f64>() / first.len() as f64;
    let variance = first.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / first.len() as f64;
    let (at, low) = lowest(points)?;
    let falls = f64::from(low) < mean - variance.sqrt() && at + 1 < steps;
    falls.then(|| two_digits(SUGGESTED * points[at].learning_rate))
}

fn two_digits(rate: f32) -> f32 {
    format!("{rate:.1e}").parse().unwrap_or(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_rise_by_one_factor_from_the_first_to_the_last() {
        let range = RateRange { from: 1e-4, to: 1.0, steps: 5 };
        let rates: Vec<f32> = (0..5).map(|step| range.rate(step)).collect();
        for (rate, want) in rates.iter().zip([1e-4, 1e-3, 1e-2, 0.1, 1.0]) {
            assert!((rate / want - 1.0).abs() < 1e-6, "{rates:?}");
        }
    }

    /// Losses that fall around a rate of 0.01, and rise behind 0.3.
    #[test]
    fn a_tenth_of_the_lowest_is_suggested() {
        let range = RateRange { from: 1e-6, to: 10.0, steps: 141 };
        let loss = |step: usize| {
            let exponent = f64::from(range.rate(step)).log10();
            let fall = 1.0 / (1.0 + (-4.0 * (exponent + 2.0)).exp());
            let rise = (4.0 * (exponent + 0.5)).exp();
            (2.0 - fall + rise.min(100.0)) as f32
        };
        let losses: Vec<f32> = (0..141).map(loss).collect();
        let rates: Vec<f32> = (0..141).map(|step| range.rate(step)).collect();
        let found = points(&rates, &losses, 141);
        let rate = suggested(&found, 141).unwrap();
        assert!((0.005..0.03).contains(&rate), "{rate}");
        assert!(found[140].smoothed.is_none() && found[100].smoothed.is_some());
        // One that rises only has none, and one that still falls at the end has none.
        for losses in [
            (0..141).map(|i| 1.0 + i as f32).collect(),
            (0..141).map(|i| 200.0 - i as f32).collect(),
        ] {
            let losses: Vec<f32> = losses;
            assert_eq!(suggested(&points(&rates, &losses, 141), 141), None);
        }
        // Nor has noise.
        let mut stream = crate::random::streams::Stream::new(1, "noise");
        let losses: Vec<f32> = (0..141).map(|_| 2.0 + 0.1 * stream.normal() as f32).collect();
        assert_eq!(suggested(&points(&rates, &losses, 141), 141), None);
    }

    #[test]
    fn smoothing_keeps_a_constant_and_does_not_lag() {
        assert!((smoothed(&[2.0; 9], 3, 0.6) - 2.0).abs() < 1e-6);
        let line: Vec<f32> = (0..101).map(|i| i as f32).collect();
        assert!((smoothed(&line, 50, 6.7) - 50.0).abs() < 1e-3);
    }
}
