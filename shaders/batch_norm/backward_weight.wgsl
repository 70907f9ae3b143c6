// Partial sums of the gradients of a batch norm's gamma and beta:
//   parts[p, 0, c] = Σ dz[n, position, c] · (x[n, position, c] - stats[0, c]) · stats[1, c]
//   parts[p, 1, c] = Σ dz[n, position, c]
// x and dz [n, rows, c]; stats [4, c]. Part p = n · parts_per_sample + k has rows_per_part positions from
// k · rows_per_part on, which are summed in order. batch_norm/sum_parts.wgsl reduces the parts.
// Grid: one thread per part and channel. CPU twin: src/ops/batch_norm/cpu.rs.

//!include step

override rows: u32;
override c: u32;
override rows_per_part: u32;
override parts_per_sample: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dz: array<f32>;
@group(0) @binding(3) var<storage, read> stats: array<f32>;
@group(0) @binding(4) var<storage, read_write> parts: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let at = thread_index(group, local);
    let part = at / c;
    let n = part / parts_per_sample;
    if n >= step.n {
        return;
    }
    let k = at % c;
    let first = (part % parts_per_sample) * rows_per_part;
    let end = min(first + rows_per_part, rows);
    let column = n * rows * c + k;
    let mean = stats[k];
    let inv_std = stats[c + k];
    var dgamma = 0.0;
    var dbeta = 0.0;
    for (var r = first; r < end; r++) {
        let g = dz[column + r * c];
        dgamma += g * ((x[column + r * c] - mean) * inv_std);
        dbeta += g;
    }
    parts[part * 2u * c + k] = dgamma;
    parts[(part * 2u + 1u) * c + k] = dbeta;
}
