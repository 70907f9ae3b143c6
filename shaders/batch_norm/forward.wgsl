// Batch normalisation with the statistics of batch_norm/stats.wgsl:
//   y[n, r, c] = f((x[n, r, c] - stats[0, c]) · (gamma[c] · stats[1, c]) + beta[c])
// f is a ReLU or the identity. x and y [n, len], channels last; stats [4, c]; gamma and beta [c].
// Grid: one thread per element of y. CPU twin: src/ops/batch_norm/cpu.rs.

//!include step, activation

override len: u32;
override c: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> beta: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    if at >= step.n * len {
        return;
    }
    let k = at % c;
    y[at] = activated((x[at] - stats[k]) * (gamma[k] * stats[c + k]) + beta[k]);
}
