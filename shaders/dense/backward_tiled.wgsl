// All gradients of a dense layer in tiles:
//   dw[i, o] = Σ_n x[n, i] · dz[n, o],  db[o] = Σ_n dz[n, o], n in order
//   dx[n, i] (+)= Σ_o dz[n, o] · w[i, o], o in order
// Shapes as in dense/backward_weight.wgsl and dense/backward_input.wgsl. The first workgroups own dw and db, those behind
// them, with has_dx, own dx:
//
//   dw          o … o + 3           dx          i … i + 3
//   i          ┌─────────┐          n          ┌─────────┐
//   ⋮          │ above   │          ⋮          │ a0 … a7 │
//   i + 7      │ below   │          n + 7      └─────────┘
//              └─────────┘
//
// Either way 12 loads serve 32 products of a thread.
// With has_dropout, x is the input of a dropout that no other layer reads, whose mask is drawn again.
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// Grid: ceil((ceil(n_in / 8) + 1) · ceil(n_out / 4) / 64) workgroups for dw and db,
// ceil(ceil(batch / 8) · ceil(n_in / 4) / 64) for dx.
// CPU twin: src/ops/dense/cpu.rs.

//!include step, outer, input_gradient, random, dropout, dense_dropout

override n_in: u32;
override n_out: u32;
override has_bias: bool;
override has_dx: bool;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dz: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read_write> dw: array<f32>;
@group(0) @binding(5) var<storage, read_write> db: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;

/// Four neighbouring inputs. A row or column beyond the last is never stored, so that any value serves for it.
fn input_four(n: u32, i: u32) -> vec4<f32> {
    let at = n * n_in;
    let last = n_in - 1u;
    return vec4(
        input(at + min(i, last)),
        input(at + min(i + 1u, last)),
        input(at + min(i + 2u, last)),
        input(at + min(i + 3u, last)),
    );
}

fn input(at: u32) -> f32 {
    return with_dropout(x[at], at);
}

fn gradient_four(n: u32, o: u32) -> vec4<f32> {
    let at = n * n_out;
    let last = n_out - 1u;
    return vec4(
        dz[at + o],
        dz[at + min(o + 1u, last)],
        dz[at + min(o + 2u, last)],
        dz[at + min(o + 3u, last)],
    );
}

fn store_weights(sum: vec4<f32>, i: u32, o: u32) {
    store_weight(sum.x, i, o);
    store_weight(sum.y, i, o + 1u);
    store_weight(sum.z, i, o + 2u);
    store_weight(sum.w, i, o + 3u);
}

fn store_weight(sum: f32, i: u32, o: u32) {
    if i < n_in && o < n_out {
        dw[i * n_out + o] = sum;
    }
}

fn store_bias(sum: f32, o: u32) {
    if o < n_out {
        db[o] = sum;
    }
}

/// A sample or an input beyond the last is never stored, so that any value serves for it.
fn gradient(n: u32, o: u32) -> f32 {
    return dz[min(n, step.n - 1u) * n_out + o];
}

fn weight(i: u32, o: u32) -> f32 {
    return w[min(i, n_in - 1u) * n_out + o];
}

fn store_inputs(sum: vec4<f32>, n: u32, i: u32) {
    store_input(sum.x, n, i);
    store_input(sum.y, n, i + 1u);
    store_input(sum.z, n, i + 2u);
    store_input(sum.w, n, i + 3u);
}

fn store_input(sum: f32, n: u32, i: u32) {
    if n >= step.n || i >= n_in {
        return;
    }
    let at = n * n_in + i;
    store_input_gradient(at, with_dropout(sum, at));
}

fn weights(at: u32) {
    let tiles = (n_out + 3u) / 4u;
    let rows = (n_in + 7u) / 8u;
    let i = at / tiles * 8u;
    let o = at % tiles * 4u;
    if at >= (rows + 1u) * tiles {
        return;
    }
    // The bias is a row with inputs of 1 and shares the loop: two loops in two branches of
    // neighbouring threads are slow on llvmpipe (docs/performance.md).
    let of_bias = at >= rows * tiles;
    var above = mat4x4<f32>();
    var below = mat4x4<f32>();
    for (var n = 0u; n < step.n; n++) {
        let g = gradient_four(n, o);
        above += outer(select(input_four(n, i), vec4(1.0), of_bias), g);
        below += outer(input_four(n, i + 4u), g);
    }
    if of_bias {
        if has_bias {
            store_bias(above[0].x, o);
            store_bias(above[0].y, o + 1u);
            store_bias(above[0].z, o + 2u);
            store_bias(above[0].w, o + 3u);
        }
        return;
    }
    store_weights(above[0], i, o);
    store_weights(above[1], i + 1u, o);
    store_weights(above[2], i + 2u, o);
    store_weights(above[3], i + 3u, o);
    store_weights(below[0], i + 4u, o);
    store_weights(below[1], i + 5u, o);
    store_weights(below[2], i + 6u, o);
    store_weights(below[3], i + 7u, o);
}

fn inputs(at: u32) {
    let tiles = (n_in + 3u) / 4u;
    let n = at / tiles * 8u;
    let i = at % tiles * 4u;
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
    store_inputs(a0, n, i);
    store_inputs(a1, n + 1u, i);
    store_inputs(a2, n + 2u, i);
    store_inputs(a3, n + 3u, i);
    store_inputs(a4, n + 4u, i);
    store_inputs(a5, n + 5u, i);
    store_inputs(a6, n + 6u, i);
    store_inputs(a7, n + 7u, i);
}

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group);
    let of_weights = (((n_in + 7u) / 8u + 1u) * ((n_out + 3u) / 4u) + 63u) / 64u;
    if number < of_weights {
        weights(number * 64u + local);
    } else if has_dx {
        inputs((number - of_weights) * 64u + local);
    }
}
