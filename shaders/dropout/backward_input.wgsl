// Gradient of the input of dropout; the mask is drawn again:
//   dx[k] (+)= dy[k] · scale where element k survived, else 0; in evaluation dy[k]
// dy, x and dx [n, len].
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// Grid: one thread per element of dx. CPU twin: src/ops/dropout/cpu.rs.

//!include step, random, dropout, input_gradient

override len: u32;

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    if at >= step.n * len {
        return;
    }
    store_input_gradient(at, dropped(dy[at], at));
}
