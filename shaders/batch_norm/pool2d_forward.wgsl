// Batch normalisation, its activation and the poolings that read it (stride = window) in one, for c % 4 = 0:
//   y[n, r, s, c] = f((x[n, r, s, c] - mean[c]) · scale[c] + beta[c]),
//   max[n, r, s, c] = max_{i,j} y[n, r · k_h + i, s · k_w + j, c],  mean likewise
// with the statistics of include/batch_norm_stats.wgsl. f is a ReLU or the identity; y is never written. argmax is the
// index within its sample of the first maximum in row-major order, or none (all bits set) where the ReLU passes no
// gradient.
// x [n, h_in, w_in, c]; max, argmax and mean [n, h_out, w_out, c], unused without has_max or has_mean.
// Sums go over i, then j. A remainder at the border is dropped. A row is a window.
// Grid: one workgroup per part of the windows and 64 columns.
// CPU twins: src/ops/batch_norm/cpu.rs, src/ops/max_pool2d/cpu.rs, src/ops/avg_pool2d/cpu.rs.

//!include step, pool2d, batch_norm, batch_norm_moments, batch_norm_stats, activation, maximum

alias Channels = vec4<f32>;

override has_max: bool;
override has_mean: bool;
// Of the windows, then of the positions in the moments.
override rows: u32;
override rows_per_part: u32;
override parts_per_sample: u32;
override samples_per_part: u32;
override sum_rows: u32;
override sum_rows_per_part: u32;
override sum_parts_per_sample: u32;
override sum_samples_per_part: u32;

@group(0) @binding(5) var<storage, read_write> largest: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> argmax: array<vec4<u32>>;
@group(0) @binding(7) var<storage, read_write> means: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let windows = Split(rows, rows_per_part, parts_per_sample, samples_per_part);
    let positions = Split(sum_rows, sum_rows_per_part, sum_parts_per_sample, sum_samples_per_part);
    let part = group_index(group) / blocks();
    if part >= part_count(windows) {
        return;
    }
    let place = place_of(group_index(group), local);
    let own = statistics(positions, place, part, local);
    if !place.works {
        return;
    }
    let own_windows = rows_of(windows, part);
    for (var window = own_windows.x + place.lane; window < own_windows.y; window += lanes()) {
        let sample = window / rows * h_in * w_in * columns;
        let r = window % rows / w_out;
        let s = window % w_out;
        var here = (r * k_h * w_in + s * k_w) * columns + place.column;
        var best = vec4(0.0);
        var index = vec4(0xffffffffu);
        var sum = vec4(0.0);
        for (var i = 0u; i < k_h; i++) {
            for (var j = 0u; j < k_w; j++) {
                let v = activated4(fma(x[sample + here] - own.mean, own.scale, own.shift));
                if has_max {
                    let better = exceeds4(v, best) | vec4((i == 0u) & (j == 0u));
                    best = select(best, v, better);
                    index = select(index, vec4(here), better);
                }
                if has_mean {
                    sum += v;
                }
                here += columns;
            }
            here += (w_in - k_w) * columns;
        }
        let at = window * columns + place.column;
        if has_max {
            largest[at] = best;
            // From the index of a vec4 to those of its elements.
            let first = index * 4u + vec4(0u, 1u, 2u, 3u);
            argmax[at] = select(first, vec4(0xffffffffu), vec4(relu) & !is_positive4(best));
        }
        if has_mean {
            means[at] = sum / f32(k_h * k_w);
        }
    }
}
