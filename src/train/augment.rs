//! Random augmentations of the samples of an epoch.

use crate::backend::Augmentation;
use crate::data::{Dataset, PartName};
use crate::error::Result;
use crate::models::Augment;
use crate::random::streams::Stream;

/// Mean and standard deviation of the scaled training set.
#[derive(Debug, Clone, Copy)]
pub(super) struct InputStats {
    /// The value of masked elements.
    pub(super) mean: f32,
    /// Upper limit of a gain: in arrays of another unit than decibels, a gain in decibels would
    /// drown the signal.
    pub(super) standard_deviation: f32,
}

impl InputStats {
    /// Zeros without augmentation, which does not use them.
    pub(super) fn of(data: &Dataset, augment: Augment) -> Result<Self> {
        if augment.is_none() {
            return Ok(Self { mean: 0.0, standard_deviation: 0.0 });
        }
        let (mean, standard_deviation) = data.mean_and_deviation(PartName::Train)?;
        Ok(Self { mean: mean as f32, standard_deviation: standard_deviation as f32 })
    }
}

/// One augmentation for each sample of the training set, by its position in the epoch's order; empty
/// without augmentation.
pub(super) fn augmentations(
    augment: Augment,
    data: &Dataset,
    stats: InputStats,
    seed: u32,
    epoch: usize,
) -> Vec<Augmentation> {
    if augment.is_none() {
        return Vec::new();
    }
    let fill = stats.mean;
    let mut stream = Stream::new(u64::from(seed), &format!("augment/{epoch}"));
    let [h, w, _] = data.sample_shape;
    let gain = f64::from((augment.gain * data.scale.factor).min(stats.standard_deviation));
    let augmentation = |_| {
        let [band, bands] = mask(&mut stream, augment.bands, h);
        let [frame, frames] = mask(&mut stream, augment.frames, w);
        let roll = if augment.roll { stream.below(w) as u32 } else { 0 };
        let gain = stream.between(-gain, gain) as f32;
        Augmentation { roll, band, bands, frame, frames, gain, fill }
    };
    (0..data.train.len()).map(augmentation).collect()
}

/// First element and length of a random mask of up to `share` of `n` elements.
fn mask(stream: &mut Stream, share: f32, n: usize) -> [u32; 2] {
    let longest = (f64::from(share) * n as f64).round() as usize;
    let count = stream.below(longest.min(n) + 1);
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
            assumed_classes: false,
            train: part(),
            val: Part::default(),
            test: Part::default(),
            found: Vec::new(),
            hash: String::new(),
            scale: Scale { factor: 0.5, ..Scale::NONE },
            disk: None,
            song_ids: Default::default(),
            val_is_test: false,
        }
    }

    #[test]
    fn augmentations_use_the_whole_range_and_stay_within_it() {
        let data = data();
        let stats = InputStats { mean: 0.25, standard_deviation: 10.0 };
        let all: Augment = "bands=0.3,frames=1,roll,gain=4".parse().unwrap();
        let drawn = augmentations(all, &data, stats, 42, 0);
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
        assert!(drawn == augmentations(all, &data, stats, 42, 0), "the same again");
        assert!(drawn != augmentations(all, &data, stats, 42, 1), "differs in another epoch");
        assert!(augmentations(Augment::default(), &data, stats, 42, 0).is_empty());
        let masks = augmentations("bands=0.3".parse().unwrap(), &data, stats, 42, 0);
        // The gain is limited to the standard deviation, as of arrays from 0 to 1.
        let narrow = InputStats { mean: 0.25, standard_deviation: 0.5 };
        let limited = augmentations("gain=4".parse().unwrap(), &data, narrow, 42, 0);
        assert!(
            limited.iter().all(|v| v.gain.abs() <= 0.5) && limited.iter().any(|v| v.gain > 0.4)
        );
        assert!(masks.iter().all(|v| v.roll == 0 && v.gain == 0.0 && v.frames == 0));
    }
}
