// Stochastic gradient descent with momentum and L2 penalty, over all parameters:
//   g ← g + 2 · l2 · w,  v ← momentum · v - rate · g,  w ← w + v
// or, with Nesterov momentum,  w ← w + momentum · v - rate · g.
// The g of a convolution is reduced here from its partial sums (split-K), so that the reduction needs no dispatch:
//   g[k] = Σ_p parts[start + p · stride + k],  p in 0..ceil(n / samples_per_part) · parts_per_sample
// in eight sums of every eighth part, which are then added in order: eight loads are in flight at once.
// first_not_finite becomes the number of the call's first step after which a weight is not finite. It is tested by bits:
// WGSL lets a compiler assume that there are neither NaNs nor infinities, so that a loss may hide them.
// l2, g, w and v are flat, tensors at multiples of 64; chunks: what each workgroup does.
// Grid: one workgroup per chunk of 64 elements of a tensor. CPU twin: src/ops/sgd/cpu.rs.

//!include step

struct Chunk {
    len: u32,               // elements of the tensor in the chunk
    start: u32,             // place of the first of them in the first part
    stride: u32,            // elements from a part to the next
    parts_per_sample: u32,  // 0 where g is not split
    samples_per_part: u32,
}

@group(0) @binding(1) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(2) var<storage, read> parts: array<f32>;
@group(0) @binding(3) var<storage, read> l2: array<f32>;
@group(0) @binding(4) var<storage, read_write> g: array<f32>;
@group(0) @binding(5) var<storage, read_write> w: array<f32>;
@group(0) @binding(6) var<storage, read_write> v: array<f32>;
@group(0) @binding(7) var<storage, read_write> first_not_finite: atomic<u32>;

/// Part p of the element whose first part is at `at`, or 0 behind the last.
fn part(at: u32, stride: u32, p: u32, count: u32) -> f32 {
    return select(0.0, parts[at + min(p, count - 1u) * stride], p < count);
}

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group);
    // A grid that is folded over y may have more workgroups than chunks.
    if number >= arrayLength(&chunks) {
        return;
    }
    let chunk = chunks[number];
    if local >= chunk.len {
        return;
    }
    let k = number * 64u + local;
    var gradient = 0.0;
    if chunk.parts_per_sample == 0u {
        gradient = g[k];
    } else {
        let at = chunk.start + local;
        let count = (step.n + chunk.samples_per_part - 1u) / chunk.samples_per_part * chunk.parts_per_sample;
        var even = vec4(0.0);
        var odd = vec4(0.0);
        for (var p = 0u; p < count; p += 8u) {
            even += vec4(
                part(at, chunk.stride, p, count),
                part(at, chunk.stride, p + 2u, count),
                part(at, chunk.stride, p + 4u, count),
                part(at, chunk.stride, p + 6u, count),
            );
            odd += vec4(
                part(at, chunk.stride, p + 1u, count),
                part(at, chunk.stride, p + 3u, count),
                part(at, chunk.stride, p + 5u, count),
                part(at, chunk.stride, p + 7u, count),
            );
        }
        gradient = even.x + odd.x + even.y + odd.y + even.z + odd.z + even.w + odd.w;
    }
    let slope = gradient + 2.0 * l2[k] * w[k];
    let velocity = step.momentum * v[k] - step.learning_rate * slope;
    g[k] = slope;
    v[k] = velocity;
    var weight = w[k];
    if step.nesterov != 0u {
        weight += step.momentum * velocity - step.learning_rate * slope;
    } else {
        weight += velocity;
    }
    w[k] = weight;
    if (bitcast<u32>(weight) & 0x7f800000u) == 0x7f800000u {
        atomicMin(&first_not_finite, step.index);
    }
}
