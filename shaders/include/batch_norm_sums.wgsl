// Gradients of gamma and beta of a column, added over the lanes of a workgroup.

struct Sums {
    gamma: Channels,
    beta: Channels,
}

var<workgroup> sums: array<Sums, 64>;

fn no_sums() -> Sums {
    return Sums(Channels(0.0), Channels(0.0));
}

fn added(a: Sums, b: Sums) -> Sums {
    return Sums(a.gamma + b.gamma, a.beta + b.beta);
}

// The sums of all lanes of the thread's column, by a tree.
fn added_over_lanes(own: Sums, lane: u32, local: u32) -> Sums {
    sums[local] = own;
    for (var half = 32u; half > 0u; half /= 2u) {
        if half < lanes() {
            workgroupBarrier();
            if lane < half && lane + half < lanes() {
                sums[local] = added(sums[local], sums[local + half * width()]);
            }
        }
    }
    workgroupBarrier();
    return sums[local % width()];
}

// The sums of all parts, for every thread of the column: lane l adds parts l, l + lanes, … in order, then a tree adds
// the lanes.
fn sum_of_parts(split: Split, place: Place, local: u32) -> Sums {
    var own = no_sums();
    if place.works {
        for (var p = place.lane; p < part_count(split); p += lanes()) {
            let at = 2u * p * columns + place.column;
            own = added(own, Sums(parts[at], parts[at + columns]));
        }
    }
    return added_over_lanes(own, place.lane, local);
}
