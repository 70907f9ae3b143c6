// First stage of the gradients of a batch norm's gamma and beta where only poolings read it, for c % 4 = 0;
// sum_parts.wgsl is the second. Of each part of each sample:
//   parts[p, 0, c] = Σ g[n, r, s, c] · (x[n, r, s, c] - figures[0, c]) · figures[1, c]
//   parts[p, 1, c] = Σ g[n, r, s, c]
// where g is the gradient at the norm's output, from the poolings' and never written:
//   g[n, r, s, c] = dmax[n, r / k_h, s / k_w, c] if that window's winner is (r, s, c)
//                 + dmean[n, r / k_h, s / k_w, c] / (k_h · k_w),  0 where the ReLU is off
// Shapes as in batch_norm_pool2d_forward.wgsl. Part p = n · parts_per_sample + k has the windows
// k · windows_per_part and after; what no window covers has no gradient.
// Grid: one thread per part and four channels. A real GPU is bound by reading x.
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
override windows_per_part: u32;
override parts_per_sample: u32;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> figures: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> dmax: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> winner: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> dmean: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> parts: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let fours = c / 4u;
    let part = at / fours;
    let n = part / parts_per_sample;
    if n >= step.n {
        return;
    }
    let q = at % fours;
    let centre = figures[q];
    let inv_std = figures[fours + q];
    let scale = figures[2u * fours + q];
    let shift = figures[3u * fours + q];
    let sample = n * h_in * w_in * fours;
    let first = part % parts_per_sample * windows_per_part;
    var dgamma = vec4(0.0);
    var dbeta = vec4(0.0);
    for (var window = first; window < min(first + windows_per_part, h_out * w_out); window++) {
        let cell = (n * h_out * w_out + window) * fours + q;
        var top = vec4(0.0);
        var place = vec4(0xffffffffu);
        if has_max {
            top = dmax[cell];
            place = winner[cell];
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
                    g += select(vec4(0.0), top, place == vec4(here * 4u) + vec4(0u, 1u, 2u, 3u));
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
