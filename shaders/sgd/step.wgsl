// Stochastic gradient descent with momentum and L2 penalty, over all parameters:
//   g ← g + 2 · l2 · w,  v ← momentum · v - rate · g,  w ← w + v
// or, with Nesterov momentum,  w ← w + momentum · v - rate · g.
// A g that is split is reduced here from its partial sums (split-K), so that the reduction needs no dispatch:
//   g[k] = Σ_p parts[start + p · stride + k],  p in 0..ceil(n / samples_per_part) · parts_per_sample
//
//   thread        element        parts                     256 / lanes elements; lane l of an element adds every
//   0 … width-1   k … k+width-1  0, lanes, 2 · lanes, …    lanes-th part from l on, in eight sums of which eight
//   width …       k … k+width-1  1, lanes + 1, …           loads are in flight at once; then a tree adds the lanes
//
// The penalty on the weights before the step comes in shares, which the host adds:
//   penalties[index, share] = l2 · Σ w[k]²  over the elements k of the share's chunk; index is the step's
// first_not_finite becomes the number of the call's first step after which a weight is not finite. It is tested by bits:
// WGSL lets a compiler assume that there are neither NaNs nor infinities, so that a loss may hide them.
// g, w and v are flat, tensors at multiples of 64; chunks: what each workgroup does.
// Grid: one workgroup per chunk. CPU twins: src/ops/sgd/cpu.rs, src/ops/penalty/cpu.rs.

//!include step, chunk, workgroup_sum

@group(0) @binding(1) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(2) var<storage, read> parts: array<f32>;
@group(0) @binding(3) var<storage, read_write> g: array<f32>;
@group(0) @binding(4) var<storage, read_write> w: array<f32>;
@group(0) @binding(5) var<storage, read_write> v: array<f32>;
@group(0) @binding(6) var<storage, read_write> first_not_finite: atomic<u32>;
@group(0) @binding(7) var<storage, read_write> penalties: array<f32>;

/// Part p of the element whose first part is at `at`, or 0 behind the last.
fn part(at: u32, stride: u32, p: u32, count: u32) -> f32 {
    return select(0.0, parts[at + min(p, count - 1u) * stride], p < count);
}

/// The sum of every lanes-th part from `lane` on of element `i` of the chunk.
fn sum_of_lane(chunk: Chunk, i: u32, lane: u32) -> f32 {
    let at = chunk.start + i;
    let count = (step.n + chunk.samples_per_part - 1u) / chunk.samples_per_part * chunk.parts_per_sample;
    let next = chunk.lanes;
    var even = vec4(0.0);
    var odd = vec4(0.0);
    for (var p = lane; p < count; p += 8u * next) {
        even += vec4(
            part(at, chunk.stride, p, count),
            part(at, chunk.stride, p + 2u * next, count),
            part(at, chunk.stride, p + 4u * next, count),
            part(at, chunk.stride, p + 6u * next, count),
        );
        odd += vec4(
            part(at, chunk.stride, p + next, count),
            part(at, chunk.stride, p + 3u * next, count),
            part(at, chunk.stride, p + 5u * next, count),
            part(at, chunk.stride, p + 7u * next, count),
        );
    }
    return even.x + odd.x + even.y + odd.y + even.z + odd.z + even.w + odd.w;
}

/// Takes the step of element k; returns the square of the weight before it.
fn update(k: u32, gradient: f32, l2: f32) -> f32 {
    var weight = w[k];
    let square = weight * weight;
    let slope = gradient + 2.0 * l2 * weight;
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

@compute @workgroup_size(256)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group);
    // A grid that is folded over y may have more workgroups than chunks.
    if number >= arrayLength(&chunks) {
        return;
    }
    let chunk = chunks[number];
    var squares = 0.0;
    if chunk.parts_per_sample == 0u {
        for (var i = local; i < chunk.len; i += 256u) {
            squares += update(chunk.at + i, g[chunk.at + i], chunk.l2);
        }
    } else {
        let width = 256u / chunk.lanes;
        let i = local % width;
        let lane = local / width;
        var gradient = 0.0;
        if i < chunk.len {
            gradient = sum_of_lane(chunk, i, lane);
        }
        if chunk.lanes > 1u {
            sums[local] = gradient;
            for (var half = chunk.lanes / 2u; half > 0u; half /= 2u) {
                workgroupBarrier();
                if lane < half {
                    sums[local] += sums[local + half * width];
                }
            }
            gradient = sums[local];
            workgroupBarrier();
        }
        if lane == 0u && i < chunk.len {
            squares = update(chunk.at + i, gradient, chunk.l2);
        }
    }
    if chunk.l2 != 0.0 {
        let sum = workgroup_sum(squares, local);
        if local == 0u {
            penalties[step.index * penalties_per_step + chunk.penalty] = chunk.l2 * sum;
        }
    }
}
