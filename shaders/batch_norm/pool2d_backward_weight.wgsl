// Partial sums of the gradients of gamma and beta of a batch norm that only poolings read, for c % 4 = 0:
//   parts[p, 0, c] = Σ g[n, r, s, c] · (x[n, r, s, c] - stats[0, c]) · stats[1, c]
//   parts[p, 1, c] = Σ g[n, r, s, c]
// where g is the gradient at the norm's output, computed from the poolings' gradients and never written:
//   g[n, r, s, c] = dmax[n, r / k_h, s / k_w, c] if argmax there is (r, s, c)
//                 + dmean[n, r / k_h, s / k_w, c] / (k_h · k_w),  and 0 where the ReLU is 0
// Shapes as in batch_norm/pool2d_forward.wgsl. Part p = n · parts_per_sample + k has windows_per_part windows from
// k · windows_per_part on, which are summed in order, row by row. batch_norm/sum_parts.wgsl reduces the parts.
// Grid: one thread per part and four channels.
// CPU twins: src/ops/batch_norm/cpu.rs, src/ops/max_pool2d/cpu.rs, src/ops/avg_pool2d/cpu.rs.

//!include step, pool2d

override relu: bool;
override has_max: bool;
override has_mean: bool;
override windows_per_part: u32;
override parts_per_sample: u32;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> stats: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> dmax: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> argmax: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> dmean: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> parts: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let fours = c / 4u;
    let part = at / fours;
    let n = part / parts_per_sample;
    if n >= step.n {
        return;
    }
    let q = at % fours;
    let centre = stats[q];
    let inv_std = stats[fours + q];
    let scale = stats[2u * fours + q];
    let shift = stats[3u * fours + q];
    let sample = n * h_in * w_in * fours;
    let first = part % parts_per_sample * windows_per_part;
    var dgamma = vec4(0.0);
    var dbeta = vec4(0.0);
    for (var window = first; window < min(first + windows_per_part, h_out * w_out); window++) {
        let cell = (n * h_out * w_out + window) * fours + q;
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
        var here = (window / w_out * k_h * w_in + window % w_out * k_w) * fours + q;
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
                here += fours;
            }
            here += (w_in - k_w) * fours;
        }
    }
    parts[part * 2u * fours + q] = dgamma;
    parts[(part * 2u + 1u) * fours + q] = dbeta;
}
