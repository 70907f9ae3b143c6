// The last dense layer, then the softmax, the loss and its gradient at the logits (include/softmax.wgsl):
//   z[n, c] = f(b[c] + Σ_i x[n, i] · w[i, c]), i in order
// x [n, n_in]; w [n_in, classes] and b [classes], which begins bias_at elements behind w. z, its gradient and the
// probabilities, [n, classes] each, are one buffer, part_stride elements apart: a kernel has seven at most.
// Grid: one workgroup for the whole batch. CPU twins: src/ops/dense/cpu.rs, src/ops/softmax/cpu.rs.

//!include step, softmax, maximum, activation

override n_in: u32;
override has_bias: bool;
override bias_at: u32;
override part_stride: u32;

@group(0) @binding(5) var<storage, read> x: array<f32>;
@group(0) @binding(6) var<storage, read> w: array<f32>;
@group(0) @binding(7) var<storage, read_write> logits: array<f32>;

fn logit(at: u32) -> f32 {
    return logits[at];
}

fn store_logit_gradient(at: u32, v: f32) {
    logits[part_stride + at] = v;
}

fn store_probability(at: u32, v: f32) {
    logits[2u * part_stride + at] = v;
}

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    for (var at = local; at < step.n * classes; at += 64u) {
        let row = at / classes * n_in;
        let c = at % classes;
        var sum = 0.0;
        if has_bias {
            sum = w[bias_at + c];
        }
        for (var i = 0u; i < n_in; i++) {
            sum += x[row + i] * w[i * classes + c];
        }
        logits[at] = activated(sum);
    }
    // What the other threads of the workgroup stored.
    storageBarrier();
    softmax_and_loss(local);
}
