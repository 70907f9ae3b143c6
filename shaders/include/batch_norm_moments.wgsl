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
    return Moments(count, a.mean + d * share, a.squares + b.squares + d * d * (a.count * share));
}

// The moments of all lanes of the thread's column, by a tree.
fn joined_over_lanes(own: Moments, lane: u32, local: u32) -> Moments {
    moments[local] = own;
    for (var half = 32u; half > 0u; half /= 2u) {
        if half < lanes() {
            workgroupBarrier();
            if lane < half && lane + half < lanes() {
                moments[local] = joined(moments[local], moments[local + half * width()]);
            }
        }
    }
    workgroupBarrier();
    return moments[local % width()];
}
