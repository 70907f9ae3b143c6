// All gradients of a dense layer for hardware, from tiles staged in workgroup memory:
//   dw[i, o] = Σ_n x[n, i] · dz[n, o],  db[o] = Σ_n dz[n, o]
//   dx[n, i] (+)= Σ_o dz[n, o] · w[i, o]
// Shapes as in dense/backward_weight.wgsl and dense/backward_input.wgsl. The first workgroups own dw and db, those behind
// them, with has_dx, own dx. Each loads what its threads share once, in the order of memory:
//
//   dw: 32 rows i by 60 outputs        dx: 32 samples by 32 inputs
//   a thread: rows i, i + 1 of         a thread: samples n, n + 16 at inputs i, i + 16,
//   outputs o … o + 3, over            as sums over o by o % 4,
//   32 samples at a time               over 60 outputs at a time
//
// The bias is row n_in, with inputs of 1. 60 outputs are 15 vec4s, an odd number, so that neighbouring threads' rows of w lie
// in different banks. Sums go over blocks of 4 samples in order, within a block by a product of a matrix and a vector; over
// o in order for each o % 4, then over these four.
// With has_dropout, x is the input of a dropout that no other layer reads, whose mask is drawn again.
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// Grid: ceil((n_in + 1) / 32) · ceil(n_out / 60) workgroups for dw and db, ceil(batch / 32) · ceil(n_in / 32) for dx.
// CPU twin: src/ops/dense/cpu.rs.

//!include step, input_gradient, random, dropout, dense_dropout

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

/// Of dw: x [8, 32]: 4 samples of an input each. Of dx: w [32, 15], 4 outputs each.
var<workgroup> left: array<vec4<f32>, 480>;
/// dz [32, 15], 4 outputs each.
var<workgroup> right: array<vec4<f32>, 480>;

/// What is beyond the last sample, input or output is 0 on both sides of a product: its neighbour may be infinite.
fn input(n: u32, i: u32) -> f32 {
    let at = min(n, step.n - 1u) * n_in + min(i, n_in - 1u);
    let inside = select(select(0.0, 1.0, i == n_in), with_dropout(x[at], at), i < n_in);
    return select(0.0, inside, n < step.n);
}

fn gradient(n: u32, o: u32) -> f32 {
    let at = min(n, step.n - 1u) * n_out + min(o, n_out - 1u);
    return select(0.0, dz[at], (n < step.n) & (o < n_out));
}

fn weight(i: u32, o: u32) -> f32 {
    let at = min(i, n_in - 1u) * n_out + min(o, n_out - 1u);
    return select(0.0, w[at], (i < n_in) & (o < n_out));
}

/// Stages four outputs of the gradient of 32 samples and 60 outputs.
fn stage_gradient(n: u32, o: u32, at: u32) {
    let row = n + at / 15u;
    let first = o + at % 15u * 4u;
    right[at] = vec4(
        gradient(row, first),
        gradient(row, first + 1u),
        gradient(row, first + 2u),
        gradient(row, first + 3u),
    );
}

fn stage_weight(i: u32, o: u32, at: u32) {
    let row = i + at / 15u;
    let first = o + at % 15u * 4u;
    left[at] = vec4(
        weight(row, first),
        weight(row, first + 1u),
        weight(row, first + 2u),
        weight(row, first + 3u),
    );
}

fn store_weights(sum: vec4<f32>, i: u32, o: u32) {
    store_weight(sum.x, i, o);
    store_weight(sum.y, i, o + 1u);
    store_weight(sum.z, i, o + 2u);
    store_weight(sum.w, i, o + 3u);
}

fn store_weight(sum: f32, i: u32, o: u32) {
    if o >= n_out {
        return;
    }
    if i < n_in {
        dw[i * n_out + o] = sum;
    } else if i == n_in && has_bias {
        db[o] = sum;
    }
}

fn weights(number: u32, local: u32) {
    let tiles = (n_out + 59u) / 60u;
    let i = number / tiles * 32u;
    let o = number % tiles * 60u;
    // 16 pairs of rows by 15 vec4s of outputs: 16 threads of 256 only help to load.
    let pair = min(local / 15u, 15u) * 2u;
    let column = local % 15u;
    var above = vec4(0.0);
    var below = vec4(0.0);
    for (var n = 0u; n < step.n; n += 32u) {
        workgroupBarrier();
        let row = n + local / 32u * 4u;
        let own = i + local % 32u;
        left[local] = vec4(input(row, own), input(row + 1u, own), input(row + 2u, own), input(row + 3u, own));
        stage_gradient(n, o, local);
        if local < 224u {
            stage_gradient(n, o, local + 256u);
        }
        workgroupBarrier();
        for (var four = 0u; four < 8u; four++) {
            let at = four * 60u + column;
            let g = mat4x4(right[at], right[at + 15u], right[at + 30u], right[at + 45u]);
            above += g * left[four * 32u + pair];
            below += g * left[four * 32u + pair + 1u];
        }
    }
    if local < 240u {
        store_weights(above, i + pair, o + column * 4u);
        store_weights(below, i + pair + 1u, o + column * 4u);
    }
}

fn store_input(sum: vec4<f32>, n: u32, i: u32) {
    if n >= step.n || i >= n_in {
        return;
    }
    let at = n * n_in + i;
    store_input_gradient(at, with_dropout(sum.x + sum.y + sum.z + sum.w, at));
}

fn inputs(number: u32, local: u32) {
    let tiles = (n_in + 31u) / 32u;
    let n = number / tiles * 32u;
    let i = number % tiles * 32u;
    if n >= step.n {
        return;
    }
    let row = local / 16u;
    let column = local % 16u;
    var a0 = vec4(0.0);
    var a1 = vec4(0.0);
    var b0 = vec4(0.0);
    var b1 = vec4(0.0);
    for (var o = 0u; o < n_out; o += 60u) {
        workgroupBarrier();
        stage_weight(i, o, local);
        stage_gradient(n, o, local);
        if local < 224u {
            stage_weight(i, o, local + 256u);
            stage_gradient(n, o, local + 256u);
        }
        workgroupBarrier();
        let fours = min((n_out - o + 3u) / 4u, 15u);
        for (var four = 0u; four < fours; four++) {
            let g0 = right[row * 15u + four];
            let g1 = right[(row + 16u) * 15u + four];
            let w0 = left[column * 15u + four];
            let w1 = left[(column + 16u) * 15u + four];
            a0 += g0 * w0;
            a1 += g0 * w1;
            b0 += g1 * w0;
            b1 += g1 * w1;
        }
    }
    store_input(a0, n + row, i + column);
    store_input(a1, n + row, i + column + 16u);
    store_input(b0, n + row + 16u, i + column);
    store_input(b1, n + row + 16u, i + column + 16u);
}

@compute @workgroup_size(256)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group);
    let of_weights = (n_in + 32u) / 32u * ((n_out + 59u) / 60u);
    if number < of_weights {
        weights(number, local);
    } else if has_dx {
        inputs(number - of_weights, local);
    }
}
