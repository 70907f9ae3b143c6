// The last dense layer, then the softmax, the loss and its gradient at the logits (include/softmax.wgsl), and the layer's own
// gradients, which so need no dispatch:
//   z[n, c] = f(b[c] + Σ_i x[n, i] · w[i, c])
//   dw[i, c] = Σ_n x[n, i] · dz[n, c],  db[c] = Σ_n dz[n, c]
//   dx[n, i] = Σ_c dz[n, c] · w[i, c], where x[n, i] > 0 if `mask_x`
// x and dx [n, n_in]; w [n_in, classes] and b [classes], which begins bias_at elements behind w, dw and db likewise.
// z, dz and the probabilities, [n, classes] each, are one buffer, part_stride elements apart, and x and dx lie behind them,
// at x_at and dx_at, and the classes' weights behind them: a kernel has seven at most.
//
//   thread     0 … 7        8 … 15      …  248 … 255     z: 32 samples at a time, 4 classes at a time. Few outputs,
//   sample     n            n + 1          n + 31        so that threads share the sum of one, and neighbouring ones
//   lane       0 … 7        0 … 7          0 … 7         read neighbouring inputs
//   i          0, 8, …      …
//
// Sums of z go over i within a lane, four at a time, whose loads are in flight together, then over the lanes in order.
// A thread owns an element of dw or db, whose sum goes over four samples at a time, and an element of dx, over four
// classes at a time. An evaluation computes dx, too, as it shares the dispatch with an explanation; dw in training alone.
// Grid: one workgroup for the whole batch. CPU twins: src/ops/dense/cpu.rs, src/ops/softmax/cpu.rs.

//!include step, softmax, maximum, activation

// Most samples of a step. Loops end there and not at step.n, so that a driver that compiles for values of uniforms
// (lavapipe) adds in the same order for every batch.
override batch: u32;
override n_in: u32;
override has_bias: bool;
override bias_at: u32;
override part_stride: u32;
override x_at: u32;
override dx_at: u32;
override needs_dx: bool;
override mask_x: bool;

@group(0) @binding(5) var<storage, read> w: array<f32>;
@group(0) @binding(6) var<storage, read_write> tensors: array<f32>;
@group(0) @binding(7) var<storage, read_write> dw: array<f32>;

/// Each thread's sums of 4 classes.
var<workgroup> sums: array<vec4<f32>, 256>;

fn logit(at: u32) -> f32 {
    return tensors[at];
}

fn store_logit_gradient(at: u32, v: f32) {
    tensors[part_stride + at] = v;
}

fn store_probability(at: u32, v: f32) {
    tensors[2u * part_stride + at] = v;
}

fn class_weight(label: u32) -> f32 {
    return tensors[weights_at + label];
}

/// Input i of a sample times its weights for classes c … c + 3; 0 behind the last input. Samples and classes behind
/// the last are never stored, so that any value serves for them.
fn products(n: u32, i: u32, c: u32) -> vec4<f32> {
    let own = min(i, n_in - 1u);
    let at = own * classes;
    let last = classes - 1u;
    let row = vec4(w[at + c], w[at + min(c + 1u, last)], w[at + min(c + 2u, last)], w[at + min(c + 3u, last)]);
    return select(vec4(0.0), tensors[x_at + min(n, step.n - 1u) * n_in + own] * row, i < n_in);
}

/// Input i of a sample, or that of the bias behind the last, times the gradient at logit c; 0 behind the last sample.
fn weight_term(n: u32, i: u32, c: u32) -> f32 {
    let sample = min(n, step.n - 1u);
    let factor = select(1.0, tensors[x_at + sample * n_in + min(i, n_in - 1u)], i < n_in);
    return select(0.0, factor * tensors[part_stride + sample * classes + c], n < step.n);
}

fn weight_gradients(local: u32) {
    for (var at = local; at < (n_in + 1u) * classes; at += 256u) {
        let i = at / classes;
        let c = at % classes;
        var sum = 0.0;
        for (var n = 0u; n < batch; n += 4u) {
            sum += weight_term(n, i, c) + weight_term(n + 1u, i, c)
                + (weight_term(n + 2u, i, c) + weight_term(n + 3u, i, c));
        }
        if i < n_in {
            dw[at] = sum;
        } else if has_bias {
            dw[bias_at + c] = sum;
        }
    }
}

/// The gradient at logit c of a sample times its weight of input i; 0 behind the last class.
fn input_term(n: u32, i: u32, c: u32) -> f32 {
    let own = min(c, classes - 1u);
    return select(0.0, tensors[part_stride + n * classes + own] * w[i * classes + own], c < classes);
}

fn input_gradients(local: u32) {
    for (var at = local; at < step.n * n_in; at += 256u) {
        let n = at / n_in;
        let i = at % n_in;
        var sum = 0.0;
        for (var c = 0u; c < classes; c += 4u) {
            sum += input_term(n, i, c) + input_term(n, i, c + 1u)
                + (input_term(n, i, c + 2u) + input_term(n, i, c + 3u));
        }
        if mask_x {
            sum = select(0.0, sum, tensors[x_at + at] > 0.0);
        }
        tensors[dx_at + at] = sum;
    }
}

@compute @workgroup_size(256)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    for (var n = 0u; n < batch; n += 32u) {
        for (var c = 0u; c < classes; c += 4u) {
            var sum = vec4(0.0);
            for (var i = local % 8u; i < n_in; i += 32u) {
                sum += products(n + local / 8u, i, c) + products(n + local / 8u, i + 8u, c)
                    + (products(n + local / 8u, i + 16u, c) + products(n + local / 8u, i + 24u, c));
            }
            workgroupBarrier();
            sums[local] = sum;
            workgroupBarrier();
            let sample = local / 4u;
            let own = c + local % 4u;
            if sample < 32u && n + sample < step.n && own < classes {
                let at = sample * 8u;
                let k = local % 4u;
                var all = 0.0;
                if has_bias {
                    all = w[bias_at + own];
                }
                all += sums[at][k] + sums[at + 1u][k] + sums[at + 2u][k] + sums[at + 3u][k]
                    + sums[at + 4u][k] + sums[at + 5u][k] + sums[at + 6u][k] + sums[at + 7u][k];
                tensors[(n + sample) * classes + own] = activated(all);
            }
        }
    }
    // What the other threads of the workgroup stored.
    storageBarrier();
    softmax_and_loss(local);
    if has_gradient {
        storageBarrier();
        if step.training != 0u {
            weight_gradients(local);
        }
        if needs_dx {
            input_gradients(local);
        }
    }
}
