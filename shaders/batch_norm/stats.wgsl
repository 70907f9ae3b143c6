// Statistics of each channel of a batch norm:
//   stats[0, c] = mean,  stats[1, c] = 1 / √(variance + epsilon),
//   stats[2, c] = gamma · stats[1, c],  stats[3, c] = beta
// In training, mean and variance are the batch's, joined from partial ones (Chan, Golub and LeVeque 1979), and
//   moving = momentum · moving + (1 - momentum) · current;  in evaluation they are the moving ones.
// parts [n · parts_per_sample, 2, c] (mean, and Σ of squares about it); moving_*, gamma and beta [c].
// Thread t joins parts t, t + 64, … in order, then a tree joins the 64 threads: a fixed order.
// Grid: one workgroup per channel. CPU twin: src/ops/batch_norm/cpu.rs.

//!include step

override rows: u32;
override c: u32;
override rows_per_part: u32;
override parts_per_sample: u32;
override momentum: f32;
override epsilon: f32;

@group(0) @binding(1) var<storage, read> parts: array<f32>;
// Only read, but in one buffer with the moving statistics, and a dispatch has one access to a buffer.
@group(0) @binding(2) var<storage, read_write> gamma: array<f32>;
@group(0) @binding(3) var<storage, read_write> beta: array<f32>;
@group(0) @binding(4) var<storage, read_write> moving_mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> moving_variance: array<f32>;
@group(0) @binding(6) var<storage, read_write> stats: array<f32>;

/// Count and mean of some positions, and Σ of squares about the mean.
struct Moments {
    count: f32,
    mean: f32,
    squares: f32,
}

var<workgroup> moments: array<Moments, 64>;

fn joined(a: Moments, b: Moments) -> Moments {
    let count = a.count + b.count;
    if b.count == 0.0 {
        return a;
    }
    let share = b.count / count;
    let d = b.mean - a.mean;
    return Moments(count, a.mean + d * share, a.squares + b.squares + d * d * a.count * share);
}

fn store(k: u32, mean: f32, variance: f32) {
    let inv_std = 1.0 / sqrt(variance + epsilon);
    stats[k] = mean;
    stats[c + k] = inv_std;
    stats[2u * c + k] = gamma[k] * inv_std;
    stats[3u * c + k] = beta[k];
}

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let k = group_index(group);
    if k >= c {
        return;
    }
    if step.training == 0u {
        if local == 0u {
            store(k, moving_mean[k], moving_variance[k]);
        }
        return;
    }
    var own = Moments(0.0, 0.0, 0.0);
    for (var p = local; p < step.n * parts_per_sample; p += 64u) {
        let first = p % parts_per_sample * rows_per_part;
        let count = f32(min(first + rows_per_part, rows) - first);
        own = joined(own, Moments(count, parts[p * 2u * c + k], parts[(p * 2u + 1u) * c + k]));
    }
    moments[local] = own;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half {
            moments[local] = joined(moments[local], moments[local + half]);
        }
    }
    if local == 0u {
        let all = moments[0];
        let variance = all.squares / all.count;
        store(k, all.mean, variance);
        moving_mean[k] = momentum * moving_mean[k] + (1.0 - momentum) * all.mean;
        moving_variance[k] = momentum * moving_variance[k] + (1.0 - momentum) * variance;
    }
}
