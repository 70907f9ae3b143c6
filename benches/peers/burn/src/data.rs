//! The arrays that `genre-gpu demo --arrays` writes, scaled as genre-gpu scales them.

use std::path::Path;

use burn::prelude::*;
use ndarray::{Array1, Array3};

use crate::start::Outcome;

/// Samples `[n, 1, bands, frames]` and their labels, on the device.
pub struct Part {
    pub x: Tensor<4>,
    pub y: Tensor<1, Int>,
    pub samples: usize,
    pub height: usize,
}

/// Mean and deviation of the training part, which all parts are scaled by.
pub struct Scale {
    mean: f64,
    deviation: f64,
}

impl Scale {
    fn of(x: &Array3<f32>) -> Self {
        let n = x.len() as f64;
        let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        Self { mean, deviation: variance.sqrt() }
    }
}

impl Part {
    /// The training part, and what scales the others.
    pub fn train(folder: &Path, device: &Device) -> Outcome<(Self, Scale)> {
        let x: Array3<f32> = ndarray_npy::read_npy(folder.join("x_train.npy"))?;
        let scale = Scale::of(&x);
        Ok((Self::scaled(folder, "train", x, &scale, device)?, scale))
    }

    pub fn val(folder: &Path, scale: &Scale, device: &Device) -> Outcome<Self> {
        let x = ndarray_npy::read_npy(folder.join("x_val.npy"))?;
        Self::scaled(folder, "val", x, scale, device)
    }

    fn scaled(
        folder: &Path,
        part: &str,
        x: Array3<f32>,
        scale: &Scale,
        device: &Device,
    ) -> Outcome<Self> {
        let y: Array1<u8> = ndarray_npy::read_npy(folder.join(format!("y_{part}.npy")))?;
        let (samples, height, width) = x.dim();
        let x = x.mapv_into(|v| ((f64::from(v) - scale.mean) / scale.deviation) as f32);
        let x = TensorData::new(x.into_raw_vec_and_offset().0, [samples, 1, height, width]);
        let y: Vec<i32> = y.iter().map(|&label| i32::from(label)).collect();
        Ok(Self {
            x: Tensor::from_data(x, device),
            y: Tensor::from_data(TensorData::new(y, [samples]), device),
            samples,
            height,
        })
    }
}
