// conv2d/backward_input.wgsl in tiles, for c_out % 4 = 0 and a kernel of at most 16,384 elements, which a uniform holds:
//   dx[n, r, s, c] (+)= Σ_{i,j,o} dz[n, r + pad_top - i, s + pad_left - j, o] · w[i, j, c, o]
// Shapes as there. A thread owns 8 neighbouring columns of a row and `channels` (1 to 8) channels of dx:
//
//   dx, row r    s   s+1 s+2 s+3   s+4 …  s+7
//   channel c   ┌────────────────┬────────────────┐      v0 and v1: 4 channels of dz at 8 columns,
//           + 1 │ sum00          │ sum01          │      which move one column per tap j
//           + 2 │ sum10          │ sum11          │      sum.. += (weights of 4 channels) · v.
//               └────────────────┴────────────────┘
//
// Each element of dz serves k_w taps and all channels, each weight 8 columns. Sums go over i, blocks of 4 of o, j, and
// within a block as a product of vector and matrix.
// With `pooled`, dz is the gradient under a 2×2 max-pooling, computed in registers and never written: `dz` is then the
// pooled gradient [n, h_out / 2, w_out / 2, c_out], and argmax an index within its sample of [h_out, w_out, c_out], or
// none (all bits set).
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// CPU twin: src/ops/conv2d/cpu/dense.rs.
// Grid: batch · h_in · ceil(w_in / 8) threads, in ceil(c_in / channels) layers.

//!include step, conv2d, input_gradient

/// Channels of dx that a thread owns: 1 to 8.
override channels: u32;
override pooled: bool;
/// Write out the taps of a kernel row, of which there are five: a sum is then loaded and stored once for all of them.
override five_taps: bool;

@group(0) @binding(1) var<storage, read> dz: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> argmax: array<vec4<u32>>;
@group(0) @binding(3) var<uniform> w: array<vec4<f32>, 4096>;
@group(0) @binding(4) var<storage, read> x: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

/// Channels 4q to 4q + 3 at a column of the row of dz that begins at column `row` of all; 0 outside. A column below
/// 0 wraps to more than w_out.
fn value(row: u32, column: u32, q: u32) -> vec4<f32> {
    return select(vec4(0.0), dz[(row + min(column, w_out - 1u)) * (c_out / 4u) + q], column < w_out);
}

/// A window of the pooling: its gradient, 0 outside of the map, and its argmax.
struct Window {
    top: vec4<f32>,
    index: vec4<u32>,
}

/// The window over a column, in the row of windows that begins at window `row` of all.
fn window(row: u32, column: u32, q: u32) -> Window {
    let at = (row + min(column / 2u, max(w_out / 2u, 1u) - 1u)) * (c_out / 4u) + q;
    return Window(select(vec4(0.0), dz[at], column / 2u < w_out / 2u), argmax[at]);
}

/// The gradient that a window passes to a column of the row whose channels 4q to 4q + 3 begin at index `first`.
fn passed(from_window: Window, first: u32, column: u32) -> vec4<f32> {
    let position = vec4(first + column * c_out) + vec4(0u, 1u, 2u, 3u);
    return select(vec4(0.0), from_window.top, from_window.index == position);
}

/// Eight columns of four channels of dz, and the sums of eight channels of dx over them.
struct Tile {
    v0: mat4x4<f32>,
    v1: mat4x4<f32>,
    sum00: vec4<f32>, sum01: vec4<f32>,
    sum10: vec4<f32>, sum11: vec4<f32>,
    sum20: vec4<f32>, sum21: vec4<f32>,
    sum30: vec4<f32>, sum31: vec4<f32>,
    sum40: vec4<f32>, sum41: vec4<f32>,
    sum50: vec4<f32>, sum51: vec4<f32>,
    sum60: vec4<f32>, sum61: vec4<f32>,
    sum70: vec4<f32>, sum71: vec4<f32>,
}

/// Moves the tile by a column and adds the products with the weights that begin at `tap`.
fn add_tap(t: ptr<function, Tile>, tap: u32, next: vec4<f32>) {
    (*t).v1 = mat4x4((*t).v0[3], (*t).v1[0], (*t).v1[1], (*t).v1[2]);
    (*t).v0 = mat4x4(next, (*t).v0[0], (*t).v0[1], (*t).v0[2]);
    let w0 = w[tap];
    (*t).sum00 += w0 * (*t).v0;
    (*t).sum01 += w0 * (*t).v1;
    if channels > 1u {
        let w1 = w[tap + (c_out / 4u)];
        (*t).sum10 += w1 * (*t).v0;
        (*t).sum11 += w1 * (*t).v1;
    }
    if channels > 2u {
        let w2 = w[tap + 2u * (c_out / 4u)];
        (*t).sum20 += w2 * (*t).v0;
        (*t).sum21 += w2 * (*t).v1;
    }
    if channels > 3u {
        let w3 = w[tap + 3u * (c_out / 4u)];
        (*t).sum30 += w3 * (*t).v0;
        (*t).sum31 += w3 * (*t).v1;
    }
    if channels > 4u {
        let w4 = w[tap + 4u * (c_out / 4u)];
        (*t).sum40 += w4 * (*t).v0;
        (*t).sum41 += w4 * (*t).v1;
    }
    if channels > 5u {
        let w5 = w[tap + 5u * (c_out / 4u)];
        (*t).sum50 += w5 * (*t).v0;
        (*t).sum51 += w5 * (*t).v1;
    }
    if channels > 6u {
        let w6 = w[tap + 6u * (c_out / 4u)];
        (*t).sum60 += w6 * (*t).v0;
        (*t).sum61 += w6 * (*t).v1;
    }
    if channels > 7u {
        let w7 = w[tap + 7u * (c_out / 4u)];
        (*t).sum70 += w7 * (*t).v0;
        (*t).sum71 += w7 * (*t).v1;
    }
}

/// Products of five taps with four columns: column k of dx and tap j read column k + 4 - j of m0 and m1.
fn five(tap: u32, m0: mat4x4<f32>, m1: mat4x4<f32>) -> vec4<f32> {
    let stride = c_in * (c_out / 4u);
    return w[tap] * m1
        + w[tap + stride] * mat4x4(m0[3], m1[0], m1[1], m1[2])
        + w[tap + 2u * stride] * mat4x4(m0[2], m0[3], m1[0], m1[1])
        + w[tap + 3u * stride] * mat4x4(m0[1], m0[2], m0[3], m1[0])
        + w[tap + 4u * stride] * m0;
}

/// Adds the products of five taps with the twelve columns that these read.
fn add_five(t: ptr<function, Tile>, tap: u32, m0: mat4x4<f32>, m1: mat4x4<f32>, m2: mat4x4<f32>) {
    (*t).sum00 += five(tap, m0, m1);
    (*t).sum01 += five(tap, m1, m2);
    if channels > 1u {
        (*t).sum10 += five(tap + 1u * (c_out / 4u), m0, m1);
        (*t).sum11 += five(tap + 1u * (c_out / 4u), m1, m2);
    }
    if channels > 2u {
        (*t).sum20 += five(tap + 2u * (c_out / 4u), m0, m1);
        (*t).sum21 += five(tap + 2u * (c_out / 4u), m1, m2);
    }
    if channels > 3u {
        (*t).sum30 += five(tap + 3u * (c_out / 4u), m0, m1);
        (*t).sum31 += five(tap + 3u * (c_out / 4u), m1, m2);
    }
    if channels > 4u {
        (*t).sum40 += five(tap + 4u * (c_out / 4u), m0, m1);
        (*t).sum41 += five(tap + 4u * (c_out / 4u), m1, m2);
    }
    if channels > 5u {
        (*t).sum50 += five(tap + 5u * (c_out / 4u), m0, m1);
        (*t).sum51 += five(tap + 5u * (c_out / 4u), m1, m2);
    }
    if channels > 6u {
        (*t).sum60 += five(tap + 6u * (c_out / 4u), m0, m1);
        (*t).sum61 += five(tap + 6u * (c_out / 4u), m1, m2);
    }
    if channels > 7u {
        (*t).sum70 += five(tap + 7u * (c_out / 4u), m0, m1);
        (*t).sum71 += five(tap + 7u * (c_out / 4u), m1, m2);
    }
}

/// Two windows of the pooling as four columns, from an even `column` on.
fn four(base: u32, first: u32, column: u32, q: u32) -> mat4x4<f32> {
    let a = window(base, column, q);
    let b = window(base, column + 2u, q);
    return mat4x4(
        passed(a, first, column), passed(a, first, column + 1u),
        passed(b, first, column + 2u), passed(b, first, column + 3u),
    );
}

fn four_at(base: u32, column: u32, q: u32) -> mat4x4<f32> {
    return mat4x4(
        value(base, column, q), value(base, column + 1u, q), value(base, column + 2u, q), value(base, column + 3u, q),
    );
}

fn store(sum: vec4<f32>, row: u32, column: u32, c: u32) {
    store_one(sum.x, row, column, c);
    store_one(sum.y, row, column + 1u, c);
    store_one(sum.z, row, column + 2u, c);
    store_one(sum.w, row, column + 3u, c);
}

fn store_one(sum: f32, row: u32, column: u32, c: u32) {
    if column >= w_in || c >= c_in {
        return;
    }
    let at = (row + column) * c_in + c;
    store_input_gradient(at, sum);
}

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let runs = (w_in + 7u) / 8u;
    if at >= step.n * h_in * runs {
        return;
    }
    let s = at % runs * 8u;
    let r = at / runs % h_in;
    let n = at / (runs * h_in);
    let c = group.id.z * channels;
    // Sums of channels beyond `channels` are never stored: the compiler removes them.
    var t: Tile;
    for (var i = 0u; i < k_h; i++) {
        let row = r + pad_top - i;
        // Under a pooling, a remainder at the border has no gradient.
        if row >= select(h_out, h_out / 2u * 2u, pooled) {
            continue;
        }
        let left = s + pad_left;
        for (var q = 0u; q < c_out / 4u; q++) {
            let taps = (i * k_w * c_in + c) * (c_out / 4u) + q;
            let stride = c_in * (c_out / 4u);
            if pooled {
                let base = (n * (h_out / 2u) + row / 2u) * (w_out / 2u);
                let first = row * w_out * c_out + 4u * q;
                if five_taps {
                    // pad_left is 0 or 2.
                    let m0 = four(base, first, left - 4u, q);
                    add_five(&t, taps, m0, four(base, first, left, q), four(base, first, left + 4u, q));
                    continue;
                }
                // s is a multiple of 8.
                let odd = pad_left % 2u;
                let a = window(base, left + odd, q);
                let b = window(base, left + odd + 2u, q);
                let d = window(base, left + odd + 4u, q);
                let e = window(base, left + odd + 6u, q);
                if odd == 0u {
                    t.v0 = mat4x4(
                        passed(a, first, left + 1u), passed(b, first, left + 2u),
                        passed(b, first, left + 3u), passed(d, first, left + 4u),
                    );
                    t.v1 = mat4x4(
                        passed(d, first, left + 5u), passed(e, first, left + 6u), passed(e, first, left + 7u), vec4(0.0),
                    );
                    add_tap(&t, taps, passed(a, first, left));
                } else {
                    t.v0 = mat4x4(
                        passed(a, first, left + 1u), passed(a, first, left + 2u),
                        passed(b, first, left + 3u), passed(b, first, left + 4u),
                    );
                    t.v1 = mat4x4(
                        passed(d, first, left + 5u), passed(d, first, left + 6u), passed(e, first, left + 7u), vec4(0.0),
                    );
                }
                // The other taps in pairs, which share a window, and the last alone if their number is odd.
                let done = 1u - odd;
                for (var j = done; j + 1u < k_w; j += 2u) {
                    let two = window(base, left - j, q);
                    add_tap(&t, taps + j * stride, passed(two, first, left - j));
                    add_tap(&t, taps + (j + 1u) * stride, passed(two, first, left - j - 1u));
                }
                if (k_w - done) % 2u == 1u {
                    let one = window(base, left - (k_w - 1u), q);
                    add_tap(&t, taps + (k_w - 1u) * stride, passed(one, first, left - (k_w - 1u)));
                }
                continue;
            }
            let base = (n * h_out + row) * w_out;
            if five_taps {
                let m0 = four_at(base, left - 4u, q);
                add_five(&t, taps, m0, four_at(base, left, q), four_at(base, left + 4u, q));
                continue;
            }
            t.v0 = mat4x4(
                value(base, left + 1u, q),
                value(base, left + 2u, q),
                value(base, left + 3u, q),
                value(base, left + 4u, q),
            );
            t.v1 = mat4x4(
                value(base, left + 5u, q),
                value(base, left + 6u, q),
                value(base, left + 7u, q),
                vec4(0.0),
            );
            for (var j = 0u; j < k_w; j++) {
                add_tap(&t, taps + j * stride, value(base, left - j, q));
            }
        }
    }
    let row = (n * h_in + r) * w_in;
    store(t.sum00, row, s, c);
    store(t.sum01, row, s + 4u, c);
    if channels > 1u {
        store(t.sum10, row, s, c + 1u);
        store(t.sum11, row, s + 4u, c + 1u);
    }
    if channels > 2u {
        store(t.sum20, row, s, c + 2u);
        store(t.sum21, row, s + 4u, c + 2u);
    }
    if channels > 3u {
        store(t.sum30, row, s, c + 3u);
        store(t.sum31, row, s + 4u, c + 3u);
    }
    if channels > 4u {
        store(t.sum40, row, s, c + 4u);
        store(t.sum41, row, s + 4u, c + 4u);
    }
    if channels > 5u {
        store(t.sum50, row, s, c + 5u);
        store(t.sum51, row, s + 4u, c + 5u);
    }
    if channels > 6u {
        store(t.sum60, row, s, c + 6u);
        store(t.sum61, row, s + 4u, c + 6u);
    }
    if channels > 7u {
        store(t.sum70, row, s, c + 7u);
        store(t.sum71, row, s + 4u, c + 7u);
    }
}
