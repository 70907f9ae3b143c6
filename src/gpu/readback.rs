//! Reading a buffer back: the only place where the host waits for a result.

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

    /// The first `len` floats of each buffer, after all submissions so far.
    pub(super) fn read(
        &mut self,
        context: &Context,
        buffers: &[(&wgpu::Buffer, usize)],
    ) -> Result<Vec<Vec<f32>>> {
        let parts: Vec<_> = buffers.iter().map(|(buffer, len)| (*buffer, 0, *len)).collect();
        self.read_parts(context, &parts)
    }

    /// Of each buffer `len` floats from `first` on, after all submissions so far.
    pub(super) fn read_parts(
        &mut self,
        context: &Context,
        buffers: &[(&wgpu::Buffer, usize, usize)],
    ) -> Result<Vec<Vec<f32>>> {
        let bytes: u64 = buffers.iter().map(|(.., len)| *len as u64 * WORD).sum();
        if bytes == 0 {
            return Ok(buffers.iter().map(|_| Vec::new()).collect());
        }
        self.reserve(context, (bytes / WORD) as usize)?;
        let Some(staging) = self.staging.take() else { return Ok(Vec::new()) };
        let mut encoder = context.device.create_command_encoder(&Default::default());
        let mut at = 0;
        for (buffer, first, len) in buffers {
            let size = *len as u64 * WORD;
            encoder.copy_buffer_to_buffer(buffer, *first as u64 * WORD, &staging, at, size);
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
        for (.., len) in buffers {
            let size = len * WORD as usize;
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
