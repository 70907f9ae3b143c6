//! How many steps go into a submission, from what earlier ones took: plain arithmetic, which is fed
//! with durations. Results do not depend on it.

use std::collections::VecDeque;
use std::time::Duration;

use super::step::Pass;

/// Most steps in one submission.
pub(super) const MOST_STEPS: usize = 64;
/// Most time of a submission, as far as that can be known: Windows resets a device after 2 s and
/// other systems far earlier, and Ctrl-C should take effect.
const SUBMISSION: Duration = Duration::from_millis(250);
/// Measured submissions, the slowest of which decides. While the host is busy, submissions in flight
/// end unseen, and the next ones that it waits for seem to take no time.
const REMEMBERED: usize = 3;
/// A step of this time should be made smaller: it cannot be divided over submissions.
const SLOW_STEP: Duration = Duration::from_millis(500);

/// The pace of one kind of pass.
#[derive(Debug, Default)]
struct Pace {
    /// Times of a step in the last submissions, the latest at the end.
    recent: VecDeque<Duration>,
    /// Steps in the next submission but for the first, which has one.
    steps: usize,
}

impl Pace {
    /// Steps in the next submission.
    fn steps(&self) -> usize {
        self.steps.max(1)
    }

    /// A submission of some steps took so long. Its successors have at most twice as many.
    fn measured(&mut self, steps: usize, took: Duration) {
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(took.div_f64(steps.max(1) as f64));
        let slowest = self.recent.iter().max().copied().unwrap_or_default();
        let fit = SUBMISSION.as_nanos() / slowest.as_nanos().max(1);
        let most = MOST_STEPS.min(2 * self.steps());
        self.steps = usize::try_from(fit).unwrap_or(MOST_STEPS).clamp(1, most);
    }
}

/// A pace for each kind of pass: an evaluation step takes a fraction of a training step, so that
/// its pace would put too many of those into a submission.
#[derive(Debug, Default)]
pub(super) struct Paces {
    training: Pace,
    inference: Pace,
    /// Whether a slow step was told of.
    told: bool,
}

impl Paces {
    fn of(&mut self, pass: Pass) -> &mut Pace {
        match pass {
            Pass::Train(_) => &mut self.training,
            Pass::Evaluate | Pass::Explain => &mut self.inference,
        }
    }

    /// Steps in the next submission of a pass.
    pub(super) fn steps(&mut self, pass: Pass) -> usize {
        self.of(pass).steps()
    }

    /// A submission of some steps of a pass took so long. Returns the seconds of a training step if
    /// they are too many, once; nobody listens during inference.
    pub(super) fn measured(&mut self, pass: Pass, steps: usize, took: Duration) -> Option<f64> {
        let pace = self.of(pass);
        pace.measured(steps, took);
        // A driver may compile at the first use of a kernel: one measurement says little.
        let fastest = pace.recent.iter().min().copied().filter(|_| pace.recent.len() > 1)?;
        let slow = fastest > SLOW_STEP && !self.told && matches!(pass, Pass::Train(_));
        self.told |= slow;
        slow.then_some(fastest.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Optimizer;
    use crate::gpu::step::Training;

    const TRAIN: Pass = Pass::Train(Training::plain(Optimizer::sgd(0.0)));

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Runs submissions on a device whose steps take `step`; returns the longest.
    fn run(paces: &mut Paces, pass: Pass, step: Duration, submissions: usize) -> Duration {
        let mut longest = Duration::ZERO;
        for _ in 0..submissions {
            let steps = paces.steps(pass);
            let took = step * steps as u32;
            longest = longest.max(took);
            paces.measured(pass, steps, took);
        }
        longest
    }

    #[test]
    fn a_slow_training_after_a_fast_evaluation_submits_few_steps() {
        for (evaluation, training) in [(1, 240), (2, 90), (30, 240), (60, 200)] {
            let mut paces = Paces::default();
            run(&mut paces, TRAIN, ms(training), 5);
            run(&mut paces, Pass::Evaluate, ms(evaluation), 20);
            assert!(paces.steps(Pass::Evaluate) > 2, "{evaluation} ms");
            // What is submitted before anything is measured.
            assert!(ms(training) * paces.steps(TRAIN) as u32 <= SUBMISSION, "{training} ms");
            assert!(run(&mut paces, TRAIN, ms(training), 5) <= SUBMISSION);
            // Explanation goes backward, too, but one step is one call.
            assert_eq!(paces.steps(Pass::Explain), paces.steps(Pass::Evaluate));
        }
    }

    #[test]
    fn a_submission_grows_to_its_time_and_no_further() {
        let mut paces = Paces::default();
        assert_eq!(paces.steps(TRAIN), 1);
        let submitted: Vec<usize> = (0..8)
            .map(|_| {
                let steps = paces.steps(TRAIN);
                paces.measured(TRAIN, steps, ms(10) * steps as u32);
                steps
            })
            .collect();
        assert_eq!(submitted, [1, 2, 4, 8, 16, 25, 25, 25]);
        assert!(run(&mut paces, TRAIN, Duration::from_micros(10), 20) <= SUBMISSION);
        assert_eq!(paces.steps(TRAIN), MOST_STEPS);
        // A device that became slow: one submission is too long, the next is not.
        run(&mut paces, TRAIN, ms(100), 1);
        assert_eq!(paces.steps(TRAIN), 2);
        run(&mut paces, TRAIN, ms(3000), 1);
        assert_eq!(paces.steps(TRAIN), 1);
    }

    #[test]
    fn submissions_that_ended_unseen_do_not_speed_it_up() {
        let mut paces = Paces::default();
        run(&mut paces, TRAIN, ms(100), 4);
        // The host was busy for a second, and the two in flight were done by then.
        paces.measured(TRAIN, 2, ms(1000));
        paces.measured(TRAIN, 2, Duration::ZERO);
        paces.measured(TRAIN, 2, Duration::ZERO);
        assert!(paces.steps(TRAIN) <= 2);
    }

    #[test]
    fn a_slow_step_is_told_once_and_a_slow_start_is_not() {
        let mut paces = Paces::default();
        assert_eq!(paces.measured(TRAIN, 1, ms(3000)), None);
        assert_eq!(paces.measured(TRAIN, 1, ms(400)), None);
        assert_eq!(paces.measured(TRAIN, 1, ms(400)), None);
        let mut paces = Paces::default();
        assert_eq!(paces.measured(Pass::Evaluate, 1, ms(700)), None);
        assert_eq!(paces.measured(Pass::Evaluate, 1, ms(700)), None);
        assert_eq!(paces.measured(TRAIN, 1, ms(900)), None);
        assert_eq!(paces.measured(TRAIN, 1, ms(800)), Some(0.8));
        assert_eq!(paces.measured(TRAIN, 1, ms(800)), None);
    }
}
