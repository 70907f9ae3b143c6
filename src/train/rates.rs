//! The learning rate of each step: by the settings and the epochs before alone, so that a resumed run has the
//! rates of one that was never stopped.

use super::history::Epoch;
use super::settings::Config;

/// The rate of an epoch, from 0, from the epochs before: the schedule's.
pub fn epoch_rate(config: &Config, before: &[Epoch], epoch: usize) -> f32 {
    let val_losses: Vec<f32> = before.iter().map(|e| e.val_loss).collect();
    config.schedule.rate(config.learning_rate, epoch, config.epochs, &val_losses)
}

/// The rate of step `step`, from 0 in its epoch, where that has so many steps: the epoch's rate, in the warm-up
/// times `k / (warmup · steps)` with `k` the number of steps of the run before it. So the first step has rate 0, as
/// with Keras's `warmup_steps`, and the first one behind the warm-up the whole rate.
pub fn step_rate(
    config: &Config,
    (epoch, epoch_rate): (usize, f32),
    step: usize,
    steps: usize,
) -> f32 {
    let before = (epoch as f64) * (steps as f64) + step as f64;
    let warm_up = f64::from(config.warmup) * steps as f64;
    match before < warm_up {
        true => (f64::from(epoch_rate) * (before / warm_up)) as f32,
        false => epoch_rate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::settings::{Recipe, Settings};

    #[test]
    fn a_warm_up_rises_by_step_and_multiplies_the_schedule() {
        let settings = Settings {
            warmup: Some(1.5),
            learning_rate: Some(0.5),
            schedule: Some("step:1:0.5".parse().unwrap()),
            ..Settings::default()
        };
        let config = settings.resolve(Recipe::default()).unwrap();
        let rates = |config: &Config| -> Vec<f32> {
            let of_epoch = |epoch: usize| {
                let rate = epoch_rate(config, &[], epoch);
                (0..4).map(move |step| step_rate(config, (epoch, rate), step, 4))
            };
            (0..3).flat_map(of_epoch).collect()
        };
        let sixths = |rate: f32, k: f64| (f64::from(rate) * (k / 6.0)) as f32;
        let mut expected: Vec<f32> = (0..4).map(|k| sixths(0.5, f64::from(k))).collect();
        expected.extend([sixths(0.25, 4.0), sixths(0.25, 5.0), 0.25, 0.25]);
        expected.extend([0.125; 4]);
        assert_eq!(rates(&config), expected);
        let without = Config { warmup: 0.0, ..config };
        assert_eq!(rates(&without)[..5], [0.5, 0.5, 0.5, 0.5, 0.25]);
    }
}
