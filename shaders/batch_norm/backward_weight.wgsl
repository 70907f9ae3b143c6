// Partial sums of the gradients of a batch norm's gamma and beta:
//   parts[p, 0, c] = Σ dz[position, c] · (x[position, c] - stats[0, c]) · stats[1, c]
//   parts[p, 1, c] = Σ dz[position, c]
// x and dz [n · rows, c]; stats [4, c]. Lane l of a column sums positions l, l + lanes, … of the part in order, then a
// tree adds the lanes. The optimiser reduces the parts, and so does batch_norm/backward_input.wgsl.
// Grid: one workgroup per part and 64 columns. CPU twin: src/ops/batch_norm/cpu.rs.

//!include step, batch_norm, batch_norm_sums

alias Channels = f32;

override rows: u32;
override rows_per_part: u32;
override parts_per_sample: u32;
override samples_per_part: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dz: array<f32>;
@group(0) @binding(3) var<storage, read> stats: array<f32>;
@group(0) @binding(4) var<storage, read_write> parts: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let split = Split(rows, rows_per_part, parts_per_sample, samples_per_part);
    let part = group_index(group) / blocks();
    if part >= part_count(split) {
        return;
    }
    let place = place_of(group_index(group), local);
    let own_rows = rows_of(split, part);
    var own = no_sums();
    if place.works {
        let mean = stats[place.column];
        let inv_std = stats[columns + place.column];
        for (var r = own_rows.x + place.lane; r < own_rows.y; r += lanes()) {
            let at = r * columns + place.column;
            own = added(own, Sums(dz[at] * ((x[at] - mean) * inv_std), dz[at]));
        }
    }
    let all = added_over_lanes(own, place.lane, local);
    if place.works && place.lane == 0u {
        parts[2u * part * columns + place.column] = all.gamma;
        parts[(2u * part + 1u) * columns + place.column] = all.beta;
    }
}
