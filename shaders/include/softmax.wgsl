// Softmax, the cross-entropy from the logits as Keras computes it, and its gradient:
//   m = max_c z[n, c],  p[n, c] = exp(z[n, c] - m) / Σ exp(z - m)
//   loss[n] = log Σ exp(z[n, ·] - m) - (z[n, t] - m),  t = labels[order[first + n]]
//   dz[n, c] = (p[n, c] - [c = t]) / N, N = samples in the batch
// With label smoothing the target [c = t] is q[c] = (1 - s) [c = t] + s / classes, in the loss Σ_c q[c] (z[n, c] - m)
// instead of z[n, t] - m. Weights of classes multiply a sample's loss and dz in training.
// A sample is correct if t is the first of its largest logits. dz is masked by z > 0 where the layer below ends in a ReLU;
// outside of training it is the gradient of each sample's own logit, [c = t].
// rows [samples of the data set, classes]: the probabilities by place in the order; metrics: (loss, correct) of each step,
// Σ over the batch. Thread k of the first 64 takes samples k, k + 64, … in order, then a tree sums the threads: a fixed
// order.
// A kernel defines where z, p, dz and the weights are: logit, store_probability, store_logit_gradient, class_weight.

override classes: u32;
override has_gradient: bool;
override mask: bool;
// The cross-entropy alone, if they are not given.
override label_smoothing: f32 = 0.0;
override is_weighted: bool = false;
// Where the classes' weights begin.
override weights_at: u32 = 0u;

@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> rows: array<f32>;
@group(0) @binding(4) var<storage, read_write> metrics: array<vec2<f32>>;

var<workgroup> losses: array<f32, 64>;
var<workgroup> corrects: array<f32, 64>;

fn softmax_and_loss(local: u32) {
    var loss = 0.0;
    var correct = 0.0;
    // Threads behind the first 64 only pass the barriers.
    for (var n = select(step.n, local, local < 64u); n < step.n; n += 64u) {
        let row = n * classes;
        let label = labels[order[step.first + n]];
        var best = 0u;
        var top = logit(row);
        // Found by its bits, a NaN is the loss whatever a compiler makes of the arithmetic.
        var fault = 0.0;
        for (var c = 0u; c < classes; c++) {
            let score = logit(row + c);
            let better = score > top;
            best = select(best, c, better);
            top = select(top, score, better);
            fault = select(fault, score, is_nan(score));
        }
        var sum = 0.0;
        for (var c = 0u; c < classes; c++) {
            sum += exp(logit(row + c) - top);
        }
        var weight = 1.0;
        if is_weighted {
            weight = select(1.0, class_weight(label), step.training != 0u);
        }
        for (var c = 0u; c < classes; c++) {
            let score = logit(row + c);
            let share = exp(score - top) / sum;
            store_probability(row + c, share);
            rows[(step.first + n) * classes + c] = share;
            if has_gradient {
                let own = select(0.0, 1.0, c == label);
                var g = own;
                if step.training != 0u {
                    var goal = own;
                    if label_smoothing > 0.0 {
                        goal = (1.0 - label_smoothing) * own + label_smoothing / f32(classes);
                    }
                    g = (share - goal) / f32(step.n);
                    if is_weighted {
                        g *= weight;
                    }
                }
                if mask && !(score > 0.0) {
                    g = 0.0;
                }
                store_logit_gradient(row + c, g);
            }
        }
        var reached = logit(row + label) - top;
        if label_smoothing > 0.0 {
            var all = 0.0;
            for (var c = 0u; c < classes; c++) {
                all += logit(row + c) - top;
            }
            reached = (1.0 - label_smoothing) * reached + label_smoothing / f32(classes) * all;
        }
        var own_loss = log(sum) - reached;
        if is_weighted {
            own_loss *= weight;
        }
        loss += select(own_loss, fault, is_nan(fault));
        correct += select(0.0, 1.0, best == label);
    }
    if local < 64u {
        losses[local] = loss;
        corrects[local] = correct;
    }
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half {
            losses[local] += losses[local + half];
            corrects[local] += corrects[local + half];
        }
    }
    if local == 0u {
        metrics[step.index] = vec2(losses[0], corrects[0]);
    }
}
