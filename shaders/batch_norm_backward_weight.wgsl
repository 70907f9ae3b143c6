// First stage of the gradients of a batch norm's gamma and beta: of each part of each sample
//   parts[p, 0, c] = Σ dz[n, position, c] · (x[n, position, c] - figures[0, c]) · figures[1, c]
//   parts[p, 1, c] = Σ dz[n, position, c]
// x, dz: [n, rows, c]; part p = n · parts_per_sample + k has positions k · rows_per_part and after.
// Positions in order; sum_parts adds the parts.
// Grid: one thread per part and channel. CPU twin: src/cpu/batch_norm.rs.

override rows: u32;
override c: u32;
override rows_per_part: u32;
override parts_per_sample: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dz: array<f32>;
@group(0) @binding(3) var<storage, read> figures: array<f32>;
@group(0) @binding(4) var<storage, read_write> parts: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = linear(group, groups, local);
    let part = at / c;
    let n = part / parts_per_sample;
    if (n >= step.n) {
        return;
    }
    let k = at % c;
    let first = (part % parts_per_sample) * rows_per_part;
    let end = min(first + rows_per_part, rows);
    let column = n * rows * c + k;
    let mean = figures[k];
    let inv_std = figures[c + k];
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
