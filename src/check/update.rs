//! The optimiser beside its formula.

use super::cases::{Case, fill};
use super::deviation::{Deviation, Nans, Tolerance};
use super::opened::Opened;
use super::record::batches;
use crate::backend::{DatasetRef, Sgd};
use crate::error::Result;
use crate::naive;

const UPDATE: Tolerance = Tolerance { absolute: 1e-7, relative: 1e-6 };

/// Three steps with momentum: velocity and weights beside the formula in f64, which is given the
/// device's own gradients. Moving statistics are left out.
///
/// # Errors
/// If the device fails.
pub fn updates(case: &Case, device: &mut Opened, nesterov: bool) -> Result<Vec<Deviation>> {
    let sgd = Sgd { momentum: 0.9, nesterov, ..Sgd::plain(0.1) };
    let (x, y, parameters) = fill(case, case.batch);
    let samples = DatasetRef::new(&x, &y);
    device.set_parameters(&parameters)?;
    let widen = |x: &[f32]| x.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    let mut w = widen(&parameters);
    let mut v = vec![0.0; w.len()];
    let reference = naive::sgd::Sgd {
        rate: f64::from(sgd.learning_rate),
        momentum: f64::from(sgd.momentum),
        nesterov,
    };
    let batch: Vec<u32> = (0..case.batch as u32).collect();
    for _ in 0..3 {
        device.backend().train_step(samples, &batches(&batch), sgd)?;
        reference.step(&mut w, &mut v, &widen(&device.backend().parameter_gradients()?));
    }
    let state = device.backend().state()?;
    let trainable = case.graph.parameters().iter().filter(|p| p.role.is_trainable());
    let compare = |what: &str, name: &str, got: &[f32], want: &[f64]| {
        let name = format!("{}: {what} of {name}", case.name);
        Deviation::of(&name, &[want.len()], got, want, UPDATE, Nans::Never)
    };
    let deviations = trainable.flat_map(|p| {
        let at = p.range();
        let velocity = (&state.velocity[at.clone()], &v[at.clone()]);
        let weights = (&state.parameters[at.clone()], &w[at]);
        [
            compare("velocity", &p.name, velocity.0, velocity.1),
            compare("weights", &p.name, weights.0, weights.1),
        ]
    });
    Ok(deviations.collect())
}
