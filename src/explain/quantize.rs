//! Spectrograms and maps quantized to one byte per value, for files that are displayed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// A spectrogram in 256 steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// What 0 stands for, in the unit of the arrays.
    pub low: f32,
    /// What 255 stands for.
    pub high: f32,
    /// Base64 of one byte for each of `[bands, frames]`, lowest band first.
    pub bytes: String,
}

impl Picture {
    /// Of `values`, `[bands, frames]`, in 256 steps from the smallest to the largest.
    pub fn of(values: &[f32]) -> Self {
        let low = values.iter().copied().fold(f32::INFINITY, f32::min);
        let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // One value everywhere is all low.
        let scale = if high > low { 255.0 / (high - low) } else { 0.0 };
        let byte = |v: &f32| ((v - low) * scale).round() as u8;
        Self { low, high, bytes: STANDARD.encode(values.iter().map(byte).collect::<Vec<_>>()) }
    }

    /// The values again, to half a step; none if the text is not Base64.
    pub fn values(&self) -> Option<Vec<f32>> {
        let step = (self.high - self.low) / 255.0;
        let bytes = STANDARD.decode(&self.bytes).ok()?;
        Some(bytes.into_iter().map(|b| self.low + step * f32::from(b)).collect())
    }
}

/// A signed map in steps: a byte `b` from -127 to 127 stands for `high · b / 127` where it is
/// positive and for `low · -b / 127` where it is negative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignedMap {
    /// The largest value; 0 where none is positive: the heatmap is empty.
    pub high: f32,
    /// The smallest value; 0 where none is negative.
    pub low: f32,
    /// Base64 of one signed byte for each of `[h, w]`.
    pub bytes: String,
}

impl SignedMap {
    /// Of `values`, `[h, w]`.
    pub fn of(values: &[f32]) -> Self {
        let high = values.iter().copied().fold(0.0, f32::max);
        let low = values.iter().copied().fold(0.0, f32::min);
        let byte = |v: &f32| {
            let side = if *v > 0.0 { high } else { -low };
            // A cast of NaN, from 0 / 0, is 0.
            (v / side * 127.0).round() as i8 as u8
        };
        Self { high, low, bytes: STANDARD.encode(values.iter().map(byte).collect::<Vec<_>>()) }
    }

    /// The values again, to half a step; none if the text is not Base64.
    pub fn values(&self) -> Option<Vec<f32>> {
        let value = |b: u8| {
            let share = f32::from(b as i8) / 127.0;
            share.abs() * if share > 0.0 { self.high } else { self.low }
        };
        Some(STANDARD.decode(&self.bytes).ok()?.into_iter().map(value).collect())
    }

    /// Whether no value is positive.
    pub fn is_empty(&self) -> bool {
        self.high <= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_to_half_a_step() {
        let values: Vec<f32> = (0..300).map(|i| (i as f32 * 0.7).sin() * 3.0 - 1.0).collect();
        let near = |got: Vec<f32>, step: f32| {
            got.iter().zip(&values).all(|(a, b)| (a - b).abs() <= step / 2.0 + 1e-6)
        };
        assert!(near(Picture::of(&values).values().unwrap(), 6.0 / 255.0));
        let map = SignedMap::of(&values);
        assert!(near(map.values().unwrap(), 4.0 / 127.0));
        assert!(!map.is_empty());
        // What is small and positive is seen beside what is large and negative.
        let map = SignedMap::of(&[-100.0, 0.001, 0.002]);
        let got = map.values().unwrap();
        assert!((got[1] - 0.001).abs() < 1e-5 && got[2] == 0.002, "{got:?}");
    }

    #[test]
    fn nothing_positive_is_empty_and_one_value_is_a_picture() {
        assert!(SignedMap::of(&[-1.0, 0.0]).is_empty());
        assert_eq!(SignedMap::of(&[0.0, 0.0]).values(), Some(vec![0.0, 0.0]));
        assert_eq!(Picture::of(&[4.0; 3]).values(), Some(vec![4.0; 3]));
        let damaged = SignedMap { bytes: "?".into(), ..SignedMap::of(&[1.0]) };
        assert_eq!(damaged.values(), None);
    }
}
