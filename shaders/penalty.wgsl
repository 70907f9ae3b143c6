// The penalty on the weights before the step, put into the step's tally:
//   tally[index].z = Σ_k l2[k] · w[k]²
// l2, w: [len], flat over all parameters (l2 is 0 in the padding between tensors).
// Grid: one group; thread k takes elements k, k + 256, …, then a tree over the threads.
// CPU twin: penalty in src/cpu/sgd.rs.

override len: u32;

@group(0) @binding(1) var<storage, read> l2: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> tally: array<vec4<f32>>;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) local: u32) {
    var sum = 0.0;
    for (var k = local; k < len; k += 256u) {
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
        tally[step.index].z = sums[0];
    }
}
