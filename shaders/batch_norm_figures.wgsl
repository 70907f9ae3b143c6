// What a batch norm subtracts and multiplies by, for each channel:
//   figures[0, c] = mean,  figures[1, c] = 1 / √(variance + epsilon),
//   figures[2, c] = gamma · figures[1, c],  figures[3, c] = beta
// In training mean and variance are the batch's, put together from its parts (Chan, Golub and
// LeVeque 1979), and the moving ones go  moving = momentum · moving + (1 - momentum) · now.
// In evaluation they are the moving ones.
// parts: [n · parts_per_sample, 2, c] (mean and Σ of squares about it), moving_*, gamma, beta: [c].
// Grid: one group per channel; thread t takes parts t, t + 64, …, then a tree over the threads.
// A real GPU is bound by the latency of its loads, which one thread would wait for one by one.
// CPU twin: src/cpu/batch_norm.rs.

override rows: u32;
override c: u32;
override rows_per_part: u32;
override parts_per_sample: u32;
override momentum: f32;
override epsilon: f32;

@group(0) @binding(1) var<storage, read> parts: array<f32>;
// Only read, but of one buffer with the moving figures, which has one kind of access in a dispatch.
@group(0) @binding(2) var<storage, read_write> gamma: array<f32>;
@group(0) @binding(3) var<storage, read_write> beta: array<f32>;
@group(0) @binding(4) var<storage, read_write> moving_mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> moving_variance: array<f32>;
@group(0) @binding(6) var<storage, read_write> figures: array<f32>;

/// Of some positions: how many, their mean, Σ of squares about it.
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
    figures[k] = mean;
    figures[c + k] = inv_std;
    figures[2u * c + k] = gamma[k] * inv_std;
    figures[3u * c + k] = beta[k];
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let k = group_number(group, groups);
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
