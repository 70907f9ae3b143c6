// Average pooling, stride = window:
//   y[n, r, s, c] = (Σ_{i,j} x[n, r · k_h + i, s · k_w + j, c]) / (k_h · k_w)
// x [n, h_in, w_in, c], y [n, h_out, w_out, c]. Sums go over i, then j. A remainder at the border is dropped.
// Grid: one thread per element of y. CPU twin: src/ops/avg_pool2d/cpu.rs.

//!include step, pool2d

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let n = at / (h_out * w_out * c);
    if n >= step.n {
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
