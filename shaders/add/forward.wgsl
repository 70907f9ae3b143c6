// Sum of two inputs:
//   y[n, k] = a[n, k] + b[n, k]
// a, b and y [n, len]. Grid: one thread per element of y. CPU twin: src/ops/add/cpu.rs.

//!include step

override len: u32;

@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    if at / len >= step.n {
        return;
    }
    y[at] = a[at] + b[at];
}
