//! What checks need of a network: so that they can be given one that must fail them.

use super::explainer::Explainer;
use super::maps::SampleMaps;
use crate::error::Result;

/// A network whose weights can be replaced, and that gives probabilities and maps.
pub trait Network {
    /// Replaces all weights (the graph's flat buffer).
    ///
    /// # Errors
    /// If they are not as many as the graph's.
    fn set_parameters(&mut self, parameters: &[f32]) -> Result<()>;

    /// Probabilities of scaled samples `x` (`[n, h, w, c]`): `[n, classes]`.
    ///
    /// # Errors
    /// If the device fails.
    fn probabilities(&mut self, x: &[f32]) -> Result<Vec<f32>>;

    /// Probabilities and maps of scaled samples `x`, each for the logit of its own `targets`.
    ///
    /// # Errors
    /// If the device fails.
    fn maps(&mut self, x: &[f32], targets: &[u32]) -> Result<Vec<SampleMaps>>;
}

impl Network for Explainer {
    fn set_parameters(&mut self, parameters: &[f32]) -> Result<()> {
        Self::set_parameters(self, parameters)
    }

    fn probabilities(&mut self, x: &[f32]) -> Result<Vec<f32>> {
        Self::probabilities(self, x)
    }

    fn maps(&mut self, x: &[f32], targets: &[u32]) -> Result<Vec<SampleMaps>> {
        Self::maps(self, x, targets)
    }
}

/// Values that are handed to a network at once (64 MiB): it cuts its batches itself, and large
/// hand-overs keep all threads busy.
const MOST_VALUES: usize = 16 << 20;

/// How many samples are looked at together where each is handed over in so many variants.
pub(super) fn samples_at_once(sample_len: usize, variants: usize) -> usize {
    (MOST_VALUES / (sample_len * variants).max(1)).max(1)
}

/// The targets' probabilities of samples that each come in so many variants, `[n, variants]`.
///
/// # Errors
/// If the device fails.
pub(super) fn target_probabilities(
    network: &mut dyn Network,
    x: &[f32],
    targets: &[u32],
    variants: usize,
) -> Result<Vec<f64>> {
    let rows = network.probabilities(x)?;
    let classes = rows.len() / (targets.len() * variants).max(1);
    let of = |(i, row): (usize, &[f32])| {
        let target = targets.get(i / variants).and_then(|target| row.get(*target as usize));
        target.map_or(f64::NAN, |p| f64::from(*p))
    };
    Ok(rows.chunks_exact(classes.max(1)).enumerate().map(of).collect())
}
