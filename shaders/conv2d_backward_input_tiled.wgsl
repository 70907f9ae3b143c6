// conv2d_backward_input for c_out % 4 = 0 and a kernel of at most 16,384 elements (the 65,536 bytes
// of a uniform binding; larger ones: the plain form):
//   dx[n, r, s, c] (+)= Σ_{i,j,o} dz[n, r + pad_h - i, s + pad_w - j, o] · w[i, j, c, o], where `mask`: only where x > 0
// Shapes as there. A thread owns 8 neighbouring columns of a row and `channels` of dx. Four
// channels of dz at 8 columns stand in 2 matrices that move one column per tap: every load of
// dz serves k_w taps and all channels, every load of a weight 8 columns. Sums go over i, the
// fours of o, j, within a four as a product of vector and matrix.
// A real GPU is bound by arithmetic; narrow tiles (channels = 4) leave it registers for more threads. On
// llvmpipe both take as long, within its noise (genre-gpu bench --device gpu --tiles narrow).
// CPU twin: src/cpu/conv2d.rs.
// Grid: batch · h_in · ceil(w_in / 8) threads, in ceil(c_in / channels) layers.

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
override add: bool;
override mask: bool;
/// Channels of dx that a thread owns: 1 to 8.
override channels: u32;

@group(0) @binding(1) var<storage, read> dz: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> w: array<vec4<f32>, 4096>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

/// Channels 4q.. at a column of the row of dz whose first column is `row`; left of 0 wraps round.
fn value(row: u32, column: u32, q: u32) -> vec4<f32> {
    return select(vec4(0.0), dz[(row + min(column, w_out - 1u)) * (c_out / 4u) + q], column < w_out);
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
    var v = sum;
    if mask {
        v = select(0.0, v, x[at] > 0.0);
    }
    if add {
        v += dx[at];
    }
    dx[at] = v;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let runs = (w_in + 7u) / 8u;
    if at >= step.n * h_in * runs {
        return;
    }
    let s = at % runs * 8u;
    let r = at / runs % h_in;
    let n = at / (runs * h_in);
    let c = group.z * channels;
    // Sums of channels that `channels` leaves out are never stored: the compiler drops them.
    var sum00 = vec4(0.0); var sum01 = vec4(0.0);
    var sum10 = vec4(0.0); var sum11 = vec4(0.0);
    var sum20 = vec4(0.0); var sum21 = vec4(0.0);
    var sum30 = vec4(0.0); var sum31 = vec4(0.0);
    var sum40 = vec4(0.0); var sum41 = vec4(0.0);
    var sum50 = vec4(0.0); var sum51 = vec4(0.0);
    var sum60 = vec4(0.0); var sum61 = vec4(0.0);
    var sum70 = vec4(0.0); var sum71 = vec4(0.0);
    for (var i = 0u; i < k_h; i++) {
        let row = r + pad_h - i;
        if row >= h_out {
            continue;
        }
        let base = (n * h_out + row) * w_out;
        for (var q = 0u; q < c_out / 4u; q++) {
            let left = s + pad_w;
            var v0 = mat4x4(
                value(base, left + 1u, q),
                value(base, left + 2u, q),
                value(base, left + 3u, q),
                value(base, left + 4u, q),
            );
            var v1 = mat4x4(
                value(base, left + 5u, q),
                value(base, left + 6u, q),
                value(base, left + 7u, q),
                vec4(0.0),
            );
            for (var j = 0u; j < k_w; j++) {
                v1 = mat4x4(v0[3], v1[0], v1[1], v1[2]);
                v0 = mat4x4(value(base, left - j, q), v0[0], v0[1], v0[2]);
                let tap = ((i * k_w + j) * c_in + c) * (c_out / 4u) + q;
                let w0 = w[tap];
                sum00 += w0 * v0;
                sum01 += w0 * v1;
                if channels > 1u {
                    let w1 = w[tap + (c_out / 4u)];
                    sum10 += w1 * v0;
                    sum11 += w1 * v1;
                }
                if channels > 2u {
                    let w2 = w[tap + 2u * (c_out / 4u)];
                    sum20 += w2 * v0;
                    sum21 += w2 * v1;
                }
                if channels > 3u {
                    let w3 = w[tap + 3u * (c_out / 4u)];
                    sum30 += w3 * v0;
                    sum31 += w3 * v1;
                }
                if channels > 4u {
                    let w4 = w[tap + 4u * (c_out / 4u)];
                    sum40 += w4 * v0;
                    sum41 += w4 * v1;
                }
                if channels > 5u {
                    let w5 = w[tap + 5u * (c_out / 4u)];
                    sum50 += w5 * v0;
                    sum51 += w5 * v1;
                }
                if channels > 6u {
                    let w6 = w[tap + 6u * (c_out / 4u)];
                    sum60 += w6 * v0;
                    sum61 += w6 * v1;
                }
                if channels > 7u {
                    let w7 = w[tap + 7u * (c_out / 4u)];
                    sum70 += w7 * v0;
                    sum71 += w7 * v1;
                }
            }
        }
    }
    let row = (n * h_in + r) * w_in;
    store(sum00, row, s, c);
    store(sum01, row, s + 4u, c);
    if channels > 1u {
        store(sum10, row, s, c + 1u);
        store(sum11, row, s + 4u, c + 1u);
    }
    if channels > 2u {
        store(sum20, row, s, c + 2u);
        store(sum21, row, s + 4u, c + 2u);
    }
    if channels > 3u {
        store(sum30, row, s, c + 3u);
        store(sum31, row, s + 4u, c + 3u);
    }
    if channels > 4u {
        store(sum40, row, s, c + 4u);
        store(sum41, row, s + 4u, c + 4u);
    }
    if channels > 5u {
        store(sum50, row, s, c + 5u);
        store(sum51, row, s + 4u, c + 5u);
    }
    if channels > 6u {
        store(sum60, row, s, c + 6u);
        store(sum61, row, s + 4u, c + 6u);
    }
    if channels > 7u {
        store(sum70, row, s, c + 7u);
        store(sum71, row, s + 4u, c + 7u);
    }
}
