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

// For lane 0: the sums of all lanes of its column, in the order of include/batch_norm_moments.wgsl.
fn added_over_lanes(own: Sums, lane: u32, local: u32) -> Sums {
    sums[local] = own;
    workgroupBarrier();
    var all = own;
    if lanes() > 8u {
        if lane < 8u {
            for (var other = lane + 8u; other < lanes(); other += 8u) {
                all = added(all, sums[local + (other - lane) * width()]);
            }
            sums[local] = all;
        }
        workgroupBarrier();
    }
    if lane == 0u {
        for (var other = 1u; other < min(lanes(), 8u); other++) {
            all = added(all, sums[local + other * width()]);
        }
    }
    return all;
}

// The sums of all parts, for every thread of the column: lane l adds parts l, l + lanes, … in order, then the lanes are
// added.
fn sum_of_parts(split: Split, place: Place, local: u32) -> Sums {
    var own = no_sums();
    if place.works {
        for (var p = place.lane; p < part_count(split); p += lanes()) {
            let at = 2u * p * columns + place.column;
            own = added(own, Sums(parts[at], parts[at + columns]));
        }
    }
    let all = added_over_lanes(own, place.lane, local);
    if place.lane == 0u {
        sums[local] = all;
    }
    workgroupBarrier();
    return sums[local % width()];
}
