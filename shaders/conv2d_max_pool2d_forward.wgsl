// Convolution, bias, activation and 2×2 max-pooling (stride 2) in one, for c_out % 4 = 0 and a kernel
// of at most 16,384 elements (the 65,536 bytes of a uniform binding):
//   y[n, r, s, o] = max_{u,v < 2} z[n, 2r + u, 2s + v, o],
//   z[n, r, s, o] = f(b[o] + Σ_{i,j,c} x[n, r + i - pad_h, s + j - pad_w, c] · w[i, j, c, o])
// x [n, h_in, w_in, c_in], w [k_h, k_w, c_in, c_out], b [c_out], y and winner [n, h_out / 2, w_out / 2, c_out],
// where h_out, w_out are the convolution's. `winner` is the index within its sample of z of the first
// maximum in row-major order, or none (all bits set) where the ReLU is off and so no gradient
// passes; z itself is never written. Odd extents drop the rest.
// A thread owns 4 pooled columns, that is 2 rows and 8 columns of z, and 4 · blocks_o channels: every
// load of a weight serves 16 outputs. The matrices are spelled out since each loop costs a counter
// that wgpu adds. Sums start at the bias and go over i, c, j, as in conv2d_forward_tiled.wgsl.
// A real GPU is bound by arithmetic, in small batches by too few threads: narrow tiles (blocks_o = 1) leave it
// registers and twice the threads. llvmpipe is bound by loads: wide ones (2) take 6.0 and 5.9 ms for P1's second
// and third convolution where narrow ones take 8.3 and 9.2 (genre-gpu bench --device gpu --tiles narrow).
// CPU twins: src/cpu/conv2d.rs, src/cpu/max_pool2d.rs.
// Grid: batch · (h_out / 2) · ceil(w_out / 2 / 4) threads, in ceil(c_out / 4 / blocks_o) layers.

override h_in: u32;
override w_in: u32;
override c_in: u32;
override h_out: u32;
override w_out: u32;
override c_out: u32;
override k_h: u32;
override k_w: u32;
override pad_h: u32;
override pad_w: u32;
override has_bias: bool;
override relu: bool;
/// Blocks of four channels that a thread owns: 1 or 2.
override blocks_o: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<uniform> w: array<vec4<f32>, 4096>;
@group(0) @binding(3) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> winner: array<vec4<u32>>;

/// Eight neighbouring columns of a row of x.
struct Window {
    /// Where the row begins in x.
    base: u32,
    inside: bool,
    a: vec4<f32>,
    b: vec4<f32>,
}

/// Outside rows and columns wrap round and are out of range too.
fn value(v: ptr<function, Window>, column: u32, c: u32) -> f32 {
    let inside = (*v).inside && column < w_in;
    return select(0.0, x[select(0u, (*v).base + column * c_in + c, inside)], inside);
}

fn row_of(n: u32, row: u32) -> Window {
    var v: Window;
    v.base = (n * h_in + row) * w_in * c_in;
    v.inside = row < h_in;
    return v;
}

/// One column before `left`, where the first tap then shifts to.
fn begin(v: ptr<function, Window>, left: u32, c: u32) {
    (*v).a = vec4(0.0, value(v, left, c), value(v, left + 1u, c), value(v, left + 2u, c));
    (*v).b = vec4(value(v, left + 3u, c), value(v, left + 4u, c), value(v, left + 5u, c), value(v, left + 6u, c));
}

fn shift(v: ptr<function, Window>, next: f32) {
    (*v).a = vec4((*v).a.yzw, (*v).b.x);
    (*v).b = vec4((*v).b.yzw, next);
}

fn outer(v: vec4<f32>, k: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(v.x * k, v.y * k, v.z * k, v.w * k);
}

fn start(block: u32) -> mat4x4<f32> {
    if !has_bias {
        return mat4x4<f32>();
    }
    return outer(vec4(1.0), b[min(block, c_out / 4u - 1u)]);
}

fn activated(v: vec4<f32>) -> vec4<f32> {
    // Not max, which would hide a NaN.
    return select(v, vec4(0.0), vec4(relu) & (v < vec4(0.0)));
}

/// Pools two cells, `top` and `bottom` hold four columns each; (row, column) is the first cell's place in y.
fn store(top: mat4x4<f32>, bottom: mat4x4<f32>, n: u32, row: u32, column: u32, block: u32) {
    store_one(top[0], top[1], bottom[0], bottom[1], n, row, column, block);
    store_one(top[2], top[3], bottom[2], bottom[3], n, row, column + 1u, block);
}

fn store_one(v0: vec4<f32>, v1: vec4<f32>, v2: vec4<f32>, v3: vec4<f32>, n: u32, row: u32, column: u32, block: u32) {
    if column >= w_out / 2u || block >= c_out / 4u {
        return;
    }
    let first = (2u * row * w_out + 2u * column) * c_out + 4u * block;
    var best = activated(v0);
    var place = vec4(first) + vec4(0u, 1u, 2u, 3u);
    let corner = place;
    let right = activated(v1);
    place = select(place, corner + c_out, right > best);
    best = select(best, right, right > best);
    let below = activated(v2);
    place = select(place, corner + w_out * c_out, below > best);
    best = select(best, below, below > best);
    let last = activated(v3);
    place = select(place, corner + (w_out + 1u) * c_out, last > best);
    best = select(best, last, last > best);
    let to = ((n * (h_out / 2u) + row) * (w_out / 2u) + column) * (c_out / 4u) + block;
    y[to] = best;
    if relu {
        place = select(vec4(0xffffffffu), place, best > vec4(0.0));
    }
    winner[to] = place;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let runs = (w_out / 2u + 3u) / 4u;
    if at >= step.n * (h_out / 2u) * runs {
        return;
    }
    let s = at % runs * 4u;
    let r = at / runs % (h_out / 2u);
    let n = at / (runs * (h_out / 2u));
    let block = group.z * blocks_o;
    let left = 2u * s - pad_w;
    // Sums: a, b are the first block's columns 0 to 3 and 4 to 7, c and d the second's; 0 and 1 the rows.
    var a0 = start(block);
    var b0 = a0;
    var a1 = a0;
    var b1 = a0;
    var c0 = start(block + 1u);
    var d0 = c0;
    var c1 = c0;
    var d1 = c0;
    for (var i = 0u; i < k_h; i++) {
        var top = row_of(n, 2u * r + i - pad_h);
        var bottom = row_of(n, 2u * r + 1u + i - pad_h);
        for (var c = 0u; c < c_in; c++) {
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
