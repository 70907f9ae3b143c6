//! A device and its queue. A failure there is stored and returned by the next call that waits for
//! the device; it is never a panic.

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::adapter::{AdapterFacts, Kind, choose};
use super::memory::{BufferDesc, BufferList, WORD, allocated};
use super::recording::Target;
use super::{GpuOptions, poll};
use crate::error::{Error, Result};

/// How long a submission is waited for before the device counts as hung: two hundred times what one
/// should take, and more for a processor, which is slow but does not hang.
const PATIENCE: Duration = Duration::from_secs(60);
const PATIENCE_WITH_SOFTWARE: Duration = Duration::from_secs(1800);

/// An open device.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) facts: AdapterFacts,
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) limits: wgpu::Limits,
    faults: SharedFaults,
    allocations: Cell<u64>,
    uploads: Cell<u64>,
    patience: Duration,
}

/// Faults that the device reported outside of an error scope.
#[derive(Debug, Clone, Default)]
struct SharedFaults(Arc<Mutex<Faults>>);

#[derive(Debug, Default)]
struct Faults {
    first: Option<String>,
    /// The loss of the device, which causes all later faults, or that it hangs.
    lost: Option<String>,
}

impl SharedFaults {
    fn lock(&self) -> MutexGuard<'_, Faults> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lowers a limit to a cap below it.
fn cut<T: Copy + Ord>(limit: &mut T, cap: Option<T>) {
    *limit = cap.map_or(*limit, |cap| cap.min(*limit));
}

impl Context {
    /// Opens the best adapter, or the best that matches what is wanted, with all limits that it has,
    /// or those that are given where they are lower.
    pub(super) fn open(options: &GpuOptions<'_>) -> Result<Self> {
        let GpuOptions { buffer_bytes, caps, patience, .. } = *options;
        let (facts, adapter) = choose(options.adapter)?;
        let limits = adapter.limits();
        let optional = wgpu::Features::TIMESTAMP_QUERY;
        let request = adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("genre-gpu"),
            required_features: adapter.features() & optional,
            required_limits: limits.clone(),
            ..wgpu::DeviceDescriptor::default()
        });
        let (device, queue) = pollster::block_on(request).map_err(|e| Error::Gpu {
            adapter: facts.to_string(),
            problem: format!("cannot be opened: {e}"),
        })?;
        let faults = SharedFaults::default();
        let keep = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error| {
            keep.lock().first.get_or_insert_with(|| error.to_string());
        }));
        let keep = faults.clone();
        // Called too when this program drops the device; then nobody reads it.
        device.set_device_lost_callback(move |_, message| {
            keep.lock().lost = Some(format!("the device was lost: {message}"));
        });
        let mut limits = limits;
        cut(&mut limits.max_buffer_size, buffer_bytes);
        cut(&mut limits.max_storage_buffer_binding_size, buffer_bytes);
        cut(&mut limits.max_uniform_buffer_binding_size, caps.uniform_bytes);
        cut(&mut limits.max_storage_buffers_per_shader_stage, caps.storage_buffers);
        cut(&mut limits.max_compute_invocations_per_workgroup, caps.workgroup_size);
        cut(&mut limits.max_compute_workgroups_per_dimension, caps.workgroups);
        cut(&mut limits.max_compute_workgroup_storage_size, caps.workgroup_bytes);
        let patience = patience.unwrap_or(match facts.kind {
            Kind::Software => PATIENCE_WITH_SOFTWARE,
            Kind::Discrete | Kind::Integrated | Kind::Virtual | Kind::Other => PATIENCE,
        });
        let (allocations, uploads) = (Cell::new(0), Cell::new(0));
        Ok(Self { facts, device, queue, limits, faults, allocations, uploads, patience })
    }

    /// Bytes of the largest buffer that kernels can be given whole.
    pub(super) fn largest(&self) -> u64 {
        self.limits.max_buffer_size.min(self.limits.max_storage_buffer_binding_size)
    }

    /// Buffers, bindings and pipelines made so far: a step makes none.
    pub(super) fn allocations(&self) -> u64 {
        self.allocations.get()
    }

    /// Data sets uploaded so far.
    pub(super) fn uploads(&self) -> u64 {
        self.uploads.get()
    }

    pub(super) fn count_upload(&self) {
        self.uploads.set(self.uploads.get() + 1);
    }

    pub(super) fn count_allocation(&self) {
        self.allocations.set(self.allocations.get() + 1);
    }

    /// A buffer of zeros, `bytes` large; `what` names it in errors.
    pub(super) fn buffer(
        &self,
        what: &str,
        bytes: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer> {
        let most = match usage.contains(wgpu::BufferUsages::STORAGE) {
            true => self.largest(),
            false => self.limits.max_buffer_size,
        };
        let bytes = allocated(bytes);
        if bytes > most {
            return Err(Error::DeviceLimit {
                adapter: self.facts.to_string(),
                what: what.into(),
                bytes,
                most,
                help: "try a smaller --batch-size or fewer samples, or --device cpu".into(),
            });
        }
        self.count_allocation();
        let size = bytes;
        self.scoped(what, || {
            let mapped_at_creation = false;
            let label = Some(what);
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label,
                size,
                usage,
                mapped_at_creation,
            })
        })
    }

    /// All buffers of a list, with their first words.
    pub(super) fn allocate(&self, list: &BufferList) -> Result<Vec<wgpu::Buffer>> {
        let allocate = |desc: &BufferDesc| {
            let buffer = self.storage(&desc.name, desc.len)?;
            if !desc.data.is_empty() {
                self.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&desc.data));
            }
            Ok(buffer)
        };
        list.descs.iter().map(allocate).collect()
    }

    /// What a recording depends on.
    pub(super) fn target(&self) -> Target {
        Target {
            name: self.facts.to_string(),
            largest: self.largest(),
            groups: self.limits.max_compute_workgroups_per_dimension as usize,
        }
    }

    /// A buffer of `len` floats or indices that kernels read and write.
    pub(super) fn storage(&self, what: &str, len: usize) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::UNIFORM
            | wgpu::BufferUsages::COPY_DST
            | wgpu::BufferUsages::COPY_SRC;
        self.buffer(what, len as u64 * WORD, usage)
    }

    pub(super) fn fault(&self, problem: impl Into<String>) -> Error {
        Error::Gpu { adapter: self.facts.to_string(), problem: problem.into() }
    }

    /// Returns the first fault, if there was any.
    pub(super) fn check(&self) -> Result<()> {
        let faults = self.faults.lock();
        let fault = faults.lost.as_ref().or(faults.first.as_ref()).cloned();
        drop(faults);
        fault.map_or(Ok(()), |fault| Err(self.explained(fault)))
    }

    /// A problem, or its cause: the loss of a device is reported while waiting for it.
    fn explained(&self, problem: String) -> Error {
        if self.faults.lock().lost.is_none() {
            // A failure of this wait adds nothing.
            let _ = poll::wait(&self.device, None, self.patience);
        }
        let lost = self.faults.lock().lost.clone();
        self.fault(lost.unwrap_or(problem))
    }

    /// Waits until a submission is done, or all of them.
    pub(super) fn wait(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<()> {
        // A device that hangs is not waited for again.
        self.check()?;
        let polled = poll::wait(&self.device, submission, self.patience);
        self.check()?;
        polled.map_err(|failure| match failure {
            poll::Failure::Timeout => self.hangs(),
            poll::Failure::Other(problem) => self.explained(format!("waiting failed: {problem}")),
        })
    }

    /// Marks the device as lost: it did not answer for as long as it is waited for.
    fn hangs(&self) -> Error {
        let problem = format!(
            "the device did not finish its work within {} s; try a smaller --batch-size or \
             --device cpu, or look for a newer driver",
            self.patience.as_secs_f64()
        );
        self.faults.lock().lost.get_or_insert_with(|| problem.clone());
        // wgpu waits for a queue's work without end when the last handle of the queue goes: this one
        // never does.
        std::mem::forget(self.queue.clone());
        self.fault(problem)
    }

    /// Runs `make`, and returns the error that the device reports for it.
    pub(super) fn scoped<T>(&self, what: &str, make: impl FnOnce() -> T) -> Result<T> {
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let made = make();
        // The last pushed is popped first.
        let errors = [internal, validation, memory].map(|scope| pollster::block_on(scope.pop()));
        match errors.into_iter().flatten().next() {
            Some(wgpu::Error::OutOfMemory { .. }) => {
                Err(self.fault(format!("{what}: the device is out of memory; try a smaller --batch-size or fewer samples, or --device cpu")))
            }
            Some(error) => Err(self.explained(format!("{what}: {error}"))),
            None => Ok(made),
        }
    }
}
