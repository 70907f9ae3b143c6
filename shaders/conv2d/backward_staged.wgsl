// All gradients of a convolution from rows staged in workgroup memory, for c_out % 4 = 0; sgd/step.wgsl reduces the parts:
//   dw[i, j, c, o] = Σ_{n,r,s} x[n, r + i - pad_top, s + j - pad_left, c] · dz[n, r, s, o],
//   db[o] = Σ_{n,r,s} dz[n, r, s, o]
//   dx[n, r, s, c] (+)= Σ_{i,j,o} dz[n, r + pad_top - i, s + pad_left - j, o] · w[i, j, c, o]
// Shapes, parts and `pooled` as in conv2d/backward_weight_tiled.wgsl, `mask` and `add` as in conv2d/backward_input_tiled.wgsl;
// a uniform holds w, of at most 16,384 elements. A workgroup reads what its threads share
// once, in the order of memory, and puts dz under a pooling together once. The first workgroups own dx, with has_dx;
// those behind them own dw and db, in training alone.
//
// dw: a workgroup owns a part and blocks_o blocks of 4 channels, and stages tile_h · tile_w positions of dz and what they
// read of x at a time. A thread owns a kernel row i, an input channel c, 5 taps j, one block, and every `splits`-th
// position, in order:
//
//   thread            0   1   …  splits - 1 │ splits …           (i, c, taps, block): tile of the kernel
//   position          0   1   …  splits - 1 │ 0   1   …
//                  + splits …               │
//                   20 sums of each         │                    then the sums of a tile's threads are added in order
//
// Neighbouring threads read neighbouring positions, whatever the number of tiles.
//
// dx: a workgroup owns in_h rows by in_w columns of a sample and `channels` (1 to 4) channels. A thread owns 4
// neighbouring columns of a row:
//
//   dx, row r    s  s+1 s+2 s+3
//   channel c   ┌────────────────┐      columns: 4 channels of dz at 4 columns, which move one column per tap j
//           + 1 │ sum0           │      sum. += (weights of 4 channels) · columns
//               └────────────────┘
//
// Sums go over blocks of 4 of o, i, j, and within a block as a product of vector and matrix.
// CPU twin: src/ops/conv2d/cpu/dense.rs.
// Grid: input_groups workgroups for dx, with input_groups = batch · ceil(h_in / in_h) · ceil(w_in / in_w) ·
// ceil(c_in / channels); parts · ceil(c_out / 4 / blocks_o) for dw and db, with
// parts = ceil(batch / samples_per_part) · ceil(h_out / rows_per_part).
// k_h · c_in · ceil(k_w / 5) · blocks_o · splits <= 128, (tile_h + k_h - 1) · (tile_w + k_w - 1) · c_in <= 1,528,
// tile_h · tile_w · blocks_o <= 640, in_h · ceil(in_w / 4) <= 128, (in_h + k_h - 1) · (in_w + k_w - 1) <= 640,
// in_w % 4 = 0.

//!include step, conv2d, input_gradient

/// Rows of the output in a part.
override rows_per_part: u32;
override samples_per_part: u32;
/// Positions of the output that are staged at a time for dw.
override tile_h: u32;
override tile_w: u32;
/// Blocks of four channels of a workgroup of dw.
override blocks_o: u32;
/// Threads that share a tile of the kernel.
override splits: u32;
override has_dx: bool;
/// Rows and columns of dx of a workgroup.
override in_h: u32;
override in_w: u32;
/// Channels of dx of a workgroup.
override channels: u32;
/// Workgroups of dx.
override input_groups: u32;
override pooled: bool;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dz: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> argmax: array<vec4<u32>>;
@group(0) @binding(4) var<uniform> w: array<vec4<f32>, 4096>;
@group(0) @binding(5) var<storage, read_write> parts: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;

/// x [c_in, tile_h + k_h - 1, tile_w + k_w - 1]; later db's sums of each thread.
var<workgroup> staged_x: array<f32, 1536>;
/// dz [blocks_o, tile_h, tile_w], or [in_h + k_h - 1, in_w + k_w - 1]; later dw's sums of each thread by tap.
var<workgroup> staged_dz: array<vec4<f32>, 640>;

/// Where staged_x has zeros.
const ZEROS = 1528u;

/// Channels 4 · block to 4 · block + 3 of dz, 0 where it is not `inside`. `&`, not `&&`, which would make a branch of
/// every load.
fn dz_at(n: u32, row: u32, column: u32, block: u32, inside: bool) -> vec4<f32> {
    let blocks = c_out / 4u;
    if pooled {
        // A remainder at the border has no gradient.
        let ok = inside & (row / 2u < h_out / 2u) & (column / 2u < w_out / 2u);
        let at = ((n * (h_out / 2u) + row / 2u) * (w_out / 2u) + column / 2u) * blocks + block;
        let from_window = select(0u, at, ok);
        let position = vec4((row * w_out + column) * c_out + 4u * block) + vec4(0u, 1u, 2u, 3u);
        return select(vec4(0.0), dz[from_window], (argmax[from_window] == position) & vec4(ok));
    }
    let ok = inside & (row < h_out) & (column < w_out);
    return select(vec4(0.0), dz[select(0u, ((n * h_out + row) * w_out + column) * blocks + block, ok)], ok);
}

/// Stages x below the positions that begin at row r and column s of the output.
fn stage_x(n: u32, r: u32, s: u32, local: u32) {
    let rows = tile_h + k_h - 1u;
    let columns = tile_w + k_w - 1u;
    for (var e = local; e < rows * columns * c_in; e += 128u) {
        let c = e % c_in;
        let column = e / c_in % columns;
        let row = e / (c_in * columns);
        // A row or column before the first wraps to more than there are.
        let from_row = r + row - pad_top;
        let from_column = s + column - pad_left;
        let ok = (from_row < h_in) & (from_column < w_in);
        let at = select(0u, ((n * h_in + from_row) * w_in + from_column) * c_in + c, ok);
        staged_x[(c * rows + row) * columns + column] = select(0.0, x[at], ok);
    }
}

/// Stages the dz of those positions before row `end`.
fn stage_dz(n: u32, r: u32, s: u32, end: u32, block: u32, local: u32) {
    for (var e = local; e < tile_h * tile_w * blocks_o; e += 128u) {
        let b = e % blocks_o;
        let position = e / blocks_o;
        let row = r + position / tile_w;
        let inside = (row < end) & (block + b < c_out / 4u);
        staged_dz[b * (tile_h * tile_w) + position] = dz_at(n, row, s + position % tile_w, block + b, inside);
    }
}

fn weights(number: u32, local: u32) {
    let blocks = c_out / 4u;
    let groups_o = (blocks + blocks_o - 1u) / blocks_o;
    let groups_j = (k_w + 4u) / 5u;
    let parts_per_sample = (h_out + rows_per_part - 1u) / rows_per_part;
    let part = number / groups_o;
    let block = number % groups_o * blocks_o;
    let n_first = part / parts_per_sample * samples_per_part;
    let first = part % parts_per_sample * rows_per_part;
    // Under a pooling, a remainder at the border has no gradient.
    let end = min(first + rows_per_part, select(h_out, h_out / 2u * 2u, pooled));
    let width = select(w_out, w_out / 2u * 2u, pooled);
    // The thread's tile of the kernel. One behind the last computes what is never stored.
    let tile = min(local / splits, k_h * c_in * groups_j * blocks_o - 1u);
    let b = tile % blocks_o;
    let j = tile / blocks_o % groups_j * 5u;
    let c = tile / (blocks_o * groups_j) % c_in;
    let i = tile / (blocks_o * groups_j * c_in);
    let columns = tile_w + k_w - 1u;
    let corner = (c * (tile_h + k_h - 1u) + i) * columns + j;
    var sum0 = vec4(0.0);
    var sum1 = vec4(0.0);
    var sum2 = vec4(0.0);
    var sum3 = vec4(0.0);
    var sum4 = vec4(0.0);
    var bias = vec4(0.0);
    if local < 8u {
        staged_x[ZEROS + local] = 0.0;
    }
    for (var n = n_first; n < min(n_first + samples_per_part, step.n); n++) {
        for (var r = first; r < end; r += tile_h) {
            for (var s = 0u; s < width; s += tile_w) {
                workgroupBarrier();
                stage_x(n, r, s, local);
                stage_dz(n, r, s, end, block, local);
                workgroupBarrier();
                for (var p = local % splits; p < tile_h * tile_w; p += splits) {
                    let row = p / tile_w;
                    let column = p % tile_w;
                    // Outside, dz is 0, and so must be x, which may be a NaN.
                    let inside = (r + row < end) & (s + column < width);
                    let at = select(ZEROS, corner + row * columns + column, inside);
                    let g = staged_dz[b * (tile_h * tile_w) + p];
                    sum0 += staged_x[at] * g;
                    sum1 += staged_x[at + 1u] * g;
                    sum2 += staged_x[at + 2u] * g;
                    sum3 += staged_x[at + 3u] * g;
                    sum4 += staged_x[at + 4u] * g;
                    bias += g;
                }
            }
        }
    }
    workgroupBarrier();
    staged_dz[local] = sum0;
    staged_dz[128u + local] = sum1;
    staged_dz[256u + local] = sum2;
    staged_dz[384u + local] = sum3;
    staged_dz[512u + local] = sum4;
    staged_x[4u * local] = bias.x;
    staged_x[4u * local + 1u] = bias.y;
    staged_x[4u * local + 2u] = bias.z;
    staged_x[4u * local + 3u] = bias.w;
    workgroupBarrier();
    if part >= (step.n + samples_per_part - 1u) / samples_per_part * parts_per_sample {
        return;
    }
    let to = part * (k_h * k_w * c_in + 1u);
    for (var e = local; e < k_h * k_w * c_in * blocks_o; e += 128u) {
        let from_block = e % blocks_o;
        let tap = e / (blocks_o * c_in) % k_w;
        let pair = e / (blocks_o * c_in * k_w) * c_in + e / blocks_o % c_in;
        let from_tile = (pair * groups_j + tap / 5u) * blocks_o + from_block;
        var sum = vec4(0.0);
        for (var split = 0u; split < splits; split++) {
            sum += staged_dz[tap % 5u * 128u + from_tile * splits + split];
        }
        if block + from_block < blocks {
            parts[(to + e / blocks_o) * blocks + block + from_block] = sum;
        }
    }
    if local < blocks_o {
        // The first pair (i, c) and the first taps.
        var sum = vec4(0.0);
        for (var split = 0u; split < splits; split++) {
            let at = 4u * (local * splits + split);
            sum += vec4(staged_x[at], staged_x[at + 1u], staged_x[at + 2u], staged_x[at + 3u]);
        }
        if block + local < blocks {
            parts[(to + k_h * k_w * c_in) * blocks + block + local] = sum;
        }
    }
}

fn store_inputs(sum: vec4<f32>, row: u32, column: u32, c: u32) {
    store_input(sum.x, row, column, c);
    store_input(sum.y, row, column + 1u, c);
    store_input(sum.z, row, column + 2u, c);
    store_input(sum.w, row, column + 3u, c);
}

fn store_input(sum: f32, row: u32, column: u32, c: u32) {
    if column >= w_in || c >= c_in {
        return;
    }
    let at = (row + column) * c_in + c;
    store_input_gradient(at, sum);
}

fn inputs(number: u32, local: u32) {
    let layers = (c_in + channels - 1u) / channels;
    let runs = (w_in + in_w - 1u) / in_w;
    let bands = (h_in + in_h - 1u) / in_h;
    let c = number % layers * channels;
    let first_column = number / layers % runs * in_w;
    let first_row = number / (layers * runs) % bands * in_h;
    let n = number / (layers * runs * bands);
    if n >= step.n {
        return;
    }
    // A thread behind the last computes what is never stored.
    let row = min(local / (in_w / 4u), in_h - 1u);
    let column = local % (in_w / 4u) * 4u;
    let columns = in_w + k_w - 1u;
    var sum0 = vec4(0.0);
    var sum1 = vec4(0.0);
    var sum2 = vec4(0.0);
    var sum3 = vec4(0.0);
    for (var q = 0u; q < c_out / 4u; q++) {
        workgroupBarrier();
        for (var e = local; e < (in_h + k_h - 1u) * columns; e += 128u) {
            // Where the last tap of the first row and column reads. Before the first it wraps to more than there are.
            let from_row = first_row + e / columns + pad_top - (k_h - 1u);
            let from_column = first_column + e % columns + pad_left - (k_w - 1u);
            staged_dz[e] = dz_at(n, from_row, from_column, q, true);
        }
        workgroupBarrier();
        for (var i = 0u; i < k_h; i++) {
            let at = (row + k_h - 1u - i) * columns + column + k_w - 1u;
            var window = mat4x4(staged_dz[at + 1u], staged_dz[at + 2u], staged_dz[at + 3u], vec4(0.0));
            for (var j = 0u; j < k_w; j++) {
                window = mat4x4(staged_dz[at - j], window[0], window[1], window[2]);
                let tap = ((i * k_w + j) * c_in + c) * (c_out / 4u) + q;
                sum0 += w[tap] * window;
                if channels > 1u {
                    sum1 += w[tap + c_out / 4u] * window;
                }
                if channels > 2u {
                    sum2 += w[tap + 2u * (c_out / 4u)] * window;
                }
                if channels > 3u {
                    sum3 += w[tap + 3u * (c_out / 4u)] * window;
                }
            }
        }
    }
    if local >= in_h * (in_w / 4u) || first_row + row >= h_in {
        return;
    }
    let to = (n * h_in + first_row + row) * w_in;
    store_inputs(sum0, to, first_column + column, c);
    if channels > 1u {
        store_inputs(sum1, to, first_column + column, c + 1u);
    }
    if channels > 2u {
        store_inputs(sum2, to, first_column + column, c + 2u);
    }
    if channels > 3u {
        store_inputs(sum3, to, first_column + column, c + 3u);
    }
}

@compute @workgroup_size(128)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group);
    let of_inputs = select(0u, input_groups, has_dx);
    if number >= of_inputs {
        if step.training == 1u {
            weights(number - of_inputs, local);
        }
    } else if has_dx {
        inputs(number, local);
    }
}
