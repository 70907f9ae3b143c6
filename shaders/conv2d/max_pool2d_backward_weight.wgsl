// Partial sums (split-K) of the weight gradients of a convolution under a 2×2 max-pooling, from the argmax only:
//   dw[i, j, c, o] = Σ_{n,p} dy[n, p, o] · x[n, r + i - pad_top, s + j - pad_left, c],
//   (r, s) = argmax[n, p, o],  db[o] = Σ_{n,p} dy[n, p, o]
// x [n, h_in, w_in, c_in], dy and argmax [n, h_out / 2, w_out / 2, c_out], argmax an index within its sample of
// [h_out, w_out, c_out] or none (all bits set, beyond every row), where no gradient passes; parts as in
// conv2d/backward_weight_tiled.wgsl. sgd/step.wgsl reduces the parts.
// A thread owns one (i, c, o), 5 taps j and one part of rows_per_part pooled rows, which are summed in order; the threads
// of the row behind k_h sum dy for db. A quarter of the dense products, each with its own load of x.
// CPU twin: src/ops/conv2d/cpu/sparse.rs.
// Grid: batch · parts_per_sample · (k_h · c_in · ceil(k_w / 5) + 1) · c_out threads, where
// parts_per_sample = ceil(h_out / 2 / rows_per_part).

//!include step, conv2d

/// Pooled rows in a part.
override rows_per_part: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> argmax: array<u32>;
@group(0) @binding(4) var<storage, read_write> parts: array<f32>;

/// x at `base` + column · c_in, or 0 outside. A column below 0 wraps to more than w_in. `&`, not `&&`, which would make
/// a branch of every load.
fn value(base: u32, column: u32, inside: bool) -> f32 {
    let ok = inside & (column < w_in);
    return select(0.0, x[select(0u, base + column * c_in, ok)], ok);
}

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let groups_j = (k_w + 4u) / 5u;
    let rows = k_h * c_in * groups_j + 1u;
    let h_pool = h_out / 2u;
    let row_len = w_out / 2u * c_out;
    let parts_per_sample = (h_pool + rows_per_part - 1u) / rows_per_part;
    let o = at % c_out;
    let q = at / c_out % rows;
    let part = at / (c_out * rows);
    if part >= step.n * parts_per_sample {
        return;
    }
    let n = part / parts_per_sample;
    let first = part % parts_per_sample * rows_per_part;
    let begin = (n * h_pool + first) * row_len + o;
    let end = (n * h_pool + min(first + rows_per_part, h_pool)) * row_len;
    let to = part * (k_h * k_w * c_in + 1u);
    if q == rows - 1u {
        var bias = 0.0;
        for (var e = begin; e < end; e += c_out) {
            bias += select(dy[e], 0.0, argmax[e] == 0xffffffffu);
        }
        parts[(to + k_h * k_w * c_in) * c_out + o] = bias;
        return;
    }
    let c = q % c_in;
    let i = q / c_in % k_h;
    let j = q / (c_in * k_h) * 5u;
    var sum = vec4(0.0);
    var last = 0.0;
    for (var e = begin; e < end; e += c_out) {
        let g = dy[e];
        let cell = argmax[e] / c_out;
        let row = cell / w_out + i - pad_top;
        let column = cell % w_out + j - pad_left;
        let base = (n * h_in + row) * w_in * c_in + c;
        let inside = row < h_in;
        sum += g * vec4(
            value(base, column, inside), value(base, column + 1u, inside),
            value(base, column + 2u, inside), value(base, column + 3u, inside),
        );
        last += g * value(base, column + 4u, inside);
    }
    for (var t = 0u; t < min(5u, k_w - j); t++) {
        var v = last;
        if t < 4u {
            v = sum[t];
        }
        parts[(to + (i * k_w + j + t) * c_in + c) * c_out + o] = v;
    }
}
