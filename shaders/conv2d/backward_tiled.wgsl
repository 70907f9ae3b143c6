// All gradients of a convolution in tiles, for c_out % 4 = 0; sgd/step.wgsl reduces the parts:
//   dw[i, j, c, o] = Σ_{n,r,s} x[n, r + i - pad_top, s + j - pad_left, c] · dz[n, r, s, o],
//   db[o] = Σ_{n,r,s} dz[n, r, s, o]
//   dx[n, r, s, c] (+)= Σ_{i,j,o} dz[n, r + pad_top - i, s + pad_left - j, o] · w[i, j, c, o]
// x [n, h_in, w_in, c_in], dz [n, h_out, w_out, c_out], w [k_h, k_w, c_in, c_out]; parts [ceil(n / samples_per_part),
// parts_per_sample, k_h · k_w · c_in + 1, c_out]: sums over rows_per_part rows of samples_per_part samples; the last row
// is db's. The first workgroups own dx, with has_dx (then a uniform holds w, of at most 16,384 elements); those behind
// them own dw and db, in training alone.
//
// A thread of dw owns `pairs` (3 or 5) neighbouring pairs (i, c), 5 taps j, blocks_o (1 or 2) blocks of 4 channels, and
// one part:
//
//   dw of a pair (i, c), one block     j   j+1 j+2 j+3   j+4
//                      4 channels     ┌────────────────┬──────┐
//                                     │ sum (4×4)      │ last │      × pairs × blocks_o
//                                     └────────────────┴──────┘
//   x of that pair, row r + i         [ window: 4     ][ next ]  →  moves one column per s
//
// With 5 pairs, 5 loads of x and 4 · blocks_o of dz serve 100 · blocks_o products; with 3, the sums fit into the 128
// registers that small GPUs have for a thread. Sums go over n, r, s; they are written out: wgpu
// adds a counter to every loop. The threads behind the tiles sum dz for db.
//
// A thread of dx owns 8 neighbouring columns of a row and `channels` (1 to 8) channels:
//
//   dx, row r    s   s+1 s+2 s+3   s+4 …  s+7
//   channel c   ┌────────────────┬────────────────┐      v0 and v1: 4 channels of dz at 8 columns,
//           + 1 │ sum00          │ sum01          │      which move one column per tap j
//           + 2 │ sum10          │ sum11          │      sum.. += (weights of 4 channels) · v.
//               └────────────────┴────────────────┘
//
// Each element of dz serves k_w taps and all channels, each weight 8 columns. Sums go over i, blocks of 4 of o, j, and
// within a block as a product of vector and matrix.
//
// With `pooled`, dz is the gradient under a 2×2 max-pooling, computed in registers and never written: `dz` is then the
// pooled gradient [n, h_out / 2, w_out / 2, c_out], and argmax an index within its sample of [h_out, w_out, c_out], or
// none (all bits set).
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// CPU twin: src/ops/conv2d/cpu/dense.rs.
// Grid: input_groups · ceil(c_in / channels) workgroups for dx, with input_groups = ceil(batch · h_in · ceil(w_in / 8)
// / 64); ceil(parts · (tiles + c_out / 4) / 64) for dw and db, with
// parts = ceil(batch / samples_per_part) · ceil(h_out / rows_per_part),
// tiles = ceil(k_h · c_in / pairs) · ceil(k_w / 5) · ceil(c_out / 4 / blocks_o).

//!include step, conv2d, outer, input_gradient

/// Rows of the output in a part.
override rows_per_part: u32;
override samples_per_part: u32;
/// Pairs that a thread of dw owns: 3 or 5.
override pairs: u32;
/// Blocks of four channels that a thread of dw owns: 1 or 2.
override blocks_o: u32;
/// Channels that a thread of dx owns: 1 to 8.
override channels: u32;
override has_dx: bool;
/// Workgroups of `channels` channels of dx.
override input_groups: u32;
override pooled: bool;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dz: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> argmax: array<vec4<u32>>;
@group(0) @binding(4) var<uniform> w: array<vec4<f32>, 4096>;
@group(0) @binding(5) var<storage, read_write> parts: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;

/// A kernel row i and an input channel c.
struct Pair {
    i: u32,
    c: u32,
    /// Where its row of x begins; meaningless unless `inside`.
    base: u32,
    inside: bool,
    /// x at the columns of taps 0 to 3.
    window: vec4<f32>,
    /// Sums of taps 0 to 3 by channel, and of tap 4.
    sum: mat4x4<f32>,
    last: vec4<f32>,
    /// The same for the second four channels.
    sum1: mat4x4<f32>,
    last1: vec4<f32>,
}

fn pair(q: u32) -> Pair {
    var p: Pair;
    p.i = q / c_in;
    p.c = q % c_in;
    return p;
}

/// x at a column, 0 outside. A column below 0 wraps to more than w_in. `&`, not `&&`, which would make a branch of
/// every load: 25 of them in a row cost a driver's compiler minutes and a GPU its loads in flight.
fn x_at(p: ptr<function, Pair>, column: u32) -> f32 {
    let inside = (*p).inside & (column < w_in);
    return select(0.0, x[select(0u, (*p).base + column * c_in, inside)], inside);
}

/// Begins output row r of sample n; j is the first tap.
fn begin_row(p: ptr<function, Pair>, n: u32, r: u32, j: u32) {
    let row = r + (*p).i - pad_top;
    (*p).inside = (row < h_in) & ((*p).i < k_h);
    (*p).base = (n * h_in + row) * w_in * c_in + (*p).c;
    let left = j - pad_left;
    (*p).window = vec4(x_at(p, left), x_at(p, left + 1u), x_at(p, left + 2u), x_at(p, left + 3u));
}

fn walk(p: ptr<function, Pair>, column: u32, g: vec4<f32>, g1: vec4<f32>) {
    let next = x_at(p, column);
    (*p).sum += outer((*p).window, g);
    (*p).last += next * g;
    if blocks_o > 1u {
        (*p).sum1 += outer((*p).window, g1);
        (*p).last1 += next * g1;
    }
    (*p).window = vec4((*p).window.yzw, next);
}

fn walk_all(
    p0: ptr<function, Pair>,
    p1: ptr<function, Pair>,
    p2: ptr<function, Pair>,
    p3: ptr<function, Pair>,
    p4: ptr<function, Pair>,
    column: u32,
    g: vec4<f32>,
    g1: vec4<f32>,
) {
    walk(p0, column, g, g1);
    walk(p1, column, g, g1);
    walk(p2, column, g, g1);
    if pairs > 3u {
        walk(p3, column, g, g1);
        walk(p4, column, g, g1);
    }
}

fn store_weights(p: ptr<function, Pair>, j: u32, part: u32, block: u32) {
    store_weight((*p).sum[0], p, j, part, block);
    store_weight((*p).sum[1], p, j + 1u, part, block);
    store_weight((*p).sum[2], p, j + 2u, part, block);
    store_weight((*p).sum[3], p, j + 3u, part, block);
    store_weight((*p).last, p, j + 4u, part, block);
    if blocks_o > 1u {
        store_weight((*p).sum1[0], p, j, part, block + 1u);
        store_weight((*p).sum1[1], p, j + 1u, part, block + 1u);
        store_weight((*p).sum1[2], p, j + 2u, part, block + 1u);
        store_weight((*p).sum1[3], p, j + 3u, part, block + 1u);
        store_weight((*p).last1, p, j + 4u, part, block + 1u);
    }
}

fn store_weight(sum: vec4<f32>, p: ptr<function, Pair>, j: u32, part: u32, block: u32) {
    if (*p).i < k_h && j < k_w && block < c_out / 4u {
        parts[(part * (k_h * k_w * c_in + 1u) + ((*p).i * k_w + j) * c_in + (*p).c) * (c_out / 4u) + block] = sum;
    }
}

fn weights(at: u32) {
    let blocks = c_out / 4u;
    let parts_per_sample = (h_out + rows_per_part - 1u) / rows_per_part;
    let groups_q = (k_h * c_in + pairs - 1u) / pairs;
    let groups_j = (k_w + 4u) / 5u;
    let groups_o = (blocks + blocks_o - 1u) / blocks_o;
    let tiles = groups_q * groups_j * groups_o;
    let count = (step.n + samples_per_part - 1u) / samples_per_part * parts_per_sample;
    if at >= count * tiles {
        sum_bias(at - count * tiles);
        return;
    }
    let tile = at % tiles;
    let part = at / tiles;
    let block = tile % groups_o * blocks_o;
    let q = tile / groups_o % groups_q * pairs;
    let j = tile / (groups_o * groups_q) * 5u;
    let n_first = part / parts_per_sample * samples_per_part;
    let first = part % parts_per_sample * rows_per_part;
    var p0 = pair(q);
    var p1 = pair(q + 1u);
    var p2 = pair(q + 2u);
    var p3 = pair(q + 3u);
    var p4 = pair(q + 4u);
    for (var n = n_first; n < min(n_first + samples_per_part, step.n); n++) {
        for (var r = first; r < min(first + rows_per_part, h_out); r++) {
            begin_row(&p0, n, r, j);
            begin_row(&p1, n, r, j);
            begin_row(&p2, n, r, j);
            if pairs > 3u {
                begin_row(&p3, n, r, j);
                begin_row(&p4, n, r, j);
            }
            if pooled {
                // A remainder at the border has no gradient.
                let cells = select(0u, w_out / 2u, r / 2u < h_out / 2u);
                for (var t = 0u; t < cells; t++) {
                    let to = ((n * (h_out / 2u) + r / 2u) * (w_out / 2u) + t) * blocks;
                    let top = dz[to + block];
                    let index = argmax[to + block];
                    let top1 = dz[to + min(block + 1u, blocks - 1u)];
                    let index1 = argmax[to + min(block + 1u, blocks - 1u)];
                    let s = 2u * t;
                    let here = vec4(((r * w_out + s) * blocks + block) * 4u) + vec4(0u, 1u, 2u, 3u);
                    let right = here + c_out;
                    let left_g = select(vec4(0.0), top, index == here);
                    let left_g1 = select(vec4(0.0), top1, index1 == here + 4u);
                    walk_all(&p0, &p1, &p2, &p3, &p4, s + j + 4u - pad_left, left_g, left_g1);
                    let right_g = select(vec4(0.0), top, index == right);
                    let right_g1 = select(vec4(0.0), top1, index1 == right + 4u);
                    walk_all(&p0, &p1, &p2, &p3, &p4, s + j + 5u - pad_left, right_g, right_g1);
                }
                continue;
            }
            for (var s = 0u; s < w_out; s++) {
                let to = ((n * h_out + r) * w_out + s) * blocks;
                let g = dz[to + block];
                let g1 = dz[to + min(block + 1u, blocks - 1u)];
                let column = s + j + 4u - pad_left;
                walk_all(&p0, &p1, &p2, &p3, &p4, column, g, g1);
            }
        }
    }
    store_weights(&p0, j, part, block);
    store_weights(&p1, j, part, block);
    store_weights(&p2, j, part, block);
    if pairs > 3u {
        store_weights(&p3, j, part, block);
        store_weights(&p4, j, part, block);
    }
}

fn sum_bias(at: u32) {
    let blocks = c_out / 4u;
    let parts_per_sample = (h_out + rows_per_part - 1u) / rows_per_part;
    let block = at % blocks;
    let part = at / blocks;
    let n_first = part / parts_per_sample * samples_per_part;
    if n_first >= step.n {
        return;
    }
    let first = part % parts_per_sample * rows_per_part;
    let end = min(first + rows_per_part, h_out);
    var sum = vec4(0.0);
    for (var n = n_first; n < min(n_first + samples_per_part, step.n); n++) {
        if pooled {
            // rows_per_part is even.
            let row = n * (h_out / 2u);
            for (var t = (row + first / 2u) * (w_out / 2u); t < (row + end / 2u) * (w_out / 2u); t++) {
                let index = argmax[t * blocks + block];
                sum += select(dz[t * blocks + block], vec4(0.0), index == vec4(0xffffffffu));
            }
        } else {
            let row = n * h_out;
            for (var s = (row + first) * w_out; s < (row + end) * w_out; s++) {
                sum += dz[s * blocks + block];
            }
        }
    }
    parts[(part * (k_h * k_w * c_in + 1u) + k_h * k_w * c_in) * blocks + block] = sum;
}

/// Channels 4q to 4q + 3 at a column of the row of dz that begins at column `row` of all; 0 outside. A column below
/// 0 wraps to more than w_out.
fn dz_at(row: u32, column: u32, q: u32) -> vec4<f32> {
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

fn inputs(at: u32, layer: u32) {
    let runs = (w_in + 7u) / 8u;
    if at >= step.n * h_in * runs {
        return;
    }
    let s = at % runs * 8u;
    let r = at / runs % h_in;
    let n = at / (runs * h_in);
    let c = layer * channels;
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
            t.v0 = mat4x4(
                dz_at(base, left + 1u, q),
                dz_at(base, left + 2u, q),
                dz_at(base, left + 3u, q),
                dz_at(base, left + 4u, q),
            );
            t.v1 = mat4x4(
                dz_at(base, left + 5u, q),
                dz_at(base, left + 6u, q),
                dz_at(base, left + 7u, q),
                vec4(0.0),
            );
            for (var j = 0u; j < k_w; j++) {
                add_tap(&t, taps + j * stride, dz_at(base, left - j, q));
            }
        }
    }
    let row = (n * h_in + r) * w_in;
    store_inputs(t.sum00, row, s, c);
    store_inputs(t.sum01, row, s + 4u, c);
    if channels > 1u {
        store_inputs(t.sum10, row, s, c + 1u);
        store_inputs(t.sum11, row, s + 4u, c + 1u);
    }
    if channels > 2u {
        store_inputs(t.sum20, row, s, c + 2u);
        store_inputs(t.sum21, row, s + 4u, c + 2u);
    }
    if channels > 3u {
        store_inputs(t.sum30, row, s, c + 3u);
        store_inputs(t.sum31, row, s + 4u, c + 3u);
    }
    if channels > 4u {
        store_inputs(t.sum40, row, s, c + 4u);
        store_inputs(t.sum41, row, s + 4u, c + 4u);
    }
    if channels > 5u {
        store_inputs(t.sum50, row, s, c + 5u);
        store_inputs(t.sum51, row, s + 4u, c + 5u);
    }
    if channels > 6u {
        store_inputs(t.sum60, row, s, c + 6u);
        store_inputs(t.sum61, row, s + 4u, c + 6u);
    }
    if channels > 7u {
        store_inputs(t.sum70, row, s, c + 7u);
        store_inputs(t.sum71, row, s + 4u, c + 7u);
    }
}

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group);
    let of_inputs = select(0u, input_groups * ((c_in + channels - 1u) / channels), has_dx);
    if number >= of_inputs {
        if step.training == 1u {
            weights((number - of_inputs) * 64u + local);
        }
    } else if has_dx {
        inputs(number % input_groups * 64u + local, number / input_groups);
    }
}
