// Convolution, bias, activation and 2×2 max-pooling (stride 2) in one, for c_out % 4 = 0 and a kernel of at most 16,384
// elements, which a uniform holds:
//   y[n, r, s, o] = max_{u,v < 2} z[n, 2r + u, 2s + v, o],
//   z[n, r, s, o] = f(b[o] + Σ_{i,j,c} x[n, r + i - pad_top, s + j - pad_left, c] · w[i, j, c, o])
// x [n, h_in, w_in, c_in], w [k_h, k_w, c_in, c_out], b [c_out], y and argmax [n, h_out / 2, w_out / 2, c_out],
// where h_out and w_out are z's. argmax is the index within its sample of z of the first maximum in row-major order,
// or none (all bits set) where the ReLU passes no gradient; z is never written. An odd last row or column is dropped.
// A thread owns 4 pooled columns, which are 2 rows and 8 columns of z, and blocks_o (1 or 2) blocks of 4 channels:
//
//   z           2s …  2s+3   2s+4 … 2s+7
//   row 2r     ┌───────────┬────────────┐
//              │ a0        │ b0         │      second block: c0, d0
//   row 2r + 1 │ a1        │ b1         │                    c1, d1
//              └───────────┴────────────┘
//
// Each weight serves 16 sums. Sums start at the bias and go over i, c, j. The matrices are written out: wgpu adds a
// counter to every loop. CPU twins: src/ops/conv2d/cpu/tile.rs, src/ops/conv2d/cpu/pool.rs.
// Grid: batch · (h_out / 2) · ceil(w_out / 2 / 4) threads, in ceil(c_out / 4 / blocks_o) layers.

//!include step, conv2d, outer, activation, conv2d_tiled, conv2d_pooled, maximum

/// Write out the taps of a kernel row, of which there are five: a sum is then loaded and stored once for all of them.
override five_taps: bool;

@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> argmax: array<vec4<u32>>;

/// Eight neighbouring columns of a row of x.
struct Window {
    /// Where the row begins in x.
    base: u32,
    inside: bool,
    a: vec4<f32>,
    b: vec4<f32>,
}

/// x at a column, 0 outside. A column below 0 wraps to more than w_in. `&`, not `&&`, which would make a branch of
/// every load.
fn value(v: ptr<function, Window>, column: u32, c: u32) -> f32 {
    let inside = (*v).inside & (column < w_in);
    return select(0.0, x[select(0u, (*v).base + column * c_in + c, inside)], inside);
}

fn row_of(n: u32, row: u32) -> Window {
    var v: Window;
    v.base = (n * h_in + row) * w_in * c_in;
    v.inside = row < h_in;
    return v;
}

/// Begins one column before `left`: the first tap shifts there.
fn begin(v: ptr<function, Window>, left: u32, c: u32) {
    (*v).a = vec4(0.0, value(v, left, c), value(v, left + 1u, c), value(v, left + 2u, c));
    (*v).b = vec4(value(v, left + 3u, c), value(v, left + 4u, c), value(v, left + 5u, c), value(v, left + 6u, c));
}

fn shift(v: ptr<function, Window>, next: f32) {
    (*v).a = vec4((*v).a.yzw, (*v).b.x);
    (*v).b = vec4((*v).b.yzw, next);
}

fn four(v: ptr<function, Window>, column: u32, c: u32) -> vec4<f32> {
    return vec4(value(v, column, c), value(v, column + 1u, c), value(v, column + 2u, c), value(v, column + 3u, c));
}

/// Sums of four columns after five taps: x0 and x1 are the eight columns that these read.
fn add_taps(sum: mat4x4<f32>, x0: vec4<f32>, x1: vec4<f32>, tap: u32) -> mat4x4<f32> {
    let stride = c_in * (c_out / 4u);
    let w0 = w[tap];
    let w1 = w[tap + stride];
    let w2 = w[tap + 2u * stride];
    let w3 = w[tap + 3u * stride];
    let w4 = w[tap + 4u * stride];
    return mat4x4(
        sum[0] + x0.x * w0 + x0.y * w1 + x0.z * w2 + x0.w * w3 + x1.x * w4,
        sum[1] + x0.y * w0 + x0.z * w1 + x0.w * w2 + x1.x * w3 + x1.y * w4,
        sum[2] + x0.z * w0 + x0.w * w1 + x1.x * w2 + x1.y * w3 + x1.z * w4,
        sum[3] + x0.w * w0 + x1.x * w1 + x1.y * w2 + x1.z * w3 + x1.w * w4,
    );
}

/// Pools two cells from four columns of both rows; (row, column) is the first cell's place in y.
fn store(top: mat4x4<f32>, bottom: mat4x4<f32>, n: u32, row: u32, column: u32, block: u32) {
    store_pooled(top[0], top[1], bottom[0], bottom[1], n, row, column, block);
    store_pooled(top[2], top[3], bottom[2], bottom[3], n, row, column + 1u, block);
}

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let runs = (w_out / 2u + 3u) / 4u;
    if at >= step.n * (h_out / 2u) * runs {
        return;
    }
    let s = at % runs * 4u;
    let r = at / runs % (h_out / 2u);
    let n = at / (runs * (h_out / 2u));
    let block = group.id.z * blocks_o;
    let left = 2u * s - pad_left;
    // Sums: a and b are columns 0 to 3 and 4 to 7 of the first block, c and d of the second; 0 and 1 are the rows.
    var a0 = start(block);
    var b0 = a0;
    var a1 = a0;
    var b1 = a0;
    var c0 = start(block + 1u);
    var d0 = c0;
    var c1 = c0;
    var d1 = c0;
    for (var i = 0u; i < k_h; i++) {
        var top = row_of(n, 2u * r + i - pad_top);
        var bottom = row_of(n, 2u * r + 1u + i - pad_top);
        for (var c = 0u; c < c_in; c++) {
            if five_taps {
                let tap = (i * k_w * c_in + c) * (c_out / 4u) + block;
                let t0 = four(&top, left, c);
                let t1 = four(&top, left + 4u, c);
                let t2 = four(&top, left + 8u, c);
                let u0 = four(&bottom, left, c);
                let u1 = four(&bottom, left + 4u, c);
                let u2 = four(&bottom, left + 8u, c);
                a0 = add_taps(a0, t0, t1, tap);
                b0 = add_taps(b0, t1, t2, tap);
                a1 = add_taps(a1, u0, u1, tap);
                b1 = add_taps(b1, u1, u2, tap);
                if blocks_o > 1u {
                    c0 = add_taps(c0, t0, t1, tap + 1u);
                    d0 = add_taps(d0, t1, t2, tap + 1u);
                    c1 = add_taps(c1, u0, u1, tap + 1u);
                    d1 = add_taps(d1, u1, u2, tap + 1u);
                }
                continue;
            }
            begin(&top, left, c);
            begin(&bottom, left, c);
            for (var j = 0u; j < k_w; j++) {
                shift(&top, value(&top, left + 7u + j, c));
                shift(&bottom, value(&bottom, left + 7u + j, c));
                let tap = ((i * k_w + j) * c_in + c) * (c_out / 4u) + block;
                let w0 = w[tap];
                a0 += outer(top.a, w0);
                b0 += outer(top.b, w0);
                a1 += outer(bottom.a, w0);
                b1 += outer(bottom.b, w0);
                if blocks_o > 1u {
                    let w1 = w[tap + 1u];
                    c0 += outer(top.a, w1);
                    d0 += outer(top.b, w1);
                    c1 += outer(bottom.a, w1);
                    d1 += outer(bottom.b, w1);
                }
            }
        }
    }
    store(a0, a1, n, r, s, block);
    store(b0, b1, n, r, s + 2u, block);
    if blocks_o > 1u {
        store(c0, c1, n, r, s, block + 1u);
        store(d0, d1, n, r, s + 2u, block + 1u);
    }
}
