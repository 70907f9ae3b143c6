//! Reading a buffer back: the only place where the host waits for a result.

use std::ops::Range;
use std::sync::mpsc;

use super::context::Context;
use super::memory::WORD;
use crate::error::Result;

/// A staging buffer, kept from one readback to the next.
#[derive(Debug, Default)]
pub(super) struct Readback {
    staging: Option<wgpu::Buffer>,
}

impl Readback {
    /// Allocates room for `len` floats, so that reading them allocates nothing.
    pub(super) fn reserve(&mut self, context: &Context, len: usize) -> Result<()> {
        let bytes = len as u64 * WORD;
        if self.staging.as_ref().is_none_or(|staging| staging.size() < bytes) {
            let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
            self.staging = Some(context.buffer("staging buffer of results", bytes, usage)?);
        }
        Ok(())
    }

    /// Some floats of each buffer, after all submissions so far.
    pub(super) fn read(
        &mut self,
        context: &Context,
        buffers: &[(&wgpu::Buffer, Range<usize>)],
    ) -> Result<Vec<Vec<f32>>> {
        let bytes: u64 = buffers.iter().map(|(_, range)| range.len() as u64 * WORD).sum();
        if bytes == 0 {
            return Ok(buffers.iter().map(|_| Vec::new()).collect());
        }
        self.reserve(context, (bytes / WORD) as usize)?;
        let Some(staging) = self.staging.take() else { return Ok(Vec::new()) };
        let mut encoder = context.device.create_command_encoder(&Default::default());
        let mut at = 0;
        for (buffer, range) in buffers {
            let (start, size) = (range.start as u64 * WORD, range.len() as u64 * WORD);
            encoder.copy_buffer_to_buffer(buffer, start, &staging, at, size);
            at += size;
        }
        let submission = context.queue.submit([encoder.finish()]);
        let (sender, receiver) = mpsc::channel();
        staging.map_async(wgpu::MapMode::Read, 0..bytes, move |mapped| {
            // The receiver is dropped only if this call has failed already.
            let _ = sender.send(mapped);
        });
        context.wait(Some(submission))?;
        let failed = |e: String| context.fault(format!("reading results failed: {e}"));
        receiver.recv().map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
        let view = staging.get_mapped_range(0..bytes).map_err(|e| failed(e.to_string()))?;
        let mut at = 0;
        let mut read = Vec::with_capacity(buffers.len());
        for (_, range) in buffers {
            let size = range.len() * WORD as usize;
            read.push(bytemuck::pod_collect_to_vec(&view[at..at + size]));
            at += size;
        }
        drop(view);
        staging.unmap();
        self.staging = Some(staging);
        context.check()?;
        Ok(read)
    }
}
