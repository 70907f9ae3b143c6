// Stochastic gradient descent with momentum and L2 penalty, over all parameters:
//   g ← g + 2 · l2 · w,  v ← momentum · v - rate · g,  w ← w + v
// or, with Nesterov momentum,  w ← w + momentum · v - rate · g.
// g, w and v are flat, tensors at multiples of 64; chunks: what each workgroup does (include/update.wgsl).
// first_not_finite becomes the number of the call's first step after which a weight is not finite. It is tested by bits:
// WGSL lets a compiler assume that there are neither NaNs nor infinities, so that a loss may hide them.
// CPU twins: src/ops/sgd/cpu.rs, src/ops/penalty/cpu.rs.

//!include step, chunk, workgroup_sum, update

@group(0) @binding(1) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(2) var<storage, read> parts: array<f32>;
@group(0) @binding(3) var<storage, read_write> g: array<f32>;
@group(0) @binding(4) var<storage, read_write> w: array<f32>;
@group(0) @binding(5) var<storage, read_write> v: array<f32>;
@group(0) @binding(6) var<storage, read_write> first_not_finite: atomic<u32>;
@group(0) @binding(7) var<storage, read_write> penalties: array<f32>;

/// Takes the step of element k; returns the square of the weight before it.
fn update(chunk: Chunk, k: u32, gradient: f32) -> f32 {
    var weight = w[k];
    let square = weight * weight;
    let slope = gradient + 2.0 * chunk.l2 * weight;
    let velocity = step.momentum * v[k] - step.learning_rate * slope;
    g[k] = slope;
    v[k] = velocity;
    if step.nesterov != 0u {
        weight += step.momentum * velocity - step.learning_rate * slope;
    } else {
        weight += velocity;
    }
    w[k] = weight;
    if (bitcast<u32>(weight) & 0x7f800000u) == 0x7f800000u {
        atomicMin(&first_not_finite, step.index);
    }
    return square;
}

fn finish(number: u32, local: u32) {}
