// Gradient of the input of a crop:
//   dx[n, k] (+)= dy[n, k] for k < len_out, else 0
// dy [n, len_out], x and dx [n, len_in].
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// Grid: one thread per element of dx. CPU twin: src/ops/crop/cpu.rs.

//!include step, input_gradient

override len_in: u32;
override len_out: u32;

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let n = at / len_in;
    if n >= step.n {
        return;
    }
    let k = at % len_in;
    var g = 0.0;
    if k < len_out {
        g = dy[n * len_out + k];
    }
    store_input_gradient(at, g);
}
