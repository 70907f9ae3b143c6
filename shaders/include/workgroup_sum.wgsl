// Sums over the threads of a workgroup of 256.

var<workgroup> sums: array<f32, 256>;

// The sum of all threads' values, for thread 0: thread t below 16 adds those of t, t + 16, … in order,
// then thread 0 adds the 16 results in order. Few barriers, which cost more than additions on some devices.
fn workgroup_sum(own: f32, local: u32) -> f32 {
    sums[local] = own;
    workgroupBarrier();
    var sum = 0.0;
    if local < 16u {
        for (var t = local; t < 256u; t += 16u) {
            sum += sums[t];
        }
    }
    workgroupBarrier();
    if local < 16u {
        sums[local] = sum;
    }
    workgroupBarrier();
    if local == 0u {
        for (var t = 1u; t < 16u; t++) {
            sum += sums[t];
        }
    }
    return sum;
}
