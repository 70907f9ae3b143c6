// Gradient of a batch norm at its input where only poolings read it, for c % 4 = 0:
//   dx = figures[2] · (g - dbeta / N - (x - figures[0]) · figures[1] · dgamma / N),  N = n · h_in · w_in,
//   and figures[2] · g in evaluation, where mean and variance are fixed,
//   masked by x > 0 where the layer below ends in a ReLU; `add` adds to what is there.
// g is the gradient at the norm's output, from the poolings' as in batch_norm_pool2d_backward_weight.wgsl.
// Shapes as there; slopes: dgamma [c], and dbeta from element `beta_at` on. The rest at the border, which no
// window covers, is cut into windows as well, without a gradient: so every element of dx has one owner.
// Grid: one thread per window and four channels. A real GPU is bound by reading x and writing dx.
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
override beta_at: u32;
override mask: bool;
override add: bool;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> figures: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> slopes: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> dmax: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> winner: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read> dmean: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> dx: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let fours = c / 4u;
    let rows = (h_in + k_h - 1u) / k_h;
    let columns = (w_in + k_w - 1u) / k_w;
    let n = at / (rows * columns * fours);
    if n >= step.n {
        return;
    }
    let r = at / (columns * fours) % rows;
    let s = at / fours % columns;
    let q = at % fours;
    let centre = figures[q];
    let scale = figures[2u * fours + q];
    let shift = figures[3u * fours + q];
    // Of the mean and, for each unit of x - mean, of the variance.
    var level = vec4(0.0);
    var slope = vec4(0.0);
    if step.training != 0u {
        let count = f32(step.n * h_in * w_in);
        level = slopes[beta_at / 4u + q] / count;
        slope = figures[fours + q] * slopes[q] / count;
    }
    var top = vec4(0.0);
    var place = vec4(0xffffffffu);
    var share = vec4(0.0);
    if r < h_out && s < w_out {
        let cell = ((n * h_out + r) * w_out + s) * fours + q;
        if has_max {
            top = dmax[cell];
            place = winner[cell];
        }
        if has_mean {
            share = dmean[cell] / f32(k_h * k_w);
        }
    }
    let sample = n * h_in * w_in * fours;
    for (var i = r * k_h; i < min((r + 1u) * k_h, h_in); i++) {
        for (var j = s * k_w; j < min((s + 1u) * k_w, w_in); j++) {
            let here = (i * w_in + j) * fours + q;
            let v = x[sample + here];
            let d = v - centre;
            var g = share;
            if has_max {
                g += select(vec4(0.0), top, place == vec4(here * 4u) + vec4(0u, 1u, 2u, 3u));
            }
            if relu && has_mean {
                g = select(vec4(0.0), g, fma(d, scale, shift) > vec4(0.0));
            }
            g = scale * (g - level - d * slope);
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
