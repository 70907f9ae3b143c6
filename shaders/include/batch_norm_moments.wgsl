// Moments of a column, joined over the lanes of a workgroup (Chan, Golub and LeVeque 1979).

// Count and mean of some rows, and Σ of squares about the mean.
struct Moments {
    count: f32,
    mean: Channels,
    squares: Channels,
}

var<workgroup> moments: array<Moments, 64>;

fn no_moments() -> Moments {
    return Moments(0.0, Channels(0.0), Channels(0.0));
}

fn joined(a: Moments, b: Moments) -> Moments {
    if b.count == 0.0 {
        return a;
    }
    let count = a.count + b.count;
    let share = b.count / count;
    let d = b.mean - a.mean;
    // A driver may know the counts, and multiply by constants first (lavapipe does while the batch stays the same). Here
    // they come first in any case, so that the bits are the same.
    return Moments(count, a.mean + d * share, a.squares + b.squares + d * (d * (a.count * share)));
}

// For lane 0: the moments of all lanes of its column. Where there are more than eight, lane l < 8 joins lanes l + 8,
// l + 16, … in order; then lane 0 joins the eight. Few barriers: they cost more than that on some devices.
fn joined_over_lanes(own: Moments, lane: u32, local: u32) -> Moments {
    moments[local] = own;
    workgroupBarrier();
    var all = own;
    if lanes() > 8u {
        if lane < 8u {
            for (var other = lane + 8u; other < lanes(); other += 8u) {
                all = joined(all, moments[local + (other - lane) * width()]);
            }
            moments[local] = all;
        }
        workgroupBarrier();
    }
    if lane == 0u {
        for (var other = 1u; other < min(lanes(), 8u); other++) {
            all = joined(all, moments[local + other * width()]);
        }
    }
    return all;
}

// The same for all threads of the column.
fn joined_for_all(own: Moments, lane: u32, local: u32) -> Moments {
    let all = joined_over_lanes(own, lane, local);
    if lane == 0u {
        moments[local] = all;
    }
    workgroupBarrier();
    return moments[local % width()];
}
