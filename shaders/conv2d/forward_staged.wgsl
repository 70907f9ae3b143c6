// Convolution, bias and activation from rows staged in workgroup memory, for c_out % 4 = 0 and a kernel of at most 16,384
// elements, which a uniform holds:
//   z[n, r, s, o] = f(b[o] + Σ_{i,j,c} x[n, r + i - pad_top, s + j - pad_left, c] · w[i, j, c, o])
// and with `pooled` the 2×2 max-pooling behind it, which writes y and argmax as conv2d/max_pool2d_forward.wgsl does; else
// y is z. Shapes as there and in conv2d/forward.wgsl.
// A workgroup owns tile_h · tile_w cells of a sample and blocks_o (1 or 2) blocks of 4 channels. It stages what they read
// of `chunk` channels of x at a time, so that x is loaded once and in the order of memory. Its threads own a cell each,
// neighbouring ones neighbouring columns:
//
//   z, a cell      2s   2s + 1
//   row r (2r)    ┌───────────┐
//                 │ a0    a1  │      second block: b0, b1
//   row 2r + 1    │ a2    a3  │ with `pooled`      b2, b3
//                 └───────────┘
//
// Sums start at the bias and go over chunks of c, then i, c, j.
// CPU twins: src/ops/conv2d/cpu/tile.rs, src/ops/conv2d/cpu/pool.rs.
// Grid: batch · ceil(cells_h / tile_h) · ceil(cells_w / tile_w) workgroups in ceil(c_out / 4 / blocks_o) layers, where
// cells_h · cells_w is h_out · ceil(w_out / 2), or (h_out / 2) · (w_out / 2) with `pooled`.
// tile_h · tile_w <= 64, chunk · rows · columns of x <= 2,048.

//!include step, conv2d, outer, activation, conv2d_tiled, conv2d_pooled, maximum

override pooled: bool;
/// Cells of a workgroup.
override tile_h: u32;
override tile_w: u32;
/// Channels of x that are staged at a time.
override chunk: u32;

@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> argmax: array<vec4<u32>>;

/// x [chunk, rows, columns].
var<workgroup> staged: array<f32, 2048>;

/// Stages channels from c on, below the cells that begin at row r and column s of z.
fn stage(n: u32, r: u32, s: u32, c: u32, rows: u32, columns: u32, local: u32) {
    for (var e = local; e < rows * columns * chunk; e += 64u) {
        let channel = e % chunk;
        let column = e / chunk % columns;
        let row = e / (chunk * columns);
        // A row or column before the first wraps to more than there are.
        let from_row = r + row - pad_top;
        let from_column = s + column - pad_left;
        let ok = (from_row < h_in) & (from_column < w_in) & (c + channel < c_in);
        let at = select(0u, ((n * h_in + from_row) * w_in + from_column) * c_in + c + channel, ok);
        staged[(channel * rows + row) * columns + column] = select(0.0, x[at], ok);
    }
}

/// The bias of a block.
fn begin(block: u32) -> vec4<f32> {
    return start(block)[0];
}

fn store(sum: vec4<f32>, row: u32, column: u32, block: u32) {
    if column < w_out && block < c_out / 4u {
        y[(row + column) * (c_out / 4u) + block] = activated4(sum);
    }
}

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    // Rows of z in a cell.
    let height = select(1u, 2u, pooled);
    let cells_h = h_out / height;
    let cells_w = select((w_out + 1u) / 2u, w_out / 2u, pooled);
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
    let rows = height * tile_h + k_h - 1u;
    let columns = 2u * tile_w + k_w - 1u;
    // A thread behind the last computes what is never stored.
    let row = min(local / tile_w, tile_h - 1u);
    let column = local % tile_w;
    var a0 = begin(block);
    var a1 = a0;
    var a2 = a0;
    var a3 = a0;
    var b0 = begin(block + 1u);
    var b1 = b0;
    var b2 = b0;
    var b3 = b0;
    for (var first = 0u; first < c_in; first += chunk) {
        workgroupBarrier();
        stage(n, height * first_row, 2u * first_column, first, rows, columns, local);
        workgroupBarrier();
        for (var i = 0u; i < k_h; i++) {
            for (var c = 0u; c < min(chunk, c_in - first); c++) {
                let top = (c * rows + height * row + i) * columns + 2u * column;
                let bottom = top + columns;
                var x0 = staged[top];
                var x2 = x0;
                if pooled {
                    x2 = staged[bottom];
                }
                for (var j = 0u; j < k_w; j++) {
                    let x1 = staged[top + j + 1u];
                    let tap = ((i * k_w + j) * c_in + first + c) * (c_out / 4u) + block;
                    let w0 = w[tap];
                    let w1 = w[tap + 1u];
                    a0 += x0 * w0;
                    a1 += x1 * w0;
                    if blocks_o > 1u {
                        b0 += x0 * w1;
                        b1 += x1 * w1;
                    }
                    if pooled {
                        let x3 = staged[bottom + j + 1u];
                        a2 += x2 * w0;
                        a3 += x3 * w0;
                        if blocks_o > 1u {
                            b2 += x2 * w1;
                            b3 += x3 * w1;
                        }
                        x2 = x3;
                    }
                    x0 = x1;
                }
            }
        }
    }
    let r = first_row + row;
    let s = first_column + column;
    if local >= tile_h * tile_w || r >= cells_h {
        return;
    }
    if pooled {
        store_pooled(a0, a1, a2, a3, n, r, s, block);
        if blocks_o > 1u {
            store_pooled(b0, b1, b2, b3, n, r, s, block + 1u);
        }
        return;
    }
    let to = (n * h_out + r) * w_out;
    store(a0, to, 2u * s, block);
    store(a1, to, 2u * s + 1u, block);
    if blocks_o > 1u {
        store(b0, to, 2u * s, block + 1u);
        store(b1, to, 2u * s + 1u, block + 1u);
    }
}
