// dense_backward_weight in tiles, first sample first:
//   dw[i, o] = Σ_n x[n, i] · dz[n, o],  db[o] = Σ_n dz[n, o]
// Shapes as there. A thread owns 8 rows and 4 columns of dw: 12 loads serve 32 products.
// The threads behind those sum db. A real GPU is bound by writing dw.
// Grid: ceil(n_in / 8) · ceil(n_out / 4) threads, and ceil(n_out / 4) more for db.
// CPU twin: src/cpu/dense.rs.

override n_in: u32;
override n_out: u32;
override has_bias: bool;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dz: array<f32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;
@group(0) @binding(4) var<storage, read_write> db: array<f32>;

/// What lies beyond the last row or column is never stored: any value will do for it.
fn inputs(n: u32, i: u32) -> vec4<f32> {
    let at = n * n_in;
    let last = n_in - 1u;
    return vec4(
        x[at + min(i, last)],
        x[at + min(i + 1u, last)],
        x[at + min(i + 2u, last)],
        x[at + min(i + 3u, last)],
    );
}

fn gradients(n: u32, o: u32) -> vec4<f32> {
    let at = n * n_out;
    let last = n_out - 1u;
    return vec4(
        dz[at + o],
        dz[at + min(o + 1u, last)],
        dz[at + min(o + 2u, last)],
        dz[at + min(o + 3u, last)],
    );
}

fn outer(v: vec4<f32>, g: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(v.x * g, v.y * g, v.z * g, v.w * g);
}

fn store(sum: vec4<f32>, i: u32, o: u32) {
    store_one(sum.x, i, o);
    store_one(sum.y, i, o + 1u);
    store_one(sum.z, i, o + 2u);
    store_one(sum.w, i, o + 3u);
}

fn store_one(sum: f32, i: u32, o: u32) {
    if (i < n_in && o < n_out) {
        dw[i * n_out + o] = sum;
    }
}

fn store_bias(sum: f32, o: u32) {
    if (o < n_out) {
        db[o] = sum;
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let tiles = (n_out + 3u) / 4u;
    let rows = (n_in + 7u) / 8u;
    let i = at / tiles * 8u;
    let o = at % tiles * 4u;
    if (at >= (rows + 1u) * tiles) {
        return;
    }
    // The bias is a row with inputs of 1. It shares the loop, because llvmpipe takes up to
    // 28 ms where neighbouring threads walk two loops in two branches.
    let of_bias = at >= rows * tiles;
    var above = mat4x4<f32>();
    var below = mat4x4<f32>();
    for (var n = 0u; n < step.n; n++) {
        let g = gradients(n, o);
        above += outer(select(inputs(n, i), vec4(1.0), of_bias), g);
        below += outer(inputs(n, i + 4u), g);
    }
    if (of_bias) {
        if (has_bias) {
            store_bias(above[0].x, o);
            store_bias(above[0].y, o + 1u);
            store_bias(above[0].z, o + 2u);
            store_bias(above[0].w, o + 3u);
        }
        return;
    }
    store(above[0], i, o);
    store(above[1], i + 1u, o);
    store(above[2], i + 2u, o);
    store(above[3], i + 3u, o);
    store(below[0], i + 4u, o);
    store(below[1], i + 5u, o);
    store(below[2], i + 6u, o);
    store(below[3], i + 7u, o);
}
