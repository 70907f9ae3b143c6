// An optimiser's step with Adam's rule or weight decay (include/optimizer.wgsl), over all parameters:
//   g ← g + 2 · l2 · w,  then the step
// g, w and moments are flat, tensors at multiples of 64; chunks: what each workgroup does (include/update.wgsl).
// CPU twins: src/ops/optimizer/cpu.rs, src/ops/penalty/cpu.rs.

//!include step, chunk, workgroup_sum, update, optimizer

@group(0) @binding(1) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(2) var<storage, read> parts: array<f32>;
@group(0) @binding(3) var<storage, read_write> g: array<f32>;
@group(0) @binding(4) var<storage, read_write> w: array<f32>;
@group(0) @binding(5) var<storage, read_write> moments: array<f32>;
@group(0) @binding(6) var<storage, read_write> first_not_finite: atomic<u32>;
@group(0) @binding(7) var<storage, read_write> penalties: array<f32>;

fn update(chunk: Chunk, k: u32, gradient: f32) -> f32 {
    let weight = w[k];
    let slope = gradient + 2.0 * chunk.l2 * weight;
    g[k] = slope;
    take_step(k, slope, decay_of(chunk));
    return weight * weight;
}

fn finish(number: u32, local: u32) {}
