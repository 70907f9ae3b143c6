// Convolution, bias and activation from rows staged in workgroup memory, for c_out % 4 = 0 and a kernel of at most 16,384
// elements, which a uniform holds:
//   z[n, r, s, o] = f(b[o] + Σ_{i,j,c} x[n, r + i - pad_top, s + j - pad_left, c] · w[i, j, c, o])
// and with `pooled` the 2×2 max-pooling behind it, which writes y and argmax as conv2d/max_pool2d_forward.wgsl does; else
// y is z. Shapes as there and in conv2d/forward.wgsl.
// A workgroup owns tile_h · tile_w cells of a sample and blocks_o (1 or 2) blocks of 4 channels. It stages what they read
// of `chunk` channels of x at a time, so that x is loaded once and in the order of memory. Its threads own a cell each,
// neighbouring ones neighbouring cells:
//
//   z, a cell      4s   4s + 1   4s + 2   4s + 3
//   row r (2r)    ┌──────────────────────────────┐
//                 │ top, a column for each       │      of a block; second block: top1, bottom1
//   row 2r + 1    │ bottom, with `tall`          │
//                 └──────────────────────────────┘
//
// The taps of a kernel row share a window of 8 columns in registers, so that 4 loads from workgroup memory and a load of
// weights for each tap and block serve 160 (320) multiply-adds.
// Sums start at the bias and go over chunks of c, then i, c, j.
// CPU twins: src/ops/conv2d/cpu/tile.rs, src/ops/conv2d/cpu/pool.rs.
// Grid: batch · ceil(cells_h / tile_h) · ceil(cells_w / tile_w) workgroups in ceil(c_out / 4 / blocks_o) layers, where
// cells_h · cells_w is ceil(h_out / height) · ceil(w_out / 4), or (h_out / 2) · ceil((w_out / 2) / 2) with `pooled`; height
// is 2 with `tall`, else 1. `pooled` asks for `tall`.
// tile_h · tile_w <= 64; chunk planes of x, of (height · tile_h + k_h - 1) · (tile_w + groups_j) vectors and one more where
// that is even, are at most 512 vectors, with groups_j = max(1, ceil((k_w - 1) / 4)).

//!include step, conv2d, outer, activation, conv2d_tiled, conv2d_pooled, conv2d_staged, maximum

override pooled: bool;
/// Whether a cell has two rows.
override tall: bool;
/// Cells of a workgroup.
override tile_h: u32;
override tile_w: u32;
/// Channels of x that are staged at a time.
override chunk: u32;

@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> argmax: array<vec4<u32>>;

/// Threads of a workgroup.
const GROUP = 64u;

/// x [chunk, rows, quads]: four columns of a row are a vector.
var<workgroup> staged: array<vec4<f32>, 512>;

fn store(sum: vec4<f32>, row: u32, column: u32, block: u32) {
    if column < w_out && block < c_out / 4u {
        y[(row + column) * (c_out / 4u) + block] = activated4(sum);
    }
}

fn store_cell(top: mat4x4<f32>, bottom: mat4x4<f32>, n: u32, r: u32, s: u32, block: u32) {
    if pooled {
        store_pooled(top[0], top[1], bottom[0], bottom[1], n, r, 2u * s, block);
        store_pooled(top[2], top[3], bottom[2], bottom[3], n, r, 2u * s + 1u, block);
        return;
    }
    let row = select(r, 2u * r, tall);
    let to = (n * h_out + row) * w_out;
    store(top[0], to, 4u * s, block);
    store(top[1], to, 4u * s + 1u, block);
    store(top[2], to, 4u * s + 2u, block);
    store(top[3], to, 4u * s + 3u, block);
    if tall {
        if row + 1u < h_out {
            store(bottom[0], to + w_out, 4u * s, block);
            store(bottom[1], to + w_out, 4u * s + 1u, block);
            store(bottom[2], to + w_out, 4u * s + 2u, block);
            store(bottom[3], to + w_out, 4u * s + 3u, block);
        }
    }
}

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    // Rows of z in a cell.
    let height = select(1u, 2u, tall);
    let cells_h = select((h_out + height - 1u) / height, h_out / 2u, pooled);
    let cells_w = select((w_out + 3u) / 4u, (w_out / 2u + 1u) / 2u, pooled);
    let runs = (cells_w + tile_w - 1u) / tile_w;
    let bands = (cells_h + tile_h - 1u) / tile_h;
    let number = group_index(group);
    let n = number / max(runs * bands, 1u);
    if n >= step.n {
        return;
    }
    let first_row = number / runs % bands * tile_h;
    let first_column = number % runs * tile_w;
    let block = group.id.z * blocks_o;
    // Groups of four taps of a kernel row; the last one has a fifth where that is all that is left.
    let groups_j = max(1u, (k_w + 2u) / 4u);
    let rows = height * tile_h + k_h - 1u;
    let quads = tile_w + groups_j;
    let plane = plane_of(rows, quads);
    // A thread behind the last computes what is never stored.
    let row = min(local / tile_w, tile_h - 1u);
    let column = local % tile_w;
    // All groups have four taps.
    let is_whole = (k_w >= 4u) & (k_w % 4u < 2u);
    let of_tap = c_in * (c_out / 4u);
    var top = start(block);
    var bottom = top;
    var top1 = start(block + 1u);
    var bottom1 = top1;
    for (var first = 0u; first < c_in; first += chunk) {
        workgroupBarrier();
        stage_x(n, height * first_row, 4u * first_column, first, chunk, rows, quads, local);
        workgroupBarrier();
        for (var i = 0u; i < k_h; i++) {
            for (var c = 0u; c < min(chunk, c_in - first); c++) {
                var at = c * plane + (height * row + i) * quads + column;
                var tap = i * k_w * of_tap + (first + c) * (c_out / 4u) + block;
                var v = staged[at];
                var u = v;
                if tall {
                    u = staged[at + quads];
                }
                for (var j = 0u; j < 4u * groups_j; j += 4u) {
                    let next = staged[at + 1u];
                    var below = next;
                    if tall {
                        below = staged[at + quads + 1u];
                    }
                    let w0 = w[tap];
                    let v0 = v;
                    let u0 = u;
                    top += outer(v0, w0);
                    if tall {
                        bottom += outer(u0, w0);
                    }
                    if blocks_o > 1u {
                        let second = w[tap + 1u];
                        top1 += outer(v0, second);
                        if tall {
                            bottom1 += outer(u0, second);
                        }
                    }
                    if is_whole || j + 1u < k_w {
                        let w1 = w[tap + of_tap];
                        let v1 = vec4(v.yzw, next.x);
                        let u1 = vec4(u.yzw, below.x);
                        top += outer(v1, w1);
                        if tall {
                            bottom += outer(u1, w1);
                        }
                        if blocks_o > 1u {
                            let second = w[tap + of_tap + 1u];
                            top1 += outer(v1, second);
                            if tall {
                                bottom1 += outer(u1, second);
                            }
                        }
                    }
                    if is_whole || j + 2u < k_w {
                        let w2 = w[tap + 2u * of_tap];
                        let v2 = vec4(v.zw, next.xy);
                        let u2 = vec4(u.zw, below.xy);
                        top += outer(v2, w2);
                        if tall {
                            bottom += outer(u2, w2);
                        }
                        if blocks_o > 1u {
                            let second = w[tap + 2u * of_tap + 1u];
                            top1 += outer(v2, second);
                            if tall {
                                bottom1 += outer(u2, second);
                            }
                        }
                    }
                    if is_whole || j + 3u < k_w {
                        let w3 = w[tap + 3u * of_tap];
                        let v3 = vec4(v.w, next.xyz);
                        let u3 = vec4(u.w, below.xyz);
                        top += outer(v3, w3);
                        if tall {
                            bottom += outer(u3, w3);
                        }
                        if blocks_o > 1u {
                            let second = w[tap + 3u * of_tap + 1u];
                            top1 += outer(v3, second);
                            if tall {
                                bottom1 += outer(u3, second);
                            }
                        }
                    }
                    if k_w % 4u == 1u && j + 5u == k_w {
                        let w4 = w[tap + 4u * of_tap];
                        let v4 = next;
                        let u4 = below;
                        top += outer(v4, w4);
                        if tall {
                            bottom += outer(u4, w4);
                        }
                        if blocks_o > 1u {
                            let second = w[tap + 4u * of_tap + 1u];
                            top1 += outer(v4, second);
                            if tall {
                                bottom1 += outer(u4, second);
                            }
                        }
                    }
                    v = next;
                    u = below;
                    at += 1u;
                    tap += 4u * of_tap;
                }
            }
        }
    }
    let r = first_row + row;
    let s = first_column + column;
    if local >= tile_h * tile_w || r >= cells_h {
        return;
    }
    store_cell(top, bottom, n, r, s, block);
    if blocks_o > 1u {
        store_cell(top1, bottom1, n, r, s, block + 1u);
    }
}
