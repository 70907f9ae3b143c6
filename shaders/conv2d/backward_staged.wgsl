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
// run of 4 columns, in order:
//
//   thread            0   1   …  splits - 1 │ splits …           (i, c, taps, block): tile of the kernel
//   run               0   1   …  splits - 1 │ 0   1   …
//                  + splits …               │
//                   20 sums of each         │                    then the sums of a tile's threads are added in order
//
// A run has its 8 columns of x and 4 vectors of dz in registers, for 80 multiply-adds. Neighbouring threads read
// neighbouring runs, whatever the number of tiles.
//
// dx: a workgroup owns in_h rows by in_w columns of a sample and `channels` (1 to 4) channels. A thread owns 4
// neighbouring columns of a row:
//
//   dx, row r    s  s+1 s+2 s+3
//   channel c   ┌────────────────┐      window: 4 channels of dz at 8 columns, for the taps of a kernel row
//           + 1 │ sum0.x    .y … │      sum. += weight · a channel at 4 of these columns
//               └────────────────┘
//
// Sums go over blocks of 4 of o, i, j from the last to the first, o.
// CPU twin: src/ops/conv2d/cpu/dense.rs.
// Grid: input_groups workgroups for dx, with input_groups = batch · ceil(h_in / in_h) · ceil(w_in / in_w) ·
// ceil(c_in / channels); parts · ceil(c_out / 4 / blocks_o) for dw and db, with
// parts = ceil(batch / samples_per_part) · ceil(h_out / rows_per_part).
// k_h · c_in · ceil(k_w / 5) · blocks_o · splits <= 128; tile_w % 4 = 0. c_in planes of x, of
// (tile_h + k_h - 1) · (tile_w / 4 + groups) vectors and one more where that is even, and tile_h · tile_w · blocks_o
// vectors of dz are at most 1,024, with groups = ceil((5 · ceil(k_w / 5) - 1) / 4).
// in_w % 4 = 0; in_h · (in_w / 4) <= 128, (in_h + k_h - 1) · (in_w + 4 · groups_j) <= 1,024, with
// groups_j = max(1, ceil((k_w - 1) / 4)).

//!include step, conv2d, conv2d_staged, input_gradient

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

/// Threads of a workgroup.
const GROUP = 128u;
/// Where the sums of db of each thread are: behind five of dw's.
const BIAS = 640u;

/// For dw, x as stage_x leaves it and dz [blocks_o, tile_h, 4, tile_w / 4]: of a row, every fourth column, then those
/// behind them, so that neighbouring threads, four columns apart, read neighbouring elements. Later the sums of each
/// thread by tap. For dx, dz [in_h + k_h - 1, 4, in_w / 4 + groups_j].
var<workgroup> staged: array<vec4<f32>, 1024>;

/// Channels 4 · block to 4 · block + 3 of dz, 0 where it is not `inside`. `&`, not `&&`, which would make a branch of
/// every load.
fn dz_at(n: u32, row: u32, column: u32, block: u32, inside: bool) -> vec4<f32> {
    let blocks = c_out / 4u;
    if pooled {
        // A remainder at the border has no gradient.
        let ok = inside & (row / 2u < h_out / 2u) & (column / 2u < w_out / 2u);
        let at = (n * (h_out / 2u * (w_out / 2u)) + row / 2u * (w_out / 2u) + column / 2u) * blocks + block;
        let from_window = select(0u, at, ok);
        // Outside, what no argmax is.
        let first = select(0x80000000u, (row * w_out + column) * c_out + 4u * block, ok);
        let is_winner = argmax[from_window] == vec4(first, first + 1u, first + 2u, first + 3u);
        return select(vec4(0.0), dz[from_window], is_winner);
    }
    let ok = inside & (row < h_out) & (column < w_out);
    return select(vec4(0.0), dz[select(0u, ((n * h_out + row) * w_out + column) * blocks + block, ok)], vec4(ok));
}

/// dz at element e of a tile of `columns` columns from row r and column s on, which may be negative and wrap; 0 at rows
/// from `end` on.
fn dz_of(n: u32, r: u32, s: u32, end: u32, block: u32, columns: u32, e: u32) -> vec4<f32> {
    let row = r + e / columns;
    return dz_at(n, row, s + e % columns, block, row < end);
}

fn keep_dz(v: vec4<f32>, e: u32, columns: u32, elements: u32, to: u32) {
    if e < elements {
        let column = e % columns;
        staged[to + e / columns * columns + column % 4u * (columns / 4u) + column / 4u] = v;
    }
}

/// Stages such a tile at `to`. A thread loads four elements before it stores the
/// first, so that it waits once.
fn stage_dz(n: u32, r: u32, s: u32, end: u32, block: u32, rows: u32, columns: u32, to: u32, local: u32) {
    let elements = rows * columns;
    for (var e = local; e < elements; e += 4u * GROUP) {
        let v0 = dz_of(n, r, s, end, block, columns, e);
        let v1 = dz_of(n, r, s, end, block, columns, e + GROUP);
        let v2 = dz_of(n, r, s, end, block, columns, e + 2u * GROUP);
        let v3 = dz_of(n, r, s, end, block, columns, e + 3u * GROUP);
        keep_dz(v0, e, columns, elements, to);
        keep_dz(v1, e + GROUP, columns, elements, to);
        keep_dz(v2, e + 2u * GROUP, columns, elements, to);
        keep_dz(v3, e + 3u * GROUP, columns, elements, to);
    }
}

/// x at a column of a staged row.
fn staged_x(row: u32, column: u32) -> f32 {
    return staged[row + column / 4u][column % 4u];
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
    let rows = tile_h + k_h - 1u;
    let runs = tile_w / 4u;
    let quads = runs + (5u * groups_j + 2u) / 4u;
    let corner = c * plane_of(rows, quads) + i * quads;
    let of_dz = c_in * plane_of(rows, quads);
    // Columns outside have dz 0, but x may be a NaN there.
    let is_whole = width % tile_w == 0u;
    var sum0 = vec4(0.0);
    var sum1 = vec4(0.0);
    var sum2 = vec4(0.0);
    var sum3 = vec4(0.0);
    var sum4 = vec4(0.0);
    var bias = vec4(0.0);
    for (var n = n_first; n < min(n_first + samples_per_part, step.n); n++) {
        for (var r = first; r < end; r += tile_h) {
            for (var s = 0u; s < width; s += tile_w) {
                workgroupBarrier();
                stage_x(n, r, s, 0u, c_in, rows, quads, local);
                for (var block_of = 0u; block_of < blocks_o; block_of++) {
                    let to = of_dz + block_of * (tile_h * tile_w);
                    // A block behind the last is never stored.
                    let staged_block = min(block + block_of, blocks - 1u);
                    stage_dz(n, r, s, end, staged_block, tile_h, tile_w, to, local);
                }
                workgroupBarrier();
                for (var p = local % splits; p < min(tile_h, end - r) * runs; p += splits) {
                    let run = p % runs;
                    let from_x = corner + p / runs * quads;
                    let from_dz = of_dz + (b * tile_h + p / runs) * tile_w + run;
                    var v = staged[from_x + run];
                    var next = staged[from_x + run + 1u];
                    if groups_j > 1u {
                        let column = 4u * run + j;
                        v = vec4(staged_x(from_x, column), staged_x(from_x, column + 1u),
                            staged_x(from_x, column + 2u), staged_x(from_x, column + 3u));
                        next = vec4(staged_x(from_x, column + 4u), staged_x(from_x, column + 5u),
                            staged_x(from_x, column + 6u), staged_x(from_x, column + 7u));
                    }
                    let g0 = staged[from_dz];
                    let g1 = staged[from_dz + runs];
                    let g2 = staged[from_dz + 2u * runs];
                    let g3 = staged[from_dz + 3u * runs];
                    if is_whole || s + 4u * run < width {
                        sum0 += v.x * g0;
                        sum1 += v.y * g0;
                        sum2 += v.z * g0;
                        sum3 += v.w * g0;
                        sum4 += next.x * g0;
                    }
                    if is_whole || s + 4u * run + 1u < width {
                        sum0 += v.y * g1;
                        sum1 += v.z * g1;
                        sum2 += v.w * g1;
                        sum3 += next.x * g1;
                        sum4 += next.y * g1;
                    }
                    if is_whole || s + 4u * run + 2u < width {
                        sum0 += v.z * g2;
                        sum1 += v.w * g2;
                        sum2 += next.x * g2;
                        sum3 += next.y * g2;
                        sum4 += next.z * g2;
                    }
                    if is_whole || s + 4u * run + 3u < width {
                        sum0 += v.w * g3;
                        sum1 += next.x * g3;
                        sum2 += next.y * g3;
                        sum3 += next.z * g3;
                        sum4 += next.w * g3;
                    }
                    // The first pair (i, c) and the first taps.
                    if tile < blocks_o {
                        bias += (g0 + g1) + (g2 + g3);
                    }
                }
            }
        }
    }
    workgroupBarrier();
    staged[local] = sum0;
    staged[128u + local] = sum1;
    staged[256u + local] = sum2;
    staged[384u + local] = sum3;
    staged[512u + local] = sum4;
    staged[BIAS + local] = bias;
    workgroupBarrier();
    if part >= (step.n + samples_per_part - 1u) / samples_per_part * parts_per_sample {
        return;
    }
    let to = part * (k_h * k_w * c_in + 1u);
    // The last ones are db's: from the first pair (i, c) and the first taps.
    let elements = k_h * k_w * c_in * blocks_o;
    for (var e = local; e < elements + blocks_o; e += 128u) {
        let from_block = e % blocks_o;
        let tap = e / (blocks_o * c_in) % k_w;
        let pair = e / (blocks_o * c_in * k_w) * c_in + e / blocks_o % c_in;
        let from_tile = (pair * groups_j + tap / 5u) * blocks_o + from_block;
        let first_sum = select(tap % 5u * 128u + from_tile * splits, BIAS + from_block * splits, e >= elements);
        var sum = vec4(0.0);
        for (var split = 0u; split < splits; split++) {
            sum += staged[first_sum + split];
        }
        if block + from_block < blocks {
            parts[(to + e / blocks_o) * blocks + block + from_block] = sum;
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

/// A channel's sums of 4 columns, and a tap's products of 4 channels of dz.
fn with_tap(sum: vec4<f32>, w4: vec4<f32>, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> vec4<f32> {
    var next = sum + w4.x * vec4(a.x, b.x, c.x, d.x);
    next += w4.y * vec4(a.y, b.y, c.y, d.y);
    next += w4.z * vec4(a.z, b.z, c.z, d.z);
    return next + w4.w * vec4(a.w, b.w, c.w, d.w);
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
    let run = local % (in_w / 4u);
    // Groups of four taps of a kernel row; the last one has a fifth where that is all that is left.
    let groups_j = max(1u, (k_w + 2u) / 4u);
    let is_whole = (k_w >= 4u) & (k_w % 4u < 2u);
    let quads = in_w / 4u + groups_j;
    let of_channel = c_out / 4u;
    let of_tap = c_in * of_channel;
    var sum0 = vec4(0.0);
    var sum1 = vec4(0.0);
    var sum2 = vec4(0.0);
    var sum3 = vec4(0.0);
    for (var q = 0u; q < c_out / 4u; q++) {
        workgroupBarrier();
        // Where the last tap of the first row and column reads. Before the first it wraps to more than there are.
        let r = first_row + pad_top - (k_h - 1u);
        let s = first_column + pad_left - (k_w - 1u);
        stage_dz(n, r, s, 0xffffffffu, q, in_h + k_h - 1u, 4u * quads, 0u, local);
        workgroupBarrier();
        for (var i = 0u; i < k_h; i++) {
            var at = (row + k_h - 1u - i) * 4u * quads + run;
            var d0 = staged[at];
            var d1 = staged[at + quads];
            var d2 = staged[at + 2u * quads];
            var d3 = staged[at + 3u * quads];
            // Tap k_w - 1 reads the first four columns.
            var tap = ((i + 1u) * k_w - 1u) * of_tap + c * of_channel + q;
            for (var j = 0u; j < 4u * groups_j; j += 4u) {
                at += 1u;
                let d4 = staged[at];
                let d5 = staged[at + quads];
                let d6 = staged[at + 2u * quads];
                let d7 = staged[at + 3u * quads];
                sum0 = with_tap(sum0, w[tap], d0, d1, d2, d3);
                if channels > 1u {
                    sum1 = with_tap(sum1, w[tap + of_channel], d0, d1, d2, d3);
                }
                if channels > 2u {
                    sum2 = with_tap(sum2, w[tap + 2u * of_channel], d0, d1, d2, d3);
                }
                if channels > 3u {
                    sum3 = with_tap(sum3, w[tap + 3u * of_channel], d0, d1, d2, d3);
                }
                if is_whole || j + 1u < k_w {
                    sum0 = with_tap(sum0, w[tap - of_tap], d1, d2, d3, d4);
                    if channels > 1u {
                        sum1 = with_tap(sum1, w[tap - of_tap + of_channel], d1, d2, d3, d4);
                    }
                    if channels > 2u {
                        sum2 = with_tap(sum2, w[tap - of_tap + 2u * of_channel], d1, d2, d3, d4);
                    }
                    if channels > 3u {
                        sum3 = with_tap(sum3, w[tap - of_tap + 3u * of_channel], d1, d2, d3, d4);
                    }
                }
                if is_whole || j + 2u < k_w {
                    sum0 = with_tap(sum0, w[tap - 2u * of_tap], d2, d3, d4, d5);
                    if channels > 1u {
                        sum1 = with_tap(sum1, w[tap - 2u * of_tap + of_channel], d2, d3, d4, d5);
                    }
                    if channels > 2u {
                        sum2 = with_tap(sum2, w[tap - 2u * of_tap + 2u * of_channel], d2, d3, d4, d5);
                    }
                    if channels > 3u {
                        sum3 = with_tap(sum3, w[tap - 2u * of_tap + 3u * of_channel], d2, d3, d4, d5);
                    }
                }
                if is_whole || j + 3u < k_w {
                    sum0 = with_tap(sum0, w[tap - 3u * of_tap], d3, d4, d5, d6);
                    if channels > 1u {
                        sum1 = with_tap(sum1, w[tap - 3u * of_tap + of_channel], d3, d4, d5, d6);
                    }
                    if channels > 2u {
                        sum2 = with_tap(sum2, w[tap - 3u * of_tap + 2u * of_channel], d3, d4, d5, d6);
                    }
                    if channels > 3u {
                        sum3 = with_tap(sum3, w[tap - 3u * of_tap + 3u * of_channel], d3, d4, d5, d6);
                    }
                }
                if k_w % 4u == 1u && j + 5u == k_w {
                    sum0 = with_tap(sum0, w[tap - 4u * of_tap], d4, d5, d6, d7);
                    if channels > 1u {
                        sum1 = with_tap(sum1, w[tap - 4u * of_tap + of_channel], d4, d5, d6, d7);
                    }
                    if channels > 2u {
                        sum2 = with_tap(sum2, w[tap - 4u * of_tap + 2u * of_channel], d4, d5, d6, d7);
                    }
                    if channels > 3u {
                        sum3 = with_tap(sum3, w[tap - 4u * of_tap + 3u * of_channel], d4, d5, d6, d7);
                    }
                }
                d0 = d4;
                d1 = d5;
                d2 = d6;
                d3 = d7;
                tap -= 4u * of_tap;
            }
        }
    }
    if local >= in_h * (in_w / 4u) || first_row + row >= h_in {
        return;
    }
    let to = (n * h_in + first_row + row) * w_in;
    store_inputs(sum0, to, first_column + 4u * run, c);
    if channels > 1u {
        store_inputs(sum1, to, first_column + 4u * run, c + 1u);
    }
    if channels > 2u {
        store_inputs(sum2, to, first_column + 4u * run, c + 2u);
    }
    if channels > 3u {
        store_inputs(sum3, to, first_column + 4u * run, c + 3u);
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
