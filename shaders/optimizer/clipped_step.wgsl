// An optimiser's step (include/optimizer.wgsl) from gradients whose norm is clipped:
//   g · min(1, clip_norm / √(Σ chunk_squares))
// chunk_squares: Σ g² of each chunk (gradient.wgsl), which every workgroup adds in the same order. A sum that is not finite
// makes all weights NaN, as in Keras; it is tested by bits. g stays as it is.
// g, w and moments are flat, tensors at multiples of 64. Grid: one workgroup per chunk.
// CPU twin: src/ops/optimizer/cpu.rs.

//!include step, chunk, workgroup_sum, optimizer

@group(0) @binding(1) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(2) var<storage, read> chunk_squares: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read_write> w: array<f32>;
@group(0) @binding(5) var<storage, read_write> moments: array<f32>;
@group(0) @binding(6) var<storage, read_write> first_not_finite: atomic<u32>;

var<workgroup> factor: f32;

// The factor of all gradients whose squares sum up to `sum`.
fn factor_of(sum: f32) -> f32 {
    let norm = sqrt(sum);
    let finite = select(1.0, step.clip_norm / norm, norm > step.clip_norm);
    let is_finite = (bitcast<u32>(sum) & 0x7f800000u) != 0x7f800000u;
    return bitcast<f32>(select(0x7fc00000u, bitcast<u32>(finite), is_finite));
}

@compute @workgroup_size(256)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group);
    let count = arrayLength(&chunks);
    // A grid that is folded over y may have more workgroups than chunks.
    if number >= count {
        return;
    }
    var own = 0.0;
    for (var i = local; i < count; i += 256u) {
        own += chunk_squares[i];
    }
    let sum = workgroup_sum(own, local);
    if local == 0u {
        factor = factor_of(sum);
    }
    workgroupBarrier();
    let chunk = chunks[number];
    let decay = decay_of(chunk);
    for (var i = local; i < chunk.len; i += 256u) {
        take_step(chunk.at + i, g[chunk.at + i] * factor, decay);
    }
}
