// dense/forward.wgsl in tiles: y[n, o] = f(b[o] + Σ_i x[n, i] · w[i, o])
// Shapes as there. A workgroup owns 8 samples and 4 outputs, and splits the sum over its 64 threads:
//
//   y            o … o + 3
//   n           ┌─────────┐
//   ⋮           │ a0 … a7 │ of thread t: Σ over i = t, t + 64, …   →   b + Σ_t a., one thread per element
//   n + 7       └─────────┘
//
// Neighbouring threads read neighbouring inputs, and 12 loads serve 32 products. Sums go over i within a thread, then
// over t in order. A wide layer on few samples is long in i only, so that a thread per element would leave a GPU idle.
// With has_dropout, x is the input of a dropout that no other layer reads.
// Grid: ceil(batch / 8) · ceil(n_out / 4) workgroups. CPU twin: src/ops/dense/cpu.rs.

//!include step, activation, random, dropout, dense_dropout

override n_in: u32;
override n_out: u32;
override has_bias: bool;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

/// Sums of each thread, by sample.
var<workgroup> sums: array<vec4<f32>, 512>;

/// A sample or an output beyond the last is never stored, so that any value serves for it.
fn input(n: u32, i: u32) -> f32 {
    let at = min(n, step.n - 1u) * n_in + i;
    return with_dropout(x[at], at);
}

fn weight(i: u32, o: u32) -> f32 {
    return w[i * n_out + min(o, n_out - 1u)];
}

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let tiles = (n_out + 3u) / 4u;
    let n = group_index(group) / tiles * 8u;
    let o = group_index(group) % tiles * 4u;
    if n >= step.n {
        return;
    }
    var a0 = vec4(0.0);
    var a1 = vec4(0.0);
    var a2 = vec4(0.0);
    var a3 = vec4(0.0);
    var a4 = vec4(0.0);
    var a5 = vec4(0.0);
    var a6 = vec4(0.0);
    var a7 = vec4(0.0);
    for (var i = local; i < n_in; i += 64u) {
        let row = vec4(weight(i, o), weight(i, o + 1u), weight(i, o + 2u), weight(i, o + 3u));
        a0 += input(n, i) * row;
        a1 += input(n + 1u, i) * row;
        a2 += input(n + 2u, i) * row;
        a3 += input(n + 3u, i) * row;
        a4 += input(n + 4u, i) * row;
        a5 += input(n + 5u, i) * row;
        a6 += input(n + 6u, i) * row;
        a7 += input(n + 7u, i) * row;
    }
    sums[local] = a0;
    sums[64u + local] = a1;
    sums[128u + local] = a2;
    sums[192u + local] = a3;
    sums[256u + local] = a4;
    sums[320u + local] = a5;
    sums[384u + local] = a6;
    sums[448u + local] = a7;
    workgroupBarrier();
    let sample = local / 4u;
    let output = o + local % 4u;
    if local >= 32u || n + sample >= step.n || output >= n_out {
        return;
    }
    var sum = 0.0;
    if has_bias {
        sum = b[output];
    }
    for (var t = 0u; t < 64u; t++) {
        sum += sums[sample * 64u + t][local % 4u];
    }
    y[(n + sample) * n_out + output] = activated(sum);
}
