//! What muting a part of a sample does to its class: the plainest test of what a network uses.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::grid::muted;
use super::network::{Network, samples_at_once, target_probabilities};
use crate::error::Result;
use crate::metrics::mean_and_deviation;
use crate::progress::Progress;

/// Fall of the target's probability where a window of bands (over all frames) or of frames (over
/// all bands) is replaced by the training set's mean in each band. A window is a tenth of its axis
/// and moves by half of itself; a place has the mean over the windows that cover it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Occlusion {
    /// For each band.
    pub bands: Vec<f32>,
    /// For each frame.
    pub frames: Vec<f32>,
}

/// Occlusion curves of the samples of a class that are classified correctly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassOcclusion {
    /// The samples' true class.
    pub label: u32,
    /// How many samples.
    pub n: usize,
    /// For each band.
    pub bands: MeanCurve,
    /// For each frame.
    pub frames: MeanCurve,
}

/// A curve over samples, place by place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MeanCurve {
    /// Over samples; empty if there are none.
    pub mean: Vec<f64>,
    /// Divisor n − 1; empty below two samples.
    pub deviation: Vec<f64>,
}

impl MeanCurve {
    /// Of curves of one length.
    pub(super) fn of<'a, T: Copy + 'a>(curves: impl Iterator<Item = &'a [T]>) -> Self
    where
        f64: From<T>,
    {
        let curves: Vec<&[T]> = curves.collect();
        let length = curves.first().map_or(0, |curve| curve.len());
        let at = |i| {
            let values: Vec<f64> = curves.iter().map(|curve| f64::from(curve[i])).collect();
            mean_and_deviation(&values)
        };
        let (mean, deviation): (Vec<_>, Vec<_>) = (0..length).map(at).unzip();
        let known = |values: Vec<Option<f64>>| values.into_iter().flatten().collect();
        Self { mean: known(mean), deviation: known(deviation) }
    }
}

/// Occlusion curves of scaled samples `x` (`[n, h, w, c]`), each for its own target. `shape` is a
/// sample's, `fill` the training set's mean in each band, `[h]`, scaled likewise. That is some 40
/// forward passes for a sample.
///
/// # Errors
/// If the device fails.
pub fn occlusions(
    network: &mut dyn Network,
    x: &[f32],
    targets: &[u32],
    shape: [usize; 3],
    fill: &[f32],
    progress: &dyn Progress,
) -> Result<Vec<Occlusion>> {
    let [h, w, c] = shape;
    let (bands, frames) = (windows(h), windows(w));
    let (muted, variants) = (muted(fill, shape), 1 + bands.len() + frames.len());
    let at_once = samples_at_once(h * w * c, variants);
    let mut found = Vec::with_capacity(targets.len());
    progress.begin("occlusion", targets.len() as u64, "samples");
    for (x, targets) in x.chunks(at_once * h * w * c).zip(targets.chunks(at_once)) {
        let mut input = Vec::with_capacity(x.len() * variants);
        for sample in x.chunks_exact(h * w * c) {
            input.extend_from_slice(sample);
            for window in &bands {
                let begin = input.len();
                input.extend_from_slice(sample);
                let run = window.start * w * c..window.end * w * c;
                input[begin..][run.clone()].copy_from_slice(&muted[run]);
            }
            for window in &frames {
                let begin = input.len();
                input.extend_from_slice(sample);
                for band in 0..h {
                    let run = (band * w + window.start) * c..(band * w + window.end) * c;
                    input[begin..][run.clone()].copy_from_slice(&muted[run]);
                }
            }
        }
        let p = target_probabilities(network, &input, targets, variants)?;
        found.extend(p.chunks_exact(variants).map(|p| {
            let falls: Vec<f64> = p[1..].iter().map(|muted| p[0] - muted).collect();
            let (of_bands, of_frames) = falls.split_at(bands.len());
            Occlusion { bands: curve(&bands, of_bands, h), frames: curve(&frames, of_frames, w) }
        }));
        progress.advance(targets.len() as u64);
    }
    progress.end();
    Ok(found)
}

/// The curves of each of so many classes, by label, over the samples that are `predicted` correctly:
/// mean maps are of those, too.
pub fn class_occlusions(
    found: &[Occlusion],
    y: &[u32],
    predicted: &[u32],
    classes: usize,
) -> Vec<ClassOcclusion> {
    let of_class = |label: u32| {
        let is_right = move |(_, (y, p)): &(&Occlusion, (&u32, &u32))| **y == label && y == p;
        let own = || found.iter().zip(y.iter().zip(predicted)).filter(is_right).map(|(one, _)| one);
        ClassOcclusion {
            label,
            n: own().count(),
            bands: MeanCurve::of(own().map(|one| &one.bands[..])),
            frames: MeanCurve::of(own().map(|one| &one.frames[..])),
        }
    };
    (0..classes as u32).map(of_class).collect()
}

/// Windows over an axis; the last ends where the axis does.
fn windows(length: usize) -> Vec<Range<usize>> {
    let size = ((length as f64 / 10.0).round() as usize).clamp(1, length.max(1));
    let step = (size / 2).max(1);
    let last = length.saturating_sub(size);
    let starts = (0..last).step_by(step).chain([last]);
    starts.map(|start| start..(start + size).min(length)).collect()
}

/// Each place's mean over the windows that cover it.
fn curve(windows: &[Range<usize>], falls: &[f64], length: usize) -> Vec<f32> {
    let (mut sum, mut count) = (vec![0.0; length], vec![0_u32; length]);
    for (window, fall) in windows.iter().zip(falls) {
        for i in window.clone() {
            sum[i] += fall;
            count[i] += 1;
        }
    }
    sum.into_iter().zip(count).map(|(sum, count)| (sum / f64::from(count)) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::SampleMaps;
    use crate::progress::Silent;

    #[test]
    fn windows_cover_their_axis() {
        assert_eq!(windows(1).len(), 1);
        assert_eq!(windows(3), [0..1, 1..2, 2..3]);
        assert_eq!(windows(80).len(), 19);
        assert_eq!(windows(80)[..3], [0..8, 4..12, 8..16]);
        assert_eq!(windows(25).last(), Some(&(22..25)));
        for length in 1..200 {
            let windows = windows(length);
            let covered = |i: usize| windows.iter().any(|window| window.contains(&i));
            assert!(
                (0..length).all(covered) && windows.iter().all(|w| w.end <= length),
                "{length}"
            );
            assert!(windows.windows(2).all(|pair| pair[0].start < pair[1].start), "{length}");
        }
    }

    #[test]
    fn a_place_has_the_mean_of_its_windows() {
        assert_eq!(curve(&[0..2, 1..3], &[0.5, 0.25], 3), [0.5, 0.375, 0.25]);
    }

    /// Class 1's probability is the sample's element of band 2, frame 0.
    struct OneElement;

    impl Network for OneElement {
        fn set_parameters(&mut self, _: &[f32]) -> Result<()> {
            Ok(())
        }

        fn probabilities(&mut self, x: &[f32]) -> Result<Vec<f32>> {
            Ok(x.chunks_exact(12).flat_map(|x| [1.0 - x[6], x[6]]).collect())
        }

        fn maps(&mut self, _: &[f32], _: &[u32]) -> Result<Vec<SampleMaps>> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn only_what_is_used_matters_when_muted() {
        let x: Vec<f32> = [vec![0.75; 12], vec![0.5; 12]].concat();
        let fill = [0.0, 0.0, 0.25, 0.0];
        let got = occlusions(&mut OneElement, &x, &[1, 0], [4, 3, 1], &fill, &Silent).unwrap();
        assert_eq!(got[0].bands, [0.0, 0.0, 0.5, 0.0]);
        assert_eq!(got[0].frames, [0.5, 0.0, 0.0]);
        assert_eq!(got[1].bands, [0.0, 0.0, -0.25, 0.0], "for its own target");
        let classes = class_occlusions(&got, &[1, 1], &[1, 0], 3);
        assert_eq!((classes[1].n, &classes[1].bands.mean[..]), (1, &[0.0, 0.0, 0.5, 0.0][..]));
        let classes = class_occlusions(&got, &[1, 1], &[1, 1], 3);
        assert_eq!((classes.len(), classes[1].n, classes[0].n), (3, 2, 0));
        assert_eq!(classes[1].bands.mean, [0.0, 0.0, 0.125, 0.0]);
        let deviation = (2.0 * 0.375_f64 * 0.375).sqrt();
        assert!((classes[1].bands.deviation[2] - deviation).abs() < 1e-12);
        assert_eq!(classes[2].frames, MeanCurve::default());
    }
}
