// dense/forward.wgsl for hardware: y[n, o] = f(b[o] + Σ_i x[n, i] · w[i, o])
// Shapes as there. A workgroup owns 8 samples and 16 outputs, and splits the sum over 16 lanes:
//
//   thread     0 … 15     16 … 31    …  240 … 255
//   outputs    o … o + 15 o … o + 15    o … o + 15      it reads w[i, o] for its lane's i alone: neighbouring threads
//   lane       0          1             15              neighbouring outputs
//   i          0, 16, …   1, 17, …      15, 31, …       low: samples n … n + 3, high: n + 4 … n + 7
//
// All threads need the same x: it is staged, 256 inputs at a time, which applies a dropout once for 16 outputs. Each thread
// loads its 16 weights before it waits for x, so that a chunk of 256 inputs takes one load's latency. Sums go over i within
// a lane, by products of a matrix and a vector, then over the lanes in order.
// With has_dropout, x is the input of a dropout that no other layer reads.
// A workgroup reads 64 bytes of each row of w, which has no alignment: narrower ones would read the same lines more often.
// Grid: ceil(batch / 8) · ceil(n_out / 16) workgroups. CPU twin: src/ops/dense/cpu.rs.

//!include step, activation, random, dropout, dense_dropout

override n_in: u32;
override n_out: u32;
override has_bias: bool;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

/// Four samples of each staged input; later each thread's sums.
var<workgroup> low: array<vec4<f32>, 256>;
var<workgroup> high: array<vec4<f32>, 256>;

/// A sample beyond the last is never stored, so that any value serves for it; an input beyond the last is 0.
fn input(n: u32, i: u32) -> f32 {
    let at = min(n, step.n - 1u) * n_in + min(i, n_in - 1u);
    return select(0.0, with_dropout(x[at], at), i < n_in);
}

/// An input beyond the last has weight 0, as an infinite one would make its product with 0 a NaN.
fn weight(i: u32, o: u32) -> f32 {
    return select(0.0, w[min(i, n_in - 1u) * n_out + min(o, n_out - 1u)], i < n_in);
}

/// Those of inputs i, i + 16, i + 32, i + 48.
fn weights(i: u32, o: u32) -> vec4<f32> {
    return vec4(weight(i, o), weight(i + 16u, o), weight(i + 32u, o), weight(i + 48u, o));
}

/// The same inputs of samples n … n + 3, a column each.
fn low_inputs(at: u32) -> mat4x4<f32> {
    return mat4x4(low[at], low[at + 16u], low[at + 32u], low[at + 48u]);
}

fn high_inputs(at: u32) -> mat4x4<f32> {
    return mat4x4(high[at], high[at + 16u], high[at + 32u], high[at + 48u]);
}

/// Sample `sample` of the sums of the thread at `at`.
fn staged_sum(at: u32, sample: u32) -> f32 {
    return select(high[at][sample % 4u], low[at][sample % 4u], sample < 4u);
}

@compute @workgroup_size(256)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let tiles = (n_out + 15u) / 16u;
    let n = group_index(group) / tiles * 8u;
    let first = group_index(group) % tiles * 16u;
    if n >= step.n {
        return;
    }
    let o = first + local % 16u;
    let lane = local / 16u;
    var low_sum = vec4(0.0);
    var high_sum = vec4(0.0);
    for (var base = 0u; base < n_in; base += 256u) {
        let w0 = weights(base + lane, o);
        let w1 = weights(base + lane + 64u, o);
        let w2 = weights(base + lane + 128u, o);
        let w3 = weights(base + lane + 192u, o);
        let i = base + local;
        let low_x = vec4(input(n, i), input(n + 1u, i), input(n + 2u, i), input(n + 3u, i));
        let high_x = vec4(input(n + 4u, i), input(n + 5u, i), input(n + 6u, i), input(n + 7u, i));
        workgroupBarrier();
        low[local] = low_x;
        high[local] = high_x;
        workgroupBarrier();
        low_sum += low_inputs(lane) * w0;
        high_sum += high_inputs(lane) * w0;
        low_sum += low_inputs(lane + 64u) * w1;
        high_sum += high_inputs(lane + 64u) * w1;
        low_sum += low_inputs(lane + 128u) * w2;
        high_sum += high_inputs(lane + 128u) * w2;
        low_sum += low_inputs(lane + 192u) * w3;
        high_sum += high_inputs(lane + 192u) * w3;
    }
    workgroupBarrier();
    low[local] = low_sum;
    high[local] = high_sum;
    workgroupBarrier();
    let sample = local / 16u;
    if sample >= 8u || n + sample >= step.n || o >= n_out {
        return;
    }
    var sum = 0.0;
    if has_bias {
        sum = b[o];
    }
    for (var at = local % 16u; at < 256u; at += 64u) {
        let next = staged_sum(at, sample) + staged_sum(at + 16u, sample);
        sum += next + (staged_sum(at + 32u, sample) + staged_sum(at + 48u, sample));
    }
    y[(n + sample) * n_out + o] = activated(sum);
}
