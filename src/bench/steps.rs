//! The whole step in the steady state: as the trainer takes it, through
//! [`Backend::train`] over epochs.

use std::ops::ControlFlow;
use std::time::Instant;

use super::kernel::Spread;
use super::{SEED, Site};
use crate::backend::{Backend, Batches, StepsDone};
use crate::error::Result;
use crate::random::keras::Shuffle;

/// The order of an epoch.
pub(super) fn order(site: &Site<'_>, epoch: usize) -> Vec<u32> {
    Shuffle::Keras2.order(SEED, site.samples.y().len(), epoch)
}

/// Steps that were taken.
pub(super) struct Steady {
    /// Seconds of a step while the device was busy with steps alone.
    pub(super) seconds: Spread,
    pub(super) steps: usize,
    /// Seconds of whole epochs, with what begins and ends them.
    pub(super) spent: f64,
    /// Samples that were trained on in them: the last batch of an epoch may be a short one.
    pub(super) samples: u64,
}

/// A device tells of its steps one by one or several at once. Each time between two
/// tellings is one repetition, but for the first and the last of an epoch, when queues
/// fill and empty; a call too short for that is one repetition as a whole.
fn repetitions(told: &[(Instant, u64)], batch: usize) -> Vec<f64> {
    let of = |(from, to): (&(Instant, u64), &(Instant, u64))| {
        (to.0 - from.0).as_secs_f64() * batch as f64 / (to.1 - from.1) as f64
    };
    match told {
        [_, inner @ .., _] if inner.len() > 1 => inner.iter().zip(&inner[1..]).map(of).collect(),
        [first, .., last] => vec![of((first, last))],
        _ => Vec::new(),
    }
}

/// Trains for as long as the budget has it.
pub(super) fn steady(site: &Site<'_>, backend: &mut dyn Backend) -> Result<Steady> {
    let (budget, optimizer) = (site.options.budget, site.options.optimizer);
    let (batch, n) = (site.plan.batch(), site.samples.y().len());
    let mut seconds = Vec::new();
    let (mut steps, mut spent, mut samples) = (0, 0.0, 0);
    site.progress.begin("steps", budget.steps as u64, "steps");
    for epoch in 0.. {
        let order = order(site, epoch);
        let most = (budget.steps.max(1) - steps).saturating_mul(batch).min(n);
        let begin = Instant::now();
        let mut told = vec![(begin, 0)];
        let mut watch = |done: StepsDone| {
            let seen = told.last().map_or(0, |(_, seen)| *seen);
            if done.samples > seen {
                told.push((Instant::now(), done.samples));
                site.progress.advance((done.samples - seen).div_ceil(batch as u64));
            }
            match spent + begin.elapsed().as_secs_f64() < budget.seconds {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        };
        let tallies =
            backend.train(site.samples, &Batches::plain(&order[..most]), optimizer, &mut watch)?;
        steps += tallies.len();
        samples += tallies.iter().map(|tally| tally.samples).sum::<u64>();
        spent += begin.elapsed().as_secs_f64();
        seconds.extend(repetitions(&told, batch));
        if steps >= budget.steps || spent >= budget.seconds {
            break;
        }
    }
    site.progress.end();
    Ok(Steady { seconds: Spread::of(seconds), steps, spent, samples })
}

/// Runs something and tells how long it took.
pub(super) fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let begin = Instant::now();
    let made = work()?;
    Ok((made, begin.elapsed().as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_fills_and_empties_queues_is_no_repetition() {
        let begin = Instant::now();
        let told = |told: &[(u64, u64)]| -> Vec<f64> {
            let at = |&(seconds, seen)| (begin + Duration::from_secs(seconds), seen);
            repetitions(&told.iter().map(at).collect::<Vec<_>>(), 2)
        };
        assert_eq!(told(&[(0, 0), (9, 2), (10, 4), (14, 8), (30, 10)]), [1.0, 2.0]);
        assert_eq!(told(&[(0, 0), (9, 2), (12, 6)]), [4.0], "too few: all of the call");
        assert!(told(&[(0, 0)]).is_empty());
    }
}
