// Gradient of the input of mel bands as channels:
//   dx[n, r, s, k] (+)= dy[n, 0, s, r · c_in + k]
// dy [n, 1, w_in, h_in · c_in], x and dx [n, h_in, w_in, c_in].
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// Grid: one thread per element of dx. CPU twin: src/ops/axis_to_channels/cpu.rs.

//!include step, input_gradient

override h_in: u32;
override w_in: u32;
override c_in: u32;

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let n = at / (h_in * w_in * c_in);
    if n >= step.n {
        return;
    }
    let r = (at / (w_in * c_in)) % h_in;
    let s = (at / c_in) % w_in;
    var g = dy[((n * w_in + s) * h_in + r) * c_in + at % c_in];
    store_input_gradient(at, g);
}
