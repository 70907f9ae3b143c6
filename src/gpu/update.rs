//! The optimiser's dispatch, which also adds up the parts of convolutions' weight gradients:
//! shaders/sgd_step.wgsl.

use super::context::Context;
use super::kernels::SGD_STEP;
use super::memory::{ALIGN, Memory, Slice, WORD};
use super::recorder::{Call, Dispatch, Grid, Recorder};
use crate::error::Result;
use crate::graph::Role;
use crate::plan::Plan;

/// `Chunk` of the shader: what a group does.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Chunk {
    len: u32,
    start: u32,
    stride: u32,
    parts_per_sample: u32,
    samples_per_part: u32,
}

/// What all groups do, tensor after tensor: each begins where a group does.
fn chunks(plan: &Plan, memory: &Memory) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for p in plan.graph().parameters() {
        let parts = memory.parts(p.node);
        for at in (0..p.len()).step_by(ALIGN) {
            let len = (p.len() - at).min(ALIGN) as u32;
            chunks.push(match &parts {
                Some((parts, sums)) => {
                    let within = if p.role == Role::Bias { parts.kernel_len + at } else { at };
                    Chunk {
                        len,
                        start: sums.start as u32 + within as u32,
                        stride: parts.stride as u32,
                        parts_per_sample: parts.per_sample as u32,
                        samples_per_part: parts.samples as u32,
                    }
                }
                None => {
                    Chunk { len, start: 0, stride: 0, parts_per_sample: 0, samples_per_part: 1 }
                }
            });
        }
    }
    chunks
}

/// Records it.
pub(super) fn record(
    context: &Context,
    recorder: &mut Recorder,
    plan: &Plan,
    memory: &Memory,
) -> Result<Dispatch> {
    let chunks = chunks(plan, memory);
    let words: &[u32] = bytemuck::cast_slice(&chunks);
    let table = context.storage("chunks of parameters", words.len())?;
    context.queue.write_buffer(&table, 0, bytemuck::cast_slice(words));
    let flat = |buffer| Slice::whole(buffer, memory.layout.len);
    let sums = (memory.sums.size() / WORD) as usize;
    let parts = plan.graph().ids().filter_map(|id| memory.parts(id)).map(|(parts, _)| parts.len);
    let parts: usize = parts.sum();
    let call = Call {
        kernel: SGD_STEP,
        node: "all",
        constants: &[],
        buffers: &[
            Slice { len: words.len() as u64, ..Slice::whole(&table, words.len()) },
            Slice::whole(&memory.sums, sums).touching(parts),
            flat(&memory.l2),
            flat(&memory.parameter_gradients).updated(),
            flat(&memory.parameters).updated(),
            flat(&memory.velocity).updated(),
        ],
        grid: Grid::Groups(chunks.len()),
        flop: 6 * memory.layout.len + parts,
    };
    recorder.record(context, &call)
}
