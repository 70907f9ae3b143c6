// Gradient of the input of a batch norm that only poolings read, for c % 4 = 0:
//   dx = stats[2] · (g - dbeta / N - (x - stats[0]) · stats[1] · dgamma / N),  N = n · h_in · w_in,
// and stats[2] · g in evaluation, where mean and variance are constants,
// where g is the gradient at the norm's output, computed from the poolings' gradients and never written:
//   g[n, r, s, c] = dmax[n, r / k_h, s / k_w, c] if argmax there is (r, s, c)
//                 + dmean[n, r / k_h, s / k_w, c] / (k_h · k_w),  and 0 where the ReLU is 0
// Shapes as in batch_norm/pool2d_forward.wgsl; stats [4, c]. dgamma and dbeta are the sums of all parts of
// batch_norm/pool2d_backward_weight.wgsl, which every workgroup adds for itself.
// A row is a window. Windows cover the remainder at the border too, there without a gradient, so that each element of dx
// has one owner.
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// Grid: one workgroup per part of all these windows and 64 columns.
// CPU twins: src/ops/batch_norm/cpu.rs, src/ops/max_pool2d/cpu.rs, src/ops/avg_pool2d/cpu.rs.

//!include step, pool2d, batch_norm, batch_norm_sums

alias Channels = vec4<f32>;

override relu: bool;
override has_max: bool;
override has_mean: bool;
override mask: bool;
override add: bool;
// Of the windows with those at the border, then of those in the partial sums.
override rows: u32;
override rows_per_part: u32;
override parts_per_sample: u32;
override samples_per_part: u32;
override sum_rows: u32;
override sum_rows_per_part: u32;
override sum_parts_per_sample: u32;
override sum_samples_per_part: u32;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> stats: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> parts: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> dmax: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> argmax: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read> dmean: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> dx: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let split = Split(rows, rows_per_part, parts_per_sample, samples_per_part);
    let summed = Split(sum_rows, sum_rows_per_part, sum_parts_per_sample, sum_samples_per_part);
    let part = group_index(group) / blocks();
    if part >= part_count(split) {
        return;
    }
    let place = place_of(group_index(group), local);
    let q = min(place.column, columns - 1u);
    // What mean and variance add to the gradient: a constant, and a factor of x - mean.
    var level = vec4(0.0);
    var slope = vec4(0.0);
    if step.training != 0u {
        let all = sum_of_parts(summed, place, local);
        let count = f32(step.n * h_in * w_in);
        level = all.beta / count;
        slope = stats[columns + q] * (all.gamma / count);
    }
    if !place.works {
        return;
    }
    let centre = stats[q];
    let scale = stats[2u * columns + q];
    let shift = stats[3u * columns + q];
    let windows_across = (w_in + k_w - 1u) / k_w;
    let own_windows = walk(rows_of(split, part), place.lane);
    for (var window = own_windows.first; window < own_windows.end; window += own_windows.next) {
        let n = window / rows;
        let r = window % rows / windows_across;
        let s = window % rows % windows_across;
        var top = vec4(0.0);
        var index = vec4(0xffffffffu);
        var share = vec4(0.0);
        if r < h_out && s < w_out {
            let cell = ((n * h_out + r) * w_out + s) * columns + q;
            if has_max {
                top = dmax[cell];
                index = argmax[cell];
            }
            if has_mean {
                share = dmean[cell] / f32(k_h * k_w);
            }
        }
        let sample = n * h_in * w_in * columns;
        for (var i = r * k_h; i < min((r + 1u) * k_h, h_in); i++) {
            for (var j = s * k_w; j < min((s + 1u) * k_w, w_in); j++) {
                let here = (i * w_in + j) * columns + q;
                let v = x[sample + here];
                let d = v - centre;
                var g = share;
                if has_max {
                    g += select(vec4(0.0), top, index == vec4(here * 4u) + vec4(0u, 1u, 2u, 3u));
                }
                if relu && has_mean {
                    g = select(vec4(0.0), g, fma(d, scale, shift) > vec4(0.0));
                }
                if step.training != 0u {
                    g = g - level - d * slope;
                }
                g *= scale;
                if mask {
                    g = select(vec4(0.0), g, v > vec4(0.0));
                }
                if add {
                    g += dx[sample + here];
                }
                dx[sample + here] = g;
            }
        }
    }
}
