// Dropout: in training
//   y[k] = x[k] · scale where element k of the batch survives, else 0;  scale = 1 / (1 - rate)
// and in evaluation y = x. An element survives if its random bits are at least threshold = rate · 2^32.
// x and y [n, len]. Grid: one thread per element of y. CPU twin: src/ops/dropout/cpu.rs.

//!include step, random

override len: u32;
override node: u32;
override threshold: u32;
override scale: f32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    if at >= step.n * len {
        return;
    }
    var v = x[at];
    if step.training != 0u {
        v = select(0.0, v * scale, draw_bits(node, at) >= threshold);
    }
    y[at] = v;
}
