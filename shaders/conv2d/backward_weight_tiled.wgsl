// conv2d/backward_weight.wgsl in tiles, for c_out % 4 = 0; sgd/step.wgsl reduces the parts:
//   dw[i, j, c, o] = Σ_{n,r,s} x[n, r + i - pad_top, s + j - pad_left, c] · dz[n, r, s, o],
//   db[o] = Σ_{n,r,s} dz[n, r, s, o]
// x [n, h_in, w_in, c_in], dz [n, h_out, w_out, c_out]; parts [ceil(n / samples_per_part), parts_per_sample,
// k_h · k_w · c_in + 1, c_out]: sums over rows_per_part rows of samples_per_part samples; the last row is db's.
// A thread owns `pairs` (3 or 5) neighbouring pairs (i, c), 5 taps j, blocks_o (1 or 2) blocks of 4 channels, and one
// part:
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
// With `pooled`, dz is the gradient under a 2×2 max-pooling, computed in registers and never written: `dz` is then the
// pooled gradient [n, h_out / 2, w_out / 2, c_out], and argmax an index within its sample of [h_out, w_out, c_out], or
// none (all bits set).
// CPU twin: src/ops/conv2d/cpu/dense.rs.
// Grid: ceil(batch / samples_per_part) · parts_per_sample · (tiles + c_out / 4) threads, where
// parts_per_sample = ceil(h_out / rows_per_part),
// tiles = ceil(k_h · c_in / pairs) · ceil(k_w / 5) · ceil(c_out / 4 / blocks_o).

//!include step, conv2d, outer

/// Rows of the output in a part.
override rows_per_part: u32;
override samples_per_part: u32;
/// Pairs that a thread owns: 3 or 5.
override pairs: u32;
/// Blocks of four channels that a thread owns: 1 or 2.
override blocks_o: u32;
override pooled: bool;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dz: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> argmax: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> parts: array<vec4<f32>>;

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
fn value(p: ptr<function, Pair>, column: u32) -> f32 {
    let inside = (*p).inside & (column < w_in);
    return select(0.0, x[select(0u, (*p).base + column * c_in, inside)], inside);
}

/// Begins output row r of sample n; j is the first tap.
fn begin_row(p: ptr<function, Pair>, n: u32, r: u32, j: u32) {
    let row = r + (*p).i - pad_top;
    (*p).inside = (row < h_in) & ((*p).i < k_h);
    (*p).base = (n * h_in + row) * w_in * c_in + (*p).c;
    let left = j - pad_left;
    (*p).window = vec4(value(p, left), value(p, left + 1u), value(p, left + 2u), value(p, left + 3u));
}

fn walk(p: ptr<function, Pair>, column: u32, g: vec4<f32>, g1: vec4<f32>) {
    let next = value(p, column);
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

fn store(p: ptr<function, Pair>, j: u32, part: u32, block: u32) {
    store_one((*p).sum[0], p, j, part, block);
    store_one((*p).sum[1], p, j + 1u, part, block);
    store_one((*p).sum[2], p, j + 2u, part, block);
    store_one((*p).sum[3], p, j + 3u, part, block);
    store_one((*p).last, p, j + 4u, part, block);
    if blocks_o > 1u {
        store_one((*p).sum1[0], p, j, part, block + 1u);
        store_one((*p).sum1[1], p, j + 1u, part, block + 1u);
        store_one((*p).sum1[2], p, j + 2u, part, block + 1u);
        store_one((*p).sum1[3], p, j + 3u, part, block + 1u);
        store_one((*p).last1, p, j + 4u, part, block + 1u);
    }
}

fn store_one(sum: vec4<f32>, p: ptr<function, Pair>, j: u32, part: u32, block: u32) {
    if (*p).i < k_h && j < k_w && block < c_out / 4u {
        parts[(part * (k_h * k_w * c_in + 1u) + ((*p).i * k_w + j) * c_in + (*p).c) * (c_out / 4u) + block] = sum;
    }
}

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
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
    store(&p0, j, part, block);
    store(&p1, j, part, block);
    store(&p2, j, part, block);
    if pairs > 3u {
        store(&p3, j, part, block);
        store(&p4, j, part, block);
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
