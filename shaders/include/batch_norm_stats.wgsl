// Statistics of a batch norm's columns, which every workgroup of a kernel that reads them makes for itself:
//   mean,  inv_std = 1 / √(variance + epsilon),  scale = gamma · inv_std,  shift = beta
// In training, mean and variance are the batch's, joined from those of its parts; lane l joins parts l, l + lanes, … in
// order, then a tree joins the lanes. In evaluation they are the moving ones. The first part's workgroups store the
// statistics for the backward pass, and in training
//   moving = momentum · moving + (1 - momentum) · current.

override momentum: f32;
override epsilon: f32;
// Columns from the first of gamma to the first of beta, and on to those of the moving mean and variance.
override tensor_stride: u32;

@group(0) @binding(1) var<storage, read> x: array<Channels>;
// Of each part: mean, then Σ of squares about it.
@group(0) @binding(2) var<storage, read> parts: array<Channels>;
// gamma, beta, moving mean and moving variance.
@group(0) @binding(3) var<storage, read_write> parameters: array<Channels>;
// [4, columns]: mean, inv_std, scale, shift.
@group(0) @binding(4) var<storage, read_write> stats: array<Channels>;

struct Stats {
    mean: Channels,
    scale: Channels,
    shift: Channels,
}

fn statistics(split: Split, place: Place, part: u32, local: u32) -> Stats {
    let gamma = min(place.column, columns - 1u);
    let moving_mean = gamma + 2u * tensor_stride;
    let moving_variance = gamma + 3u * tensor_stride;
    let stores = place.works & (place.lane == 0u) & (part == 0u);
    var mean = Channels(0.0);
    var variance = Channels(0.0);
    if step.training != 0u {
        var own = no_moments();
        if place.works {
            for (var p = place.lane; p < part_count(split); p += lanes()) {
                let rows = rows_of(split, p);
                let at = 2u * p * columns + place.column;
                own = joined(own, Moments(f32(rows.y - rows.x), parts[at], parts[at + columns]));
            }
        }
        let all = joined_over_lanes(own, place.lane, local);
        mean = all.mean;
        variance = all.squares / all.count;
        if stores {
            parameters[moving_mean] = momentum * parameters[moving_mean] + (1.0 - momentum) * mean;
            parameters[moving_variance] = momentum * parameters[moving_variance] + (1.0 - momentum) * variance;
        }
    } else {
        mean = parameters[moving_mean];
        variance = parameters[moving_variance];
    }
    let inv_std = 1.0 / sqrt(variance + epsilon);
    let scale = parameters[gamma] * inv_std;
    let shift = parameters[gamma + tensor_stride];
    if stores {
        stats[place.column] = mean;
        stats[columns + place.column] = inv_std;
        stats[2u * columns + place.column] = scale;
        stats[3u * columns + place.column] = shift;
    }
    return Stats(mean, scale, shift);
}
