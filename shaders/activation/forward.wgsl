// An activation:
//   y[n, k] = f(x[n, k])
// x and y [n, len]. Grid: one thread per element of y. CPU twin: src/ops/activation/cpu.rs.

//!include step, activation_functions

override len: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    if at / len >= step.n {
        return;
    }
    y[at] = value_at(x[at]);
}
