//! What the spectrograms of each class are like: levels along frequency, and how they vary.

use serde::{Deserialize, Serialize};

use super::spread::Spread;
use crate::data::{Part, Scale};

/// Spectrograms of a class, in the unit of the arrays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassTexture {
    /// The samples' true class.
    pub label: u32,
    /// The mean level of each band; empty without samples.
    pub bands: Vec<f32>,
    /// Over samples: the mean level.
    pub level: Spread,
    /// The mean level of the upper half of the bands minus that of the lower half.
    pub tilt: Spread,
    /// How a band varies in time: the standard deviation over frames, averaged over bands.
    pub modulation: Spread,
    /// How neighbouring bands differ: the mean absolute difference. Tones are lines along time and
    /// make it large, noise makes it small.
    pub contrast: Spread,
}

/// A sample's numbers.
struct Texture {
    bands: Vec<f64>,
    level: f64,
    tilt: f64,
    modulation: f64,
    contrast: f64,
}

/// Of scaled samples of this shape, by label.
pub fn textures(part: &Part, shape: [usize; 3], scale: Scale, classes: usize) -> Vec<ClassTexture> {
    let len = shape.iter().product::<usize>().max(1);
    let samples = |label: u32| {
        let own = part.x.chunks_exact(len).zip(&part.y).filter(move |(_, y)| **y == label);
        own.map(|(x, _)| Texture::of(x, shape, scale)).collect::<Vec<_>>()
    };
    let of_class = |label: u32| {
        let samples = samples(label);
        let spread = |of: fn(&Texture) -> f64| {
            Spread::of(&samples.iter().map(|sample| Some(of(sample))).collect::<Vec<_>>())
        };
        let n = samples.len() as f64;
        let band = |b: usize| (samples.iter().map(|s| s.bands[b]).sum::<f64>() / n) as f32;
        let bands = if samples.is_empty() { 0 } else { shape[0] };
        ClassTexture {
            label,
            bands: (0..bands).map(band).collect(),
            level: spread(|sample| sample.level),
            tilt: spread(|sample| sample.tilt),
            modulation: spread(|sample| sample.modulation),
            contrast: spread(|sample| sample.contrast),
        }
    };
    (0..classes as u32).map(of_class).collect()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

impl Texture {
    fn of(x: &[f32], [h, w, c]: [usize; 3], scale: Scale) -> Self {
        // The mean over channels, back in the unit of the arrays.
        let raw = |x: &f32| f64::from(*x / scale.factor + scale.offset);
        let cells: Vec<f64> = x.chunks_exact(c).map(|cell| mean(cell.iter().map(raw))).collect();
        let rows: Vec<&[f64]> = cells.chunks_exact(w).collect();
        let bands: Vec<f64> = rows.iter().map(|row| mean(row.iter().copied())).collect();
        let deviation = |(row, level): (&&[f64], &f64)| {
            mean(row.iter().map(|v| (v - level) * (v - level))).sqrt()
        };
        let step = |pair: &[&[f64]]| mean(pair[0].iter().zip(pair[1]).map(|(a, b)| (a - b).abs()));
        let half = h.div_ceil(2);
        Self {
            level: mean(bands.iter().copied()),
            tilt: mean(bands[h - half..].iter().copied()) - mean(bands[..half].iter().copied()),
            modulation: mean(rows.iter().zip(&bands).map(deviation)),
            contrast: mean(rows.windows(2).map(step)),
            bands,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ScaleKind;

    /// Two bands by two frames. By hand: (−20, −24 | −50, −50) has levels −22 and −50, deviations
    /// 2 and 0, steps 30 and 26.
    #[test]
    fn textures_by_hand() {
        let scale = Scale { kind: ScaleKind::Standard, offset: -40.0, factor: 0.1 };
        let raw = [-20.0, -24.0, -50.0, -50.0, -40.0, -40.0, -40.0, -40.0_f32];
        let x = raw.iter().map(|v| (v + 40.0) * 0.1).collect();
        let part = Part { x, y: vec![1, 0], song: None };
        let got = textures(&part, [2, 2, 1], scale, 3);
        assert_eq!((got.len(), got[2].bands.len(), got[2].level.n), (3, 0, 0));
        let close = |got: Option<f64>, want: f64| (got.unwrap() - want).abs() < 1e-4;
        assert!(close(got[1].level.mean, -36.0) && close(got[1].tilt.mean, -28.0));
        assert!(close(got[1].modulation.mean, 1.0) && close(got[1].contrast.mean, 28.0));
        assert!((got[1].bands[0] + 22.0).abs() < 1e-4 && (got[1].bands[1] + 50.0).abs() < 1e-4);
        assert!(close(got[0].level.mean, -40.0) && close(got[0].modulation.mean, 0.0));
    }

    #[test]
    fn one_band_has_no_contrast() {
        let part = Part { x: vec![1.0, 2.0], y: vec![0], song: None };
        let got = textures(&part, [1, 2, 1], Scale::NONE, 1);
        assert_eq!((got[0].contrast.n, got[0].level.mean), (0, Some(1.5)));
    }
}
