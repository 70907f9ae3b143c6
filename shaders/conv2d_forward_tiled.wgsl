// conv2d_forward for c_out % 4 = 0 and a kernel of at most 16,384 elements, which fit the 65,536
// bytes of a uniform binding (larger ones: the plain form):
//   y[n, r, s, o] = f(b[o] + Σ_{i,j,c} x[n, r + i - pad_h, s + j - pad_w, c] · w[i, j, c, o])
// Shapes as there. A thread owns 8 neighbouring columns of a row and 4 · blocks_o channels, as
// 4×4 matrices of sums: every load of a weight serves 8 columns, every load of x serves k_w taps
// and all channels. Loads are what llvmpipe is slow at, uniform ones the least. The matrices are
// spelled out since each loop costs a counter that wgpu adds. Sums start at the bias and go over
// i, c, j. A real GPU is bound by arithmetic; narrow tiles (blocks_o = 2) leave it registers for more threads.
// CPU twin: src/cpu/conv2d.rs.
// Grid: batch · h_out · ceil(w_out / 8) threads, in ceil(c_out / 4 / blocks_o) layers.

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
/// Blocks of four channels that a thread owns: 1 to 4.
override blocks_o: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<uniform> w: array<vec4<f32>, 4096>;
@group(0) @binding(3) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;

fn outer(v: vec4<f32>, k: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(v.x * k, v.y * k, v.z * k, v.w * k);
}

/// Channel c at a column of the row whose first element is x[row * c_in]; left of 0 wraps round.
fn value(row: u32, column: u32, c: u32) -> f32 {
    return select(0.0, x[(row + min(column, w_in - 1u)) * c_in + c], column < w_in);
}

fn start(block: u32) -> mat4x4<f32> {
    if !has_bias {
        return mat4x4<f32>();
    }
    return outer(vec4(1.0), b[min(block, c_out / 4u - 1u)]);
}

fn store(m: mat4x4<f32>, row: u32, column: u32, block: u32) {
    store_one(m[0], row, column, block);
    store_one(m[1], row, column + 1u, block);
    store_one(m[2], row, column + 2u, block);
    store_one(m[3], row, column + 3u, block);
}

fn store_one(sum: vec4<f32>, row: u32, column: u32, block: u32) {
    if column < w_out && block < c_out / 4u {
        // Not max, which would hide a NaN.
        let off = vec4(relu) & (sum < vec4(0.0));
        y[(row + column) * (c_out / 4u) + block] = select(sum, vec4(0.0), off);
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let runs = (w_out + 7u) / 8u;
    if at >= step.n * h_out * runs {
        return;
    }
    let s = at % runs * 8u;
    let r = at / runs % h_out;
    let n = at / (runs * h_out);
    let block = group.z * blocks_o;
    // Blocks that blocks_o leaves out are never stored: the compiler drops them.
    var a0 = start(block);
    var a1 = a0;
    var b0 = start(block + 1u);
    var b1 = b0;
    var c0 = start(block + 2u);
    var c1 = c0;
    var d0 = start(block + 3u);
    var d1 = d0;
    for (var i = 0u; i < k_h; i++) {
        let row = r + i - pad_h;
        if row >= h_in {
            continue;
        }
        let base = (n * h_in + row) * w_in;
        for (var c = 0u; c < c_in; c++) {
            let left = s - pad_w;
            var v0 = vec4(0.0, value(base, left, c), value(base, left + 1u, c), value(base, left + 2u, c));
            var v1 = vec4(
                value(base, left + 3u, c), value(base, left + 4u, c),
                value(base, left + 5u, c), value(base, left + 6u, c),
            );
            for (var j = 0u; j < k_w; j++) {
                v0 = vec4(v0.yzw, v1.x);
                v1 = vec4(v1.yzw, value(base, left + 7u + j, c));
                let tap = ((i * k_w + j) * c_in + c) * (c_out / 4u) + block;
                let w0 = w[tap];
                a0 += outer(v0, w0);
                a1 += outer(v1, w0);
                if blocks_o > 1u {
                    let w1 = w[tap + 1u];
                    b0 += outer(v0, w1);
                    b1 += outer(v1, w1);
                }
                if blocks_o > 2u {
                    let w2 = w[tap + 2u];
                    c0 += outer(v0, w2);
                    c1 += outer(v1, w2);
                }
                if blocks_o > 3u {
                    let w3 = w[tap + 3u];
                    d0 += outer(v0, w3);
                    d1 += outer(v1, w3);
                }
            }
        }
    }
    let row = (n * h_out + r) * w_out;
    store(a0, row, s, block);
    store(a1, row, s + 4u, block);
    if blocks_o > 1u {
        store(b0, row, s, block + 1u);
        store(b1, row, s + 4u, block + 1u);
    }
    if blocks_o > 2u {
        store(c0, row, s, block + 2u);
        store(c1, row, s + 4u, block + 2u);
    }
    if blocks_o > 3u {
        store(d0, row, s, block + 3u);
        store(d1, row, s + 4u, block + 3u);
    }
}
