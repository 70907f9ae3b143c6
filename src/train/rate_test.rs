//! A test of the range of learning rates (Smith 2017): steps with a rate that rises by one factor, from one that
//! changes nothing to one that diverges; and what fastai's `valley` suggests of it.

use std::ops::ControlFlow;

use serde::Serialize;

use super::augment::{InputStats, augmentations};
use super::initial::initial_parameters;
use super::loader::DataLoader;
use super::settings::Config;
use crate::backend::{Backend, Batches, State, StepMetrics};
use crate::data::Dataset;
use crate::error::Result;
use crate::ops::penalty::cpu::penalty;
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
    /// Mean loss of its batch before it, without the penalty, which also falls in a network that learns nothing.
    pub loss: f32,
    /// The running mean up to it; none from where training first undid what it had learned.
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
    /// Half-way down the valley of the smoothed loss, to two digits; none if it has none.
    pub suggested: Option<f32>,
    /// The end of the valley, where the smoothed loss is lowest, likewise.
    pub lowest: Option<f32>,
}

/// Times the lowest mean of [`FEW`] losses in a row, at which a test ends. A loss alone varies as much from
/// batch to batch.
pub const DIVERGED: f32 = 4.0;
/// Of the steps, the share over which a loss's weight in the running mean falls to 1 / e: fastai's 50 of 150.
const MEMORY: f64 = 1.0 / 3.0;
/// One of so many steps is at the beginning, where rates change next to nothing.
const BEGINNING: usize = 10;
/// Losses in a row whose mean tells that training undid what it had learned.
pub const FEW: usize = 5;
/// Standard deviations of the losses of the beginning, above which such a mean is taken for a rise.
const WORSE: f32 = 3.0;
/// A mean below this share of the loss of guessing is that of a network that has learned something.
const LEARNED: f32 = 0.9;

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
        let penalty = penalty_of(backend)?;
        let taken = loader.train(backend, &batches, config.optimizer(rate), go_on);
        let taken: StepMetrics = taken?.into_iter().sum();
        let loss = (taken.loss / taken.samples as f64 - penalty) as f32;
        progress.advance(1);
        if !loss.is_finite() {
            end = RateEnd::Diverged;
            break;
        }
        rates.push(rate);
        losses.push(loss);
        let Some(first) = losses.len().checked_sub(FEW) else { continue };
        let mean = mean(&losses[first..]);
        lowest = lowest.min(mean);
        if mean > DIVERGED * lowest {
            end = RateEnd::Diverged;
            break;
        }
    }
    progress.end();
    let weights = config.loss(&data.train.y, &data.classes)?.class_weights;
    let points =
        points(&rates, &losses, range.steps, guessing(data.classes.len(), &data.train.y, &weights));
    let [suggested, lowest] = match valley(&points, range.steps) {
        Some(valley) => valley.map(|at| Some(two_digits(points[at].learning_rate))),
        None => [None; 2],
    };
    Ok(RateTest { range, points, end, suggested, lowest })
}

/// The penalty that is part of the next step's loss.
fn penalty_of(backend: &mut dyn Backend) -> Result<f64> {
    let penalised = backend.plan().graph().parameters().iter().any(|p| p.l2 != 0.0);
    if !penalised {
        return Ok(0.0);
    }
    let parameters = backend.state()?.parameters;
    Ok(penalty(backend.plan().graph(), &parameters))
}

/// The mean loss of equal probabilities; there are no weights where all classes count alike.
fn guessing(classes: usize, labels: &[u32], weights: &[f32]) -> f32 {
    let loss = (classes as f32).ln();
    if weights.is_empty() {
        return loss;
    }
    let sum: f64 = labels.iter().map(|label| f64::from(weights[*label as usize])).sum();
    loss * (sum / labels.len() as f64) as f32
}

/// `guessing` is the loss of equal probabilities.
fn points(rates: &[f32], losses: &[f32], steps: usize, guessing: f32) -> Vec<RatePoint> {
    let kept = undone(losses, steps, guessing).unwrap_or(losses.len());
    let smoothed = running_means(&losses[..kept], 1.0 - (1.0 / (MEMORY * steps as f64)).min(0.9));
    let point = |(i, (learning_rate, loss)): (usize, (&f32, &f32))| RatePoint {
        learning_rate: *learning_rate,
        loss: *loss,
        smoothed: smoothed.get(i).copied(),
    };
    rates.iter().zip(losses).enumerate().map(point).collect()
}

fn beginning(steps: usize) -> usize {
    (steps / BEGINNING).max(FEW)
}

fn mean(losses: &[f32]) -> f32 {
    losses.iter().sum::<f32>() / losses.len() as f32
}

/// Mean and standard deviation.
fn spread(losses: &[f32]) -> (f32, f32) {
    let mean = mean(losses);
    let variance =
        losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f32>() / losses.len() as f32;
    (mean, variance.sqrt())
}

/// The first of the first [`FEW`] steps whose mean loss is above those of the beginning by [`WORSE`] of their
/// standard deviations, or that of guessing again after it was well below. What follows may be a network whose
/// units are dead: it guesses, which can be less than what training has lost.
fn undone(losses: &[f32], steps: usize, guessing: f32) -> Option<usize> {
    let (level, deviation) = spread(losses.get(..beginning(steps))?);
    let highest = level + WORSE * deviation;
    let mut learned = false;
    losses.windows(FEW).position(|few| {
        let mean = mean(few);
        learned |= mean < LEARNED * guessing;
        mean > highest || (learned && mean >= guessing)
    })
}

/// Exponential running means, without the bias of their beginning.
fn running_means(losses: &[f32], beta: f64) -> Vec<f32> {
    let (mut sum, mut weights) = (0.0, 0.0);
    let mean = |loss: &f32| {
        sum = beta * sum + f64::from(*loss);
        weights = beta * weights + 1.0;
        (sum / weights) as f32
    };
    losses.iter().map(mean).collect()
}

/// The middle and the last step of the smoothed curve's valley. None where the losses of as many steps as the
/// beginning has do not fall by more than they vary there, or are lowest at the end of the whole test.
fn valley(points: &[RatePoint], steps: usize) -> Option<[usize; 2]> {
    let smoothed: Vec<f32> = points.iter().map_while(|point| point.smoothed).collect();
    let losses: Vec<f32> = points[..smoothed.len()].iter().map(|point| point.loss).collect();
    let beginning = beginning(steps);
    let first = losses.get(..beginning)?;
    let (level, deviation) = spread(first);
    let means: Vec<f32> = losses.windows(beginning).map(mean).collect();
    let (last, others) = means.split_last()?;
    let lowest = others.iter().copied().fold(f32::INFINITY, f32::min);
    if lowest.min(*last) >= level - deviation || (smoothed.len() == steps && *last <= lowest) {
        return None;
    }
    longest_valley(&smoothed[beginning..]).map(|valley| valley.map(|at| at + beginning))
}

/// fastai's `valley`: the middle and the end of the longest falling subsequence, whose beginning is taken to be as
/// many places before its end as it has values.
fn longest_valley(values: &[f32]) -> Option<[usize; 2]> {
    // For each length the last value of a falling subsequence, the highest that there is.
    let (mut lasts, mut end): (Vec<f32>, usize) = (Vec::new(), 0);
    for (at, value) in values.iter().enumerate() {
        let longer = lasts.partition_point(|last| last > value);
        match lasts.get_mut(longer) {
            Some(last) => *last = *value,
            None => {
                lasts.push(*value);
                end = at;
            }
        }
    }
    let length = lasts.len();
    let middle = (end + length / 3 + length / 6).saturating_sub(length);
    (length > 1).then_some([middle, end])
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

    const GUESSING: f32 = 1.386;

    fn found(losses: &[f32]) -> (Vec<RatePoint>, Option<[f32; 2]>) {
        let range = RateRange { from: 1e-6, to: 10.0, steps: 141 };
        let rates: Vec<f32> = (0..losses.len()).map(|step| range.rate(step)).collect();
        let points = points(&rates, losses, 141, GUESSING);
        let valley = valley(&points, 141).map(|valley| valley.map(|at| rates[at]));
        (points, valley)
    }

    /// Losses by the exponent of the rate, which vary from batch to batch.
    fn losses(of: impl Fn(f64) -> f64) -> Vec<f32> {
        let range = RateRange { from: 1e-6, to: 10.0, steps: 141 };
        let mut stream = crate::random::streams::Stream::new(3, "batches");
        let loss = |step| of(f64::from(range.rate(step)).log10()) + 0.02 * stream.normal();
        (0..141).map(loss).map(|loss| loss as f32).collect()
    }

    /// Falls by `depth` around a rate of 0.01.
    fn fall(exponent: f64, depth: f64) -> f64 {
        depth / (1.0 + (-4.0 * (exponent + 2.0)).exp())
    }

    #[test]
    fn the_middle_of_the_valley_is_suggested() {
        // Rises behind 0.3.
        let rise = |exponent: f64| (4.0 * (exponent + 0.5)).exp().min(100.0);
        let (points, valley) = found(&losses(|e| 2.0 - fall(e, 1.0) + rise(e)));
        let [suggested, lowest] = valley.unwrap();
        assert!((0.001..0.05).contains(&suggested), "{suggested}");
        assert!((0.1..0.5).contains(&lowest), "{lowest}");
        assert!(points[140].smoothed.is_none() && points[100].smoothed.is_some());
        // One that rises only has none, and one that still falls at the end has none.
        for losses in [losses(|e| e + 9.0), losses(|e| 2.0 - e)] {
            assert_eq!(found(&losses).1, None);
        }
        // Nor has noise, but for one in seven.
        let mut stream = crate::random::streams::Stream::new(1, "noise");
        let mut noise =
            || (0..141).map(|_| 2.0 + 0.1 * stream.normal() as f32).collect::<Vec<f32>>();
        let some = (0..100).filter(|_| found(&noise()).1.is_some()).count();
        assert!(some < 25, "{some}");
    }

    /// From 1 on the network is dead and guesses, which is less than at the beginning.
    #[test]
    fn a_dead_network_is_not_chosen() {
        let dead = |learned: f64| {
            move |e: f64| match e {
                e if e >= 0.0 => f64::from(GUESSING),
                e if e >= -0.5 => 3.0,
                e => 2.0 - fall(e, 2.0 - learned),
            }
        };
        // It learned less than guessing takes, or more.
        for learned in [1.6, 0.9] {
            let (points, valley) = found(&losses(dead(learned)));
            let [suggested, lowest] = valley.unwrap();
            assert!(
                (0.001..0.1).contains(&suggested) && lowest < 0.4,
                "{learned}: {suggested} {lowest}"
            );
            assert!(points[120].smoothed.is_none(), "{learned}");
        }
        // It goes back to guessing without ever being worse than at the beginning.
        let back = losses(|e| if e >= 0.0 { f64::from(GUESSING) } else { 2.0 - fall(e, 1.1) });
        let (points, valley) = found(&back);
        assert!(valley.unwrap()[1] < 1.01 && points[139].smoothed.is_none());
    }

    #[test]
    fn class_weights_are_part_of_the_loss_of_guessing() {
        assert!((guessing(4, &[0, 3], &[]) - GUESSING).abs() < 1e-3);
        // Three of weight 2 and one of weight 6.
        assert!((guessing(4, &[0, 0, 1, 0], &[2.0, 6.0, 1.0, 1.0]) - 3.0 * GUESSING).abs() < 1e-3);
    }

    #[test]
    fn valleys_are_those_of_fastai() {
        let mut stream = crate::random::streams::Stream::new(7, "valleys");
        for n in 2..60 {
            let values: Vec<f32> =
                (0..n).map(|i| (stream.normal() - 0.05 * i as f64) as f32).collect();
            let mut lengths = vec![1; n];
            let mut end = 0;
            for i in 0..n {
                for j in 0..i {
                    if values[i] < values[j] {
                        lengths[i] = lengths[i].max(lengths[j] + 1);
                    }
                }
                if lengths[i] > lengths[end] {
                    end = i;
                }
            }
            let length = lengths[end];
            let middle = (end + length / 3 + length / 6).saturating_sub(length);
            let want = (length > 1).then_some([middle, end]);
            assert_eq!(longest_valley(&values), want, "{values:?}");
        }
        assert_eq!(longest_valley(&[2.0; 9]), None);
    }

    #[test]
    fn running_means_have_no_bias() {
        assert!(running_means(&[2.0; 9], 0.9).iter().all(|mean| (mean - 2.0).abs() < 1e-6));
        assert_eq!(running_means(&[1.0, 4.0], 0.5), [1.0, 3.0]);
    }
}
