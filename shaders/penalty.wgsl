// The penalty on the weights before the step, in parts that the host adds up:
//   parts[index, g] = Σ_k l2[k] · w[k]²  over the elements k of group g
// l2, w: [len], flat over all parameters (l2 is 0 in the padding between tensors); index is the step's.
// Grid: `parts_per_step` groups; thread k of all takes elements k, k + all, …, then a tree over the threads of
// a group: a fixed order. One group alone would leave a real GPU waiting for its loads.
// CPU twin: penalty in src/cpu/sgd.rs.

override len: u32;
override parts_per_step: u32;

@group(0) @binding(1) var<storage, read> l2: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> parts: array<f32>;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    var sum = 0.0;
    for (var k = group.x * 256u + local; k < len; k += parts_per_step * 256u) {
        sum += l2[k] * w[k] * w[k];
    }
    sums[local] = sum;
    for (var half = 128u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            sums[local] += sums[local + half];
        }
    }
    if (local == 0u) {
        parts[step.index * parts_per_step + group.x] = sums[0];
    }
}
