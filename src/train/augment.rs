//! How the samples of an epoch are varied.

use crate::backend::Augmentation;
use crate::data::{Dataset, PartName};
use crate::error::Result;
use crate::models::Augment;
use crate::random::streams::Stream;

/// Mean and deviation of the scaled training set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    /// What masks put.
    pub(super) mean: f32,
    /// The most that a level changes: of arrays in another unit than decibels, a gain in decibels
    /// would leave nothing.
    pub(super) deviation: f32,
}

impl Spread {
    /// Nothing is looked at where nothing is varied.
    pub(super) fn of(data: &Dataset, augment: Augment) -> Result<Self> {
        if augment.is_none() {
            return Ok(Self { mean: 0.0, deviation: 0.0 });
        }
        let (mean, deviation) = data.mean_and_deviation(PartName::Train)?;
        Ok(Self { mean: mean as f32, deviation: deviation as f32 })
    }
}

/// One augmentation for each of the training set's samples, by place in the epoch's order; none where
/// nothing is varied.
pub(super) fn augmentations(
    augment: Augment,
    data: &Dataset,
    spread: Spread,
    seed: u32,
    epoch: usize,
) -> Vec<Augmentation> {
    if augment.is_none() {
        return Vec::new();
    }
    let fill = spread.mean;
    let mut stream = Stream::new(u64::from(seed), &format!("augment/{epoch}"));
    let [h, w, _] = data.sample_shape;
    let gain = f64::from((augment.gain * data.scale.factor).min(spread.deviation));
    let augmentation = |_| {
        let [band, bands] = mask(&mut stream, augment.bands, h);
        let [frame, frames] = mask(&mut stream, augment.frames, w);
        let roll = if augment.roll { stream.below(w) as u32 } else { 0 };
        let gain = stream.between(-gain, gain) as f32;
        Augmentation { roll, band, bands, frame, frames, gain, fill }
    };
    (0..data.train.len()).map(augmentation).collect()
}

/// First element and number of a mask of up to `share` of `n` elements.
fn mask(stream: &mut Stream, share: f32, n: usize) -> [u32; 2] {
    let most = (f64::from(share) * n as f64).round() as usize;
    let count = stream.below(most.min(n) + 1);
    [stream.below(n - count + 1) as u32, count as u32]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Part, Scale};

    fn data() -> Dataset {
        let part = || Part { x: vec![0.0; 200 * 30], y: vec![0; 200], song: None };
        Dataset {
            source: String::new(),
            sample_shape: [10, 3, 1],
            classes: Vec::new(),
            train: part(),
            val: Part::default(),
            test: Part::default(),
            found: Vec::new(),
            hash: String::new(),
            scale: Scale { factor: 0.5, ..Scale::NONE },
            disk: None,
        }
    }

    #[test]
    fn augmentations_keep_to_what_was_asked_for_and_use_all_of_it() {
        let data = data();
        let spread = Spread { mean: 0.25, deviation: 10.0 };
        let all: Augment = "bands=0.3,frames=1,roll,gain=4".parse().unwrap();
        let drawn = augmentations(all, &data, spread, 42, 0);
        assert_eq!(drawn.len(), 200);
        for augmentation in &drawn {
            assert!(
                augmentation.band + augmentation.bands <= 10
                    && augmentation.frame + augmentation.frames <= 3
            );
            assert!(
                augmentation.roll < 3
                    && augmentation.gain.abs() <= 2.0
                    && augmentation.fill == 0.25
            );
        }
        let most = |of: fn(&Augmentation) -> u32| drawn.iter().map(of).max();
        assert_eq!(
            (most(|v| v.bands), most(|v| v.frames), most(|v| v.roll)),
            (Some(3), Some(3), Some(2))
        );
        assert!(drawn.iter().any(|v| v.gain > 1.5) && drawn.iter().any(|v| v.gain < -1.5));
        assert!(drawn == augmentations(all, &data, spread, 42, 0), "the same again");
        assert!(drawn != augmentations(all, &data, spread, 42, 1), "others in another epoch");
        assert!(augmentations(Augment::default(), &data, spread, 42, 0).is_empty());
        let masks = augmentations("bands=0.3".parse().unwrap(), &data, spread, 42, 0);
        // Arrays from 0 to 1, say: a change of level is held to their deviation.
        let narrow = Spread { mean: 0.25, deviation: 0.5 };
        let held = augmentations("gain=4".parse().unwrap(), &data, narrow, 42, 0);
        assert!(held.iter().all(|v| v.gain.abs() <= 0.5) && held.iter().any(|v| v.gain > 0.4));
        assert!(masks.iter().all(|v| v.roll == 0 && v.gain == 0.0 && v.frames == 0));
    }
}
