// Partial sums of the gradients of gamma and beta of a batch norm that only poolings read, for c % 4 = 0:
//   parts[p, 0, c] = Σ g[n, r, s, c] · (x[n, r, s, c] - stats[0, c]) · stats[1, c]
//   parts[p, 1, c] = Σ g[n, r, s, c]
// where g is the gradient at the norm's output, computed from the poolings' gradients and never written:
//   g[n, r, s, c] = dmax[n, r / k_h, s / k_w, c] if argmax there is (r, s, c)
//                 + dmean[n, r / k_h, s / k_w, c] / (k_h · k_w),  and 0 where the ReLU is 0
// Shapes as in batch_norm/pool2d_forward.wgsl; stats [4, c]. A row is a window. Lane l of a column sums windows l,
// l + lanes, … of the part in order, each row by row, then a tree adds the lanes. The optimiser reduces the parts, and so
// does batch_norm/pool2d_backward_input.wgsl.
// Grid: one workgroup per part of the windows and 64 columns.
// CPU twins: src/ops/batch_norm/cpu.rs, src/ops/max_pool2d/cpu.rs, src/ops/avg_pool2d/cpu.rs.

//!include step, pool2d, batch_norm, batch_norm_sums

alias Channels = vec4<f32>;

override relu: bool;
override has_max: bool;
override has_mean: bool;
override rows: u32;
override rows_per_part: u32;
override parts_per_sample: u32;
override samples_per_part: u32;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> stats: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> dmax: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> argmax: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> dmean: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> parts: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let split = Split(rows, rows_per_part, parts_per_sample, samples_per_part);
    let part = group_index(group) / blocks();
    if part >= part_count(split) {
        return;
    }
    let place = place_of(group_index(group), local);
    let q = min(place.column, columns - 1u);
    let centre = stats[q];
    let inv_std = stats[columns + q];
    let scale = stats[2u * columns + q];
    let shift = stats[3u * columns + q];
    var dgamma = vec4(0.0);
    var dbeta = vec4(0.0);
    let own_windows = rows_of(split, part);
    let first = select(own_windows.y, own_windows.x + place.lane, place.works);
    for (var window = first; window < own_windows.y; window += lanes()) {
        let cell = window * columns + q;
        var top = vec4(0.0);
        var index = vec4(0xffffffffu);
        if has_max {
            top = dmax[cell];
            index = argmax[cell];
        }
        var share = vec4(0.0);
        if has_mean {
            share = dmean[cell] / f32(k_h * k_w);
        }
        let sample = window / rows * h_in * w_in * columns;
        let place_in_sample = window % rows;
        var here = (place_in_sample / w_out * k_h * w_in + place_in_sample % w_out * k_w) * columns + q;
        for (var i = 0u; i < k_h; i++) {
            for (var j = 0u; j < k_w; j++) {
                let d = x[sample + here] - centre;
                var g = share;
                if has_max {
                    g += select(vec4(0.0), top, index == vec4(here * 4u) + vec4(0u, 1u, 2u, 3u));
                }
                if relu && has_mean {
                    g = select(vec4(0.0), g, fma(d, scale, shift) > vec4(0.0));
                }
                dgamma = fma(g, d * inv_std, dgamma);
                dbeta += g;
                here += columns;
            }
            here += (w_in - k_w) * columns;
        }
    }
    let all = added_over_lanes(Sums(dgamma, dbeta), place.lane, local);
    if place.works && place.lane == 0u {
        parts[2u * part * columns + q] = all.gamma;
        parts[(2u * part + 1u) * columns + q] = all.beta;
    }
}
