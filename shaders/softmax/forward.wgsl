// Softmax, the loss and its gradient at the logits: see include/softmax.wgsl. z, p and dz [n, classes].
// Grid: one workgroup for the whole batch. CPU twin: src/ops/softmax/cpu.rs.

//!include step, softmax, maximum

@group(0) @binding(5) var<storage, read> z: array<f32>;
@group(0) @binding(6) var<storage, read_write> p: array<f32>;
@group(0) @binding(7) var<storage, read_write> dz: array<f32>;

fn logit(at: u32) -> f32 {
    return z[at];
}

fn store_probability(at: u32, v: f32) {
    p[at] = v;
}

fn store_logit_gradient(at: u32, v: f32) {
    dz[at] = v;
}

// Behind the probabilities of the batch.
fn class_weight(label: u32) -> f32 {
    return p[weights_at + label];
}

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    softmax_and_loss(local);
}
