// Gradient of the input of an average pooling:
//   dx[n, r, s, c] (+)= dy[n, r / k_h, s / k_w, c] / (k_h · k_w), and 0 in a remainder at the border
// dy [n, h_out, w_out, c], x and dx [n, h_in, w_in, c].
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// Grid: one thread per element of dx. CPU twin: src/ops/avg_pool2d/cpu.rs.

//!include step, pool2d, input_gradient

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let n = at / (h_in * w_in * c);
    if n >= step.n {
        return;
    }
    let r = ((at / (w_in * c)) % h_in) / k_h;
    let s = ((at / c) % w_in) / k_w;
    var g = 0.0;
    if r < h_out && s < w_out {
        g = dy[((n * h_out + r) * w_out + s) * c + at % c] / f32(k_h * k_w);
    }
    store_input_gradient(at, g);
}
