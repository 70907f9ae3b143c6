// Average pooling, stride = window:
//   y[n, r, s, c] = (Σ_{i,j} x[n, r · k_h + i, s · k_w + j, c]) / (k_h · k_w), row by row
// x: [n, h_in, w_in, c], y: [n, h_out, w_out, c].
// Grid: one thread per element of y. CPU twin: src/cpu/avg_pool2d.rs.

override h_in: u32;
override w_in: u32;
override c: u32;
override h_out: u32;
override w_out: u32;
override k_h: u32;
override k_w: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let n = at / (h_out * w_out * c);
    if (n >= step.n) {
        return;
    }
    let r = (at / (w_out * c)) % h_out;
    let s = (at / c) % w_out;
    var sum = 0.0;
    for (var i = 0u; i < k_h; i++) {
        for (var j = 0u; j < k_w; j++) {
            sum += x[((n * h_in + r * k_h + i) * w_in + s * k_w + j) * c + at % c];
        }
    }
    y[at] = sum / f32(k_h * k_w);
}
