// Gradient descent with momentum and L2 penalty, over all parameters at once:
//   g ← g + 2 · l2 · w,  v ← momentum · v - rate · g,  w ← w + v
// or, with Nesterov's look ahead,  w ← w + momentum · v - rate · g.
// A convolution's g is summed here from the parts that its first stage left, so that the sum needs no dispatch:
//   g[k] = Σ_p parts[start + p · stride + k],  p in 0..ceil(n / samples_per_part) · parts_per_sample
// in eight sums of every eighth part, which are added in order: eight loads are on their way at once.
// l2, g, w, v: flat, tensors at multiples of 64; chunks: what each group does.
// Grid: one group per chunk, that is 64 elements of a tensor. Bound by memory.
// Measured on llvmpipe by genre-gpu bench --device gpu, beside two stages in the same run: P1 2.4 and 2.9 ms
// beside 3.0 and 2.0, P2 0.6 and 0.6 beside 2.7 and 1.7. With 16 threads for each element of parts and a
// barrier it was 5.3 and 3.6 ms.
// CPU twin: src/cpu/sgd.rs.

struct Chunk {
    len: u32,               // elements of the tensor in it
    start: u32,             // of its first element in the first part
    stride: u32,
    parts_per_sample: u32,  // 0 where g is summed already
    samples_per_part: u32,
}

@group(0) @binding(1) var<storage, read> chunks: array<Chunk>;
@group(0) @binding(2) var<storage, read> parts: array<f32>;
@group(0) @binding(3) var<storage, read> l2: array<f32>;
@group(0) @binding(4) var<storage, read_write> g: array<f32>;
@group(0) @binding(5) var<storage, read_write> w: array<f32>;
@group(0) @binding(6) var<storage, read_write> v: array<f32>;

/// Part p of the element whose first part is at `at`, or 0 behind the last.
fn part(at: u32, stride: u32, p: u32, count: u32) -> f32 {
    return select(0.0, parts[at + min(p, count - 1u) * stride], p < count);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let number = group_number(group, groups);
    // The fold of a large grid may have groups too many.
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
    if (step.nesterov != 0u) {
        w[k] += step.momentum * velocity - step.learning_rate * slope;
    } else {
        w[k] += velocity;
    }
}
