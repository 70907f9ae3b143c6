// Second stage of the gradients of a batch norm's gamma and beta: sums the parts that the first stage left,
//   dgamma[k] = Σ_p parts[p, 0, k],  dbeta[k] = Σ_p parts[p, 1, k]
// parts [n · parts_per_sample, 2, c]. (Those of a convolution are summed in sgd_step.wgsl.)
// A group owns 16 elements, each by 16 threads: thread t takes parts t, t + 16, …, then one of them adds the
// 16 sums, t in order: the result does not depend on the device. Bound by memory; one thread for each
// element would wait for its loads one by one.
// Grid: ceil(2 · c / 16) groups. CPU twin: src/cpu/batch_norm.rs.

override c: u32;
override parts_per_sample: u32;

@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(3) var<storage, read_write> dbeta: array<f32>;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = group_number(group, groups) * 16u + local % 16u;
    var sum = 0.0;
    if at < 2u * c {
        for (var p = local / 16u; p < step.n * parts_per_sample; p += 16u) {
            sum += parts[p * 2u * c + at];
        }
    }
    sums[local] = sum;
    workgroupBarrier();
    if local >= 16u || at >= 2u * c {
        return;
    }
    for (var t = 1u; t < 16u; t++) {
        sum += sums[t * 16u + local];
    }
    if at < c {
        dgamma[at] = sum;
    } else {
        dbeta[at - c] = sum;
    }
}
