//! Steps of which nobody will look at the tensors: each thread has one part's buffers and
//! walks part after part through them, so that all of it stays in the nearest caches. What
//! the whole batch needs of a part is handed over to the part's own place. The last batch of
//! a training is walked in the parts themselves, which keep everything.
//!
//! Only for models without batch norm: there, parts have to wait for each other.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::layer::{Layer, Pass};
use super::part::{Part, Source};
use super::phases::{Phases, run};

/// The buffers of each thread.
#[derive(Debug)]
pub(super) struct Lean(Vec<Mutex<Part>>);

impl Lean {
    /// None for a model whose parts have to wait; `part` makes one part's buffers.
    pub(super) fn new(
        phases: &Phases,
        threads: usize,
        part: impl Fn(usize) -> Part,
    ) -> Option<Self> {
        let alone = phases.both.len() == 1;
        alone.then(|| Self((0..threads).map(|_| Mutex::new(part(0))).collect()))
    }

    /// Gathers all parts' samples and takes them there and back.
    pub(super) fn walk(
        &self,
        layers: &[Layer],
        phases: &Phases,
        parts: &mut [Part],
        source: Source<'_>,
        parameters: &[f32],
        pass: Pass,
    ) {
        parts.par_iter_mut().with_max_len(1).for_each(|part| {
            let own = &self.0[rayon::current_thread_index().unwrap_or(0)];
            let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
            own.first = part.first;
            own.gather(source);
            for step in phases.both.iter().flat_map(|phase| &phase.steps) {
                run(layers, *step, &mut own, parameters, pass);
            }
            part.labels.clone_from(&own.labels);
            part.tally = own.tally;
            for (i, layer) in layers.iter().enumerate() {
                layer.hand_over(i, &mut own, part);
            }
        });
    }
}
