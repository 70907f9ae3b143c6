// Batch normalisation, its activation, and the poolings that read it (stride = window) in one, for
// c % 4 = 0:
//   y[n, r, s, c] = f((x[n, r, s, c] - figures[0, c]) · figures[2, c] + figures[3, c]),
//   max[n, r, s, c] = max_{i,j} y[n, r · k_h + i, s · k_w + j, c],  mean likewise
// f is ReLU or the identity; y itself is never written. `winner` is the index within its sample of the
// first maximum in row-major order, or none (all bits set) where the ReLU is off.
// x [n, h_in, w_in, c]; figures [4, c]; max, winner, mean [n, h_out, w_out, c]; with has_max or has_mean off
// a dummy stands in. A rest at the border is dropped.
// Grid: one thread per element of max and four channels. A real GPU is bound by reading x.
// CPU twins: src/cpu/batch_norm.rs, src/cpu/max_pool2d.rs, src/cpu/avg_pool2d.rs.

override h_in: u32;
override w_in: u32;
override c: u32;
override h_out: u32;
override w_out: u32;
override k_h: u32;
override k_w: u32;
override relu: bool;
override has_max: bool;
override has_mean: bool;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> figures: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> largest: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> winner: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read_write> mean: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let fours = c / 4u;
    let n = at / (h_out * w_out * fours);
    if n >= step.n {
        return;
    }
    let r = at / (w_out * fours) % h_out;
    let s = at / fours % w_out;
    let q = at % fours;
    let centre = figures[q];
    let scale = figures[2u * fours + q];
    let shift = figures[3u * fours + q];
    let sample = n * h_in * w_in * fours;
    var here = (r * k_h * w_in + s * k_w) * fours + q;
    var best = vec4(0.0);
    var place = vec4(0xffffffffu);
    var sum = vec4(0.0);
    for (var i = 0u; i < k_h; i++) {
        for (var j = 0u; j < k_w; j++) {
            var v = fma(x[sample + here] - centre, scale, shift);
            if relu {
                // Not max, which would hide a NaN.
                v = select(v, vec4(0.0), v < vec4(0.0));
            }
            if has_max {
                let better = (v > best) | vec4(i == 0u && j == 0u);
                best = select(best, v, better);
                place = select(place, vec4(here), better);
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
        // From the index of a four to those of its elements.
        let first = place * 4u + vec4(0u, 1u, 2u, 3u);
        winner[at] = select(first, vec4(0xffffffffu), vec4(relu) & !(best > vec4(0.0)));
    }
    if has_mean {
        mean[at] = sum / f32(k_h * k_w);
    }
}
