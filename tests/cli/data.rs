//! Small data sets: each class lights up a band of its own, between -80 and 0 dB.

use std::path::Path;

use genre_gpu::random::streams::Stream;
use ndarray::{Array1, Array3};
use ndarray_npy::write_npy;

/// What a set is made of.
#[derive(Clone, Copy)]
pub struct Set {
    pub classes: usize,
    /// Samples in train, val and test.
    pub samples: [usize; 3],
    /// Mel bands and frames.
    pub size: [usize; 2],
    pub songs: bool,
}

impl Default for Set {
    fn default() -> Self {
        Self { classes: 4, samples: [48, 16, 16], size: [16, 12], songs: true }
    }
}

/// Samples that one song is cut into.
pub const PER_SONG: usize = 4;

impl Set {
    /// Writes `x_train.npy`, `y_train.npy`, `song_train.npy`, … into the folder.
    pub fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        let mut first_song = 0;
        for (part, n) in ["train", "val", "test"].into_iter().zip(self.samples) {
            let mut noise = Stream::new(7, part);
            let y = Array1::from_shape_fn(n, |i| (i / PER_SONG % self.classes) as i64);
            let [h, w] = self.size;
            let x = Array3::from_shape_fn((n, h, w), |(i, row, _)| {
                let lit = row * self.classes / h == y[i] as usize;
                noise.between(if lit { -30.0 } else { -80.0 }, if lit { 0.0 } else { -40.0 }) as f32
            });
            write_npy(folder.join(format!("x_{part}.npy")), &x).unwrap();
            write_npy(folder.join(format!("y_{part}.npy")), &y).unwrap();
            if self.songs {
                let song = Array1::from_shape_fn(n, |i| (first_song + i / PER_SONG) as i64);
                write_npy(folder.join(format!("song_{part}.npy")), &song).unwrap();
            }
            // No song is in two parts.
            first_song += n.div_ceil(PER_SONG);
        }
    }
}
