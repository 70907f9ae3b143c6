// The gradients of all parameters where their norm is clipped: the step needs the norm of all of them first.
//   g ← g + 2 · l2 · w
//   chunk_squares[chunk] = Σ g²  over the chunk's elements
// g and w are flat, tensors at multiples of 64; chunks: what each workgroup does (include/update.wgsl).
// CPU twins: src/ops/optimizer/cpu.rs, src/ops/penalty/cpu.rs.

//!include step, chunk, workgroup_sum, update

@group(0) @binding(1) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(2) var<storage, read> parts: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read_write> g: array<f32>;
@group(0) @binding(5) var<storage, read_write> chunk_squares: array<f32>;
@group(0) @binding(6) var<storage, read_write> penalties: array<f32>;

// Σ g² over the thread's elements.
var<private> own_squares: f32;

fn update(chunk: Chunk, k: u32, gradient: f32) -> f32 {
    let weight = w[k];
    let slope = gradient + 2.0 * chunk.l2 * weight;
    g[k] = slope;
    own_squares += slope * slope;
    return weight * weight;
}

fn finish(number: u32, local: u32) {
    // Behind the sum of the penalty.
    workgroupBarrier();
    let sum = workgroup_sum(own_squares, local);
    if local == 0u {
        chunk_squares[number] = sum;
    }
}
