// Gradient of the input of a batch norm, through mean and variance too:
//   dx = stats[2] · (dz - dbeta / N - (x - stats[0]) · stats[1] · dgamma / N),  N = n · rows
// and in evaluation, where mean and variance are constants, stats[2] · dz.
// x, dz and dx [n · rows, c]; stats [4, c] (mean, inv_std, scale, …). dgamma and dbeta are the sums of all parts of
// batch_norm/backward_weight.wgsl, which every workgroup adds for itself.
// With `mask`, x ends in a ReLU and its derivative is applied; with `add`, the gradient is added to what dx has.
// Grid: one workgroup per part and 64 columns. CPU twin: src/ops/batch_norm/cpu.rs.

//!include step, batch_norm, batch_norm_sums, input_gradient

alias Channels = f32;

override rows: u32;
override rows_per_part: u32;
override parts_per_sample: u32;
override samples_per_part: u32;

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dz: array<f32>;
@group(0) @binding(3) var<storage, read> stats: array<f32>;
@group(0) @binding(4) var<storage, read> parts: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let split = Split(rows, rows_per_part, parts_per_sample, samples_per_part);
    let part = group_index(group) / blocks();
    if part >= part_count(split) {
        return;
    }
    let place = place_of(group_index(group), local);
    // What mean and variance add to the gradient: a constant, and a factor of x - mean.
    var level = 0.0;
    var slope = 0.0;
    let column = min(place.column, columns - 1u);
    if step.training != 0u {
        let all = sum_of_parts(split, place, local);
        let count = f32(step.n * rows);
        level = all.beta / count;
        slope = stats[columns + column] * (all.gamma / count);
    }
    if !place.works {
        return;
    }
    let mean = stats[column];
    let scale = stats[2u * columns + column];
    let own_rows = walk(rows_of(split, part), place.lane);
    for (var r = own_rows.first; r < own_rows.end; r += own_rows.next) {
        let at = r * columns + column;
        var centred = dz[at];
        if step.training != 0u {
            centred = centred - level - (x[at] - mean) * slope;
        }
        store_input_gradient(at, scale * centred);
    }
}
