//! A test of the range of learning rates (Smith 2017): steps with a rate that rises by one factor, from one that
//! changes nothing to one that diverges.

use std::ops::ControlFlow;

use serde::Serialize;

use super::augment::{InputStats, augmentations};
use super::initial::initial_parameters;
use super::loader::DataLoader;
use super::settings::Config;
use crate::backend::{Backend, Batches, Optimizer, State, StepMetrics};
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
    /// See [`smoothed`].
    pub smoothed: f32,
}

/// Why a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateEnd {
    /// All steps were taken.
    AllSteps,
    /// The loss, smoothed over the steps before, was above [`DIVERGED`] times its lowest, or not finite.
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
    /// The rate where the smoothed loss falls most steeply, to two digits; none if it falls nowhere.
    pub suggested: Option<f32>,
}

/// Times its lowest, at which a loss has diverged.
pub const DIVERGED: f32 = 4.0;
/// Of the range of rates, the share over which a loss's weight in the smoothed ones falls to 1 / e.
const SMOOTHING: f64 = 1.0 / 15.0;
/// Of the range of rates, the share to either side over which a slope is taken.
const SLOPE: f64 = 1.0 / 40.0;

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
        let optimizer = Optimizer::momentum(rate, config.momentum, config.nesterov);
        let taken = loader.train(backend, &batches, optimizer, &mut |_| ControlFlow::Continue(()));
        let loss = taken?.into_iter().sum::<StepMetrics>().mean_loss();
        progress.advance(1);
        if !loss.is_finite() {
            end = RateEnd::Diverged;
            break;
        }
        rates.push(rate);
        losses.push(loss);
        let now = smoothed(&losses, losses.len() - 1, range.steps);
        lowest = lowest.min(now);
        if now > DIVERGED * lowest {
            end = RateEnd::Diverged;
            break;
        }
    }
    progress.end();
    let point = |(i, learning_rate): (usize, &f32)| RatePoint {
        learning_rate: *learning_rate,
        loss: losses[i],
        smoothed: smoothed(&losses, i, range.steps),
    };
    let points: Vec<RatePoint> = rates.iter().enumerate().map(point).collect();
    let suggested = suggested(&points, range.steps);
    Ok(RateTest { range, points, end, suggested })
}

/// The mean of all losses, weighted by `exp(-distance / (SMOOTHING · steps))`: on both sides alike, so that the
/// smoothed curve lags behind the rates no more than the raw one.
fn smoothed(losses: &[f32], at: usize, steps: usize) -> f32 {
    let (mut sum, mut weights) = (0.0, 0.0);
    let unit = SMOOTHING * steps as f64;
    for (i, loss) in losses.iter().enumerate() {
        let weight = (-(i.abs_diff(at) as f64) / unit).exp();
        sum += weight * f64::from(*loss);
        weights += weight;
    }
    (sum / weights) as f32
}

/// The rate in the middle of the steepest fall of the smoothed loss over a share of the range, to two digits.
fn suggested(points: &[RatePoint], steps: usize) -> Option<f32> {
    let width = ((SLOPE * steps as f64) as usize).max(1);
    let slopes = points.windows(2 * width + 1).map(|window| {
        let fall = window[0].smoothed - window[2 * width].smoothed;
        (fall, window[width].learning_rate)
    });
    let steepest = slopes.reduce(|best, next| if next.0 > best.0 { next } else { best });
    steepest.filter(|(fall, _)| *fall > 0.0).map(|(_, rate)| two_digits(rate))
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
        assert_eq!(rates, [1e-4, 1e-3, 1e-2, 0.1, 1.0]);
    }

    /// Losses that fall most steeply at a rate of 0.01, and rise behind 0.3.
    #[test]
    fn the_steepest_fall_is_suggested() {
        let range = RateRange { from: 1e-6, to: 10.0, steps: 141 };
        let loss = |step: usize| {
            let exponent = f64::from(range.rate(step)).log10();
            let fall = 1.0 / (1.0 + (-4.0 * (exponent + 2.0)).exp());
            let rise = (4.0 * (exponent + 0.5)).exp();
            (2.0 - fall + rise.min(100.0)) as f32
        };
        let losses: Vec<f32> = (0..141).map(loss).collect();
        let point = |(i, loss): (usize, &f32)| RatePoint {
            learning_rate: range.rate(i),
            loss: *loss,
            smoothed: smoothed(&losses[..115], i, 141),
        };
        let points: Vec<RatePoint> = losses[..115].iter().enumerate().map(point).collect();
        let found = suggested(&points, 141).unwrap();
        assert!((0.005..0.02).contains(&found), "{found}");
        // One that rises only has none.
        let rising = |(i, point): (usize, &RatePoint)| RatePoint { smoothed: i as f32, ..*point };
        let rising: Vec<RatePoint> = points.iter().enumerate().map(rising).collect();
        assert_eq!(suggested(&rising, 141), None);
    }

    #[test]
    fn smoothing_keeps_a_constant_and_does_not_lag() {
        assert!((smoothed(&[2.0; 9], 3, 9) - 2.0).abs() < 1e-6);
        let line: Vec<f32> = (0..101).map(|i| i as f32).collect();
        assert!((smoothed(&line, 50, 101) - 50.0).abs() < 1e-3);
    }
}
