// Dropout: in training
//   y[k] = x[k] · scale where element k of the batch survives, else 0;  scale = 1 / (1 - rate)
// and in evaluation y = x (include/dropout.wgsl).
// x and y [n, len]. Grid: one thread per element of y. CPU twin: src/ops/dropout/cpu.rs.

//!include step, random, dropout

override len: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    if at >= step.n * len {
        return;
    }
    y[at] = dropped(x[at], at);
}
