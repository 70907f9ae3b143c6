// conv2d/forward.wgsl in tiles, for c_out % 4 = 0 and a kernel of at most 16,384 elements, which a uniform holds:
//   y[n, r, s, o] = f(b[o] + Σ_{i,j,c} x[n, r + i - pad_top, s + j - pad_left, c] · w[i, j, c, o])
// Shapes as there. A thread owns 8 neighbouring columns of a row and blocks_o (1 to 4) blocks of 4 channels:
//
//   y, row r     s   s+1 s+2 s+3   s+4 …  s+7
//   4 channels ┌──────────────────┬────────────────┐
//   of block   │ a0 (4×4 sums)    │ a1             │
//   block + 1  │ b0               │ b1             │     c and d with blocks_o = 4
//              └──────────────────┴────────────────┘
//
// Each weight serves 8 columns; each element of x serves k_w taps (v0 and v1 move one column per tap) and all channels.
// Sums start at the bias and go over i, c, j. The matrices are written out: wgpu adds a counter to every loop.
// CPU twin: src/ops/conv2d/cpu/tile.rs.
// Grid: batch · h_out · ceil(w_out / 8) threads, in ceil(c_out / 4 / blocks_o) layers.

//!include step, conv2d, outer, activation, conv2d_tiled

@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;

/// Channel c at a column of the row that begins at x[row * c_in], 0 outside. A column below 0 wraps to more than w_in.
fn value(row: u32, column: u32, c: u32) -> f32 {
    return select(0.0, x[(row + min(column, w_in - 1u)) * c_in + c], column < w_in);
}

fn store(m: mat4x4<f32>, row: u32, column: u32, block: u32) {
    store_one(m[0], row, column, block);
    store_one(m[1], row, column + 1u, block);
    store_one(m[2], row, column + 2u, block);
    store_one(m[3], row, column + 3u, block);
}

fn store_one(sum: vec4<f32>, row: u32, column: u32, block: u32) {
    if column < w_out && block < c_out / 4u {
        y[(row + column) * (c_out / 4u) + block] = activated4(sum);
    }
}

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let runs = (w_out + 7u) / 8u;
    if at >= step.n * h_out * runs {
        return;
    }
    let s = at % runs * 8u;
    let r = at / runs % h_out;
    let n = at / (runs * h_out);
    let block = group.id.z * blocks_o;
    // Blocks beyond blocks_o are never stored: the compiler removes them.
    var a0 = start(block);
    var a1 = a0;
    var b0 = start(block + 1u);
    var b1 = b0;
    var c0 = start(block + 2u);
    var c1 = c0;
    var d0 = start(block + 3u);
    var d1 = d0;
    for (var i = 0u; i < k_h; i++) {
        let row = r + i - pad_top;
        if row >= h_in {
            continue;
        }
        let base = (n * h_in + row) * w_in;
        for (var c = 0u; c < c_in; c++) {
            let left = s - pad_left;
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
