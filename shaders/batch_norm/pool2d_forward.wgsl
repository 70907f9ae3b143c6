// Batch normalisation, its activation and the poolings that read it (stride = window) in one, for c % 4 = 0:
//   y[n, r, s, c] = f((x[n, r, s, c] - stats[0, c]) · stats[2, c] + stats[3, c]),
//   max[n, r, s, c] = max_{i,j} y[n, r · k_h + i, s · k_w + j, c],  mean likewise
// f is a ReLU or the identity; y is never written. argmax is the index within its sample of the first maximum in
// row-major order, or none (all bits set) where the ReLU passes no gradient.
// x [n, h_in, w_in, c]; stats [4, c]; max, argmax and mean [n, h_out, w_out, c], unused without has_max or has_mean.
// Sums go over i, then j. A remainder at the border is dropped.
// Grid: one thread per element of max and four channels.
// CPU twins: src/ops/batch_norm/cpu.rs, src/ops/max_pool2d/cpu.rs, src/ops/avg_pool2d/cpu.rs.

//!include step, pool2d, activation, maximum

override has_max: bool;
override has_mean: bool;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> stats: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> largest: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> argmax: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read_write> mean: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let fours = c / 4u;
    let n = at / (h_out * w_out * fours);
    if n >= step.n {
        return;
    }
    let r = at / (w_out * fours) % h_out;
    let s = at / fours % w_out;
    let q = at % fours;
    let centre = stats[q];
    let scale = stats[2u * fours + q];
    let shift = stats[3u * fours + q];
    let sample = n * h_in * w_in * fours;
    var here = (r * k_h * w_in + s * k_w) * fours + q;
    var best = vec4(0.0);
    var index = vec4(0xffffffffu);
    var sum = vec4(0.0);
    for (var i = 0u; i < k_h; i++) {
        for (var j = 0u; j < k_w; j++) {
            let v = activated4(fma(x[sample + here] - centre, scale, shift));
            if has_max {
                let better = exceeds4(v, best) | vec4((i == 0u) & (j == 0u));
                best = select(best, v, better);
                index = select(index, vec4(here), better);
            }
            if has_mean {
                sum += v;
            }
            here += fours;
        }
        here += (w_in - k_w) * fours;
    }
    if has_max {
        largest[at] = best;
        // From the index of a vec4 to those of its elements.
        let first = index * 4u + vec4(0u, 1u, 2u, 3u);
        argmax[at] = select(first, vec4(0xffffffffu), vec4(relu) & !is_positive4(best));
    }
    if has_mean {
        mean[at] = sum / f32(k_h * k_w);
    }
}
