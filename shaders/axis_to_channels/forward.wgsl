// Mel bands as channels:
//   y[n, 0, s, r · c_in + k] = x[n, r, s, k]
// x [n, h_in, w_in, c_in], y [n, 1, w_in, h_in · c_in].
// Grid: one thread per element of y. CPU twin: src/ops/axis_to_channels/cpu.rs.

//!include step

override h_in: u32;
override w_in: u32;
override c_in: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let n = at / (h_in * w_in * c_in);
    if n >= step.n {
        return;
    }
    let r = (at / c_in) % h_in;
    let s = (at / (h_in * c_in)) % w_in;
    y[at] = x[((n * h_in + r) * w_in + s) * c_in + at % c_in];
}
