// Batch normalisation with the statistics of include/batch_norm_stats.wgsl:
//   y[position, c] = f((x[position, c] - mean[c]) · scale[c] + beta[c])
// f is a ReLU or the identity. x and y [n · rows, c].
// Grid: one workgroup per part and 64 columns. CPU twin: src/ops/batch_norm/cpu.rs.

//!include step, batch_norm, batch_norm_moments, batch_norm_stats, activation

alias Channels = f32;

// Of the positions; then of those in the moments.
override rows: u32;
override rows_per_part: u32;
override parts_per_sample: u32;
override samples_per_part: u32;
override sum_rows: u32;
override sum_rows_per_part: u32;
override sum_parts_per_sample: u32;
override sum_samples_per_part: u32;

@group(0) @binding(5) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let split = Split(rows, rows_per_part, parts_per_sample, samples_per_part);
    let part = group_index(group) / blocks();
    if part >= part_count(split) {
        return;
    }
    let positions = Split(sum_rows, sum_rows_per_part, sum_parts_per_sample, sum_samples_per_part);
    let place = place_of(group_index(group), local);
    let own = statistics(positions, place, part, local);
    if !place.works {
        return;
    }
    let own_rows = walk(rows_of(split, part), place.lane);
    for (var r = own_rows.first; r < own_rows.end; r += own_rows.next) {
        let at = r * columns + place.column;
        y[at] = activated(fma(x[at] - own.mean, own.scale, own.shift));
    }
}
