// dense_backward_input in tiles, o in order:
//   dx[n, i] (+)= Σ_o dz[n, o] · w[i, o], masked by x > 0 where the layer below ends in a ReLU
// Shapes as there. A thread owns 8 samples and 4 inputs: 12 loads serve 32 products.
// A real GPU is bound by reading w, once for each 8 samples.
// Grid: ceil(batch / 8) · ceil(n_in / 4) threads. CPU twin: src/cpu/dense.rs.

override n_in: u32;
override n_out: u32;
override mask: bool;
override add: bool;

@group(0) @binding(1) var<storage, read> dz: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

/// Samples and inputs beyond the last are never stored: any value will do for them.
fn gradient(n: u32, o: u32) -> f32 {
    return dz[min(n, step.n - 1u) * n_out + o];
}

fn weight(i: u32, o: u32) -> f32 {
    return w[min(i, n_in - 1u) * n_out + o];
}

fn store(sum: vec4<f32>, n: u32, i: u32) {
    store_one(sum.x, n, i);
    store_one(sum.y, n, i + 1u);
    store_one(sum.z, n, i + 2u);
    store_one(sum.w, n, i + 3u);
}

fn store_one(sum: f32, n: u32, i: u32) {
    if (n >= step.n || i >= n_in) {
        return;
    }
    let at = n * n_in + i;
    var g = sum;
    if (mask && !(x[at] > 0.0)) {
        g = 0.0;
    }
    if (add) {
        g += dx[at];
    }
    dx[at] = g;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let tiles = (n_in + 3u) / 4u;
    let n = at / tiles * 8u;
    let i = at % tiles * 4u;
    if (n >= step.n) {
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
    for (var o = 0u; o < n_out; o++) {
        let column = vec4(weight(i, o), weight(i + 1u, o), weight(i + 2u, o), weight(i + 3u, o));
        a0 += gradient(n, o) * column;
        a1 += gradient(n + 1u, o) * column;
        a2 += gradient(n + 2u, o) * column;
        a3 += gradient(n + 3u, o) * column;
        a4 += gradient(n + 4u, o) * column;
        a5 += gradient(n + 5u, o) * column;
        a6 += gradient(n + 6u, o) * column;
        a7 += gradient(n + 7u, o) * column;
    }
    store(a0, n, i);
    store(a1, n + 1u, i);
    store(a2, n + 2u, i);
    store(a3, n + 3u, i);
    store(a4, n + 4u, i);
    store(a5, n + 5u, i);
    store(a6, n + 6u, i);
    store(a7, n + 7u, i);
}
