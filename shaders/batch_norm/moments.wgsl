// Partial mean and variance of a batch norm, in training:
//   parts[p, 0, c] = mean over the part's positions of x[n, position, c]
//   parts[p, 1, c] = Σ (x[n, position, c] - that mean)²
// x [n, rows, c]. Part p = n · parts_per_sample + k has rows_per_part positions from k · rows_per_part on, which
// are summed in order. batch_norm/stats.wgsl reduces the parts.
// Grid: one thread per part and channel. CPU twin: src/ops/batch_norm/cpu.rs.

//!include step

override rows: u32;
override c: u32;
override rows_per_part: u32;
override parts_per_sample: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let part = at / c;
    let n = part / parts_per_sample;
    if n >= step.n {
        return;
    }
    let first = (part % parts_per_sample) * rows_per_part;
    let end = min(first + rows_per_part, rows);
    let column = n * rows * c + at % c;
    var sum = 0.0;
    for (var r = first; r < end; r++) {
        sum += x[column + r * c];
    }
    let mean = sum / f32(end - first);
    var squares = 0.0;
    for (var r = first; r < end; r++) {
        let d = x[column + r * c] - mean;
        squares += d * d;
    }
    parts[part * 2u * c + at % c] = mean;
    parts[(part * 2u + 1u) * c + at % c] = squares;
}
