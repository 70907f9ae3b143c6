//! The optimisers beside their formulas.

use super::cases::{Case, fill};
use super::deviation::{Deviation, Nans, Tolerance};
use super::opened::Opened;
use super::record::batches;
use crate::backend::{DatasetRef, Optimizer};
use crate::error::Result;
use crate::naive::{self, optimizer::State};

const UPDATE: Tolerance = Tolerance { absolute: 1e-7, relative: 1e-6 };

/// Optimisers that between them take every path of every kernel, by what they are called.
pub const OPTIMIZERS: [(&str, Optimizer); 6] = [
    ("momentum", Optimizer::momentum(0.1, 0.9, false)),
    ("Nesterov", Optimizer::momentum(0.1, 0.9, true)),
    ("decay", Optimizer { weight_decay: 0.05, ..Optimizer::momentum(0.1, 0.9, true) }),
    ("Adam", Optimizer::adam(0.01)),
    ("AdamW, clipped", Optimizer { weight_decay: 0.5, clip_norm: CLIP, ..Optimizer::adam(0.01) }),
    ("clipped", Optimizer { clip_norm: CLIP, ..Optimizer::momentum(0.1, 0.9, false) }),
];

/// Less than the norm of the gradients of all cases.
const CLIP: Option<f64> = Some(0.01);

/// Three steps: moments and weights beside the formula in f64, which is given the device's own
/// gradients. Moving statistics are left out.
///
/// # Errors
/// If the device fails.
pub fn updates(
    case: &Case,
    device: &mut Opened,
    (what, optimizer): (&str, Optimizer),
) -> Result<Vec<Deviation>> {
    let (x, y, parameters) = fill(case, case.batch);
    let samples = DatasetRef::new(&x, &y);
    device.set_parameters(&parameters)?;
    let mut want = State::new(naive::widen(&case.graph, &parameters));
    let batch: Vec<u32> = (0..case.batch as u32).collect();
    let batches = batches(&batch);
    let step = (f64::from(optimizer.learning_rate), batches.first_step + 1);
    for _ in 0..3 {
        device.backend().train_step(samples, &batches, optimizer)?;
        let gradients = naive::widen(&case.graph, &device.backend().parameter_gradients()?);
        naive::optimizer::step(&optimizer, step, &case.graph, &mut want, &gradients);
    }
    let state = device.backend().state()?;
    let mut all = Vec::new();
    for (i, p) in case.graph.parameters().iter().enumerate().filter(|(_, p)| p.role.is_trainable())
    {
        let mut compare = |of: &str, got: &[f32], want: &[f64]| {
            let name = format!("{}, {what}: {of} of {}", case.name, p.name);
            let extents = [want.len()];
            all.push(Deviation::of(&name, &extents, got, want, UPDATE, Nans::Never));
        };
        compare("velocity", &state.velocity[p.range()], &want.m[i]);
        if optimizer.has_second_moment() {
            compare("second moment", &state.second_moment[p.range()], &want.v[i]);
        }
        compare("weights", &state.parameters[p.range()], &want.w[i]);
    }
    Ok(all)
}
