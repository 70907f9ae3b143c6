// Partial sums of the penalty on the weights before the step, which the host adds:
//   parts[index, g] = Σ_k l2[k] · w[k]²  over the elements k of workgroup g
// l2 and w [len], flat over all parameters (l2 is 0 in the padding between tensors); index is the step's.
// Thread k of all takes elements k, k + (number of threads), … in order, then a tree sums a workgroup's threads: a
// fixed order.
// Grid: parts_per_step workgroups. CPU twin: src/ops/penalty/cpu.rs.

//!include step

override len: u32;
override parts_per_step: u32;

@group(0) @binding(1) var<storage, read> l2: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> parts: array<f32>;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(group: Workgroup, @builtin(local_invocation_index) local: u32) {
    var sum = 0.0;
    for (var k = group.id.x * 256u + local; k < len; k += parts_per_step * 256u) {
        sum += l2[k] * w[k] * w[k];
    }
    sums[local] = sum;
    for (var half = 128u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half {
            sums[local] += sums[local + half];
        }
    }
    if local == 0u {
        parts[step.index * parts_per_step + group.id.x] = sums[0];
    }
}
