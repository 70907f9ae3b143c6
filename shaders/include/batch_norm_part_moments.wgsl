// A part's moments, by thread: the kernel of batch_norm/moments.wgsl and, by four channels, moments_tiled.wgsl, which
// say what a column is.

override rows: u32;
override rows_per_part: u32;
override parts_per_sample: u32;
override samples_per_part: u32;

@group(0) @binding(1) var<storage, read> x: array<Channels>;
@group(0) @binding(2) var<storage, read_write> parts: array<Channels>;

@compute @workgroup_size(64)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    let split = Split(rows, rows_per_part, parts_per_sample, samples_per_part);
    let part = group_index(group) / blocks();
    if part >= part_count(split) {
        return;
    }
    let place = place_of(group_index(group), local);
    let own_rows = rows_of(split, part);
    var own = no_moments();
    if place.works {
        let lane_rows = walk(own_rows, place.lane);
        let begin = lane_rows.first * columns + place.column;
        let beyond = lane_rows.end * columns;
        let next = lane_rows.next * columns;
        var count = 0.0;
        var sum = Channels(0.0);
        for (var i = begin; i < beyond; i += next) {
            sum += x[i];
            count += 1.0;
        }
        let mean = sum / max(count, 1.0);
        var squares = Channels(0.0);
        for (var i = begin; i < beyond; i += next) {
            let d = x[i] - mean;
            squares = fma(d, d, squares);
        }
        own = Moments(count, mean, squares);
    }
    let all = joined_over_lanes(own, place.lane, local);
    if place.works && place.lane == 0u {
        parts[2u * part * columns + place.column] = all.mean;
        parts[(2u * part + 1u) * columns + place.column] = all.squares;
    }
}
