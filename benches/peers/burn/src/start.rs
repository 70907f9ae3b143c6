//! The initial weights and the order of samples that genre-gpu has, as `cargo bench --bench
//! epoch -- --write-start` leaves them: Keras's layouts, channels last.

use std::error::Error;
use std::path::Path;

use burn::prelude::*;
use ndarray::{Array1, Array2, Array4, Ix2};

pub type Outcome<T> = Result<T, Box<dyn Error>>;

pub struct Start<'a> {
    pub folder: &'a Path,
    pub device: &'a Device,
}

impl Start<'_> {
    /// `[k_h, k_w, c_in, c_out]` as `[c_out, c_in, k_h, k_w]`.
    pub fn conv_kernel(&self, name: &str) -> Outcome<(TensorData, [usize; 4])> {
        let kernel: Array4<f32> = ndarray_npy::read_npy(self.file(name))?;
        let kernel = kernel.permuted_axes([3, 2, 0, 1]).as_standard_layout().into_owned();
        let (c_out, c_in, k_h, k_w) = kernel.dim();
        let shape = [c_out, c_in, k_h, k_w];
        Ok((TensorData::new(kernel.into_raw_vec_and_offset().0, shape), shape))
    }

    /// `[in, out]`; behind a flattened map of `[height, channels]` its rows go from Keras's order
    /// (h, w, c) to ours (c, h, w), so that both compute the same.
    pub fn dense_kernel(
        &self,
        name: &str,
        map: Option<[usize; 2]>,
    ) -> Outcome<(TensorData, [usize; 2])> {
        let kernel: Array2<f32> = ndarray_npy::read_npy(self.file(name))?;
        let (n_in, n_out) = kernel.dim();
        let kernel = match map {
            Some([h, c]) => kernel
                .into_shape_with_order([h, n_in / (h * c), c, n_out])?
                .permuted_axes([2, 0, 1, 3])
                .as_standard_layout()
                .into_owned()
                .into_shape_with_order([n_in, n_out])?
                .into_dimensionality::<Ix2>()?,
            None => kernel,
        };
        Ok((TensorData::new(kernel.into_raw_vec_and_offset().0, [n_in, n_out]), [n_in, n_out]))
    }

    /// The samples of every epoch, in order.
    pub fn order(&self) -> Outcome<Vec<i32>> {
        let order: Array1<i32> = ndarray_npy::read_npy(self.folder.join("order.npy"))?;
        Ok(order.to_vec())
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.join(format!("{name}.kernel.npy"))
    }
}
