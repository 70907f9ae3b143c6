// Gradient of average pooling at its input: each element gets its share.
//   dx[n, r, s, c] (+)= dy[n, r / k_h, s / k_w, c] / (k_h · k_w), 0 in a rest at the border,
//   masked by x > 0 where the layer below ends in a ReLU
// dy: [n, h_out, w_out, c], x and dx: [n, h_in, w_in, c].
// Grid: one thread per element of dx. CPU twin: src/cpu/avg_pool2d.rs.

override h_in: u32;
override w_in: u32;
override c: u32;
override h_out: u32;
override w_out: u32;
override k_h: u32;
override k_w: u32;
override mask: bool;
override add: bool;

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let n = at / (h_in * w_in * c);
    if (n >= step.n) {
        return;
    }
    let r = ((at / (w_in * c)) % h_in) / k_h;
    let s = ((at / c) % w_in) / k_w;
    var g = 0.0;
    if (r < h_out && s < w_out && (!mask || x[at] > 0.0)) {
        g = dy[((n * h_out + r) * w_out + s) * c + at % c] / f32(k_h * k_w);
    }
    if (add) {
        g += dx[at];
    }
    dx[at] = g;
}
