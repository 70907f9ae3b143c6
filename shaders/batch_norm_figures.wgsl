// What a batch norm subtracts and multiplies by, for each channel:
//   figures[0, c] = mean,  figures[1, c] = 1 / √(variance + epsilon)
// In training both are the batch's, put together from its parts (Chan, Golub and LeVeque 1979),
// part after part, and the moving ones go  moving = momentum · moving + (1 - momentum) · now.
// In evaluation they are the moving ones.
// parts: [n · parts_per_sample, 2, c] (mean and Σ of squares about it), moving_*: [c].
// Grid: one thread per channel. CPU twin: src/cpu/batch_norm.rs.

override rows: u32;
override c: u32;
override rows_per_part: u32;
override parts_per_sample: u32;
override momentum: f32;
override epsilon: f32;

@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> moving_mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> moving_variance: array<f32>;
@group(0) @binding(4) var<storage, read_write> figures: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    if (at >= c) {
        return;
    }
    if (step.training == 0u) {
        figures[at] = moving_mean[at];
        figures[c + at] = 1.0 / sqrt(moving_variance[at] + epsilon);
        return;
    }
    var count = 0.0;
    var mean = 0.0;
    var squares = 0.0;
    for (var p = 0u; p < step.n * parts_per_sample; p++) {
        let first = (p % parts_per_sample) * rows_per_part;
        let more = f32(min(first + rows_per_part, rows) - first);
        let d = parts[p * 2u * c + at] - mean;
        let share = more / (count + more);
        mean += d * share;
        squares += parts[(p * 2u + 1u) * c + at] + d * d * count * share;
        count += more;
    }
    let variance = squares / count;
    figures[at] = mean;
    figures[c + at] = 1.0 / sqrt(variance + epsilon);
    moving_mean[at] = momentum * moving_mean[at] + (1.0 - momentum) * mean;
    moving_variance[at] = momentum * moving_variance[at] + (1.0 - momentum) * variance;
}
