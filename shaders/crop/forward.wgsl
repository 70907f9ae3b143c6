// The lowest bands, which are the first elements of each sample:
//   y[n, k] = x[n, k] for k < len_out
// x [n, len_in], y [n, len_out]. Grid: one thread per element of y. CPU twin: src/ops/crop/cpu.rs.

//!include step

override len_in: u32;
override len_out: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let n = at / len_out;
    if n >= step.n {
        return;
    }
    y[at] = x[n * len_in + at % len_out];
}
