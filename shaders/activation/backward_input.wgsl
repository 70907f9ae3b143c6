// Gradient of the input of an activation:
//   dx[n, k] (+)= dy[n, k] · f'(x[n, k])
// dy, x and dx [n, len].
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// Grid: one thread per element of dx. CPU twin: src/ops/activation/cpu.rs.

//!include step, activation_functions, input_gradient

override len: u32;

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    if at / len >= step.n {
        return;
    }
    store_input_gradient(at, dy[at] * slope_at(x[at]));
}
